"""Materialise: virtual chunks overwritten by native ones that hold the same."""

import os
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest
import xarray as xr
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.job.materialise import Wanted, materialise, preview_native
from gnssice_batch.job.virtualize import virtualize
from gnssice_batch.model.virtual import NetcdfFile, VirtualRow, VirtualState
from gnssice_batch.store.reading.virtual import virtual_contents
from gnssice_batch.store.reading.virtual_opening import open_virtual
from gnssice_batch.store.repository import open_existing, open_repository
from tests.support.netcdf import archive, gnssvod, padded, together, write
from tests.support.virtual import settings_of, url_of

pytest.importorskip("virtualizarr")

VIRTUAL = "virtual"
NATIVE = {"native", "inline"}
GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)


def since(day):
    return Wanted(int((datetime(2025, 1, day, tzinfo=UTC) - GPS_EPOCH).total_seconds()) * 10**9)


def messages(settings):
    return [str(entry.message) for entry in open_existing(url_of(settings)).handle.ancestry(branch="main")]


def types(settings, name, chunks, version=None):
    handle = open_existing(url_of(settings)).handle
    session = handle.readonly_session(snapshot_id=version) if version else handle.readonly_session("main")
    kinds = [session.chunk_type(f"/canopy_01/{name}", (chunk, 0)) for chunk in range(chunks)]
    return [str(kind).rpartition(".")[2] for kind in kinds]


