"""Arrays of other programs in a group of this one."""

import pytest
import zarr

from gnssice_batch.model.template import EPOCH_COORDINATES, JOINED, SID_COORDINATES, VARIABLES
from gnssice_batch.store.layout.arrays import create_arrays
from gnssice_batch.store.layout.foreign import foreign_arrays, is_own, own_and_others
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


def named(root):
    own, others = own_and_others(root)
    return list(own), others


def test_groups_of_this_program_are_found_in_folders_and_all_else_is_of_others(root):
    for name in ("two", "one"):
        root[name].attrs["layout_version"] = 1
    assert named(root) == (["one", "two"], ())
    network = root.create_group("network")
    assert named(root) == (["one", "two"], ("network",)), "a group of nothing is no folder"
    for name in ("b", "a"):
        network.create_group(name).attrs["layout_version"] = 1
    assert named(root) == (["network/a", "network/b", "one", "two"], ())
    network.create_group("theirs")
    assert named(root) == (["network/a", "network/b", "one", "two"], ("network",))
    del network["theirs"]
    added(network, "beside", ("x",))
    assert named(root) == (["network/a", "network/b", "one", "two"], ("network",))


def test_arrays_in_no_group_are_of_others_and_so_are_groups_without_one_of_this_program(root):
    root["two"].attrs["layout_version"] = 1
    root.create_group("below").create_group("deep")
    assert named(root) == (["two"], ("below", "one"))
    added(root, "loose", ("x",))
    assert named(root) == (["two"], ("/", "below", "one"))


def test_what_is_of_others_is_named_in_order(root):
    names = tuple(f"t{number:02d}" for number in range(30))
    for name in reversed(names):
        root.create_group(name)
        added(root["one"], name, ("sid",))
    assert foreign_arrays(root, ["one"]) == {"one": names}
    assert named(root) == ([], ("one", *names, "two"))
