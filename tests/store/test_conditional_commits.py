"""Commits that race on one branch of one repository, on every server: exactly one of them wins."""

import threading

import icechunk
import pytest
import zarr

from tests.support.object_stores.stores import icechunk_storage

COMMITTERS = 8
ROUNDS = 5


@pytest.fixture
def storage(object_stores):
    """A storage with a repository in which there is one array."""
    repository = icechunk.Repository.create(icechunk_storage(object_stores))
    session = repository.writable_session("main")
    zarr.create_array(session.store, name="a", shape=(COMMITTERS,), chunks=(1,), dtype="i4", fill_value=-1)
    session.commit("made")
    return lambda: icechunk_storage(object_stores)


@pytest.mark.parametrize("object_stores", ["s3", "azure"], indirect=True)
def test_of_eight_commits_at_once_one_wins(storage):
    for number in range(ROUNDS):
        winners, refused, others = race(storage, number)
        assert (len(winners), len(refused), others) == (1, COMMITTERS - 1, [])
        (winner,) = winners
        repository = icechunk.Repository.open(storage())
        assert repository.lookup_branch("main") == winners[winner]
        assert zarr.open_array(repository.readonly_session("main").store, path="a", mode="r")[winner] == number
    history = list(icechunk.Repository.open(storage()).ancestry(branch="main"))
    assert len(history) == ROUNDS + 2, "every winner, the array, the empty repository"


def race(storage, number):
    """Let all commit at one moment, each through a connection of its own; return winners, refused, other errors."""
    barrier = threading.Barrier(COMMITTERS)
    winners, refused, others = {}, [], []

    def commit(which):
        try:
            session = icechunk.Repository.open(storage()).writable_session("main")
            zarr.open_array(session.store, path="a", mode="r+")[which] = number
            barrier.wait(60)
            winners[which] = session.commit(f"{number}: {which}")
        except icechunk.ConflictError:
            refused.append(which)
        except Exception as error:  # noqa: BLE001 - the test shows it
            others.append(error)
            barrier.abort()

    threads = [threading.Thread(target=commit, args=(which,)) for which in range(COMMITTERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return winners, refused, others
