"""One start of a run by itself: what it finds, what it holds, what it leaves when it ends well and when it does not."""

import threading
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import zarr

from gnssice_batch.errors import InterruptedRunError, PlanError, RunConflictError, StoreError
from gnssice_batch.job import start as module
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.interruption import Stop
from gnssice_batch.job.journal import RunRecord, open_journals
from gnssice_batch.job.lease import HeldError
from gnssice_batch.job.replanning import MovedError
from gnssice_batch.job.resume import Resumed
from gnssice_batch.job.start import Start, start_of, tag_published
from gnssice_batch.job.target import target_of
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Status
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.store.reading.contents import first_snapshot
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.structure import Structure, staged_runs
from tests.support.runs import settings

REFUSED = (FileOutcome(SourceFile("a", "rec", 1, ""), Status.REJECTED, FileFacts(), Refusal("not_rinex")),)


class DiedError(Exception):
    """Ends a start as a fault would."""


@pytest.fixture
def target(tmp_path):
    return target_of(settings(tmp_path))


def nothing(*_):
    return Resumed()


def never(*_):
    raise AssertionError("there is nothing to go on with")


def begun(start, refused=()):
    return start.begin(first_snapshot, refused).result()


def died(target, refused=(), resume=nothing, then=None):
    """A start that began and died; what it had begun, and the run's name."""
    with suppress(DiedError), start_of(target, Stop(), resume) as start:
        found = begun(start, refused)
        if then:
            then(start)
        raise DiedError
    return found, start.run


def commit(repository, run=None, branch="main", group=""):
    """A commit of any program, or of a run; its snapshot."""
    session = repository.handle.writable_session(branch)
    root = zarr.open_group(session.store, mode="a", attributes={"source_format": "rinex3"})
    if group:
        root.create_group(group)
    return session.commit("work", metadata={"run": run} if run else {})


def test_a_new_run_makes_what_it_needs_and_leaves_only_the_repository(target):
    before = datetime.now(UTC).replace(microsecond=0)
    target = replace(target, branch="next")
    with start_of(target, Stop(), never) as start:
        assert (start.repository, start.journal, start.resumed, start.refused) == (None, None, Resumed(), ())
        assert start.proving is None
        found = begun(start)
        assert set(found.repository.handle.list_branches()) == {"main", "next", found.staged.branch}
        base = first_snapshot(found.repository)
        assert found.staged.base == base
        assert found.staged.branch.rpartition("-")[0].endswith(f"{start.run}-0")
        record = found.journal.record
        assert record == RunRecord(start.run, target.identity, "next", base, record.started, SOFTWARE)
        assert before <= datetime.fromisoformat(record.started) <= datetime.now(UTC)
        assert len(record.started) == len("2025-01-01T00:00:00+00:00")
        assert [one.record for one in open_journals(target.journals)] == [record]
        assert not any("surveyed" in name for name in target.journals.entries())
        assert any(thread.name == "lease" for thread in threading.enumerate())
    assert not any(thread.name == "lease" for thread in threading.enumerate())
    assert open_journals(target.journals) == ()
    assert set(found.repository.handle.list_branches()) == {"main", "next"}


def test_a_start_that_did_not_begin_leaves_nothing(target):
    with start_of(target, Stop(), never) as start:
        assert start.run
    assert not list(target.journals.entries())
    open_repository(target.location)
    with start_of(target, Stop(), never) as start:
        assert (start.repository is None, start.journal) == (False, None)


def test_a_start_that_died_is_gone_on_with(target):
    found, run = died(target, REFUSED)
    held = []

    def resume(repository, branch, journal):
        held.append((repository.url, branch, journal.record))
        return Resumed(head="HEAD")

    with start_of(target, Stop(), resume) as start:
        assert (start.run, start.refused) == (run, REFUSED)
        assert held == [(target.url, "main", found.journal.record)]
        adopted = start.repository
        again = begun(start)
        assert (again.journal, again.repository is adopted) == (start.journal, True)
        assert again.journal.record == found.journal.record
        assert start.refused == ()
        assert staged_runs(again.repository) == {run}
        assert any(thread.name == "lease" for thread in threading.enumerate())
        with pytest.raises(RunConflictError, match="is at work"), start_of(target, Stop(), nothing):
            pass
    assert (open_journals(target.journals), staged_runs(again.repository)) == ((), frozenset())


