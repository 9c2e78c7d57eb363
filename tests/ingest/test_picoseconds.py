"""Picoseconds of RINEX 4.02: kept to the last digit in ``epoch_offset``, and epochs they tell apart stay two."""

import numpy as np
import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import Bounds, empty_block, fill_block, place
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.values import Tally
from gnssice_batch.rinex import read
from tests.support.runs import DAY_ONE_S
from tests.support.samples import WHOLE, header3, only

GRID = empty_grid(30 * SECOND_NS, 0, 720, DAY_ONE_S * SECOND_NS)
BOUNDS = Bounds(0, 2 * DAY_ONE_S * SECOND_NS, 14 * SECOND_NS)


def epoch(seconds, picoseconds):
    return f"> 2025 01 01 00 00{seconds:11.7f}  0  1{'':22}{picoseconds:05d}\n{WHOLE}"


def offsets(*epochs):
    part = only(header3(version="4.02"), *(epoch(*one) for one in epochs))
    block = empty_block(0, 720, 1)
    placement = place(part, GRID, 0, 720, BOUNDS)
    fill_block(block, part, placement, placement.slot, -2, {"G01|L1|C": 0})
    return block.epoch_offset, placement


@pytest.mark.parametrize("ticks", [0, 1, 9_999_999, 123_456_789, -1, -123_456_789])
@pytest.mark.parametrize("picoseconds", [0, 1, 7, 12345, 99999])
def test_offsets_are_exact_to_the_picosecond(ticks, picoseconds):
    found, _ = offsets((30 + ticks / 1e7, picoseconds))
    assert round(found[1] * 10**12) == ticks * 100_000 + picoseconds


def test_epochs_within_100_ns_are_two_epochs():
    part = only(header3(version="4.02"), epoch(30, 7), epoch(30, 8), epoch(30, 7))
    assert part.time_ps.tolist() == [7, 8]
    assert part.accounting.counts == {Reason.DUPLICATE_EPOCH: 1}


def test_two_epochs_at_one_mark_of_the_grid_are_counted():
    found, placement = offsets((30, 7), (30, 8))
    assert placement.refused == {Reason.DUPLICATE_EPOCH: Tally(1, 4)}
    assert np.flatnonzero(found).tolist() == [1]


def test_the_file_with_picoseconds(shared_data):
    (part,) = read((shared_data / "faults" / "v402_picoseconds.rnx").read_bytes()).parts
    assert part.time_ps.tolist() == [12345, 7]
