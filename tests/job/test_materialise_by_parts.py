"""The parts of a job that makes files native: what it wants, resumes, makes, publishes and reports."""

from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import pytest
from distributed import KilledWorker

from gnssice_batch.cluster.executor import Finished
from gnssice_batch.errors import ConfigError, InterruptedRunError, StoreError
from gnssice_batch.job import materialise as module
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.interruption import Stop
from gnssice_batch.job.materialise import NativeFile, Wanted, native_partition, preview_native
from gnssice_batch.job.replanning import MovedError
from gnssice_batch.job.resume import Resumed
from gnssice_batch.job.work import Begun
from gnssice_batch.model.values import PartitionOutcome
from gnssice_batch.model.virtual import NetcdfFile, VirtualContents, VirtualRow, VirtualState
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.records import dump, encode
from gnssice_batch.storage import credentials
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.storage.traffic import TRAFFIC, Traffic
from gnssice_batch.store.layout.telling import UnreadableFileError
from gnssice_batch.store.reading.contents import first_snapshot
from gnssice_batch.store.repository import open_repository
from gnssice_batch.virtual.partitions import finished
from tests.support.virtual import settings_of, url_of


def row(uri, size=1, state=VirtualState.VIRTUAL, **more):
    return VirtualRow(NetcdfFile(uri, "one", size, "e"), state, "one", **{"epochs": 2, **more})


A, B, C = row("a", 10), row("b", 30), row("c", 20)
DONE = row("d", state=VirtualState.NATIVE)
REJECTED = row("e", state=VirtualState.REJECTED)
NATIVE = tuple(replace(each, state=VirtualState.NATIVE) for each in (A, B, C))


def outcome(each, fork=b"fork", failed="", **chunks):
    made = NativeFile(b"" if failed else fork, chunks, failed)
    return PartitionOutcome(f"one.{each.file.uri}", encode(dump(made)), (), bytes_read=each.file.size_bytes)


TAKEN = [
    (None, {}, True),
    (None, {"epochs": 0}, True),
    (None, {"state": VirtualState.NATIVE}, False),
    (5, {"first_ns": 1, "last_ns": 5}, True),
    (5, {"first_ns": 5, "last_ns": 1}, True),
    (5, {"first_ns": 1, "last_ns": 4}, False),
    (5, {"first_ns": 1, "last_ns": 5, "epochs": 1}, True),
    (5, {"first_ns": 5, "last_ns": 9, "epochs": 0}, False),
    (5, {"first_ns": 5, "last_ns": 9, "state": VirtualState.REJECTED}, False),
]


@pytest.mark.parametrize(("since", "words", "taken"), TAKEN)
def test_virtual_files_are_taken_that_hold_an_epoch_of_the_time_or_later(since, words, taken):
    assert Wanted(since).takes(row("a", **words)) is taken


class TestPartition:
    def made(self, monkeypatch, error=None):
        def native_fork(*given):
            if error:
                raise error
            return b"made", {"/one/SNR": [(0, 0), (1, 0)]} | ({} if given == (b"fork", A, None, "url") else {"": []})

        monkeypatch.setattr(module, "native_fork", native_fork)
        TRAFFIC.take()
        TRAFFIC.note("GET")
        return native_partition("one.a", b"fork", A, None, "url")

    def test_it_gives_the_fork_and_the_chunks_that_it_has_written(self, monkeypatch):
        found = self.made(monkeypatch)
        assert (found.key, found.bytes_read, found.traffic) == ("one.a", 10, Traffic({"GET": 1}))
        assert module._native(found) == NativeFile(b"made", {"/one/SNR": ((0, 0), (1, 0))})

    @pytest.mark.parametrize("cause", [None, OSError("no answer")])
    def test_a_file_of_which_it_is_known_what_is_wrong_is_told(self, monkeypatch, cause):
        error = UnreadableFileError("a: was replaced")
        error.__cause__ = cause
        assert module._native(self.made(monkeypatch, error)) == NativeFile(failed="a: was replaced")

    def test_a_file_that_can_not_be_read_for_ever_is_told(self, monkeypatch):
        error = UnreadableFileError("a: odd", known=False)
        assert module._native(self.made(monkeypatch, error)) == NativeFile(failed="a: odd")

    def test_where_the_storage_may_have_failed_it_is_tried_again(self, monkeypatch):
        error = UnreadableFileError("a: odd", known=False)
        error.__cause__ = OSError("no answer")
        with pytest.raises(UnreadableFileError):
            self.made(monkeypatch, error)


