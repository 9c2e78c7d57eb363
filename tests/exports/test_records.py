"""Epochs of a block as records of a file."""

import numpy as np

from gnssice_batch.exports.records import Block, _other_clocks


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
