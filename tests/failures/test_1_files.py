"""What an archive does to a run: headings of docs/failure-modes.md, in its order."""

import os
import shutil
from types import SimpleNamespace

import pytest

from gnssice_batch.archive import ArchiveAccess
from gnssice_batch.errors import ArchiveError, Reason, RefusedError
from gnssice_batch.folder import Folder
from gnssice_batch.plan import Retry
from gnssice_batch.run import run
from tests.failures.small import GROUP, Hook, hold_as_in_one_run, hourly, rejected, site
from tests.runs import DAY_ONE_S, messages, name, repository, row, stored, write


class TestAFileIsDamaged:
    def test_it_is_an_outcome_and_the_others_are_published(self, tmp_path):
        whole = hourly(0, 6, 12)
        cut, broken = name(DAY_ONE_S + 6 * 3600, "01H"), name(DAY_ONE_S + 12 * 3600, "01H")
        files = {**whole, cut: whole[cut][: len(whole[cut]) // 2], broken: b"<html>"}
        chosen = site(tmp_path, files)
        report = run(chosen)
        assert rejected(report) == {broken: Reason.NOT_RINEX}
        assert row(chosen, GROUP, cut)["status"] == "partial"
        assert len(messages(chosen)) == 1
        hold_as_in_one_run(tmp_path, chosen, files)


class TestMostFilesFailInTheSameWay:
    def test_the_run_stops_and_goes_on_when_the_cause_is_mended(self, tmp_path):
        files = hourly(*range(0, 72, 6))
        chosen = site(tmp_path, dict.fromkeys(files, b"<html>") | hourly(0), run={"breaker_files": 4})
        with pytest.raises(RefusedError, match="same reason"):
            run(chosen)
        assert not repository(chosen).exists() or not messages(chosen)
        write(tmp_path / "archive", files)
        assert run(chosen).snapshot
        hold_as_in_one_run(tmp_path, chosen, files)

    @pytest.mark.parametrize("named", [True, False])
    def test_it_stops_before_it_has_read_every_file(self, tmp_path, monkeypatch, named):
        fetch, whole = ArchiveAccess.fetch, set()

        def counted(self, uri, size_bytes=None):
            if size_bytes is None:
                whole.add(uri)
            return fetch(self, uri, size_bytes)

        monkeypatch.setattr(ArchiveAccess, "fetch", counted)
        names = [path if named else f"rec/{number}.rnx" for number, path in enumerate(hourly(*range(200)))]
        chosen = site(tmp_path, dict.fromkeys(names, b"<html>"))
        with pytest.raises(RefusedError, match="20 of 20 files were rejected for the same reason"):
            run(chosen)
        assert len(whole) == 20
        assert not repository(chosen).exists()


class TestAFileVanishesOrCantBeFetchedDuringTheRun:
    def test_it_is_unreadable_and_taken_when_asked_for(self, tmp_path):
        files = hourly(0, 6, 12, 18)
        chosen = site(tmp_path, files, run={"sample_files": 1})
        lost = tmp_path / "archive" / name(DAY_ONE_S + 12 * 3600, "01H")
        times = lost.stat()
        report = run(chosen, Hook("survey", lost.unlink))
        assert rejected(report) == {name(DAY_ONE_S + 12 * 3600, "01H"): Reason.UNREADABLE}
        write(tmp_path / "archive", files)
        os.utime(lost, ns=(times.st_atime_ns, times.st_mtime_ns))
        run(chosen, retry=Retry(frozenset({Reason.UNREADABLE})))
        hold_as_in_one_run(tmp_path, chosen, files)


class TestAFileChangesDuringTheRun:
    def test_the_next_run_takes_what_it_has_become(self, tmp_path):
        uri = name(DAY_ONE_S + 12 * 3600, "01H")
        files = hourly(0, 6, 12)
        longer = {uri: hourly(12, svs=("G01", "G02", "G05", "R03"))[uri]}
        chosen = site(tmp_path, files, run={"sample_files": 1})
        run(chosen, Hook("survey", lambda: write(tmp_path / "archive", longer)))
        run(chosen)
        assert run(chosen).snapshot is None
        hold_as_in_one_run(tmp_path, chosen, files | longer)


class TestTheArchiveCantBeListed:
    def test_nothing_is_written(self, tmp_path):
        chosen = site(tmp_path, hourly(0))
        shutil.rmtree(tmp_path / "archive")
        with pytest.raises(ArchiveError):
            run(chosen)
        assert not repository(chosen).exists()


class TestTheArchiveDoesNotAnswerForAMoment:
    def test_it_is_asked_again(self, tmp_path, monkeypatch):
        read, failed = Folder.read, []

        def sometimes(self, uri, size_bytes=None):
            if "archive" in self.url and uri not in failed:
                failed.append(uri)
                raise TimeoutError("no answer")
            return read(self, uri, size_bytes)

        monkeypatch.setattr(Folder, "read", sometimes)
        monkeypatch.setattr("gnssice_batch.archive._FETCH_PAUSE_S", 0.001)
        files = hourly(0, 6)
        chosen = site(tmp_path, files)
        assert rejected(run(chosen)) == {}
        assert len(failed) == 2
        hold_as_in_one_run(tmp_path, chosen, files)


class TestTheArchiveIsGoneForGood:
    @pytest.fixture
    def archive(self, monkeypatch):
        """An archive that answers so many fetches."""
        fetch, state = ArchiveAccess.fetch, SimpleNamespace(left=3)

        def until_gone(self, uri, size_bytes=None):
            state.left -= 1
            if state.left < 0:
                raise ArchiveError("gone")
            return fetch(self, uri, size_bytes)

        monkeypatch.setattr(ArchiveAccess, "fetch", until_gone)
        return state

    def test_the_run_stops_and_goes_on_where_it_was(self, tmp_path, archive):
        files = hourly(*range(0, 96, 6))
        chosen = site(tmp_path, files, run={"breaker_files": 10, "breaker_fraction": 0.7, "sample_files": 1})
        with pytest.raises(RefusedError, match="unreadable"):
            run(chosen)
        assert messages(chosen) == []
        archive.left = 1000
        report = run(chosen)
        assert report.resumed >= 2
        run(chosen, retry=Retry(frozenset({Reason.UNREADABLE})))
        hold_as_in_one_run(tmp_path, chosen, files)

    def test_in_a_small_archive_what_was_refused_can_be_taken_later(self, tmp_path, archive):
        files = hourly(*range(0, 30, 6))
        chosen = site(tmp_path, files, run={"sample_files": 1})
        assert set(rejected(run(chosen)).values()) == {Reason.UNREADABLE}
        assert len(stored(chosen, GROUP).uri) < len(files) * 120
        archive.left = 1000
        run(chosen, retry=Retry(frozenset({Reason.UNREADABLE})))
        hold_as_in_one_run(tmp_path, chosen, files)