def test_one_span_is_native_and_equal_and_the_older_version_is_virtual(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc", (0, 1, 2))
    first = virtualize(settings).snapshot
    report = materialise(settings, since(2))
    assert [row.file.uri for row in report.rows] == ["canopy_01/day+001.nc", "canopy_01/day+002.nc"]
    for name in ("SNR", "Phase", "LLI"):
        assert types(settings, name, 1) == [VIRTUAL]
        assert set(types(settings, name, 3)[1:]) <= NATIVE
        assert types(settings, name, 3, first) == [VIRTUAL] * 3
    xr.testing.assert_equal(open_virtual(url_of(settings), "canopy_01").load(), together(paths))
    for path in paths[1:]:
        path.unlink()
    with pytest.raises(StoreError, match=r"day\+001.nc: the file is not in the archive any more"):
        open_virtual(url_of(settings), "canopy_01", first).SNR.load()
    assert open_virtual(url_of(settings), "canopy_01").SNR.isel(epoch=slice(96, None)).notnull().any()
    states = {row.file.uri: row.state for row in virtual_contents(open_existing(url_of(settings))).rows.values()}
    assert [states[f"canopy_01/day+00{day}.nc"] for day in range(3)] == [
        VirtualState.VIRTUAL,
        VirtualState.NATIVE,
        VirtualState.NATIVE,
    ]


def test_what_reaches_into_a_span_is_told_by_the_times_in_whatever_order_they_are(tmp_path):
    """Files with their epochs backwards, or shuffled, and files whose names are in another order than their times."""
    settings, one, nc = settings_of(tmp_path), padded(1), tmp_path / "nc"
    shuffled = np.random.default_rng(1).permutation(96)
    assert one.epoch[shuffled[[0, -1]]].max() < np.datetime64("2025-01-02T23:45")
    paths = {
        "backwards.files": write(one.isel(epoch=slice(None, None, -1)), nc / "backwards/a.nc"),
        "shuffled.files": write(one.isel(epoch=shuffled), nc / "shuffled/a.nc"),
    }
    write(padded(0), nc / "canopy_01" / "b.nc")
    write(padded(1), nc / "canopy_01" / "a.nc")
    virtualize(settings)
    last = Wanted(since(2).since_ns + (86_400 - 900) * 10**9)
    report = materialise(settings, last)
    assert sorted(row.file.uri for row in report.rows) == ["backwards/a.nc", "canopy_01/a.nc", "shuffled/a.nc"]
    assert materialise(settings, since(3)).snapshot is None
    for name, path in paths.items():
        with xr.open_dataset(path) as wanted:
            found = open_virtual(url_of(settings), f"{name}/20250102T000000")
            xr.testing.assert_identical(found.load(), wanted.load())


def test_a_ledger_of_an_earlier_version_has_first_and_last_as_they_are_stored():
    file = NetcdfFile("a.nc", "one", 1, "1")
    row = VirtualRow(file, VirtualState.VIRTUAL, "one.files/a", first_ns=20, last_ns=10, epochs=2)
    assert (Wanted(20).takes(row), Wanted(21).takes(row)) == (True, False)


def test_twice_publishes_nothing_and_all_is_native_in_the_end(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc", (0, 1))
    write(gnssvod(), tmp_path / "nc" / "paired" / "day.nc")
    virtualize(settings)
    assert len(preview_native(settings, Wanted()).rows) == 3
    first, again = materialise(settings, since(2)), materialise(settings, Wanted())
    assert (len(first.rows), first.up_to_date, len(again.rows), again.up_to_date) == (1, 0, 2, 1)
    assert messages(settings)[:2] == ["2 NetCDF files are native", "1 NetCDF file is native"]
    idle = materialise(settings, Wanted())
    assert (idle.snapshot, idle.up_to_date, idle.rows) == (None, 3, ())
    wanted = together(paths)
    with xr.open_dataset(tmp_path / "nc" / "paired" / "day.nc") as pair:
        pair.load()
    shutil.rmtree(tmp_path / "nc")
    xr.testing.assert_equal(open_virtual(url_of(settings), "canopy_01").load(), wanted)
    xr.testing.assert_identical(open_virtual(url_of(settings), "paired.files/20250101T000000").load(), pair)


def test_a_chunk_of_nothing_but_the_fill_value_becomes_native_too(tmp_path):
    settings = settings_of(tmp_path)
    for day in range(2):
        one = padded(day)
        one["LLI"][:] = 0
        one.LLI.encoding["_FillValue"] = 0
        write(one, tmp_path / "nc" / "canopy_01" / f"{day}.nc")
    virtualize(settings)
    materialise(settings, Wanted())
    assert set(types(settings, "LLI", 2)) <= NATIVE


def test_a_file_that_can_not_be_read_stays_virtual_and_is_told(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc", (0, 1, 2))
    virtualize(settings)
    paths[1].unlink()
    report = materialise(settings, Wanted())
    assert [uri for uri, _ in report.failed] == ["canopy_01/day+001.nc"]
    assert types(settings, "SNR", 3)[1] == VIRTUAL
    assert len(report.rows) == 2


def test_a_file_that_was_replaced_by_an_older_one_stays_virtual_and_is_told(tmp_path):
    settings, plain = settings_of(tmp_path), {"zlib": False, "shuffle": False}
    paths = [write(padded(day), tmp_path / "nc" / "canopy_01" / f"day{day:+04}.nc", **plain) for day in range(2)]
    virtualize(settings)
    before = paths[1].stat()
    write(padded(1, seed=9), paths[1], **plain)
    os.utime(paths[1], ns=(0, before.st_mtime_ns - 10**9))
    assert paths[1].stat().st_size == before.st_size
    report = materialise(settings, Wanted())
    ((uri, why),) = report.failed
    assert (uri, "touched or replaced" in why) == ("canopy_01/day+001.nc", True)
    assert types(settings, "SNR", 2) == ["native", VIRTUAL]


def test_half_a_chunk_written_by_hand_keeps_the_rest(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc", (0, 1))
    virtualize(settings)
    session = open_repository(url_of(settings)).handle.writable_session("main")
    snr = zarr.open_array(session.store, path="canopy_01/SNR", mode="r+")
    snr[:48] = np.float32(7)
    session.commit("half a chunk")
    found, wanted = open_virtual(url_of(settings), "canopy_01").SNR.load(), together(paths).SNR
    assert (found[:48] == 7).all()
    xr.testing.assert_equal(found[48:], wanted[48:])
    assert types(settings, "SNR", 2)[1] == VIRTUAL


def test_a_native_file_that_changes_in_the_archive_is_referenced_again(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc", (0, 1))
    virtualize(settings)
    materialise(settings, Wanted())
    write(padded(1, seed=9), paths[1])
    virtualize(settings)
    assert types(settings, "SNR", 2)[1] == VIRTUAL
    xr.testing.assert_equal(open_virtual(url_of(settings), "canopy_01").load(), together(paths))


def test_without_a_repository_it_says_what_to_do(tmp_path):
    (tmp_path / "nc").mkdir()
    with pytest.raises(StoreError, match="run virtualize without --materialise first"):
        materialise(settings_of(tmp_path), Wanted())
