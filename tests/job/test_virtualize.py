"""Virtualize: an archive of NetCDF files referenced, run after run."""

import os
import shutil
import time

import icechunk
import numpy as np
import pytest
import xarray as xr

from gnssice_batch.errors import ArchiveError, ConfigError
from gnssice_batch.job.virtualize import preview, virtualize
from gnssice_batch.store.reading.opening import open_dataset
from gnssice_batch.store.reading.virtual import virtual_contents
from gnssice_batch.store.reading.virtual_opening import open_virtual
from gnssice_batch.store.repository import open_existing
from tests.support.netcdf import SIDS, archive, georinex, gnssvod, padded, together, write
from tests.support.virtual import settings_of, url_of

pytest.importorskip("virtualizarr")


def versions(settings):
    return [entry.message for entry in open_existing(url_of(settings)).handle.ancestry(branch="main")]


def assert_like_the_files(settings, receiver, paths, time="epoch"):
    """Compare an array over time with its files, and say that nothing is where there is no file."""
    found, wanted = open_virtual(url_of(settings), receiver), together(paths, time)
    xr.testing.assert_equal(found.sel({time: wanted[time].values}).load(), wanted)
    hole = ~np.isin(found[time].values, wanted[time].values)
    assert found.SNR.isel({time: hole}).isnull().all()


