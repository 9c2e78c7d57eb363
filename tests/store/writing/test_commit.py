"""The one commit of a job: under the lock, on the head as it is, never twice, and never in part."""

from dataclasses import dataclass, field

import icechunk
import pytest
import zarr

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.storage.location import location
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.store.forks import fork_bytes
from gnssice_batch.store.repository import Repository, open_repository
from gnssice_batch.store.writing import commit as module
from gnssice_batch.store.writing.commit import publish, published_snapshot
from gnssice_batch.store.writing.structure import Structure

LONG = 20_000
"""Bytes of a chunk that is an object of its own."""


class Lock:
    """A lock that says whether it is held."""

    held = False

    def __enter__(self):
        self.held = True

    def __exit__(self, *_):
        self.held = False


@pytest.fixture
def repository(tmp_path):
    """One with an array, and with a lock that says whether it is held."""
    made = open_repository(str(tmp_path / "site" / "rinex"))
    session = made.handle.writable_session("main")
    zarr.create_array(session.store, name="x", shape=(4,), chunks=(1,), dtype="i4", fill_value=0)
    zarr.create_array(session.store, name="rows", shape=(LONG,), dtype="i1", compressors=None, fill_value=0)
    session.commit("made")
    return Repository(made.location, made.handle, Lock())


@dataclass
class Change:
    """A change that writes one cell in each of its forks, and the rows."""

    repository: Repository
    structure: Structure
    forks: list[bytes]
    run: str = "run-1"
    source_format: str = "rinex3"
    message: str = "a message"
    metadata: dict = field(default_factory=lambda: {"files": 3})
    unfit: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    others: list = field(default_factory=list)
    """Called one after the other, each between the numbers of a try and its commit."""
    heads: list[str] = field(default_factory=list)
    """That of each try."""

    def misfits(self, repository, session):
        assert (repository, session.snapshot_id) == (self.repository, repository.head())
        return self.unfit

    def differences(self, found):
        assert found.keys() == {"/x"}
        return self.wrong

    def completing(self, session):
        assert self.repository.lock.held
        self.heads.append(session.snapshot_id)

        def complete():
            zarr.open_array(session.store, path="rows")[:] = 1
            if self.others:
                self.others.pop(0)()
            return {"/rows": frozenset({(0,)})}

        return complete


@pytest.fixture
def change(repository):
    clean = repository.handle.writable_session("main")
    forks = []
    for cell in (1, 3):
        fork = clean.fork()
        zarr.open_array(fork.store, path="x")[cell] = cell
        forks.append(fork_bytes(fork))
    unchanged = fork_bytes(clean.fork())
    return Change(repository, Structure(repository.head(), "staging", unchanged, unchanged, {}), forks)


@pytest.fixture
def pauses(monkeypatch):
    """Between which seconds each pause is drawn; none is made."""
    drawn = []
    monkeypatch.setattr(module.random, "uniform", lambda *bounds: drawn.append(bounds) or len(drawn))
    monkeypatch.setattr(module.time, "sleep", drawn.append)
    return drawn


def another(repository, name):
    """A commit of somebody else."""
    session = repository.handle.writable_session("main")
    zarr.create_group(session.store, path=name)
    session.commit(name)


def messages(repository):
    return [entry.message for entry in repository.handle.ancestry(branch="main")][:-1]


def cells(repository):
    return zarr.open_array(repository.handle.readonly_session("main").store, path="x", mode="r")[:].tolist()


def test_everything_is_one_commit_that_tells_its_run(repository, change):
    seen = []
    snapshot = publish(repository, "main", change, lambda: seen.append((repository.lock.held, cells(repository))))
    assert seen == [(True, [0, 0, 0, 0])]
    assert not repository.lock.held
    newest = next(iter(repository.handle.ancestry(branch="main")))
    assert (newest.id, newest.message) == (snapshot, "a message")
    assert newest.metadata == {"run": "run-1", "files": 3}
    store = repository.handle.readonly_session("main").store
    assert zarr.open_array(store, path="rows", mode="r")[:].all()
    assert (cells(repository), messages(repository)) == ([0, 1, 0, 3], ["a message", "made"])


def test_what_asks_to_stop_before_the_commit_stops_it(repository, change):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(repository, "main", change, stop)
    assert (messages(repository), repository.lock.held) == (["made"], False)


def test_work_that_does_not_fit_is_a_conflict(repository, change):
    another(repository, "theirs")
    change.unfit = ["one", "two"]
    with pytest.raises(RunConflictError) as raised:
        publish(repository, "main", change)
    assert str(raised.value) == (
        f"another run moved the branch from {change.structure.base} to {repository.head()} and this one does not fit:"
        " one; two"
    )
    assert messages(repository) == ["theirs", "made"]


