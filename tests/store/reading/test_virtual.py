"""Traps of virtual chunks: each is a StoreError that names the file, and never reads as missing values."""

import os
import pickle
import shutil
import time

import icechunk
import numpy as np
import pytest
import xarray as xr

from gnssice_batch.errors import StoreError
from gnssice_batch.job.virtualize import virtualize
from gnssice_batch.store.reading.opening import open_dataset
from gnssice_batch.store.reading.virtual_opening import open_virtual
from tests.support.netcdf import archive, georinex, padded, together, write
from tests.support.virtual import settings_of, url_of

pytest.importorskip("virtualizarr")

PLAIN = {"zlib": False, "shuffle": False}


@pytest.fixture
def stored(tmp_path):
    """Three days of a receiver, referenced: the paths of the files and the URL of the repository."""
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc")
    virtualize(settings)
    return paths, url_of(settings)


def assert_only_the_second_day_fails(url, paths, meaning):
    """Read all, and each day: the error names the second, whose neighbours read as before."""
    for chunks in (None, {}):
        found = open_virtual(url, "canopy_01", chunks=chunks)
        with pytest.raises(StoreError, match=rf"^canopy_01/day\+001.nc: .*{meaning}"):
            found.SNR.load()
        with pytest.raises(StoreError, match=r"^canopy_01/day\+001.nc: "):
            found.Phase.isel(epoch=[0, 100, 200], sid=1).load()
        for day in (0, 2):
            with xr.open_dataset(paths[day]) as wanted:
                xr.testing.assert_equal(found.isel(epoch=slice(day * 96, day * 96 + 96)).load(), wanted.load())


def test_a_file_that_was_moved_away(stored):
    paths, url = stored
    paths[1].rename(paths[1].with_suffix(".gone"))
    assert_only_the_second_day_fails(url, paths, "not in the archive any more")


def test_a_file_that_was_touched(stored):
    paths, url = stored
    os.utime(paths[1], (time.time() + 10,) * 2)
    assert_only_the_second_day_fails(url, paths, "touched or replaced")


