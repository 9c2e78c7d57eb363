"""What virtualize is told and plans, before anything is parsed."""

from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace

import icechunk
import pytest

from gnssice_batch.errors import ConfigError, StoreError
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.start import Start
from gnssice_batch.job.virtual_report import VirtualReport
from gnssice_batch.job.virtualize import (
    _Planned,
    _Virtualize,
    check_container,
    contents_of,
    virtual_target,
)
from gnssice_batch.model.virtual import NetcdfFile, VirtualContents, VirtualRow, VirtualState
from gnssice_batch.storage import credentials
from gnssice_batch.storage.location import location
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.store.containers import container_of, with_container
from gnssice_batch.store.pointing import pointed_at
from gnssice_batch.store.repository import open_existing
from gnssice_batch.store.writing.references import Archive
from gnssice_batch.virtual.listing import NetcdfListing
from gnssice_batch.virtual.planning import Backlog
from tests.support.virtual import put, settings_of, small, url_of

pytest.importorskip("virtualizarr")

SIGNED = {"access_key_id": "key", "secret_access_key": "secret"}
IN_S3 = {"url": "s3://bucket/nc", "storage_options": SIGNED, "allow_static_credentials": True}


def file(uri, size_bytes=5, receiver="one"):
    return NetcdfFile(uri, receiver, size_bytes, "tag")


class TestTarget:
    """Where a job publishes, and which starts are the same run."""

    def test_it_is_the_virtual_repository_of_the_site(self, tmp_path):
        target = virtual_target(settings_of(tmp_path))
        assert (target.url, target.product) == (f"{tmp_path}/stores/demo/virtual", "virtual")

    def test_how_the_archive_is_reached_makes_no_other_run(self, tmp_path):
        first, *same = (
            virtual_target(settings_of(tmp_path, virtual=virtual)).identity
            for virtual in (
                IN_S3,
                {**IN_S3, "storage_options": {**SIGNED, "secret_access_key": "another"}},
                {"url": "s3://bucket/nc"},
            )
        )
        assert set(same) == {first}

    @pytest.mark.parametrize("virtual", [{"layout": "{receiver}/*.nc4"}, {"exclude": ["x*"]}, {"container": "other"}])
    def test_what_is_referenced_and_the_kind_of_job_do(self, tmp_path, virtual):
        settings = settings_of(tmp_path)
        assert virtual_target(settings_of(tmp_path, virtual=virtual)).identity != virtual_target(settings).identity
        assert virtual_target(settings, "materialise").identity == f"{virtual_target(settings).identity} materialise"


def test_references_into_object_stores_are_held_to_etags_and_others_to_times(tmp_path):
    assert _Virtualize.of(settings_of(tmp_path)).archive == Archive("archive", tagged=False)
    assert _Virtualize.of(settings_of(tmp_path, virtual=IN_S3)).archive == Archive("archive", tagged=True)


def test_the_credentials_of_the_archive_are_held_for_its_references(tmp_path):
    credentials.forget()
    _Virtualize.of(settings_of(tmp_path, virtual=IN_S3))
    held = credentials.held("s3://bucket/nc/", StorageOptions())
    assert held.access_key_id.get_secret_value() == "key"
    credentials.forget()


@pytest.fixture
def stored(tmp_path):
    """A repository with a file in its ledger, of an archive that was elsewhere."""
    settings = settings_of(tmp_path)
    where = location(url_of(settings))
    handle = icechunk.Repository.create(icechunk.local_filesystem_storage(where.url))
    with_container(handle, container_of("archive", location(str(tmp_path / "before"))), where).save_config()
    put(handle, "one/a.nc")
    (tmp_path / "nc").mkdir()
    return open_existing(where)


