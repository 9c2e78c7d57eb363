"""Groups of a virtual repository, made by hand without a file: what they hold, and how they are given."""

import asyncio

import numpy as np
import pytest
import xarray as xr
from zarr.core.buffer.cpu import buffer_prototype
from zarr.core.sync import sync

from gnssice_batch.errors import ConfigError, StoreError
from gnssice_batch.model.virtual import NetcdfFile, Profile, SeriesGrid, StoredSeries, VirtualRow, VirtualState
from gnssice_batch.storage.location import location
from gnssice_batch.store.layout.virtual_files import write_rows
from gnssice_batch.store.layout.virtual_groups import MARK, file_attributes, series_attributes
from gnssice_batch.store.pointing import point_at
from gnssice_batch.store.reading.virtual import not_virtual, virtual_contents
from gnssice_batch.store.reading.virtual_opening import open_virtual
from gnssice_batch.store.repository import open_repository
from tests.support.small_stores import changing
from tests.support.templates import DAY_ONE_NS

PROFILE = Profile("epoch", *(["digest"] * 6), interval_ns=30 * 10**9, chunk_epochs=4)
SERIES = StoredSeries("rec", PROFILE, SeriesGrid(DAY_ONE_NS, 30 * 10**9, 4, 8))
TIMES = np.datetime64("2025-01-01", "ns") + np.arange(8) * np.timedelta64(30, "s")
FILES = "rec.files/20250101T000000"
ROW = VirtualRow(NetcdfFile("rec/a.nc", "rec", 9, "etag"), VirtualState.NATIVE, FILES)
NS = {"units": "nanoseconds since 1980-01-06", "calendar": "proleptic_gregorian"}


def put_series(root):
    """Put an array over time, of which a stored time in the middle is none."""
    times = np.full(8, np.iinfo(np.int64).max)
    group = root.create_group("rec", attributes={**series_attributes(SERIES), "Institution": "TU Wien"})
    group.create_array("epoch", data=times, dimension_names=("epoch",), attributes={**NS, "standard_name": "time"})
    group.create_array(
        "SNR", data=np.arange(8.0), chunks=(4,), dimension_names=("epoch",), attributes={"units": "dB-Hz"}
    )


