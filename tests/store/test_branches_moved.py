"""Branches are moved where nobody has moved them meanwhile, so that no version is lost."""

import re
import shutil
from dataclasses import replace
from datetime import UTC

import icechunk
import pytest

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.branches import (
    Move,
    begin_branch,
    branches,
    carry_out,
    end_branch,
    go_back,
    go_on,
    head_of,
    move_to,
    take_back,
    undo_tag,
)
from gnssice_batch.store.repository import STAGING, make_branch
from gnssice_batch.store.tags import tags
from gnssice_batch.store.versions import versions
from tests.support.histories import Held, RefusedError, commit, far, on_disk, requests


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("branches")
    repository = on_disk(folder)
    ids = [commit(repository, 1)]
    make_branch(repository, "trial", ids[0])
    ids += [
        commit(repository, 2),
        commit(repository, 3),
        commit(repository, 4, "trial"),
        commit(repository, 5, "trial"),
    ]
    return folder, ids


@pytest.fixture
def made(once, tmp_path):
    """A repository with three versions, and a branch that leaves main at the first for two of its own."""
    folder, ids = once
    return on_disk(shutil.copytree(folder, tmp_path / "copy")), ids


class Handle:
    """A repository that fails to answer when a branch is moved."""

    def __init__(self, handle, *, moved):
        self.handle, self.moved = handle, moved

    def __getattr__(self, name):
        return getattr(self.handle, name)

    def reset_branch(self, *words, **named):
        if self.moved:
            self.handle.reset_branch(*words, **named)
        raise icechunk.IcechunkError("no answer")


def updates(repository):
    return len(list((local_path(repository.url) / "overwritten").iterdir()))


def test_all_are_listed_in_order_and_compared_with_another(made):
    repository, ids = made
    for name in ("zeta", "beta", "omega", "alpha"):
        make_branch(repository, name, ids[1])
    make_branch(repository, f"{STAGING}run-0-abcd", ids[0])
    found = branches(repository, "main")
    assert [one.name for one in found] == ["alpha", "beta", "main", "omega", "trial", "zeta"]
    told = {one.name: (one.head, one.message, one.ahead, one.behind) for one in found}
    assert told["main"] == (ids[2], "version 3", 0, 0)
    assert told["trial"] == (ids[4], "version 5", 2, 2)
    assert told["beta"] == (ids[1], "version 2", 0, 1)
    newest = repository.handle.lookup_snapshot(ids[2]).written_at
    assert [(one.written_at, one.written_at.tzinfo) for one in found if one.name == "main"] == [(newest, UTC)]
    with pytest.raises(StoreError, match="no branch 'nope'"):
        branches(repository, "nope")


def test_a_move_tells_what_readers_gain_and_lose_oldest_first(made):
    repository, ids = made
    assert move_to(repository, "main", ids[4]) == Move("main", ids[2], ids[4], (ids[3], ids[4]), (ids[1], ids[2]))
    assert move_to(repository, "main", ids[0]) == Move("main", ids[2], ids[0], (), (ids[1], ids[2]))


class TestCarriedOut:
    def test_it_is(self, made):
        repository, ids = made
        carry_out(repository, move_to(repository, "main", ids[0]))
        assert head_of(repository, "main") == ids[0]

    def test_not_where_somebody_has_moved_it(self, made):
        repository, ids = made
        move = move_to(repository, "main", ids[0])
        later = commit(repository, 6)
        with pytest.raises(RunConflictError, match=f"somebody has moved 'main' to {later} meanwhile; nothing was"):
            carry_out(repository, move)
        assert repository.head() == later

    def test_not_while_another_holds_the_lock(self, made):
        repository, ids = made
        with pytest.raises(RefusedError):
            carry_out(replace(repository, lock=Held()), move_to(repository, "main", ids[0]))
        assert repository.head() == ids[2]

    @pytest.mark.parametrize("moved", [True, False])
    def test_where_the_answer_is_lost_the_branch_says_whether_it_was(self, made, moved):
        repository, ids = made
        failing = replace(repository, handle=Handle(repository.handle, moved=moved))
        move = move_to(repository, "main", ids[0])
        if moved:
            carry_out(failing, move)
        else:
            with pytest.raises(StoreError, match="no answer") as raised:
                carry_out(failing, move)
            assert not isinstance(raised.value, RunConflictError)
        assert repository.head() == (ids[0] if moved else ids[2])

    def test_it_is_counted_as_a_request(self):
        repository = far()
        first, _ = commit(repository, 1), commit(repository, 2)
        assert requests(carry_out, repository, move_to(repository, "main", first)) == {"PUT": 2}