class TestContents:
    """What a repository holds before the job."""

    def test_no_repository_holds_nothing(self):
        assert contents_of(None, "main") == VirtualContents()
        check_container(None, SimpleNamespace(container="other"), VirtualContents(rows={"a": None}))

    def test_a_branch_holds_its_own_and_one_that_is_not_there_yet_what_main_holds(self, stored):
        first = stored.handle.lookup_branch("main")
        stored.handle.create_branch("older", first)
        second = put(stored.handle, "one/b.nc")
        found = {branch: contents_of(stored, branch) for branch in ("older", "main", "new")}
        assert {name: one.snapshot for name, one in found.items()} == {"older": first, "main": second, "new": second}
        assert {name: len(one.rows) for name, one in found.items()} == {"older": 1, "main": 2, "new": 2}

    def test_another_name_of_the_archive_is_refused_once_there_are_references(self, stored, tmp_path):
        settings, other = settings_of(tmp_path), settings_of(tmp_path, virtual={"container": "other"})
        contents = contents_of(stored, "main")
        check_container(stored, settings.virtual, contents)
        check_container(stored, other.virtual, replace(contents, rows={}))
        said = r"^virtual.container is 'other', and the references in .* set it back$"
        with pytest.raises(ConfigError, match=said):
            check_container(stored, other.virtual, contents)
        with pytest.raises(ConfigError, match=said):
            _Virtualize.of(other).planned(stored)


class TestPlan:
    """The archive listed and compared with the ledger."""

    @staticmethod
    def start(kind, repository):
        return Start(kind.target, "run", ExitStack(), Aside(), repository=repository)

    def test_an_archive_that_has_moved_is_told_and_pointed_at(self, stored, tmp_path):
        kind = _Virtualize.of(settings_of(tmp_path))
        assert kind.planned(stored).repointed == f"file://{tmp_path}/before/"
        assert pointed_at(open_existing(stored.url), "archive") == f"file://{tmp_path}/before/"
        found = kind.plan(self.start(kind, stored), None)
        assert (found.repointed, found.head) == (f"file://{tmp_path}/before/", stored.handle.lookup_branch("main"))
        again = open_existing(stored.url)
        assert pointed_at(again, "archive") == f"file://{tmp_path}/nc/"
        assert kind.plan(self.start(kind, again), None).repointed is None

    def test_no_repository_is_pointed_nowhere(self, tmp_path):
        small(tmp_path, (0,))
        kind = _Virtualize.of(settings_of(tmp_path))
        found = kind.plan(self.start(kind, None), None)
        assert (found.repointed, found.head) == (None, None)
        assert [one.uri for one in found.backlog.new] == ["one/0.nc"]
        assert not (tmp_path / "stores").exists()

    def test_a_tag_that_another_version_has_is_refused(self, stored, tmp_path):
        stored.handle.create_tag("first", stored.handle.lookup_branch("main"))
        kind = _Virtualize.of(settings_of(tmp_path, run={"tag": "first"}))
        assert kind.plan(self.start(kind, stored), None).head == stored.handle.lookup_tag("first")
        put(stored.handle, "one/b.nc")
        with pytest.raises(StoreError, match="first"):
            kind.plan(self.start(kind, stored), None)


class TestPlanned:
    """The job before anything is written."""

    def planned(self, tmp_path, backlog, snapshot="HEAD"):
        kind = _Virtualize.of(settings_of(tmp_path))
        return _Planned(kind, VirtualContents(snapshot), NetcdfListing((), ("x.nc",)), backlog, "file:///before/")

    def test_a_task_takes_the_files_of_its_partition_twice(self, tmp_path):
        wanted = (file("a", 3), file("b", 4), file("c", 5, "two"))
        found = self.planned(tmp_path, Backlog(new=wanted[:1], changed=wanted[1:]))
        assert (found.task_memory_bytes, found.idle, found.refused) == (14, False, ())

    def test_it_is_idle_where_nothing_is_wanted(self, tmp_path):
        found = self.planned(tmp_path, Backlog(up_to_date=2))
        assert (found.task_memory_bytes, found.idle) == (0, True)

    def test_what_there_is_to_say_of_an_archive_without_news(self, tmp_path):
        gone = VirtualRow(file("gone"), VirtualState.VIRTUAL, "one")
        found = self.planned(tmp_path, Backlog(missing=(gone,), up_to_date=2)).up_to_date("run")
        assert found == VirtualReport(
            "run",
            f"{tmp_path}/stores/demo/virtual",
            None,
            up_to_date=2,
            missing=("gone",),
            skipped=("x.nc",),
            repointed="file:///before/",
        )

    def test_references_are_laid_out_on_the_head_or_on_the_first_version(self, stored, tmp_path):
        first = list(stored.handle.ancestry(branch="main"))[-1].id
        assert self.planned(tmp_path, Backlog(), None).base(stored) == first
        assert self.planned(tmp_path, Backlog()).base(stored) == "HEAD"