def put_file(root):
    """Put a group of one file, with integers that are scaled."""
    group = root.create_group(FILES, attributes={**file_attributes("rec/a.nc"), "version": 3.04})
    for name, attributes in (
        ("single", {"scale_dtype": "float32", "scale_factor": 0.1}),
        ("moved", {"scale_dtype": "float32", "scale_factor": 0.1, "add_offset": 2.0}),
        ("double", {"scale_factor": 0.1}),
    ):
        numbers = np.array([7, 8, 9], np.int16)
        group.create_array(name, data=numbers, chunks=(2,), dimension_names=("time",), attributes=attributes)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A virtual repository, and its versions: a root, an array over time, one file beside it."""
    path = tmp_path_factory.mktemp("virtual") / "site" / "virtual"
    open_repository(str(path))
    snapshots = []
    with changing(path, snapshots) as root:
        root.attrs[MARK] = {"version": 1}
    with changing(path, snapshots) as root:
        put_series(root)
    with changing(path, snapshots) as root:
        put_file(root)
        write_rows(root, {}, [ROW])
        for name in ("rec.files/c", "rec.files/a", "empty"):
            root.create_group(name)
    return str(path), snapshots


@pytest.fixture
def plain(tmp_path):
    """A repository of another program."""
    open_repository(str(tmp_path / "plain"))
    with changing(tmp_path / "plain") as root:
        root.create_group("g").create_array("a", data=np.arange(3), dimension_names=("x",))
    return str(tmp_path / "plain")


class TestContents:
    def test_are_arrays_over_time_and_rows_of_files(self, stored):
        repository = open_repository(stored[0])
        found = virtual_contents(repository)
        assert (found.snapshot, found.series, found.rows) == (stored[1][2], {"rec": SERIES}, {"rec/a.nc": ROW})
        assert not_virtual(repository) == ""

    def test_of_a_version_or_a_branch_are_those_it_had(self, stored):
        repository, snapshots = open_repository(stored[0]), stored[1]
        series = [virtual_contents(repository, snapshot=snapshot).series for snapshot in snapshots]
        assert series == [{}, {"rec": SERIES}, {"rec": SERIES}]
        repository.handle.create_branch("first", snapshots[0])
        assert virtual_contents(repository, "first").snapshot == snapshots[0]
        assert virtual_contents(repository, "first").rows == {}
        repository.handle.delete_branch("first")

    def test_of_a_repository_without_a_version_are_none(self, tmp_path):
        repository = open_repository(str(tmp_path / "new"))
        found = virtual_contents(repository)
        assert (found.snapshot, found.series, found.rows) == (repository.head(), {}, {})
        assert not_virtual(repository) == ""

    def test_of_another_repository_are_refused(self, plain):
        repository = open_repository(plain)
        said = "is no repository of virtual datasets: virtualize makes one at <store.url>/<site>/virtual"
        assert not_virtual(repository) == f"{repository.url} {said}"
        with pytest.raises(StoreError, match=said):
            virtual_contents(repository)
        with pytest.raises(StoreError, match="is no repository of virtual datasets: open_dataset opens it"):
            open_virtual(plain, "g")


class TestDataset:
    def test_of_an_array_over_time_has_times_by_its_rule(self, stored):
        found = open_virtual(stored[0], "rec")
        np.testing.assert_array_equal(found.epoch.values, TIMES)
        assert (found.SNR.values.tolist(), found.SNR.attrs) == (list(range(8)), {"units": "dB-Hz"})
        assert found.epoch.attrs == {"standard_name": "time"}
        assert found.epoch.encoding == {"units": "nanoseconds since 1980-01-06", "dtype": np.dtype("int64")}
        assert found.attrs == {"Institution": "TU Wien"}
        assert found.encoding["source"] == location(stored[0]).url

    def test_of_one_file_is_scaled_in_the_precision_of_the_file(self, stored):
        found = open_virtual(stored[0], FILES)
        assert found.attrs == {"version": 3.04}
        assert {name: one.dtype for name, one in found.data_vars.items()} == {
            "single": np.float32,
            "moved": np.float32,
            "double": np.float64,
        }
        np.testing.assert_array_equal(found.single.values, np.array([7, 8, 9], np.int16) * np.float32(0.1))
        np.testing.assert_allclose(found.moved.values, [2.7, 2.8, 2.9], 1e-6)
        assert {name: one.attrs for name, one in found.data_vars.items()} == {"single": {}, "moved": {}, "double": {}}

    def test_is_chunked_as_it_is_asked_for(self, stored):
        assert open_virtual(stored[0], FILES).double.chunks is None
        assert open_virtual(stored[0], FILES, chunks={}).double.chunks == ((2, 1),)
        assert open_virtual(stored[0], "rec", chunks={"epoch": 8}).SNR.chunks == ((8,),)

    @pytest.mark.parametrize(("group", "inside"), [("rec.files", "20250101T000000, a, c"), ("empty", "nothing")])
    def test_of_a_group_without_arrays_says_what_is_in_it(self, stored, group, inside):
        with pytest.raises(StoreError, match=rf"^group '{group}' of .*virtual has no arrays; it has {inside}$"):
            open_virtual(stored[0], group)

    def test_that_xarray_can_t_make_is_refused(self, tmp_path):
        open_repository(str(tmp_path / "virtual"))
        with changing(tmp_path / "virtual") as root:
            root.attrs[MARK] = {"version": 1}
            group = root.create_group("one", attributes=file_attributes("a.nc"))
            for size in (2, 3):
                group.create_array(f"a{size}", data=np.arange(size), dimension_names=("x",))
        with pytest.raises(StoreError, match=r"^xarray can't open group 'one' of .*: conflicting sizes for dimension"):
            open_virtual(str(tmp_path / "virtual"), "one")


@pytest.fixture
def undecodable(tmp_path):
    """A virtual repository with a file of which a chunk was overwritten, and its archive."""
    path = tmp_path / "virtual"
    open_repository(str(path))
    with changing(path) as root:
        root.attrs[MARK] = {"version": 1}
        put_file(root)
        write_rows(root, {}, [ROW])
        junk = buffer_prototype.buffer.from_bytes(b"junk")
        sync(root.store.set(f"{FILES}/double/c/1", junk))
    return str(path)


class TestUnreadable:
    def test_chunks_are_told_by_the_file_that_they_are_from(self, undecodable):
        found = open_virtual(undecodable, FILES)
        said = r"^rec/a.nc: its native chunks can't be read \("
        with pytest.raises(StoreError, match=said):
            found.double.load()
        with pytest.raises(StoreError, match=said):
            asyncio.run(found.double.load_async())
        assert found.single.load().size == 3

    def test_chunks_that_can_be_read_are_given_either_way(self, undecodable):
        found = open_virtual(undecodable, FILES)
        assert asyncio.run(found.single.isel(time=slice(1, 3)).load_async()).size == 2
        np.testing.assert_allclose(found.double.isel(time=slice(0, 2)).values, [0.7, 0.8])


class TestArchive:
    @pytest.fixture
    def pointing(self, undecodable, tmp_path):
        point_at(open_repository(undecodable), "archive", location(str(tmp_path / "nc")))
        return undecodable

    def test_elsewhere_is_where_it_is_said_to_be(self, pointing):
        with pytest.raises(ConfigError, match="virtual chunks can't be at 'gopher://hole': it should be a path, "):
            open_virtual(pointing, FILES, archive="gopher://hole")
        assert open_virtual(pointing, FILES, archive=str(pointing)).single.size == 3

    def test_is_reached_by_its_own_options(self, pointing):
        assert open_virtual(pointing, FILES, archive_options={}).single.size == 3
        with pytest.raises(ConfigError, match="nonsense"):
            open_virtual(pointing, FILES, archive_options={"nonsense": 1})


def test_a_group_that_is_not_there_is_told_with_those_that_are(stored):
    with pytest.raises(StoreError, match=r"no group 'other'; it has .*\brec\b"):
        open_virtual(stored[0], "other")
    assert isinstance(open_virtual(stored[0], "rec", stored[1][1]), xr.Dataset)
    with pytest.raises(StoreError, match="no group 'rec'"):
        open_virtual(stored[0], "rec", stored[1][0])