def test_units_that_were_not_planned_are_no_commit(repository, change):
    change.wrong = ["one", "two"]
    with pytest.raises(StoreError) as raised:
        publish(repository, "main", change)
    assert str(raised.value).endswith("not the planned write units, nothing was published:\none\ntwo")
    assert messages(repository) == ["made"]


def test_forks_that_contradict_each_other_are_no_commit(repository, change):
    other = repository.handle.writable_session("main").fork()
    del zarr.open_group(other.store)["x"]
    change.forks.append(fork_bytes(other))
    with pytest.raises(StoreError, match=r"can't be merged, nothing was published: .*both deleted and modified: /x$"):
        publish(repository, "main", change)
    assert messages(repository) == ["made"]


@pytest.mark.parametrize("elsewhere", [True, False])
def test_objects_are_counted_where_they_are_sent_somewhere(repository, change, elsewhere):
    """The chunk of rows and its bytes; four of the commit, and a manifest for each of the two arrays."""
    where = location("s3://bucket/rinex") if elsewhere else repository.location
    change.repository = away = Repository(where, repository.handle, repository.lock)
    TRAFFIC.take()
    publish(away, "main", change)
    found = TRAFFIC.take()
    assert (dict(found.requests), found.sent_bytes) == (({"PUT": 7}, LONG) if elsewhere else ({}, 0))


def test_another_try_is_made_on_the_head_of_whoever_was_faster(repository, change, pauses):
    change.others = [lambda: another(repository, "one"), lambda: another(repository, "two")]
    publish(repository, "main", change)
    assert messages(repository) == ["a message", "two", "one", "made"]
    assert change.heads[0] == change.structure.base
    assert len(set(change.heads)) == 3
    assert cells(repository) == [0, 1, 0, 3]
    assert pauses == [(0, 0.2), 1, (0, 0.4), 3]


@pytest.mark.usefixtures("pauses")
def test_a_branch_that_keeps_moving_is_given_up(repository, change):
    change.others = [lambda number=number: another(repository, f"n{number}") for number in range(10)]
    with pytest.raises(RunConflictError, match="'main' kept moving in 10 tries; nothing of this run was published"):
        publish(repository, "main", change)
    assert (len(change.heads), change.others) == (10, [])
    assert "a message" not in messages(repository)


class TestACommitThatFails:
    def failing(self, monkeypatch, commit):
        """Let the next commit be another one."""
        plain = icechunk.Session.commit

        def once(session, *arguments, **named):
            monkeypatch.setattr(icechunk.Session, "commit", plain)
            commit(lambda: plain(session, *arguments, **named))
            raise icechunk.IcechunkError("the answer is lost\nsomewhere")

        monkeypatch.setattr(icechunk.Session, "commit", once)

    def test_and_is_there_all_the_same_is_found(self, repository, change, monkeypatch):
        self.failing(monkeypatch, lambda commit: commit())
        assert publish(repository, "main", change) == repository.head()
        assert messages(repository) == ["a message", "made"]

    def test_and_is_not_there_is_told(self, repository, change, monkeypatch):
        self.failing(monkeypatch, lambda _: None)
        with pytest.raises(StoreError) as raised:
            publish(repository, "main", change)
        said = "the commit failed, readers still see the state before this run: the answer is lost"
        assert str(raised.value) == said
        assert messages(repository) == ["made"]

    @pytest.mark.usefixtures("pauses")
    def test_because_the_branch_has_moved_is_tried_again_whatever_the_server_calls_it(
        self, repository, change, monkeypatch
    ):
        self.failing(monkeypatch, lambda _: another(repository, "one"))
        publish(repository, "main", change)
        assert messages(repository) == ["a message", "one", "made"]

    @pytest.mark.usefixtures("pauses")
    def test_by_a_conflict_is_tried_again_though_the_branch_was_set_back(self, repository, change, monkeypatch):
        before = repository.head()

        def moved_and_back(_):
            late = repository.handle.writable_session("main")
            zarr.create_group(late.store, path="late")
            another(repository, "one")
            try:
                late.commit("late")
            finally:
                repository.handle.reset_branch("main", before)

        self.failing(monkeypatch, moved_and_back)
        publish(repository, "main", change)
        assert messages(repository) == ["a message", "made"]


def test_a_runs_snapshot_is_looked_for_down_to_where_it_began(repository):
    ids = {}
    for run in ("one", "two", "three"):
        session = repository.handle.writable_session("main")
        zarr.create_group(session.store, path=run)
        ids[run] = session.commit(run, metadata={"run": run})
    for run, snapshot in ids.items():
        assert published_snapshot(repository, "main", run) == snapshot
        assert published_snapshot(repository, "main", run, since=snapshot) == snapshot
    assert published_snapshot(repository, "main", "two", since=ids["one"]) == ids["two"]
    assert published_snapshot(repository, "main", "one", since=ids["two"]) is None
    assert published_snapshot(repository, "main", "four") is None
