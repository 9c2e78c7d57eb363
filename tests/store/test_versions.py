"""A version is found by whatever names it, and by nothing that does not; tags never change."""

import pickle
import re
import threading
import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import zarr
from filelock import FileLock

from gnssice_batch.errors import StoreError
from gnssice_batch.store.repository import STAGING, make_branch, no_such_branch, open_repository, remove_branch
from gnssice_batch.store.tags import check_tag, named_versions, tag_snapshot, tags
from gnssice_batch.store.versions import TRANSACTION, snapshot_of, version_at, versions, versions_before


def commit(repository, number, branch="main", **metadata):
    session = repository.handle.writable_session(branch)
    zarr.open_group(session.store, mode="a").attrs["number"] = number
    return session.commit(f"version {number}", metadata=metadata or None)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A repository with three versions, two seconds between the second and the third; their ids."""
    repository = open_repository(str(tmp_path_factory.mktemp("versions") / "site" / "rinex"))
    ids = [commit(repository, 1), commit(repository, 2, **{"by": "me", TRANSACTION: "x"})]
    time.sleep(0.02)
    ids.append(commit(repository, 3))
    tag_snapshot(repository, "v1", ids[0])
    tag_snapshot(repository, "first", ids[0])
    make_branch(repository, "trial", ids[1])
    ids.append(commit(repository, 4, "trial"))
    make_branch(repository, f"{STAGING}run.1", ids[0])
    return repository, ids


def test_versions_of_a_branch_are_numbered_from_the_oldest(made):
    repository, ids = made
    found = versions(repository)
    assert found == ids[:3]
    assert [each.number for each in found] == [1, 2, 3]
    assert [each.message for each in found] == ["version 1", "version 2", "version 3"]
    assert [each.tags for each in found] == [("first", "v1"), (), ()]
    assert found[1].metadata == {"by": "me"}
    assert [each.id for each in versions(repository, "trial")] == [ids[0], ids[1], ids[3]]
    assert versions_before(repository, ids[1]) == ids[:2]


def test_a_version_says_what_it_is_and_survives_a_pickle(made):
    found = versions(made[0])[0]
    again = pickle.loads(pickle.dumps(found))
    assert (again, again.number, again.tags, again.written_at) == (found, 1, ("first", "v1"), found.written_at)
    assert re.fullmatch(r"1 \w{20} \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \[first, v1\] 'version 1'", str(found))
    assert repr(found) == f"<{found}>"
    assert "[" not in str(versions(made[0])[1])


def test_the_version_of_a_snapshot(made):
    repository, ids = made
    assert (version_at(repository, ids[3]).number, version_at(repository, ids[3]).message) == (3, "version 4")
    empty = next(iter(versions_before(repository, ids[0]))).id
    first = [entry.id for entry in repository.handle.ancestry(snapshot_id=empty)][-1]
    assert (version_at(repository, first).number, version_at(repository, first).tags) == (0, ())


def test_whatever_names_a_version_finds_it(made):
    repository, ids = made
    third = versions(repository)[2]
    names = {"v1": 0, "first": 0, "main": 2, "trial": 3, " v1 ": 0, "2": 1, ids[3]: 3, ids[1][:7]: 1}
    assert {name: snapshot_of(repository, name) for name in names} == {name: ids[at] for name, at in names.items()}
    assert snapshot_of(repository, ids[1].lower()) == ids[1]
    assert snapshot_of(repository, third) == ids[2]
    assert type(snapshot_of(repository, third)) is str
    assert [snapshot_of(repository, number) for number in (1, 2, 3)] == ids[:3]
    assert snapshot_of(repository, 3, "trial") == snapshot_of(repository, "3", "trial") == ids[3]


def test_a_time_is_that_of_the_last_version_that_was_there(made):
    repository, ids = made
    found = versions(repository)
    second, third = found[1].written_at, found[2].written_at
    assert snapshot_of(repository, second) == ids[1]
    assert snapshot_of(repository, third - timedelta(microseconds=1)) == ids[1]
    assert snapshot_of(repository, third) == snapshot_of(repository, third.replace(tzinfo=None)) == ids[2]
    east = third.astimezone(timezone(timedelta(hours=5)))
    assert snapshot_of(repository, east) == snapshot_of(repository, east.isoformat()) == ids[2]
    assert snapshot_of(repository, f"as of {second.isoformat()}") == ids[1]
    today = datetime.now(UTC).date() + timedelta(days=1)
    assert snapshot_of(repository, today) == snapshot_of(repository, str(today)) == ids[2]
    with pytest.raises(StoreError, match="had no version yet at 2020-01-01"):
        snapshot_of(repository, date(2020, 1, 1))
    with pytest.raises(StoreError, match="had no version yet"):
        snapshot_of(repository, found[0].written_at - timedelta(microseconds=1))


@pytest.mark.parametrize("name", [0, "0"])
def test_the_empty_version_that_all_begin_with_is_number_0(made, name):
    repository, _ = made
    first = list(repository.handle.ancestry(branch="main"))[-1]
    assert snapshot_of(repository, name) == first.id
    assert version_at(repository, first.id).number == 0


@pytest.mark.parametrize("name", ["nothing", "", "V1", "4", 4, -1, "1234567", "ZZZZZZZZZZZZZZZZZZZZ"])
def test_what_names_nothing_is_refused_with_what_there_is(made, name):
    repository, ids = made
    there = "tags: first, v1; branches: main, trial; latest"
    with pytest.raises(StoreError, match=f"no version '?{name}'?; {there}") as raised:
        snapshot_of(repository, name)
    listed = str(raised.value).partition("latest versions: ")[2]
    assert [each for each in ids if each in listed] == ids[:3]


def test_too_short_a_beginning_names_nothing(made):
    repository, ids = made
    short = next(each[:3] for each in ids if not each[:3].isdigit())
    with pytest.raises(StoreError, match="no version"):
        snapshot_of(repository, short)


def test_a_snapshot_that_nothing_leads_to_is_found_by_its_whole_id(tmp_path):
    repository = open_repository(str(tmp_path / "r"))
    make_branch(repository, "gone", repository.head())
    lost = commit(repository, 1, "gone")
    remove_branch(repository, "gone")
    assert snapshot_of(repository, lost) == lost
    with pytest.raises(StoreError, match="no version"):
        snapshot_of(repository, lost[:8])


def test_names_of_versions_leave_out_those_of_unpublished_runs(made):
    repository, ids = made
    named = named_versions(repository)
    assert (named.tags, named.branches) == ({"first": ids[0], "v1": ids[0]}, {"main": ids[2], "trial": ids[3]})
    assert (named.tags_of(ids[0]), named.tags_of(ids[1])) == (["first", "v1"], [])
    assert (named.branches_of(ids[3]), named.branches_of(ids[0])) == (["trial"], [])


def test_a_tag_is_given_once_and_never_moves(tmp_path):
    repository = open_repository(str(tmp_path / "r"))
    one, other = commit(repository, 1), commit(repository, 2)
    check_tag(repository, "v")
    tag_snapshot(repository, "v", one)
    tag_snapshot(repository, "v", one)
    assert tags(repository) == {"v": one}
    with pytest.raises(StoreError, match=f"version {one} has it, and tags never change"):
        tag_snapshot(repository, "v", other)
    check_tag(repository, "v", one)
    for free_for in (None, other):
        with pytest.raises(StoreError, match=f"has a tag 'v' already, of version {one}"):
            check_tag(repository, "v", free_for)
    repository.handle.delete_tag("v")
    with pytest.raises(StoreError, match="can't be tagged 'v'") as raised:
        tag_snapshot(repository, "v", one)
    assert "None" not in str(raised.value)
    assert tags(repository) == {}


def test_a_tag_waits_for_who_holds_the_lock(tmp_path):
    """A local repository loses what two processes commit at one moment."""
    repository = open_repository(str(tmp_path / "site" / "rinex"))
    snapshot = commit(repository, 1)
    with FileLock(repository.lock.lock_file):
        waiting = threading.Thread(target=tag_snapshot, args=(repository, "v1", snapshot))
        waiting.start()
        waiting.join(0.2)
        assert tags(repository) == {}
    waiting.join()
    assert tags(repository) == {"v1": snapshot}


def test_what_there_is_instead_is_told_in_order_without_what_runs_stage(tmp_path):
    repository = open_repository(str(tmp_path / "site" / "rinex"))
    first = commit(repository, 1)
    others = ("zeta", "alpha", "mid", "beta", "omega", "delta")
    for name in others:
        make_branch(repository, name, first)
        tag_snapshot(repository, f"of_{name}", first)
    make_branch(repository, f"{STAGING}run.1", first)
    branches, named = ", ".join(sorted([*others, "main"])), ", ".join(f"of_{name}" for name in sorted(others))
    with pytest.raises(StoreError, match=f"no version 7; tags: {named}; branches: {branches}; latest versions: 1 "):
        snapshot_of(repository, 7)
    for number in range(2, 6):
        commit(repository, number)
    with pytest.raises(StoreError, match=r"latest versions: 3 [^,]*, 4 [^,]*, 5 [^,]*$"):
        snapshot_of(repository, 7)
    assert str(no_such_branch(repository, "nope")).endswith(f"no branch 'nope'; it has {branches}")
