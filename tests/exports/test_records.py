"""Epochs of a block as records of a file."""

import numpy as np

from gnssice_batch.exports.records import Block, _other_clocks, _parts, records_of
from gnssice_batch.exports.values import Note
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import VARIABLES


def test_what_a_shared_record_does_not_say_is_counted():
    """Two signals of one time that is not the epoch's, from files with other clocks and flags."""
    joined = {
        "source_file": np.array([[1, 2, -1]], np.int32),
        "epoch_offset": np.array([[1e-7, 1e-7, 0]]),
        "rx_clock_offset": np.array([[1e-6, 2e-6, np.nan]]),
        "epoch_flag": np.array([[0, 1, -1]], np.int8),
    }
    cells = {"epoch_offset": np.zeros(1), "rx_clock_offset": np.array([np.nan]), "epoch_flag": np.zeros(1, np.int8)}
    assert _other_clocks(Block(0, cells, joined)) == 1
    joined["rx_clock_offset"][0, 1], joined["epoch_flag"][0, 1] = 1e-6, 0
    assert _other_clocks(Block(0, cells, joined)) == 0


def drifting(epochs, offsets_100ns):
    """Two signals of one file, two of another whose times drift against it; values tell epoch and signal."""
    place = 1 + 10 * np.arange(epochs)[:, None] + np.arange(4)
    joined = {
        "source_file": np.where(np.arange(4) < 2, -1, 1) + np.zeros((epochs, 1), np.int32),
        "epoch_offset": np.where(np.arange(4) < 2, np.nan, np.array(offsets_100ns)[:, None] * 10**5 / 1e12),
        "rx_clock_offset": np.full((epochs, 4), np.nan),
        "epoch_flag": np.zeros((epochs, 4), np.int8),
    }
    cells = {spec.name: np.asfortranarray(place.astype(spec.dtype)) for spec in VARIABLES}
    cells |= {"source_file": np.zeros(epochs, np.int32), "epoch_offset": np.zeros(epochs)}
    cells |= {"rx_clock_offset": np.full(epochs, np.nan), "epoch_flag": np.zeros(epochs, np.int8)}
    return Block(0, cells, joined)


def test_drifting_offsets_take_as_long_as_one():
    """All times that are not their epoch's are laid out in one go, however many there are."""
    block = drifting(9, [3, -2, 0, 3, 5, 6, 7, 8, 9])
    assert [part.rows.tolist() for part in _parts(block, np.arange(9))] == [list(range(9)), [0, 1, 3, 4, 5, 6, 7, 8]]
    records, notes = records_of(block, Grid(10**9, 0, 0, 9, 9, 9), clock_step_ps=1)
    assert notes[Note.OTHER_TIME] == 8
    pseudorange = records.arrays[1]
    assert records.time_100ns[:5].tolist() == [0, 3, 10**7 - 2, 10**7, 2 * 10**7]
    nan = np.nan
    want = [[1, 2, nan, nan], [nan, nan, 3, 4], [nan, nan, 13, 14], [11, 12, nan, nan], [21, 22, 23, 24]]
    np.testing.assert_array_equal(pseudorange[:5], want)
    assert records.arrays[4][1].tolist() == [-1, -1, 3, 4]
