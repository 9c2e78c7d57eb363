"""Groups of other programs are opened as xarray has them, with a warning, or refused with what is in them."""

import warnings

import icechunk
import pytest
import xarray as xr
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.store.reading.foreign import _check_not_inside, as_it_is

URL = "s3://bucket/site/rinex"
NAMES = ("zeta", "beta", "omega", "alpha", "mid", "kappa")
OTHER = "was not made by gnssice-batch"


def dims_of(group, name, dims):
    group.create_array(name, shape=(4,), chunks=(2,), dtype="i4", dimension_names=dims)[:] = [1, 2, 3, 4]


@pytest.fixture(scope="module")
def session():
    stored = icechunk.Repository.create(icechunk.in_memory_storage())
    writable = stored.writable_session("main")
    root = zarr.create_group(writable.store)
    dims_of(root, "loose", ["x"])
    dims_of(root.create_group("weather"), "t", ["time"])
    dims_of(root.create_group("unnamed"), "t", None)
    folder = root.create_group("folder")
    for name in NAMES:
        folder.create_group(name)
    dims_of(folder.create_group("inner"), "t", ["time"])
    root.create_group("rec", attributes={"layout_version": 1}).create_group("metadata")
    writable.commit("made")
    return stored.readonly_session("main")


@pytest.fixture
def opened(session):
    def opened(path="", chunks=None, **wishes):
        return as_it_is(session, zarr.open_group(session.store, path=path, mode="r"), URL, chunks, wishes)

    return opened


@pytest.mark.parametrize(
    ("path", "what", "name"),
    [("weather", "group 'weather'", "t"), ("folder/inner", "group 'folder/inner'", "t"), ("", "the root", "loose")],
)
def test_it_is_given_with_a_warning(opened, path, what, name):
    with pytest.warns(UserWarning, match=f"^{what} of {URL} {OTHER}: it is given as it is$"):
        found = opened(path)
    assert list(found.variables) == [name]
    assert found[name].values.tolist() == [1, 2, 3, 4]
    assert found[name].chunks is None
    assert found.encoding["source"] == URL


def test_it_is_cut_as_wanted(opened):
    with pytest.warns(UserWarning, match=OTHER):
        assert opened("weather", {"time": 4}).t.chunks == ((4,),)
    with pytest.warns(UserWarning, match=OTHER):
        assert opened("weather", {}).t.chunks == ((2, 2),)


def test_nothing_else_is_warned_of(opened):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        opened("weather")
    assert [str(one.message).partition(":")[2] for one in told] == [
        "//bucket/site/rinex " + OTHER + ": it is given as it is"
    ]


def test_what_only_receivers_have_is_refused_by_name(opened):
    said = f"^group 'weather' of {URL} {OTHER}: its values can only be had as they are, leave out sids, trim$"
    with pytest.raises(StoreError, match=said):
        opened("weather", mask=False, sids=True, per_epoch=False, trim=True)
    with pytest.warns(UserWarning, match=OTHER):
        assert isinstance(opened("weather", mask=False), xr.Dataset)


def test_what_xarray_can_t_open_is_refused(opened):
    with pytest.raises(StoreError, match=f"^group 'unnamed' of {URL} {OTHER}, and xarray can't open it: "):
        opened("unnamed")


def test_a_group_without_arrays_is_refused_with_the_groups_in_it(opened):
    there = ", ".join(sorted([*NAMES, "inner"]))
    with pytest.raises(StoreError, match=f"^group 'folder' of {URL} {OTHER}, and has no arrays; it has {there}$"):
        opened("folder")
    with pytest.raises(StoreError, match=r", and has no arrays; it has nothing$"):
        opened("folder/mid")


def test_a_part_of_a_receiver_is_refused_and_the_receiver_is_not(session, opened):
    with pytest.raises(StoreError, match=r"^group 'rec/metadata' is a part of the receiver 'rec': open that"):
        opened("rec/metadata")
    _check_not_inside(session, zarr.open_group(session.store, path="rec", mode="r"))