@pytest.fixture
def settings(tmp_path):
    return settings_of(tmp_path)


@pytest.fixture
def kind(settings):
    return module._Materialise.of(settings, Wanted(5))


def planned(kind, *rows, snapshot=None):
    every = {each.file.uri: each for each in (*rows, DONE, REJECTED)}
    return module._Planned(kind, VirtualContents(snapshot, {}, every), rows)


class TestPlan:
    def test_the_options_of_the_archive_are_known_to_whoever_opens_a_fork(self, tmp_path):
        given = {"url": "s3://bucket/nc", "storage_options": {"region": "eu-central-1", "anon": True}}
        module._Materialise.of(settings_of(tmp_path, virtual=given), Wanted())
        assert credentials.held("s3://bucket/nc/", StorageOptions()).region == "eu-central-1"

    def test_another_time_makes_it_another_run(self, settings, kind):
        same, other = (module._Materialise.of(settings, Wanted(since)).target.identity for since in (5, 6))
        assert (same == kind.target.identity, other == same) == (True, False)

    def test_it_says_what_it_was_made_on_and_what_it_takes(self, kind, tmp_path):
        found = planned(kind, A, B, snapshot="head")
        assert (found.head, found.idle, found.refused, found.task_memory_bytes) == ("head", False, (), 240)
        nothing = planned(kind)
        assert (nothing.head, nothing.idle, nothing.task_memory_bytes) == (None, True, 0)
        repository = open_repository(str(tmp_path / "other"))
        assert (found.base(repository), nothing.base(repository)) == ("head", first_snapshot(repository))

    def test_files_that_are_native_already_are_counted(self, kind):
        found = planned(kind, A).up_to_date("run")
        assert (found.run, found.url, found.snapshot, found.up_to_date) == ("run", kind.target.url, None, 1)

    def test_what_is_wanted_is_told_before_it_is_made(self, settings, kind, monkeypatch):
        with pytest.raises(StoreError, match="run virtualize without --materialise first"):
            preview_native(settings, Wanted())
        open_repository(url_of(settings))
        contents = VirtualContents("head", {}, {each.file.uri: each for each in (A, B, DONE)})
        monkeypatch.setattr(module, "contents_of", lambda *_: contents)
        monkeypatch.setattr(module, "check_container", lambda *_: None)
        found = preview_native(settings, Wanted())
        assert (found.run, found.rows, found.up_to_date) == ("", NATIVE[:2], 1)
        checked = []
        start = SimpleNamespace(repository=open_repository(url_of(settings)), check_tag=checked.append)
        late = replace(B, last_ns=5)
        monkeypatch.setattr(module, "contents_of", lambda *_: replace(contents, rows={"a": A, "b": late}))
        assert kind.plan(start, None).rows == (late,)
        assert checked == ["head"]

    def test_another_name_of_the_archive_is_refused(self, settings, kind, monkeypatch):
        repository = open_repository(url_of(settings))
        monkeypatch.setattr(module, "contents_of", lambda *_: VirtualContents("head", {}, {"a": A}))
        with pytest.raises(ConfigError, match=r"virtual\.container is"):
            kind.planned(repository)

    def test_what_was_made_on_another_head_is_dropped(self, kind):
        dropped = []
        found = {
            f"one.{each.file.uri}": finished([each.file], outcome(each), base) for each, base in ((A, "h"), (B, "g"))
        }
        journal = SimpleNamespace(take_in=lambda: found, drop=dropped.append)
        resumed = kind.resume(SimpleNamespace(head=lambda branch: {"main": "h"}[branch]), "main", journal)
        assert resumed == Resumed(done={"one.a": found["one.a"]})
        assert dropped == ["one.b"]


class Tasks:
    """Gives back what is said of each task, and takes down what was told of it."""

    def __init__(self, *ended):
        self.ended, self.calls, self.told, self.stop = ended, [], [], Stop()
        self.progress = SimpleNamespace(
            stage=lambda *words: self.told.append(words), finished=lambda *words: self.told.append(words)
        )

    def run(self, calls):
        self.calls = list(calls)
        yield from self.ended