def test_files_that_agree_are_one_array_over_time(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc", (0, 1, 3))
    report = virtualize(settings)
    assert [(one.receiver, one.files, one.grid.size) for one in report.series] == [("canopy_01", 3, 4 * 96)]
    assert_like_the_files(settings, "canopy_01", paths)
    assert versions(settings)[0] == "References to 3 NetCDF files"


@pytest.mark.parametrize("make", [padded, gnssvod, georinex])
def test_a_group_of_a_file_is_what_xarray_makes_of_the_file(tmp_path, make):
    settings = settings_of(tmp_path)
    path = write(make(), tmp_path / "nc" / "one" / "day.nc")
    report = virtualize(settings)
    assert [(row.group, row.reason) for row in report.rows] == [("one.files/20250101T000000", "alone")]
    with xr.open_dataset(path) as wanted:
        xr.testing.assert_identical(open_virtual(url_of(settings), "one.files/20250101T000000").load(), wanted.load())


def test_a_later_run_parses_what_is_new_and_one_without_news_publishes_nothing(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc")
    virtualize(settings)
    assert virtualize(settings).snapshot is None
    paths += archive(tmp_path / "nc", (5, -2))
    report = virtualize(settings)
    assert {row.file.uri for row in report.rows} == {"canopy_01/day+005.nc", "canopy_01/day-002.nc"}
    assert (report.up_to_date, report.series[0].grid.size) == (3, 8 * 96)
    assert_like_the_files(settings, "canopy_01", paths)
    assert virtualize(settings).snapshot is None
    assert len(versions(settings)) == 3


def test_what_does_not_fit_has_a_group_of_its_own_and_the_ledger_says_why(tmp_path):
    settings, nc = settings_of(tmp_path), tmp_path / "nc"
    archive(nc)
    write(padded(4, sids=SIDS[:-1]), nc / "canopy_01" / "fewer.nc")
    write(padded(5, chunk=90), nc / "canopy_01" / "short.nc")
    write(padded(6), nc / "canopy_01" / "codec.nc", complevel=1)
    write(padded(7, interval_s=450), nc / "canopy_01" / "faster.nc")
    write(padded(8, start_s=900), nc / "canopy_01" / "late.nc")
    write(padded(1, seed=2), nc / "canopy_01" / "twice.nc")
    (nc / "canopy_01" / "text.nc").write_text("no NetCDF")
    report = virtualize(settings)
    reasons = {row.file.uri.rpartition("/")[2]: row.reason for row in report.rows if row.reason}
    assert reasons == {
        "fewer.nc": "axis_differs",
        "short.nc": "short_last_chunk",
        "codec.nc": "codec_differs",
        "faster.nc": "interval_differs",
        "late.nc": "off_chunk",
        "twice.nc": "overlaps",
        "text.nc": "not_hdf5",
    }
    rows = virtual_contents(open_existing(url_of(settings))).rows
    for row in rows.values():
        if row.group and row.reason:
            with xr.open_dataset(nc / row.file.uri) as wanted:
                xr.testing.assert_identical(open_virtual(url_of(settings), row.group).load(), wanted.load())
    assert virtualize(settings).snapshot is None


def test_the_first_file_joins_the_array_when_a_second_one_agrees(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc", (0,))
    virtualize(settings)
    paths += archive(tmp_path / "nc", (1,))
    report = virtualize(settings)
    assert [(row.group, row.reason) for row in report.rows] == [("canopy_01", "")] * 2
    assert_like_the_files(settings, "canopy_01", paths)
    with pytest.raises(Exception, match="it has canopy_01"):
        open_virtual(url_of(settings), "canopy_01.files/20250101T000000")


def test_a_file_that_was_replaced_is_referenced_anew_and_the_older_version_says_so(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc")
    first = virtualize(settings).snapshot
    write(padded(1, seed=5), paths[1])
    os.utime(paths[1], (time.time() + 10,) * 2)
    report = virtualize(settings)
    assert [row.file.uri for row in report.rows] == ["canopy_01/day+001.nc"]
    assert_like_the_files(settings, "canopy_01", paths)
    with pytest.raises(Exception, match=r"canopy_01/day\+001.nc: the file was touched or replaced"):
        open_virtual(url_of(settings), "canopy_01", first).SNR.load()


def test_a_file_that_does_not_fit_any_more_leaves_a_hole(tmp_path):
    settings = settings_of(tmp_path)
    paths = archive(tmp_path / "nc")
    virtualize(settings)
    write(padded(1, sids=SIDS[:4]), paths[1])
    virtualize(settings)
    assert_like_the_files(settings, "canopy_01", [paths[0], paths[2]])


def test_a_preview_writes_nothing(tmp_path):
    settings = settings_of(tmp_path)
    archive(tmp_path / "nc")
    report = preview(settings)
    assert [(one.receiver, one.files) for one in report.series] == [("canopy_01", 3)]
    assert not (tmp_path / "stores").exists()


def test_open_dataset_opens_virtual_groups_too(tmp_path):
    settings = settings_of(tmp_path)
    archive(tmp_path / "nc")
    virtualize(settings)
    xr.testing.assert_identical(
        open_dataset(url_of(settings), "canopy_01").load(), open_virtual(url_of(settings), "canopy_01").load()
    )


def test_a_moved_archive_is_repointed_by_its_setting_and_nothing_is_rewritten(tmp_path):
    settings = settings_of(tmp_path)
    archive(tmp_path / "nc")
    head = virtualize(settings).snapshot
    shutil.move(tmp_path / "nc", tmp_path / "elsewhere")
    with pytest.raises(Exception, match=r"day\+000.nc: the file is not in the archive any more"):
        open_virtual(url_of(settings), "canopy_01").SNR.load()
    moved = tmp_path / "elsewhere"
    assert open_virtual(url_of(settings), "canopy_01", archive=str(moved)).SNR.notnull().any()
    report = virtualize(settings_of(tmp_path, moved))
    assert (report.snapshot, report.repointed) == (None, f"file://{tmp_path / 'nc'}/")
    assert open_existing(url_of(settings)).head() == head
    assert_like_the_files(settings, "canopy_01", moved.rglob("*.nc"))


def test_another_name_of_the_container_is_refused(tmp_path):
    archive(tmp_path / "nc")
    virtualize(settings_of(tmp_path))
    with pytest.raises(ConfigError, match="set it back"):
        virtualize(settings_of(tmp_path, virtual={"container": "other"}))


def test_names_with_characters_of_urls(tmp_path):
    settings = settings_of(tmp_path, tmp_path / "n c")
    names = ["a b", "q?", "h#", "p%20", "ü", "a+b&c=d;e"]
    paths = [write(padded(day), tmp_path / "n c" / "canopy_01" / f"{name}.nc") for day, name in enumerate(names)]
    virtualize(settings)
    assert_like_the_files(settings, "canopy_01", paths)


def test_an_archive_that_is_not_there(tmp_path):
    with pytest.raises(ArchiveError, match=r"check virtual\.url"):
        virtualize(settings_of(tmp_path))


def test_references_name_the_container_and_not_the_place(tmp_path):
    settings = settings_of(tmp_path)
    archive(tmp_path / "nc")
    virtualize(settings)
    session = open_existing(url_of(settings)).handle.readonly_session("main")
    assert session.chunk_type("/canopy_01/SNR", (0, 0)) == icechunk.ChunkType.virtual


def test_a_branch_and_a_tag(tmp_path):
    trial = settings_of(tmp_path, run={"branch": "trial", "tag": "first"})
    paths = archive(tmp_path / "nc")
    report = virtualize(trial)
    assert (report.tagged, virtualize(trial).snapshot) == (report.snapshot, None)
    handle = open_existing(url_of(trial)).handle
    assert (handle.lookup_branch("trial"), handle.lookup_tag("first")) == (report.snapshot, report.snapshot)
    assert len(list(handle.ancestry(branch="main"))) == 1
    found = open_virtual(url_of(trial), "canopy_01", version="first")
    xr.testing.assert_equal(found.load(), together(paths))
    virtualize(settings_of(tmp_path))
    assert_like_the_files(settings_of(tmp_path), "canopy_01", paths)


def test_a_tree_of_single_files(tmp_path):
    settings = settings_of(tmp_path)
    for day in range(3):
        write(gnssvod(day, svs=SIDS[: day + 1]), tmp_path / "nc" / "paired" / f"{day}.nc")
    virtualize(settings)
    session = open_existing(url_of(settings)).handle.readonly_session("main")
    with xr.open_datatree(session.store, group="paired.files", engine="zarr", consolidated=False) as tree:
        assert [tree[name].sizes["SV"] for name in sorted(tree.children)] == [1, 2, 3]
        assert tree["20250102T000000"].S1C.notnull().any()


def test_a_series_that_grows_keeps_what_its_first_files_have_in_common(tmp_path):
    settings = settings_of(tmp_path)
    archive(tmp_path / "nc", (0, 1))
    virtualize(settings)
    before = dict(open_virtual(url_of(settings), "canopy_01").attrs)
    archive(tmp_path / "nc", (0, 1, 2))
    virtualize(settings)
    grown = open_virtual(url_of(settings), "canopy_01")
    assert grown.sizes["epoch"] == 3 * 96
    assert dict(grown.attrs) == before != {}