class TestBegunAndEnded:
    def test_neither_while_another_holds_the_lock(self, made):
        repository, ids = made
        held = replace(repository, lock=Held())
        with pytest.raises(RefusedError):
            begin_branch(held, "new", ids[0])
        with pytest.raises(RefusedError):
            end_branch(held, "trial")
        assert set(repository.handle.list_branches()) == {"main", "trial"}


class TestGoneOn:
    """A branch goes on to a version that has all of its own."""

    def test_it_shows_the_version(self, made):
        repository, ids = made
        make_branch(repository, "next", ids[2])
        after = commit(repository, 7, "next")
        assert go_on(repository, "main", after) == Move("main", ids[2], after, (after,), ())
        assert repository.head() == after

    def test_nothing_is_written_where_it_shows_it_already(self, made):
        repository, ids = made
        before = updates(repository)
        assert go_on(repository, "main", ids[2]) == Move("main", ids[2], ids[2], (), ())
        assert updates(repository) == before

    def test_not_where_versions_would_be_lost_which_are_listed(self, made):
        repository, ids = made
        lost = ", ".join(str(version) for version in versions(repository)[1:])
        with pytest.raises(RunConflictError, match=re.escape(f"does not go on from ({lost}): nothing was changed")):
            go_on(repository, "main", ids[4])
        assert repository.head() == ids[2]


class TestGoneBack:
    """A branch shows an earlier version of its own again."""

    @pytest.mark.parametrize("by", ["id", "number", "version"])
    def test_what_is_taken_back_is_kept_by_a_tag_that_brings_it_back(self, made, by):
        repository, ids = made
        name = {"id": ids[0], "number": 1, "version": versions(repository)[0]}[by]
        tag = go_back(repository, "main", name)
        assert (repository.head(), tags(repository)) == (ids[0], {tag: ids[2]})
        assert go_back(repository, "main", tag) is None
        assert (repository.head(), tags(repository)) == (ids[2], {tag: ids[2]})

    def test_nothing_is_written_where_it_shows_it_already(self, made):
        repository, ids = made
        before = updates(repository)
        assert go_back(repository, "main", ids[2]) is None
        assert updates(repository) == before

    def test_to_no_version_of_another_branch(self, made):
        repository, ids = made
        with pytest.raises(
            RunConflictError, match=r"'main' never had 2 \w+ .*'version 4', 3 \w+ .*'version 5': nothing"
        ):
            go_back(repository, "main", "trial")
        assert (repository.head(), tags(repository)) == (ids[2], {})

    @pytest.mark.parametrize("tag", ["undo", None])
    def test_one_that_comes_too_late_leaves_no_tag(self, made, tag):
        repository, ids = made
        move = move_to(repository, "main", ids[0])
        later = commit(repository, 6)
        with pytest.raises(RunConflictError):
            take_back(repository, move, tag)
        assert (repository.head(), tags(repository)) == (later, {})

    def test_each_tag_is_another_one(self):
        assert re.fullmatch(r"before-rollback-\d{8}T\d{6}-[0-9a-f]{4}", undo_tag())
        assert len({undo_tag() for _ in range(5)}) > 1
