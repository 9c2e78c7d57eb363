"""What can happen to virtual datasets: headings of docs/failure-modes.md, in its order."""

import os
import time

import pytest
import xarray as xr

from gnssice_batch.errors import StoreError
from gnssice_batch.job import materialise as native
from gnssice_batch.job import virtualize as referring
from gnssice_batch.operate.virtual import verify
from gnssice_batch.store.reading.virtual_opening import open_virtual
from gnssice_batch.store.repository import open_existing
from tests.support.netcdf import archive, together
from tests.support.virtual import settings_of, url_of

pytest.importorskip("virtualizarr")


class DeathError(BaseException):
    """Ends a job wherever it is, as no error does that the program knows."""


def dies_in(monkeypatch, module, name, *, after=0):
    """Let a function of a module die when it is called, the first time after so many calls."""
    original, calls = getattr(module, name), []

    def dying(*arguments, **named):
        calls.append(arguments)
        if len(calls) == after + 1:
            raise DeathError
        return original(*arguments, **named)

    monkeypatch.setattr(module, name, dying)
    return calls


def two_receivers(root):
    """An archive of two receivers, so that there are two partitions; return the paths of the files by receiver."""
    return {name: archive(root / "nc", receiver=name) for name in ("canopy_01", "reference_01")}


def check(settings, paths, commits=1):
    """Hold the repository against the files; nothing is left beside it."""
    for receiver, mine in paths.items():
        xr.testing.assert_equal(open_virtual(url_of(settings), receiver).load(), together(mine))
    handle = open_existing(url_of(settings)).handle
    assert len(list(handle.ancestry(branch="main"))) == commits + 1
    assert set(handle.list_branches()) == {"main"}


class TestANetcdfFileOfAVirtualArchiveChanges:
    def test_it_is_told_until_virtualize_refers_to_it_anew(self, tmp_path):
        settings = settings_of(tmp_path)
        paths = archive(tmp_path / "nc")
        referring.virtualize(settings)
        os.utime(paths[1], (time.time() + 9,) * 2)
        with pytest.raises(StoreError, match=r"day\+001.nc: the file was touched or replaced"):
            open_virtual(url_of(settings), "canopy_01").SNR.load()
        assert verify(settings).found.touched == ("canopy_01/day+001.nc",)
        referring.virtualize(settings)
        assert verify(settings).found.number == 0
        check(settings, {"canopy_01": paths}, commits=2)


class TestVirtualizeIsKilled:
    @pytest.mark.parametrize(
        ("module", "name", "after"),
        [
            (referring, "parse_partition", 1),
            (referring, "write_series", 1),
            (referring, "point_at", 0),
            (referring, "rows_of", 0),
        ],
    )
    def test_what_was_parsed_is_not_parsed_again(self, tmp_path, monkeypatch, module, name, after):
        settings, paths = settings_of(tmp_path), two_receivers(tmp_path)
        with monkeypatch.context() as patch:
            dies_in(patch, module, name, after=after)
            with pytest.raises(DeathError):
                referring.virtualize(settings)
        parsed = dies_in(monkeypatch, referring, "parse_partition", after=99)
        report = referring.virtualize(settings)
        assert (report.resumed, len(parsed)) == ((1, 1) if name == "parse_partition" else (2, 0))
        check(settings, paths)

    def test_another_run_publishes_while_files_are_parsed(self, tmp_path, monkeypatch):
        settings, paths = settings_of(tmp_path), two_receivers(tmp_path)
        only = settings_of(tmp_path, virtual={"exclude": ["reference_01/*"]})
        original, once = referring.plan_files, []

        def after_another(*arguments):
            if not once:
                once.append(True)
                referring.virtualize(only)
            return original(*arguments)

        monkeypatch.setattr(referring, "plan_files", after_another)
        report = referring.virtualize(settings)
        assert {row.file.receiver for row in report.rows} == {"reference_01"}
        check(settings, paths, commits=2)

    def test_another_run_publishes_right_before_the_commit(self, tmp_path, monkeypatch):
        settings, paths = settings_of(tmp_path), two_receivers(tmp_path)
        only = settings_of(tmp_path, virtual={"exclude": ["canopy_01/*"]})
        original, once = referring.rows_of, []

        def after_another(*arguments):
            if not once:
                once.append(True)
                referring.virtualize(only)
            return original(*arguments)

        monkeypatch.setattr(referring, "rows_of", after_another)
        referring.virtualize(settings)
        check(settings, paths, commits=2)

    def test_materialise_goes_on_where_it_was(self, tmp_path, monkeypatch):
        settings, paths = settings_of(tmp_path), two_receivers(tmp_path)
        referring.virtualize(settings)
        with monkeypatch.context() as patch:
            dies_in(patch, native, "native_partition", after=3)
            with pytest.raises(DeathError):
                native.materialise(settings, native.Wanted())
        copied = dies_in(monkeypatch, native, "native_partition", after=99)
        assert (native.materialise(settings, native.Wanted()).resumed, len(copied)) == (3, 3)
        check(settings, paths, commits=2)

    def test_materialise_begins_anew_where_another_has_published(self, tmp_path, monkeypatch):
        settings = settings_of(tmp_path)
        paths = {"canopy_01": archive(tmp_path / "nc")}
        referring.virtualize(settings)
        with monkeypatch.context() as patch:
            dies_in(patch, native, "native_partition", after=2)
            with pytest.raises(DeathError):
                native.materialise(settings, native.Wanted())
        paths["canopy_01"] += archive(tmp_path / "nc", (-1,))
        referring.virtualize(settings)
        report = native.materialise(settings, native.Wanted())
        assert (report.resumed, len(report.rows)) == (0, 4)
        check(settings, paths, commits=3)

    @pytest.mark.processes
    @pytest.mark.heavy
    def test_on_workers_it_is_the_same(self, tmp_path):
        settings = settings_of(tmp_path, cluster={"kind": "local", "workers": 2})
        paths = two_receivers(tmp_path)
        referring.virtualize(settings)
        native.materialise(settings, native.Wanted())
        check(settings, paths, commits=2)
        assert verify(settings).found.number == 0
