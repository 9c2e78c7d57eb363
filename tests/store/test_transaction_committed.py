"""A transaction is committed once, on what others have committed meanwhile, and says what is stored if it fails."""

from dataclasses import replace

import icechunk
import pytest
import zarr

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.store.repository import make_branch
from gnssice_batch.store.transaction import Transaction
from gnssice_batch.store.versions import versions
from tests.support.histories import Held, RefusedError, commit, on_disk


class Session:
    """A session whose commits fail in some way before or after they are stored."""

    def __init__(self, session, *, before=(), after=()):
        self.session, self.before, self.after = session, list(before), list(after)
        self.asked = 0

    def __getattr__(self, name):
        return getattr(self.session, name)

    def commit(self, *words, **named):
        self.asked += 1
        if self.before:
            raise self.before.pop(0)
        stored = self.session.commit(*words, **named)
        if self.after:
            raise self.after.pop(0)
        return stored


class Silent:
    """A repository that does not answer when it is asked for its history."""

    def __init__(self, handle):
        self.handle = handle

    def __getattr__(self, name):
        return getattr(self.handle, name)

    def ancestry(self, **_):
        raise icechunk.IcechunkError("no answer")


def lost(said="the answer is lost"):
    return icechunk.IcechunkError(said)


@pytest.fixture
def repository(tmp_path):
    made = on_disk(tmp_path)
    commit(made, 1)
    return made


def begun(repository, name="mine", branch="main", **words):
    """A transaction that has written an attribute of a group of its own."""
    session = repository.handle.writable_session(branch)
    zarr.open_group(session.store, path=name, mode="a").attrs["number"] = 1
    return Transaction(repository, Session(session, **words) if words else session, branch)


def messages(repository, branch="main"):
    return [version.message for version in versions(repository, branch)]


def test_what_is_committed_says_what_it_was_told(repository):
    transaction = begun(repository)
    assert (transaction.unfinished, transaction.version) == (True, None)
    version = transaction.commit("mine", {"by": "me"})
    assert (version.number, version.message, version.metadata) == (2, "mine", {"by": "me"})
    assert (version, transaction.version, transaction.unfinished) == (repository.head(), version, False)
    assert begun(repository, "more").commit("bare").metadata == {}


def test_what_is_given_up_is_not_written(repository):
    transaction = begun(repository)
    transaction.rollback()
    assert not transaction.unfinished
    assert "mine" not in zarr.open_group(transaction.session.store, mode="r")


def test_what_is_written_after_a_commit_is_that_of_another_transaction(repository):
    session = repository.handle.writable_session("main")
    transaction = Transaction(repository, session, "main")
    assert not transaction.unfinished
    zarr.open_group(session.store, path="mine", mode="a")
    assert transaction.unfinished


def test_it_goes_on_top_of_others(repository):
    transaction = begun(repository)
    commit(repository, 2)
    assert transaction.commit("mine").number == 3
    assert messages(repository) == ["version 1", "version 2", "mine"]


def test_it_does_not_overwrite_what_others_have_changed(repository):
    session = repository.handle.writable_session("main")
    zarr.open_group(session.store, mode="r+")["x"][:] = 1
    other = commit(repository, 2)
    with pytest.raises(RunConflictError, match=r"another writer has changed the same.*nothing is stored"):
        Transaction(repository, session, "main").commit("mine")
    assert repository.head() == other


def test_it_waits_for_who_holds_the_lock(repository):
    with pytest.raises(RefusedError):
        replace(begun(repository), repository=replace(repository, lock=Held())).commit("mine")
    assert messages(repository) == ["version 1"]


@pytest.mark.parametrize("others", [0, 1])
def test_one_whose_answer_is_lost_is_found_on_the_branch(repository, others):
    transaction = begun(repository, after=[lost()])
    for number in range(others):
        commit(repository, number + 2)
    version = transaction.commit("mine")
    assert (version.message, version.number) == ("mine", 2 + others)
    assert transaction.session.asked == 1


def test_one_that_others_have_followed_since_is_told_apart_from_them(repository):
    class Followed(Session):
        """Another one is faster than the answer, which is lost; the session does not know that it is over."""

        has_uncommitted_changes = True

        def commit(self, *words, **named):
            self.session.commit(*words, **named)
            commit(repository, 9)
            raise lost()

    transaction = begun(repository)
    transaction.session = Followed(transaction.session)
    version = transaction.commit("mine")
    assert (version.message, version.number, transaction.unfinished) == ("mine", 2, False)
    assert messages(repository) == ["version 1", "mine", "version 9"]


def test_it_is_looked_for_on_its_own_branch(repository):
    make_branch(repository, "trial", repository.head())
    version = begun(repository, branch="trial", after=[lost()]).commit("mine")
    assert (version.message, messages(repository), messages(repository, "trial")) == (
        "mine",
        ["version 1"],
        ["version 1", "mine"],
    )


def test_one_that_failed_says_that_nothing_is_stored(repository):
    transaction = begun(repository, before=[lost("disk full")])
    with pytest.raises(StoreError, match=r"can't be committed, nothing is stored: .*disk full"):
        transaction.commit("mine")
    assert transaction.session.asked == 1
    assert (transaction.unfinished, messages(repository)) == (True, ["version 1"])


def test_one_that_is_refused_because_another_was_faster_is_made_again(repository):
    transaction = begun(repository, before=[lost()] * 5)
    commit(repository, 2)
    assert transaction.commit("mine").number == 3
    assert transaction.session.asked == 6


def test_one_that_is_refused_on_top_of_the_others_is_not_made_again(repository):
    class Rebased(Session):
        """It knows of the others, and fails all the same."""

        def commit(self, *_, **__):
            self.asked += 1
            self.session.rebase(icechunk.ConflictDetector())
            raise lost("disk full")

    transaction = begun(repository)
    transaction.session = Rebased(transaction.session)
    commit(repository, 2)
    with pytest.raises(StoreError, match="nothing is stored"):
        transaction.commit("mine")
    assert transaction.session.asked == 1


def test_it_is_not_made_again_for_ever(repository):
    transaction = begun(repository, before=[lost()] * 1000)
    commit(repository, 2)
    with pytest.raises(StoreError, match="nothing is stored"):
        transaction.commit("mine")
    assert transaction.session.asked == 100


def test_where_the_storage_does_not_say_what_is_stored_that_is_said(repository):
    transaction = begun(repository, after=[lost()])
    silent = replace(transaction, repository=replace(repository, handle=Silent(repository.handle)))
    with pytest.raises(StoreError, match=r"does not say whether it is stored.*list_versions"):
        silent.commit("mine")


def test_one_that_is_stored_but_can_t_be_read_says_so(repository):
    transaction = begun(repository)
    silent = replace(transaction, repository=replace(repository, handle=Silent(repository.handle)))
    with pytest.raises(StoreError, match=r"the transaction is stored as version .* which can't be read again"):
        silent.commit("mine")
    assert messages(repository) == ["version 1", "mine"]
