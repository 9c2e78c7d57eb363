"""Branches made and removed, once and again."""

import icechunk
import pytest
import zarr

from gnssice_batch.store import repository as module
from gnssice_batch.store.repository import (
    MAIN,
    STAGING,
    Repository,
    ensure_branch,
    make_branch,
    no_such_branch,
    open_repository,
    remove_branch,
)


@pytest.fixture
def local(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


def branches(repository):
    return sorted(repository.handle.list_branches())


class Lock:
    """A lock that says whether it is held."""

    held = False

    def __enter__(self):
        self.held = True

    def __exit__(self, *_):
        self.held = False


class TestBranches:
    def moved(self, repository):
        session = repository.handle.writable_session(MAIN)
        zarr.create_group(session.store)
        return session.commit("moved")

    def test_one_is_made_at_the_head_of_main_where_it_is_not_there(self, local, monkeypatch):
        made, held, lock = make_branch, [], Lock()

        def noted(*arguments):
            held.append(lock.held)
            made(*arguments)

        monkeypatch.setattr(module, "make_branch", noted)
        one = Repository(local.location, local.handle, lock)
        ensure_branch(one, "trial")
        before = local.head("trial")
        assert before == local.head()
        self.moved(local)
        for branch in ("trial", MAIN):
            ensure_branch(one, branch)
        assert (local.head("trial"), held, branches(local)) == (before, [True], [MAIN, "trial"])

    def test_one_that_was_made_already_is_made_and_none_that_points_elsewhere(self, local):
        first = local.head()
        make_branch(local, "trial", first)
        make_branch(local, "trial", first)
        with pytest.raises(icechunk.IcechunkError):
            make_branch(local, "trial", self.moved(local))
        with pytest.raises(icechunk.IcechunkError):
            make_branch(local, "other", "Z" * 20)
        assert (local.head("trial"), branches(local)) == (first, [MAIN, "trial"])

    def test_one_that_was_removed_already_is_removed_and_main_can_not_be(self, local):
        make_branch(local, "trial", local.head())
        remove_branch(local, "trial")
        assert branches(local) == [MAIN]
        remove_branch(local, "trial")
        with pytest.raises(icechunk.IcechunkError):
            remove_branch(local, MAIN)
        assert branches(local) == [MAIN]

    def test_who_asks_for_one_that_is_not_there_is_told_those_that_are_but_of_runs(self, local):
        for name in ("b", "a", f"{STAGING}run-1-ab"):
            make_branch(local, name, local.head())
        error = no_such_branch(local, "x")
        assert str(error) == f"the repository {local.url} has no branch 'x'; it has a, b, main"
