from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import (
    Bounds,
    block_of,
    empty_block,
    empty_slots,
    fill_block,
    out_of_bounds,
    place,
    span,
    values_per_epoch,
)
from gnssice_batch.ingest.joining import contested_slots, join_block, standing
from gnssice_batch.ingest.tallies import given_by_source
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.template import VARIABLES
from gnssice_batch.model.values import NO_SOURCE, Span, Strategy, Tally, rank
from gnssice_batch.rinex import dense, read
from tests.support.runs import DAY_ONE_S, rinex, span_s

GRID = empty_grid(30 * SECOND_NS, 0, 720, DAY_ONE_S * SECOND_NS)
BOUNDS = Bounds(0, 2 * DAY_ONE_S * SECOND_NS, 5_000_000)
SIDS = {"G01|L1|C": 2, "G02|L1|C": 0, "R03|G1|C": 5}
BEST = Strategy.BEST
LOW, HIGH = rank(3, "3.04", 100, "ff"), rank(3, "3.04", 100, "00")


class Damaged(NamedTuple):
    """What is ranked of a file that has lost something."""

    signals: int
    version: str
    epochs: int
    sha256: str


def observations(times, *args, **content):
    (part,) = read(rinex(times, *args, **content)).parts
    return part


def laid(block, part, source, its_rank, ranks):
    placement = place(part, GRID, block.start, len(block.source), BOUNDS)
    ranks[source] = its_rank
    empty, contested = (each(block, placement.slot) for each in (empty_slots, partial(contested_slots, strategy=BEST)))
    fill_block(block, part, placement, empty, source, SIDS)
    join_block(block, part, placement, contested, standing(source, ranks, BEST), SIDS)
    return placement


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((4, "3.04", 1, "ff"), (3, "4.02", 99, "00")),
        ((1, "2.11", 1, "ff"), Damaged(4, "4.02", 99, "00")),
        (Damaged(4, "3.04", 1, "ff"), Damaged(3, "4.02", 99, "00")),
        ((3, "3.05", 1, "ff"), (3, "3.04", 99, "00")),
        ((3, "3.1", 1, "ff"), (3, "3.04", 99, "00")),
        ((3, "3.04", 2, "ff"), (3, "3.04", 1, "00")),
        ((3, "3.04", 1, "0a"), (3, "3.04", 1, "0b")),
        ((3, "2.11", 1, "ff"), (3, "2", 1, "ff")),
    ],
)
def test_ranks(better, worse):
    one, other = (rank(*each, intact=not isinstance(each, Damaged)) for each in (better, worse))
    assert one > other


def test_a_file_is_laid_as_the_reader_reads_it():
    part = observations(span_s(DAY_ONE_S, 1))
    block = empty_block(0, 720, 6)
    laid(block, part, -2, LOW, {})
    read_densely = dense(part, ("G02|L1|C", "", "G01|L1|C", "", "", "R03|G1|C"))
    for spec, array in zip(VARIABLES, read_densely[1:], strict=True):
        np.testing.assert_array_equal(block.arrays[spec.name][:120], array)
        assert block.arrays[spec.name].dtype == array.dtype
        np.testing.assert_array_equal(block.arrays[spec.name][120:], spec.fill)
    assert given_by_source(block).tallies == {-2: Tally(120, 120 * 12)}
    np.testing.assert_array_equal(block.source[120:], NO_SOURCE)
    np.testing.assert_array_equal(block.epoch_flag, np.repeat([0, -1], [120, 600]))
    assert values_per_epoch(part).tolist() == [12] * 120


