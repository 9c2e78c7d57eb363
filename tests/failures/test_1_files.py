"""What an archive does to a run: headings of docs/failure-modes.md, in its order."""

import os
import shutil
from types import SimpleNamespace

import pytest

from gnssice_batch.archive import listing as archive
from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.errors import ArchiveError, Reason, RefusedError
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from gnssice_batch.planning.plan import Retry
from gnssice_batch.storage.folder import Folder
from tests.failures.small import GROUP, Hook, check_as_in_one_run, hourly, rejected, site
from tests.support.runs import DAY_ONE_S, messages, name, repository, row, stored, write


@pytest.fixture
def fetched(monkeypatch):
    """The files that are asked for, whole or their beginning."""
    fetch, asked = ArchiveAccess.fetch, {"whole": set(), "head": set()}

    def counted(self, uri, size_bytes=None):
        asked["whole" if size_bytes is None else "head"].add(uri)
        return fetch(self, uri, size_bytes)

    monkeypatch.setattr(ArchiveAccess, "fetch", counted)
    return asked


def laid_out(chosen, layout):
    return chosen.model_copy(update={"archive": chosen.archive.model_copy(update={"layout": layout})})


class TestAFileIsDamaged:
    @pytest.mark.heavy
    def test_it_is_an_outcome_and_the_others_are_published(self, tmp_path):
        whole = hourly(0, 6, 12)
        cut, broken = name(DAY_ONE_S + 6 * 3600, "01H"), name(DAY_ONE_S + 12 * 3600, "01H")
        files = {**whole, cut: whole[cut][: len(whole[cut]) // 2], broken: b"<html>"}
        chosen = site(tmp_path, files)
        report = run(chosen)
        assert rejected(report) == {broken: Reason.NOT_RINEX}
        assert row(chosen, GROUP, cut)["status"] == "partial"
        assert len(messages(chosen)) == 1
        check_as_in_one_run(tmp_path, chosen, files)


class TestMostFilesFailInTheSameWay:
    @pytest.mark.heavy
    def test_the_run_stops_and_goes_on_when_the_cause_is_mended(self, tmp_path):
        files = hourly(*range(0, 72, 6))
        chosen = site(tmp_path, dict.fromkeys(files, b"<html>") | hourly(0), run={"breaker_files": 4})
        with pytest.raises(RefusedError, match="same reason"):
            run(chosen)
        assert not repository(chosen).exists() or not messages(chosen)
        write(tmp_path / "archive", files)
        assert run(chosen).snapshot
        check_as_in_one_run(tmp_path, chosen, files)

    @pytest.mark.parametrize(
        ("named", "layout", "wholes"), [(True, "{receiver}/**", 20), (False, "{receiver}/**", 20), (False, "auto", 0)]
    )
    def test_it_stops_before_it_has_read_every_file(self, tmp_path, fetched, named, layout, wholes):
        names = [path if named else f"rec/{number}.rnx" for number, path in enumerate(hourly(*range(200)))]
        chosen = laid_out(site(tmp_path, dict.fromkeys(names, b"<html>")), layout)
        with pytest.raises(RefusedError, match="20 of 20 files were rejected for the same reason"):
            run(chosen)
        assert len(fetched["whole"]) == wholes
        assert len(fetched["head"]) == 0 if named else 20 <= len(fetched["head"]) < 60
        assert not repository(chosen).exists()

    @pytest.mark.heavy
    def test_files_whose_beginning_says_nothing_are_read_whole(self, tmp_path, monkeypatch, fetched):
        """A header that is longer than what is fetched, a container that gives nothing before its end."""
        monkeypatch.setattr(archive, "HEADER_BYTES", 100)
        files = dict(zip((f"rec/{number}.rnx" for number in range(100)), hourly(*range(100)).values(), strict=True))
        chosen = site(tmp_path, files)
        report = run(chosen)
        assert {outcome.status for outcome in report.files[GROUP]} == {Status.OK}
        assert len(fetched["head"]) < 60
        check_as_in_one_run(tmp_path, chosen, files)

    def test_files_that_never_claimed_to_be_observations_stop_nothing(self, tmp_path):
        named = {f"rec/{number}.rnx": content for number, content in enumerate(hourly(1).values())}
        others = {f"rec/{number}.ubx": b"raw" for number in range(90)} | {"rec/README.md": b""}
        report = run(laid_out(site(tmp_path, named | others), "auto"))
        assert report.skipped == 91
        assert [outcome.status for outcomes in report.files.values() for outcome in outcomes] == [Status.OK]

    def test_names_that_tell_the_receiver_count_as_read(self, tmp_path):
        """Whatever else lies between them is no receiver's, and no reason to stop."""
        others = {f"rec/{number}.txt": b"checksums" for number in range(60)}
        report = run(laid_out(site(tmp_path, hourly(*range(20)) | others), "auto"))
        assert report.skipped == 60
        assert {outcome.status for outcome in report.files["stat00sim"]} == {Status.OK}


class TestAFileVanishesOrCantBeFetchedDuringTheRun:
    @pytest.mark.heavy
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
        check_as_in_one_run(tmp_path, chosen, files)

    def test_one_whose_name_tells_nothing_too(self, tmp_path, monkeypatch):
        fetch = ArchiveAccess.fetch

        def gone(self, uri, size_bytes=None):
            if uri == "rec/1.rnx":
                raise ArchiveError(uri)
            return fetch(self, uri, size_bytes)

        files = dict(zip(("rec/0.rnx", "rec/1.rnx", "rec/2.rnx"), hourly(0, 6, 12).values(), strict=True))
        chosen = site(tmp_path, files)
        with monkeypatch.context() as patch:
            patch.setattr(ArchiveAccess, "fetch", gone)
            assert rejected(run(chosen)) == {"rec/1.rnx": Reason.UNREADABLE}
        run(chosen)
        check_as_in_one_run(tmp_path, chosen, files)

    def test_no_run_begins_while_it_is_not_known_whose_it_is(self, tmp_path, monkeypatch):
        def gone(_, uri, size_bytes=None):  # noqa: ARG001 - the listing gives it
            raise ArchiveError(uri)

        monkeypatch.setattr(ArchiveAccess, "fetch", gone)
        chosen = laid_out(site(tmp_path, {"rec/0.rnx": b""}), "auto")
        with pytest.raises(ArchiveError, match=r"rec/0\.rnx"):
            run(chosen)
        assert not repository(chosen).exists()


class TestAFileChangesDuringTheRun:
    def test_the_next_run_takes_what_it_has_become(self, tmp_path):
        uri = name(DAY_ONE_S + 12 * 3600, "01H")
        files = hourly(0, 6, 12)
        longer = {uri: hourly(12, svs=("G01", "G02", "G05", "R03"))[uri]}
        chosen = site(tmp_path, files, run={"sample_files": 1})
        run(chosen, Hook("survey", lambda: write(tmp_path / "archive", longer)))
        run(chosen)
        assert run(chosen).snapshot is None
        check_as_in_one_run(tmp_path, chosen, files | longer)


class TestTheArchiveCantBeListed:
    def test_nothing_is_written(self, tmp_path):
        chosen = site(tmp_path, hourly(0))
        shutil.rmtree(tmp_path / "archive")
        with pytest.raises(ArchiveError):
            run(chosen)
        assert not repository(chosen).exists()

    def test_a_folder_that_is_closed_is_not_left_out(self, tmp_path, monkeypatch):
        chosen = site(tmp_path, hourly(0, 24))
        (closed,) = {path.parent for path in (tmp_path / "archive").rglob("*") if path.is_file()}
        scandir = os.scandir

        def refused(path):
            if path == str(closed):
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refused)
        with pytest.raises(ArchiveError, match="can't be listed: Permission denied; make it readable, or leave it out"):
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
        monkeypatch.setattr("gnssice_batch.storage.patience._FIRST_PAUSE_S", 0.001)
        files = hourly(0, 6)
        chosen = site(tmp_path, files)
        assert rejected(run(chosen)) == {}
        assert len(failed) == 2
        check_as_in_one_run(tmp_path, chosen, files)


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

    @pytest.mark.heavy
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
        check_as_in_one_run(tmp_path, chosen, files)

    @pytest.mark.heavy
    def test_in_a_small_archive_what_was_refused_can_be_taken_later(self, tmp_path, archive):
        files = hourly(*range(0, 30, 6))
        chosen = site(tmp_path, files, run={"sample_files": 1})
        assert set(rejected(run(chosen)).values()) == {Reason.UNREADABLE}
        assert len(stored(chosen, GROUP).uri) < len(files) * 120
        archive.left = 1000
        run(chosen, retry=Retry(frozenset({Reason.UNREADABLE})))
        check_as_in_one_run(tmp_path, chosen, files)
