"""The epoch axis of a group, read from its attributes and from how its first variable is cut up."""

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import SECOND_NS, Grid
from gnssice_batch.store.layout.axis import grid_of, integer
from gnssice_batch.store.layout.documents import Cutting

ATTRIBUTES = {"interval_ns": 30 * SECOND_NS, "phase_ns": 18 * SECOND_NS, "origin_ns": 86_400 * SECOND_NS, "level": 5.5}


def test_the_grid_is_as_the_attributes_and_the_cutting_along_epochs_say():
    snr = Cutting(shape=(5760, 128), chunks=(720, 64), shards=(2880, 128))
    assert grid_of(ATTRIBUTES, snr) == Grid(
        interval_ns=30 * SECOND_NS,
        phase_ns=18 * SECOND_NS,
        origin_ns=86_400 * SECOND_NS,
        size=5760,
        unit=2880,
        read_unit=720,
    )


def test_a_number_of_the_axis_is_whole():
    assert integer(ATTRIBUTES, "phase_ns") == 18 * SECOND_NS
    with pytest.raises(StoreError, match=r"attribute 'level' is 5\.5, not a whole number"):
        integer(ATTRIBUTES, "level")
