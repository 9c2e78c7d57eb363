"""Tags that are given and taken away again, and who has to wait for whom."""

from dataclasses import replace

import pytest

from gnssice_batch.store.repository import make_branch
from gnssice_batch.store.tags import named_versions, remove_tag, tag_snapshot, tags
from tests.support.histories import Held, RefusedError, commit, far, on_disk, requests


def test_names_are_in_order(tmp_path):
    repository = on_disk(tmp_path)
    head = commit(repository, 1)
    names = ("zeta", "alpha", "mid", "beta", "omega", "delta")
    for name in names:
        make_branch(repository, name, head)
        tag_snapshot(repository, name, head)
    found = named_versions(repository)
    assert list(found.tags) == sorted(names)
    assert list(found.branches) == sorted((*names, "main"))


def test_one_that_is_not_there_is_removed_without_harm(tmp_path):
    repository = on_disk(tmp_path)
    tag_snapshot(repository, "kept", commit(repository, 1))
    remove_tag(repository, "nope")
    remove_tag(repository, "kept")
    assert tags(repository) == {}


def test_none_is_removed_while_another_holds_the_lock(tmp_path):
    repository = on_disk(tmp_path)
    tag_snapshot(repository, "kept", commit(repository, 1))
    with pytest.raises(RefusedError):
        remove_tag(replace(repository, lock=Held()), "kept")
    assert "kept" in tags(repository)


def test_each_is_counted_as_requests():
    repository = far()
    head = commit(repository, 1)
    assert requests(tag_snapshot, repository, "v1", head) == {"PUT": 2}
    assert requests(remove_tag, repository, "v1") == {"PUT": 2}
    assert requests(remove_tag, repository, "v1") == {}
