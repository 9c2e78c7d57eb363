"""Old versions leave the history and what nothing refers to is deleted, of what is kept nothing."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import icechunk
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.entries import Entry
from gnssice_batch.storage.location import location
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.repository import make_branch
from gnssice_batch.store.tags import tag_snapshot
from gnssice_batch.store.versions import versions
from gnssice_batch.store.writing.garbage import (
    COPIES_KEPT,
    _download,
    _old_copies,
    all_versions,
    collect,
    expirable,
    expire,
    sparing,
)
from tests.support.histories import Held, RefusedError, commit, far, on_disk, requests

LATER = datetime(2100, 1, 1, tzinfo=UTC)


def written_at(repository, snapshot):
    return repository.handle.lookup_snapshot(snapshot).written_at.astimezone(UTC)


def files(repository):
    place = local_path(repository.url)
    return {path.relative_to(place).as_posix(): path.stat().st_size for path in place.rglob("*") if path.is_file()}


@pytest.fixture
def repository(tmp_path):
    return on_disk(tmp_path)


class TestSparing:
    """No branch that goes on from main is cut off from it."""

    def test_a_cutoff_that_cuts_nothing_off_stays(self, repository):
        commit(repository, 1)
        make_branch(repository, "same", repository.head())
        assert sparing(repository, LATER) == LATER

    def test_what_a_branch_goes_on_from_stays(self, repository):
        early = commit(repository, 1)
        make_branch(repository, "behind", early)
        commit(repository, 2, "behind")
        base = commit(repository, 3)
        make_branch(repository, "ahead", base)
        commit(repository, 4, "ahead")
        commit(repository, 5, "ahead")
        assert sparing(repository, LATER) == written_at(repository, base)
        before = written_at(repository, early)
        assert sparing(repository, before) == before


class TestExpirable:
    """Versions that leave the history."""

    def test_are_those_before_a_time_without_a_name_oldest_first(self, repository):
        ids = [commit(repository, number) for number in (1, 2)]
        make_branch(repository, "trial", ids[0])
        ids += [commit(repository, number, "trial" if number % 2 else "main") for number in range(3, 13)]
        tag_snapshot(repository, "kept", ids[4])
        gone = [*ids[:4], *ids[5:10]]
        found = expirable(repository, LATER)
        assert [version.id for version in found] == gone
        assert all(isinstance(version.number, int) and version.number for version in found)
        assert [version.id for version in expirable(repository, written_at(repository, ids[3]))] == gone[:3]
        assert {version.id for version in all_versions(repository)} == {*ids, *_first(repository)}

    def test_are_only_told_or_go(self, repository):
        ids = [commit(repository, number) for number in (1, 2, 3)]
        before = files(repository)
        assert list(expire(repository, LATER, dry_run=True)) == ids[:2]
        assert files(repository) == before
        assert list(expire(repository, LATER, dry_run=False)) == ids[:2]
        assert versions(repository) == ids[2:]
        after = files(repository)
        assert expire(repository, LATER, dry_run=False) == ()
        assert files(repository) == after

    def test_are_none_where_the_storage_fails(self, repository):
        commit(repository, 1)
        shutil.rmtree(local_path(repository.url))
        with pytest.raises(StoreError):
            expire(repository, LATER, dry_run=False)

    def test_an_object_store_is_written_to_where_any_go(self):
        repository = far()
        for number in range(3):
            commit(repository, number)
        assert requests(expire, repository, LATER, dry_run=True) == {}
        assert requests(expire, repository, LATER, dry_run=False) == {"PUT": 2}
        assert requests(expire, repository, LATER, dry_run=False) == {}


def _first(repository):
    return [entry.id for entry in repository.handle.ancestry(branch="main")][-1:]


class TestCollected:
    """Garbage of a repository of four versions and an open branch that is no more."""

    @pytest.fixture
    def ids(self, repository):
        ids = [commit(repository, number) for number in range(4)]
        make_branch(repository, "gone", ids[0])
        commit(repository, 9, "gone")
        repository.handle.delete_branch("gone")
        return ids

    def test_without_versions_only_what_nothing_leads_to_goes(self, repository, ids):
        before = files(repository)
        told = collect(repository, LATER, None, dry_run=True)
        assert files(repository) == before
        done = collect(repository, LATER, None, dry_run=False)
        assert done == told
        assert (done.expired, done.snapshots, done.manifests, done.chunks, done.copies) == (0, 1, 1, 1, 3)
        gone = before.keys() - files(repository).keys()
        assert sorted(name.partition("/")[0] for name in gone) == [
            *("chunks", "manifests"),
            *["overwritten"] * 3,
            *("snapshots", "transactions"),
        ]
        assert versions(repository) == ids
        assert (done.objects, 0 <= done.seconds < 600) == (len(before), True)
        copies = sum(before[name] for name in gone if name.startswith("overwritten/"))
        assert done.size_bytes > copies + 300 * 8

    def test_with_versions_these_go_too(self, repository, ids):
        before = files(repository)
        told = collect(repository, LATER, LATER, dry_run=True)
        assert files(repository) == before
        assert versions(repository) == ids
        assert (told.expired, told.snapshots, told.manifests, told.chunks) == (3, 4, 4, 4)
        assert collect(repository, LATER, LATER, dry_run=False) == told
        assert versions(repository) == ids[3:]

    def test_what_a_branch_goes_on_from_stays(self, repository, ids):
        make_branch(repository, "ahead", ids[3])
        commit(repository, 11, "ahead")
        for dry_run in (True, False):
            assert collect(repository, LATER, LATER, dry_run=dry_run).expired == 3
        assert {version.id for version in all_versions(repository)} > {ids[3]}

    def test_a_young_version_and_a_young_object_stay(self, repository, ids):
        early = datetime(2000, 1, 1, tzinfo=UTC)
        before = files(repository)
        assert collect(repository, early, early, dry_run=True).expired == 0
        assert files(repository) == before
        done = collect(repository, early, early, dry_run=False)
        assert (done.expired, done.snapshots, done.chunks, done.copies, done.size_bytes) == (0, 0, 0, 0, 0)
        assert versions(repository) == ids

    def test_of_a_repository_without_chunks_versions_go_too(self, tmp_path):
        repository = on_disk(tmp_path / "other")
        for number in range(3):
            session = repository.handle.writable_session("main")
            zarr.open_group(session.store, mode="a").attrs["number"] = number
            session.commit("attributes")
        assert not (local_path(repository.url) / "chunks").exists()
        told = collect(repository, LATER, LATER, dry_run=True)
        assert (told.expired, told.chunks) == (2, 0)
        assert collect(repository, LATER, LATER, dry_run=False) == told

    def test_versions_alone_may_be_old(self, repository, ids):
        early = datetime(2000, 1, 1, tzinfo=UTC)
        told = collect(repository, early, LATER, dry_run=True)
        assert (told.expired, told.chunks) == (3, 0)
        assert (collect(repository, early, LATER, dry_run=False), versions(repository)) == (told, ids[3:])

    @pytest.mark.usefixtures("ids")
    def test_nothing_is_done_while_another_holds_the_lock(self, repository):
        before = files(repository)
        with pytest.raises(RefusedError):
            collect(replace(repository, lock=Held()), LATER, LATER, dry_run=False)
        assert files(repository) == before

    @pytest.mark.usefixtures("ids")
    def test_a_storage_that_fails_is_told_of(self, repository):
        shutil.rmtree(local_path(repository.url))
        with pytest.raises(StoreError, match="can't be collected, its versions stand"):
            collect(repository, LATER, None, dry_run=False)

    @pytest.mark.usefixtures("ids")
    def test_objects_that_stay_in_spite_of_it_are_told_of(self, repository):
        class Refusing:
            """A repository whose storage refuses to delete three objects."""

            def __getattr__(self, name):
                return getattr(repository.handle, name)

            def garbage_collect(self, before, dry_run):  # noqa: ARG002 - as Icechunk's
                return SimpleNamespace(objects_failed_to_delete=3)

        with pytest.raises(StoreError, match=f"3 objects of {repository.url} can't be deleted"):
            collect(replace(repository, handle=Refusing()), LATER, None, dry_run=False)


class TestCopies:
    """Copies of the repository's state: the newest stay, and the one that the state names."""

    NAMES = tuple(f"overwritten/repo.{number}" for number in range(8))
    TIME = datetime(2025, 1, 1, tzinfo=UTC)

    def old(self, repository, changes=None, count=8):
        entries = {name: Entry(number + 1, "", 1.0) for number, name in enumerate(self.NAMES[:count])}
        entries |= {"repo": Entry(100, "", 1.0), **(changes or {})}
        return _old_copies(repository, dict(reversed(entries.items())), self.TIME)

    def test_the_newest_stay_in_whatever_order_they_are_listed(self, repository):
        assert self.old(repository) == {"overwritten/repo.4": 5, "overwritten/repo.5": 6, **self.last()}
        assert self.old(repository, count=COPIES_KEPT) == {}
        assert self.old(repository, count=COPIES_KEPT + 1) == {"overwritten/repo.4": 5}

    def last(self):
        return {"overwritten/repo.6": 7, "overwritten/repo.7": 8}

    @pytest.mark.parametrize("after_s", [0, 1])
    def test_those_of_then_or_later_stay(self, repository, after_s):
        young = Entry(6, "", self.TIME.timestamp() + after_s)
        found = self.old(repository, {"overwritten/repo.5": young})
        assert found == {"overwritten/repo.4": 5, **self.last()}

    def test_one_of_which_nobody_knows_the_time_stays(self, repository):
        found = self.old(repository, {"overwritten/repo.5": Entry(6, "", None)})
        assert found == {"overwritten/repo.4": 5, **self.last()}

    def test_the_one_that_the_log_goes_on_in_stays(self, tmp_path):
        config = icechunk.RepositoryConfig(num_updates_per_repo_info_file=2)
        repository = on_disk(tmp_path)
        repository = replace(repository, handle=repository.handle.reopen(config=config))
        for number in range(12):
            commit(repository, number)
        named = repository.handle.inspect_repo_info()["repo_before_updates"]
        assert f"overwritten/{named}" in files(repository)
        entries = {f"overwritten/a{number}": Entry(1, "", 1.0) for number in range(COPIES_KEPT)}
        entries |= {f"overwritten/{named}": Entry(1, "", 1.0), "overwritten/z": Entry(1, "", 1.0)}
        assert _old_copies(repository, entries, self.TIME) == {"overwritten/z": 1}


def test_the_metadata_of_a_repository_far_away_is_copied_its_chunks_only_named(repository, tmp_path):
    for number in range(2):
        commit(repository, number)
    place, copy = local_path(repository.url), tmp_path / "copy"
    _download(location(repository.url), copy)
    there = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert there == {name for name in files(repository) if not name.startswith("overwritten/")}
    for name in there:
        content, original = (copy / name).read_bytes(), (place / name).read_bytes()
        assert content == (bytes(len(original)) if name.startswith("chunks/") else original)
        assert (copy / name).stat().st_mtime == pytest.approx((place / name).stat().st_mtime, abs=1e-3)
    opened = icechunk.Repository.open(icechunk.local_filesystem_storage(str(copy)))
    assert next(iter(opened.ancestry(branch="main"))).message == "version 1"