def test_what_an_earlier_start_has_made_is_not_staged_again(target):
    _, run = died(target)
    structure = Structure("base", "branch", b"", b"", {})
    with start_of(target, Stop(), lambda *_: Resumed(structure)) as start:
        assert (start.run, begun(start).staged) == (run, None)


def test_a_run_that_was_published_before_it_could_say_so_is_over(target):
    """What it had still to do is done: the tag is given, its journal and its branches are removed."""
    snapshots = []
    target = replace(target, tag="v1")
    found, run = died(target, then=lambda start: snapshots.append(commit(start.repository, start.run)))
    with start_of(target, Stop(), never) as start:
        assert start.run != run
        assert (start.journal, open_journals(target.journals)) == (None, ())
        assert not any(thread.name == "lease" for thread in threading.enumerate())
        assert start.repository.handle.lookup_tag("v1") == snapshots[0]
        assert staged_runs(found.repository) == frozenset()


def test_another_run_s_commit_is_not_that_of_this_one(target):
    _, run = died(target, then=lambda start: commit(start.repository, "another"))
    with start_of(target, Stop(), nothing) as start:
        assert start.run == run


@pytest.fixture
def foreign(target):
    """A repository with something of another program on a branch."""

    def made(branch):
        repository = open_repository(target.location)
        if branch != "main":
            repository.handle.create_branch(branch, repository.head("main"))
        commit(repository, branch=branch, group="theirs")
        return repository

    return made


@pytest.mark.parametrize(("theirs", "branch"), [("main", "main"), ("main", "next"), ("next", "next")])
def test_a_repository_of_another_program_is_refused(foreign, theirs, branch):
    """On a branch that is not there yet too: it would begin at the head of main."""
    with pytest.raises(PlanError, match="was not made by gnssice-batch"):
        module._check_ours(branch, foreign(theirs))


def test_what_another_program_has_on_another_branch_does_not_matter(foreign):
    module._check_ours("main", foreign("next"))


def test_among_the_files_of_others_no_run_begins(target, tmp_path):
    folder = tmp_path / "stores" / "site" / "rinex"
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("all of it")
    with pytest.raises(StoreError, match=r"holds thesis\.tex"):
        start_of(target, Stop(), nothing).__enter__()


class TestHeadAndTag:
    @pytest.fixture
    def repository(self, target):
        made = open_repository(target.location)
        commit(made)
        return made

    def start(self, target, repository, tag=None, head=None):
        made = Start(replace(target, tag=tag), "run", ExitStack(), Aside())
        made.repository, made.resumed = repository, Resumed(head=head)
        return made

    @pytest.mark.parametrize(
        ("held", "planned", "moved"), [(None, "A", 0), ("A", "A", 0), ("A", "B", 1), ("A", None, 1)]
    )
    def test_a_plan_is_made_on_the_head_that_work_was_held_against(self, target, held, planned, moved):
        start = self.start(target, None, head=held)
        if not moved:
            return start.check_head(planned)
        with pytest.raises(MovedError, match="moved again") as caught:
            start.check_head(planned)
        assert caught.value.run == "run"
        return None

    def test_the_tag_that_is_wanted_must_be_free_or_the_head_s(self, target, repository):
        head = repository.head("main")
        repository.handle.create_tag("v1", head)
        self.start(target, repository, "v1").check_tag(head)
        self.start(target, repository).check_tag(None)
        self.start(target, None, "v1").check_tag(None)
        for check in (self.start(target, repository, "v1").check_tag, lambda _: self.begin(target, repository)):
            with pytest.raises(StoreError, match="has a tag 'v1' already"):
                check(None)

    def begin(self, target, repository):
        return self.start(target, repository, "v1").begin(first_snapshot, ())

    def test_the_head_gets_the_tag_where_there_is_nothing_to_publish(self, target, repository):
        head = repository.head("main")
        assert self.start(target, repository).tag_head(head) is None
        assert self.start(target, None, "v1").tag_head(head) is None
        assert self.start(target, repository, "v1").tag_head(None) is None
        assert list(repository.handle.list_tags()) == []
        assert self.start(target, repository, "v1").tag_head(head) == head
        assert repository.handle.lookup_tag("v1") == head

    def test_what_was_published_gets_the_tag_that_is_wanted(self, target, repository):
        tag_published(target, repository, repository.head("main"))
        assert list(repository.handle.list_tags()) == []
        tag_published(replace(target, tag="v2"), repository, repository.head("main"))
        assert repository.handle.lookup_tag("v2") == repository.head("main")


