"""A run that is interrupted goes on from its journal, wherever that lies; one journal serves one start at a time."""

import threading

import pytest

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.job.lease import now
from gnssice_batch.job.run import run
from gnssice_batch.job.sealing import seal, unseal
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.open_runs import abandon, finished_partitions, open_run, open_runs
from tests.failures.small import Hook, Interrupt, hourly, interrupt
from tests.support.runs import settings, write

OTHER = {"host": "another-host", "token": "other"}


@pytest.fixture
def chosen(object_stores, tmp_path):
    write(tmp_path / "archive", hourly(0, 6, 12, 18))
    store = {"url": object_stores.url}
    if object_stores.options:
        store |= {"storage_options": dict(object_stores.options), "allow_static_credentials": True}
    return settings(tmp_path, store=store)


def leased(chosen, **changes):
    """Let another have the one open run."""
    (found,) = open_runs(chosen)
    folder = target_of(chosen).journals.below(found.run)
    lease = unseal(folder.read("lease.json")) | OTHER | {"beat": now(), "released": False} | changes
    folder.write("lease.json", seal(lease))


def test_an_interrupted_run_is_listed_and_goes_on(chosen):
    with pytest.raises(Interrupt):
        run(chosen, Hook("ingest", interrupt, after=3))
    (found,) = open_runs(chosen)
    assert (found.partitions, found.at_work) == (3, False)
    assert sorted(finished_partitions(chosen, found.run).values()) == [(1, 120)] * 3
    hook = Hook()
    report = run(chosen, hook)
    assert (report.run, report.resumed, len(hook.ingested)) == (found.run, 3, 1)
    assert open_runs(chosen) == ()
    assert target_of(chosen).journals.entries() == {}
    assert run(chosen).snapshot is None


@pytest.mark.heavy
def test_who_has_lost_the_run_publishes_nothing(chosen):
    with pytest.raises(RunConflictError, match="taken over by another-host"):
        run(chosen, Hook("ingest", lambda: leased(chosen), after=4))
    (found,) = open_runs(chosen)
    assert (found.partitions, found.at_work, found.snapshot) == (4, True, None)
    renewal = threading.Timer(1.5, lambda: leased(chosen))
    renewal.start()
    with pytest.raises(RunConflictError, match="at work on another-host"):
        run(chosen)
    renewal.join()
    with pytest.raises(RunConflictError, match="--force"):
        abandon(chosen, found.run)
    leased(chosen, beat="2020-01-01T00:00:00+00:00")
    assert run(chosen).resumed == 4


def test_a_run_that_is_given_up_leaves_nothing(chosen):
    with pytest.raises(Interrupt):
        run(chosen, Hook("ingest", interrupt, after=1))
    (found,) = open_runs(chosen)
    assert open_run(chosen, found.run).partitions == 1
    abandon(chosen, found.run)
    assert target_of(chosen).journals.entries() == {}


@pytest.mark.heavy
def test_a_storage_that_fails_ends_the_run(chosen, monkeypatch):
    write_file = type(target_of(chosen).journals).write

    def failing(self, name, content):
        if name.startswith("partitions/"):
            raise OSError("503 Slow Down")
        write_file(self, name, content)

    monkeypatch.setattr(type(target_of(chosen).journals), "write", failing)
    with pytest.raises(StoreError, match="journal can't be written: 503 Slow Down"):
        run(chosen)
    monkeypatch.undo()
    assert run(chosen).resumed == 0