def test_a_file_cut_off_with_its_old_time(stored):
    paths, url = stored
    before = paths[1].stat()
    os.truncate(paths[1], 900)
    os.utime(paths[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert_only_the_second_day_fails(url, paths, "shorter than when it was referenced")


def test_other_bytes_with_the_old_time_and_size(stored):
    paths, url = stored
    before = paths[1].stat()
    with paths[1].open("r+b") as file:
        file.seek(before.st_size // 4)
        file.write(np.random.default_rng(1).bytes(before.st_size // 2))
    os.utime(paths[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    found = open_virtual(url, "canopy_01")
    with pytest.raises(StoreError, match=r"^canopy_01/day\+001.nc: its chunks do not decode"):
        found.load()


def replaced(path, dataset, *, earlier_s=0.0):
    """Write another dataset in the place of a file, with the time that the file had or an earlier one."""
    before = path.stat()
    write(dataset, path, **PLAIN)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns - round(earlier_s * 1e9)))
    return before.st_size


@pytest.fixture
def uncompressed(tmp_path):
    """The same three days without compression, so that other bytes of a file decode too."""
    settings = settings_of(tmp_path)
    paths = [write(padded(day), tmp_path / "nc" / "canopy_01" / f"day{day:+04}.nc", **PLAIN) for day in range(3)]
    virtualize(settings)
    return paths, url_of(settings)


@pytest.mark.parametrize("earlier_s", [360, 0.01])
def test_another_file_of_the_same_size_with_an_earlier_time(uncompressed, earlier_s):
    paths, url = uncompressed
    opened_before, clock = open_virtual(url, "canopy_01"), together(paths).clock
    assert replaced(paths[1], padded(1, seed=9), earlier_s=earlier_s) == paths[1].stat().st_size
    assert_only_the_second_day_fails(
        url, paths, rf"touched or replaced .*\(it was modified {earlier_s:.3f} s earlier\)"
    )
    with pytest.raises(StoreError, match=r"^canopy_01/day\+001.nc: "):
        opened_before.SNR.sel(epoch="2025-01-02T12:00").load()
    xr.testing.assert_equal(open_virtual(url, "canopy_01").clock.load(), clock)


def test_a_longer_file_with_the_old_time(uncompressed):
    paths, url = uncompressed
    before = replaced(paths[1], padded(1, seed=9).assign(more=("epoch", np.zeros(96))))
    said = rf"touched or replaced .*\(it has {paths[1].stat().st_size:,} bytes instead of {before:,}\)"
    assert_only_the_second_day_fails(url, paths, said)


def test_a_copy_that_keeps_whole_seconds_of_the_time_is_the_file(uncompressed):
    paths, url = uncompressed
    for path in paths:
        os.utime(path, (path.stat().st_mtime // 1,) * 2)
    xr.testing.assert_equal(open_virtual(url, "canopy_01").load(), together(paths))


def test_a_group_of_its_own_whose_file_was_replaced(tmp_path):
    settings, path = settings_of(tmp_path), tmp_path / "nc" / "one" / "a.nc"
    sound = georinex().assign(place=(("sv", "xyz"), np.ones((2, 3))))
    write(sound, path)
    virtualize(settings)
    before = path.stat()
    another = sound.copy(deep=True)
    another.C1C[:] += 1
    write(another, path)
    os.utime(path, ns=(0, before.st_mtime_ns - 10**9))
    assert path.stat().st_size == before.st_size
    found = open_virtual(url_of(settings), "one.files/20250101T000000")
    with pytest.raises(StoreError, match=r"^one/a.nc: the file was touched or replaced"):
        found.C1C.load()
    assert (found.time.size, float(found.place.sum())) == (96, 6.0)


def test_an_older_file_in_another_place_and_for_another_process(uncompressed, tmp_path):
    paths, url = uncompressed
    shutil.copytree(tmp_path / "nc", tmp_path / "elsewhere")
    replaced(tmp_path / "elsewhere" / paths[1].relative_to(tmp_path / "nc"), padded(1, seed=9), earlier_s=60)
    xr.testing.assert_equal(open_virtual(url, "canopy_01").load(), together(paths))
    found = open_virtual(url, "canopy_01", chunks={}, archive=str(tmp_path / "elsewhere"))
    for one in (found, pickle.loads(pickle.dumps(found))):
        with pytest.raises(StoreError, match=r"^canopy_01/day\+001.nc: the file was touched or replaced"):
            one.SNR.load()


def test_an_archive_that_was_moved_as_a_whole(stored, tmp_path):
    _, url = stored
    shutil.move(tmp_path / "nc", tmp_path / "away")
    with pytest.raises(StoreError, match=r"^canopy_01/day\+000.nc: the file is not in the archive any more"):
        open_virtual(url, "canopy_01").SNR.load()


def test_a_reader_that_is_not_this_program_has_to_be_authorised(stored):
    """The trap of plain Icechunk: what this program opens needs nothing of the kind."""
    _, url = stored
    plain = icechunk.Repository.open(icechunk.local_filesystem_storage(url))
    with pytest.raises(icechunk.IcechunkError, match="authorize the virtual chunk container"):
        xr.open_zarr(plain.readonly_session("main").store, group="canopy_01", consolidated=False).SNR.load()
    assert open_dataset(url, "canopy_01").SNR.notnull().any()


def test_a_dataset_opened_in_another_process(stored):
    paths, url = stored
    again = pickle.loads(pickle.dumps(open_virtual(url, "canopy_01", chunks={})))
    xr.testing.assert_equal(again.load(), together(paths))


def test_single_precision_of_a_scale_is_kept(tmp_path):
    """JSON has one kind of number: a float32 scale makes float32 of int16, as it does in the file."""
    settings, path = settings_of(tmp_path), tmp_path / "nc" / "one" / "a.nc"
    one = padded()[["SNR"]].fillna(1.0)
    one.encoding["wanted"] = {
        "SNR": {"dtype": "int16", "scale_factor": np.float32(0.1), "_FillValue": np.int16(-1), "chunksizes": (96, 8)}
    }
    write(one, path)
    virtualize(settings)
    with xr.open_dataset(path) as wanted:
        found = open_virtual(url_of(settings), "one.files/20250101T000000").load()
        xr.testing.assert_equal(found, wanted.load())
        assert found.SNR.dtype == wanted.SNR.dtype == np.float32


def test_no_group_and_no_virtual_repository(stored, tmp_path):
    _, url = stored
    with pytest.raises(StoreError, match="it has canopy_01"):
        open_virtual(url)
    plain = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "plain")))
    session = plain.writable_session("main")
    xr.Dataset({"a": ("x", [1])}).to_zarr(session.store, group="g", consolidated=False)
    session.commit("by hand")
    with pytest.raises(StoreError, match="no repository of virtual datasets"):
        open_virtual(str(tmp_path / "plain"), "g")