class FoundError(Exception):
    """Ends the opening of a repository."""


def proved(error):
    future: Future[None] = Future()
    future.set_exception(error) if error else future.set_result(None)
    return future


@pytest.mark.parametrize(
    ("proving", "proven", "ended"),
    [
        (None, False, FoundError),
        (proved(None), True, FoundError),
        (proved(OSError("no answer")), False, FoundError),
        (proved(StoreError("two writers won")), None, StoreError),
    ],
)
def test_a_server_that_was_tried_is_not_tried_again_but_where_it_did_not_answer(
    target, monkeypatch, proving, proven, ended
):
    asked = []

    def opened(*_, proven):
        asked.append(proven)
        raise FoundError

    monkeypatch.setattr(module, "open_repository", opened)
    with Aside() as aside:
        start = Start(target, "run", ExitStack(), aside, proving)
        with pytest.raises(ended):
            begun(start)
    assert asked == ([] if proven is None else [proven])


def test_a_server_is_tried_beside_other_work_where_nothing_is_on_it_yet(tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(module, "repository_exists", lambda _: False)
    monkeypatch.setattr(module, "prove_server", tried.append)
    far = target_of(settings(tmp_path, store={"url": "s3://bucket/stores"}))
    with start_of(far, Stop(), never) as start:
        start.proving.result()
    monkeypatch.setattr(module, "_adopted", lambda *_: (SimpleNamespace(), None))
    with start_of(far, Stop(), never) as start:
        assert start.proving is None
    assert tried == [far.location]


class Leased:
    """A journal whose lease is renewed, with what that raises."""

    record = SimpleNamespace(run="run")

    def __init__(self, *raised):
        self.raised, self.renewed, self.over = [*raised], 0, threading.Event()

    def renew(self):
        self.renewed += 1
        if not self.raised:
            self.over.set()
            return
        raise self.raised.pop(0)


@pytest.fixture
def _beating(monkeypatch):
    monkeypatch.setattr(module, "_BEAT_S", 0.001)


@pytest.mark.usefixtures("_beating")
def test_a_lease_is_renewed_again_and_again_though_the_storage_fails(caplog):
    journal = Leased(StoreError("no answer"), StoreError("no answer"))
    with module._heartbeat(journal):
        assert journal.over.wait(10)
    renewed = journal.renewed
    assert renewed >= 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert not any(thread.name == "lease" for thread in threading.enumerate())


@pytest.mark.usefixtures("_beating")
def test_a_lease_that_is_another_s_is_not_renewed_any_more(caplog):
    journal = Leased(RunConflictError("another has it"))
    with module._heartbeat(journal):
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "lease")
        thread.join(10)
        assert not thread.is_alive()
    assert journal.renewed == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_where_another_process_may_be_dead_its_lease_is_waited_for_without_the_lock(target, monkeypatch):
    repository = open_repository(target.location)
    lease, asked = SimpleNamespace(host="h", process=1, beat="b"), []

    def resumable(folder, identity, branch, dead):
        asked.append((folder, identity, branch, dead))
        assert repository.lock.is_locked
        if dead is None:
            raise HeldError(folder, "run", lease)
        return "journal"

    def waited(held, check):
        assert not repository.lock.is_locked
        check()
        return held.lease

    monkeypatch.setattr(module, "resumable", resumable)
    monkeypatch.setattr(module, "wait_for", waited)
    assert module._resumable(target, repository, Stop()) == "journal"
    assert asked == [(target.journals, target.identity, "main", dead) for dead in (None, lease)]
    with pytest.raises(InterruptedRunError):
        module._resumable(target, repository, Stop(requested=True))


def test_what_can_not_be_cleared_away_is_anybody_s(target, monkeypatch):
    repository, given = open_repository(target.location), []
    journal = SimpleNamespace(
        record=SimpleNamespace(run="run"), remove=lambda ready: ready(), give_back=lambda: given.append("run")
    )
    module._clear(repository, journal)
    assert given == []
    monkeypatch.setattr(module, "discard_staging", lambda *_: never())
    with pytest.raises(AssertionError):
        module._clear(repository, journal)
    assert given == ["run"]