class TestUnderway:
    @pytest.fixture
    def repository(self, settings, monkeypatch):
        made = open_repository(url_of(settings))
        monkeypatch.setattr(module, "pointing_at", lambda repository, *_: repository)
        return made

    def underway(self, kind, repository, *rows, resumed=None):
        self.kept = []
        begun: Future[Begun] = Future()
        journal = SimpleNamespace(record=SimpleNamespace(run="run"), keep=self.kept.append)
        begun.set_result(Begun(repository, journal, None))
        plan = planned(kind, *rows, snapshot=repository.head("main"))
        return plan.begin(Aside(), begun, Resumed(done=resumed or {}))

    def test_files_that_are_not_done_are_made_and_what_became_of_them_is_kept(self, kind, repository):
        head = repository.head("main")
        earlier = {"one.c": finished([C.file], outcome(C), head)}
        job = self.underway(kind, repository, A, B, C, row("x", 5), resumed=earlier)
        killed = Finished("one.x", error=KilledWorker("one.x", None, 3))
        ends = (Finished("one.a", outcome(A)), killed, Finished("one.b", outcome(B, failed="gone")))
        tasks = Tasks(*ends)
        structure = job.make(tasks)
        assert [call.key for call in tasks.calls] == ["one.a", "one.b", "one.x"]
        assert tasks.told == [("materialise", 3), ("one.a", 10), ("one.b", 30)]
        assert (structure.base, structure.branch, structure.work_fork, structure.units) == (head, "", b"", {})
        assert self.kept == [finished([A.file], outcome(A), head)]
        assert job.prove(tasks)
        report = job.report("snapshot")
        assert (report.run, report.snapshot, report.rows) == ("run", "snapshot", (NATIVE[0], NATIVE[2]))
        assert (report.failed, report.set_aside) == ((("b", "gone"),), ("one.x",))
        assert (report.partitions, report.resumed, report.bytes_read, report.up_to_date) == (2, 1, 30, 1)

    def test_nothing_is_made_on_a_branch_that_has_moved(self, kind, repository):
        job = self.underway(kind, repository, A)
        session = repository.handle.writable_session("main")
        session.commit("another", allow_empty=True)
        with pytest.raises(MovedError, match="the branch moved while this was planned"):
            job.make(Tasks())

    def test_a_job_that_is_told_to_stop_publishes_nothing(self, kind, repository):
        job, tasks = self.underway(kind, repository, A), Tasks()
        tasks.stop.requested = True
        with pytest.raises(InterruptedRunError):
            job.make(tasks)

    def test_files_that_can_not_be_read_are_told_by_their_names_and_nothing_is_published(self, kind, repository):
        job = self.underway(kind, repository, A, B)
        tasks = Tasks(*(Finished(f"one.{each.file.uri}", outcome(each, failed="gone")) for each in (B, A)))
        job.make(tasks)
        assert not job.prove(tasks)
        assert job.report(None).failed == (("a", "gone"), ("b", "gone"))

    def test_it_publishes_the_forks_and_the_chunks_in_them(self, kind, repository):
        head = repository.head("main")
        snr, phase = {"/one/SNR": ((0, 0),)}, {"/one/SNR": ((1, 0),), "one/Phase": ((2, 0),)}
        made = {"one.a": outcome(A, b"first", **snr), "one.b": outcome(B, b"second", **phase)}
        files = {"one.a": A, "one.b": B}
        done = {key: finished([files[key].file], each, head) for key, each in made.items()}
        change = self.underway(kind, repository, A, B, C, resumed=done).change("structure")
        assert (change.run, change.structure, change.rows) == ("run", "structure", NATIVE[:2])
        assert change.written.references == {"/one/SNR": {(0, 0), (1, 0)}, "/one/Phase": {(2, 0)}}
        assert (change.message, change.metadata) == ("2 NetCDF files are native", {"files": 2, "software": SOFTWARE})
        assert change.forks == [b"first", b"second"]
        only = self.underway(kind, repository, A, resumed={"one.a": done["one.a"]}).change("structure")
        assert only.message == "1 NetCDF file is native"


def test_what_stays_virtual_is_said(kind, caplog):
    kind.ended(SimpleNamespace(failed=(("a", "gone"),)), None)
    assert [record.getMessage() for record in caplog.records] == ["a stays virtual: gone"]
