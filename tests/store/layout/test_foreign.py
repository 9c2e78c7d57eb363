"""Arrays of other programs in a group of this one."""

import pytest
import zarr

from gnssice_batch.model.template import EPOCH_COORDINATES, JOINED, SID_COORDINATES, VARIABLES
from gnssice_batch.store.layout.arrays import create_arrays
from gnssice_batch.store.layout.foreign import foreign_arrays, is_own
from tests.support.templates import template

SPECS = (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES, *JOINED)


@pytest.fixture
def root():
    root = zarr.create_group(zarr.storage.MemoryStore())
    for receiver in ("one", "two"):
        create_arrays(root.create_group(receiver), SPECS, template())
    return root


def added(group, name, dims):
    group.create_array(name, shape=(3,) * len(dims or "x"), dtype="int8", dimension_names=dims)


def test_own_arrays_are_none(root):
    assert foreign_arrays(root, ["one", "two"]) == {}
    assert foreign_arrays(root, []) == {}


def test_those_along_an_axis_are_named_in_order_each_by_its_group(root):
    added(root["two"], "vod", ("epoch", "sid"))
    added(root["two"], "mask", ("sid",))
    added(root["two"], "of_epochs", ("time", "epoch"))
    added(root["one"], "elsewhere", ("time",))
    assert foreign_arrays(root, ["one", "two"]) == {"two": ("mask", "of_epochs", "vod")}
    assert foreign_arrays(root, ["one"]) == {}


def test_arrays_without_names_of_dimensions_and_groups_lie_along_nothing(root):
    added(root["one"], "unnamed", None)
    root["one"].create_group("below")
    assert foreign_arrays(root, ["one"]) == {}


def test_a_group_is_own_that_says_a_version_of_the_layout(root):
    assert not is_own(root["one"])
    root["one"].attrs["layout_version"] = 99
    assert is_own(root["one"])