@given(st.lists(st.integers(-150, 150), min_size=1, max_size=30), st.integers(0, 3), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_every_epoch_is_placed_or_counted(tenths_of_ms, start, length):
    """Epochs up to 15 ms off, of which 5 ms are tolerated; each is placed, refused or belongs to another span."""
    times = [DAY_ONE_S + 30 * index + offset / 1e4 for index, offset in enumerate(tenths_of_ms)]
    part = observations(times, ("G01", "G02"))
    placement = place(part, GRID, start, length, BOUNDS)
    inside = [index for index in range(len(times)) if start <= index < start + length]
    kept = [index for index in inside if abs(tenths_of_ms[index]) <= 50]
    assert placement.placed == Tally(len(kept), 8 * len(kept))
    lost = len(inside) - len(kept)
    assert placement.refused == ({Reason.OFF_GRID: Tally(lost, 8 * lost)} if lost else {})
    assert placement.slot.tolist() == [index - start if index in kept else -1 for index in range(len(times))]
    for index in kept:
        assert placement.offset_ps[index] == tenths_of_ms[index] * 100_000_000


def test_of_two_epochs_at_one_slot_the_fuller_stays():
    times = [DAY_ONE_S, DAY_ONE_S + 0.001, DAY_ONE_S + 30]
    text = rinex(times[:1], ("G01",)) + rinex(times[1:], ("G01", "G02")).split(b"END OF HEADER\n")[1]
    (part,) = read(text).parts
    placement = place(part, GRID, 0, 10, BOUNDS)
    assert placement.slot.tolist() == [-1, 0, 1]
    assert placement.refused == {Reason.DUPLICATE_EPOCH: Tally(1, 4)}
    equal = observations([DAY_ONE_S, DAY_ONE_S + 0.001])
    assert place(equal, GRID, 0, 10, BOUNDS).slot.tolist() == [0, -1]


def test_reversed_epochs_keep_their_slots():
    times = [DAY_ONE_S + 60, DAY_ONE_S, DAY_ONE_S + 30]
    assert place(observations(times), GRID, 0, 10, BOUNDS).slot.tolist() == [2, 0, 1]


def test_implausible_epochs_count_as_out_of_bounds():
    part = observations([86400.0, DAY_ONE_S, DAY_ONE_S + 30])
    bounds = Bounds(DAY_ONE_S * SECOND_NS, (DAY_ONE_S + 30) * SECOND_NS, 0)
    assert out_of_bounds(part, bounds) == Tally(2, 24)
    assert span(part, bounds) == Span(DAY_ONE_S * SECOND_NS, DAY_ONE_S * SECOND_NS)
    assert place(part, GRID, 0, 720, bounds).slot.tolist() == [-1, 0, -1]
    assert span(part, Bounds(0, 1, 0)) is None


@given(st.permutations(range(4)))
@settings(max_examples=24, deadline=None)
def test_a_satellite_comes_from_the_best_file_in_any_order(order):
    """And an epoch is said to be from the best of all that have satellites in it."""
    spans = [(0, 90, ("G01", "G02", "R03")), (30, 60, ("G01",)), (60, 120, ("G02", "R03")), (45, 75, ("R03",))]
    block, ranks = empty_block(0, 720, 6), {}
    for index in order:
        first, last, svs = spans[index]
        part = observations([DAY_ONE_S + 30 * slot for slot in range(first, last)], svs, salt=index)
        laid(block, part, -2 - index, rank(index, "3.04", 1, f"{index:02x}"), ranks)
    holders = np.full((720, 6), NO_SOURCE)
    for index, (first, last, svs) in enumerate(spans):
        holders[first:last, [column for sid, column in SIDS.items() if sid[:3] in svs]] = -2 - index
    owners = np.where(holders == NO_SOURCE, 0, holders).min(axis=1)
    owners[owners == 0] = NO_SOURCE
    np.testing.assert_array_equal(block.source, owners)
    there = np.isfinite(block.arrays["Phase"])
    np.testing.assert_array_equal(there, holders != NO_SOURCE)
    guests = there & (holders != owners[:, None])
    np.testing.assert_array_equal(block.joined["source_file"], np.where(guests, holders, NO_SOURCE))
    its = {source: holders == source for source in range(-5, -1)}
    assert given_by_source(block).tallies == {
        source: Tally(int(cells.any(axis=1).sum()), 4 * int(cells.sum())) for source, cells in its.items()
    }
    phases = block.arrays["Phase"]
    for index, (first, last, svs) in enumerate(spans):
        part = observations([DAY_ONE_S + 30 * slot for slot in range(first, last)], svs, salt=index)
        expected = dense(part, ("G02|L1|C", "", "G01|L1|C", "", "", "R03|G1|C")).phase
        held = its[-2 - index][first:last]
        np.testing.assert_array_equal(phases[first:last][held], expected[held])


def test_an_equal_rank_takes_nothing():
    block, ranks = empty_block(0, 720, 6), {}
    laid(block, observations(span_s(DAY_ONE_S, 1)), 7, HIGH, ranks)
    laid(block, observations(span_s(DAY_ONE_S, 2), salt=1), -2, HIGH, ranks)
    assert given_by_source(block).tallies == {7: Tally(120, 1440), -2: Tally(120, 1440)}
    laid(block, observations(span_s(DAY_ONE_S, 2), salt=2), -3, LOW, ranks)
    assert -3 not in given_by_source(block).tallies


def test_a_stored_unit_becomes_the_same_block_again():
    block = empty_block(720, 720, 6)
    part = observations(span_s(DAY_ONE_S + 6 * 3600, 2), flags={3: 1})
    laid(block, part, 4, LOW, {})
    coordinates = {
        "source_file": block.source,
        "epoch_flag": block.epoch_flag,
        "rx_clock_offset": block.rx_clock_offset,
        "epoch_offset": block.epoch_offset,
    }
    again = block_of(720, block.arrays, coordinates, {})
    for spec in VARIABLES:
        np.testing.assert_array_equal(again.arrays[spec.name], block.arrays[spec.name])
        assert again.arrays[spec.name].flags.f_contiguous
    for name in ("source", "epoch_flag", "rx_clock_offset", "epoch_offset", "values"):
        np.testing.assert_array_equal(getattr(again, name), getattr(block, name))
    assert given_by_source(again).tallies == given_by_source(block).tallies
