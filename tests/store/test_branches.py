"""Branches of a repository are begun and ended, but for those that runs need."""

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.store.branches import begin_branch, end_branch
from gnssice_batch.store.repository import MAIN, STAGING, make_branch, open_repository


@pytest.fixture
def repository(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


def branches(repository):
    return sorted(repository.handle.list_branches())


def test_one_is_begun_at_a_snapshot_and_ended(repository):
    head = repository.head()
    begin_branch(repository, "trial", head)
    assert (branches(repository), repository.head("trial")) == ([MAIN, "trial"], head)
    assert end_branch(repository, "trial") == head
    assert branches(repository) == [MAIN]


def test_none_takes_a_name_that_there_is(repository):
    repository.handle.create_tag("v1", repository.head())
    for name, kind in ((MAIN, "branch"), ("v1", "tag")):
        with pytest.raises(StoreError, match=f"has a {kind} '{name}' already"):
            begin_branch(repository, name, repository.head())
    assert branches(repository) == [MAIN]


def test_those_of_runs_are_left_alone(repository):
    name = f"{STAGING}run.1"
    with pytest.raises(StoreError, match=f"'{name}' is, or may become, the branch of a run"):
        begin_branch(repository, name, repository.head())
    assert branches(repository) == [MAIN]
    make_branch(repository, name, repository.head())
    with pytest.raises(StoreError, match="the branch of a run"):
        end_branch(repository, name)
    assert branches(repository) == [MAIN, name]


def test_main_stays(repository):
    with pytest.raises(StoreError, match="'main' is the branch that every repository has"):
        end_branch(repository, MAIN)
    with pytest.raises(StoreError, match="no branch 'nope'"):
        end_branch(repository, "nope")
    assert branches(repository) == [MAIN]
