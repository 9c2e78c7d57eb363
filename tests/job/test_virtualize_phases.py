"""Virtualize phase by phase: what it is told, plans, parses, writes and reports."""

from dataclasses import replace
from types import SimpleNamespace

import icechunk
import pytest
from distributed.scheduler import KilledWorker

from gnssice_batch.cluster.executor import Finished, InProcess
from gnssice_batch.errors import ConfigError, InterruptedRunError, StoreError
from gnssice_batch.job import virtualize as module
from gnssice_batch.job.counting import Counting
from gnssice_batch.job.execution import Execution, NoProgress
from gnssice_batch.job.interruption import Stop
from gnssice_batch.job.virtual_report import VirtualReport
from gnssice_batch.job.virtualize import (
    _Planned,
    _Underway,
    _Virtualize,
    check_container,
    contents_of,
    preview,
    virtual_target,
    virtualize,
)
from gnssice_batch.model.virtual import NetcdfFile, VirtualContents, VirtualRow, VirtualState
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.storage import credentials
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.store.repository import open_existing
from gnssice_batch.store.writing.references import Archive
from gnssice_batch.virtual.listing import NetcdfListing
from gnssice_batch.virtual.partitions import key_of
from gnssice_batch.virtual.planning import Backlog
from tests.support.netcdf import SIDS, padded, write
from tests.support.virtual import settings_of, url_of

pytest.importorskip("virtualizarr")

SIGNED = {"access_key_id": "key", "secret_access_key": "secret"}
IN_S3 = {"url": "s3://bucket/nc", "storage_options": SIGNED, "allow_static_credentials": True}


class Told(NoProgress):
    """Keeps what a job tells of its progress."""

    def __init__(self):
        self.stages, self.keys = [], []

    def stage(self, name, tasks):
        self.stages.append((name, tasks))

    def finished(self, key, size_bytes):
        self.keys.append((key, size_bytes))


def small(root, days, receiver="one", **words):
    """Write days of a receiver, of four epochs each."""
    return [
        write(padded(day, interval_s=21_600, sids=SIDS[:2], **words), root / "nc" / receiver / f"{day}.nc")
        for day in days
    ]


def file(uri, size_bytes=5, receiver="one"):
    return NetcdfFile(uri, receiver, size_bytes, "tag")


def versions(settings):
    return list(open_existing(url_of(settings)).handle.ancestry(branch="main"))


@pytest.mark.parametrize("job", [virtualize, preview])
def test_without_the_libraries_nothing_is_looked_at(tmp_path, monkeypatch, job):
    monkeypatch.setattr("gnssice_batch.virtual.parsing._LIBRARIES", ("no_such_library",))
    with pytest.raises(ConfigError, match=r"^virtual datasets need no_such_library: pip install"):
        job(settings_of(tmp_path))


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


class TestContents:
    """What a repository holds before the job."""

    def test_no_repository_holds_nothing(self):
        assert contents_of(None, "main") == VirtualContents()
        check_container(None, SimpleNamespace(container="other"), VirtualContents(rows={"a": None}))

    def test_a_branch_holds_its_own_and_one_that_is_not_there_yet_what_main_holds(self, tmp_path):
        settings = settings_of(tmp_path)
        small(tmp_path, (0,))
        first = virtualize(settings).snapshot
        repository = open_existing(url_of(settings))
        repository.handle.create_branch("older", first)
        small(tmp_path, (1,))
        second = virtualize(settings).snapshot
        found = {branch: contents_of(repository, branch) for branch in ("older", "main", "new")}
        assert {name: one.snapshot for name, one in found.items()} == {"older": first, "main": second, "new": second}
        assert {name: len(one.rows) for name, one in found.items()} == {"older": 1, "main": 2, "new": 2}

    def test_another_name_of_the_archive_is_refused_once_there_are_references(self, tmp_path):
        settings, other = settings_of(tmp_path), settings_of(tmp_path, virtual={"container": "other"})
        (tmp_path / "nc" / "one").mkdir(parents=True)
        (tmp_path / "nc" / "one" / "text.nc").write_text("none")
        virtualize(settings)
        repository = open_existing(url_of(settings))
        contents = contents_of(repository, "main")
        check_container(repository, settings.virtual, contents)
        check_container(repository, other.virtual, replace(contents, rows={}))
        with pytest.raises(ConfigError, match=r"^virtual.container is 'other', and the references in .* set it back$"):
            check_container(repository, other.virtual, contents)


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

    def test_references_are_laid_out_on_the_head_or_on_the_first_version(self, tmp_path):
        settings = settings_of(tmp_path)
        small(tmp_path, (0,))
        virtualize(settings)
        repository = open_existing(url_of(settings))
        assert self.planned(tmp_path, Backlog(), None).base(repository) == versions(settings)[-1].id
        assert self.planned(tmp_path, Backlog()).base(repository) == "HEAD"


class Deadly(InProcess):
    """Runs tasks here, but for those of some files, which kill their workers."""

    def __init__(self, *uris):
        self.uris, self.asked = set(uris), []

    def run(self, tasks):
        for task in tasks:
            there = [one.uri for one in task.arguments[1]]
            self.asked.append(there)
            if self.uris.intersection(there):
                yield Finished(task.key, error=KilledWorker(task.key, SimpleNamespace(address="tcp://worker"), 3))
            else:
                yield from super().run([task])


class TestParsing:
    """New files parsed, several at a time."""

    @pytest.fixture
    def underway(self, tmp_path):
        small(tmp_path, range(3))
        small(tmp_path, (0,), "two")
        kind = _Virtualize.of(settings_of(tmp_path))
        return _Underway(kind, kind.planned(None), None)

    @staticmethod
    def parsed(underway, tasks, known=(), stop=None):
        told = Told()
        execution = Execution(tasks, 1, Counting(told), stop or Stop())
        known = {one.file: one for one in known}
        return underway.parsed(underway.planned.backlog.wanted, execution, known), told

    def test_each_part_is_counted_and_told(self, underway):
        found, told = self.parsed(underway, InProcess())
        sizes = [one.file.size_bytes for one in found]
        assert [one.file.uri for one in found] == ["one/0.nc", "one/1.nc", "one/2.nc", "two/0.nc"]
        assert (underway.partitions, underway.bytes_read, underway.set_aside) == (2, sum(sizes), [])
        assert told.stages == [("parse", 2)]
        assert told.keys == [
            (key_of([one.file for one in found[:3]]), sum(sizes[:3])),
            (key_of([found[3].file]), sizes[3]),
        ]

    def test_what_is_known_is_not_parsed_again(self, underway):
        found, _ = self.parsed(underway, InProcess())
        tasks = Deadly()
        again, told = self.parsed(underway, tasks, found[1:3])
        assert {one.file for one in again} == {one.file for one in found}
        assert (tasks.asked, told.stages) == ([["one/0.nc"], ["two/0.nc"]], [("parse", 2)])
        assert all(one is found[at] for one, at in zip(again[:2], (1, 2), strict=True))

    def test_a_part_that_kills_its_workers_is_tried_file_by_file(self, underway):
        tasks = Deadly("one/1.nc")
        found, _ = self.parsed(underway, tasks)
        assert sorted(one.file.uri for one in found) == ["one/0.nc", "one/2.nc", "two/0.nc"]
        assert underway.set_aside == ["one/1.nc"]
        assert (tasks.asked[0], tasks.asked[-1]) == (["one/0.nc", "one/1.nc", "one/2.nc"], ["one/1.nc"])
        assert underway.partitions == 3

    def test_every_file_that_kills_its_workers_by_itself_is_set_aside(self, underway):
        found, _ = self.parsed(underway, Deadly("one/0.nc", "one/2.nc", "two/0.nc"))
        assert [one.file.uri for one in found] == ["one/1.nc"]
        assert sorted(underway.set_aside) == ["one/0.nc", "one/2.nc", "two/0.nc"]
        assert underway.report(None).set_aside == tuple(underway.set_aside)

    def test_a_job_that_was_told_to_stop_ends(self, underway):
        tasks = Deadly()
        with pytest.raises(InterruptedRunError, match=r"^stopped by SIGTERM"):
            self.parsed(underway, tasks, stop=Stop(requested=True))
        assert tasks.asked == []


def test_a_job_that_was_told_to_stop_once_all_is_parsed_writes_nothing(tmp_path, monkeypatch):
    settings = settings_of(tmp_path)
    small(tmp_path, (0,))

    def stopped(_underway, _files, execution, _known):
        execution.stop.requested = True
        return ()

    monkeypatch.setattr(_Underway, "parsed", stopped)
    with pytest.raises(InterruptedRunError):
        virtualize(settings)
    assert len(versions(settings)) == 1


def test_what_an_earlier_start_has_parsed_is_not_parsed_again(tmp_path, monkeypatch):
    settings = settings_of(tmp_path)
    small(tmp_path, (0, 1))
    small(tmp_path, (0,), "two")
    with monkeypatch.context() as patch:
        patch.setattr(_Underway, "_structure", lambda _: (_ for _ in ()).throw(InterruptedRunError("died")))
        with pytest.raises(InterruptedRunError, match="died"):
            virtualize(settings)
    told = Told()
    report = virtualize(settings, told)
    assert (report.resumed, report.partitions, report.bytes_read, len(report.rows)) == (2, 0, 0, 3)
    assert ("parse", 0) in told.stages
    assert told.keys == []


def test_a_run_of_two_receivers_says_what_it_has_put_where(tmp_path):
    settings = settings_of(tmp_path)
    small(tmp_path, (0, 1))
    small(tmp_path, (0, 1, 3), "two")
    small(tmp_path, (5,), "two", start_s=3600)
    (tmp_path / "nc" / "two" / "text.nc").write_text("none")
    report = virtualize(settings)
    assert [(one.receiver, one.files, one.grid.size) for one in report.series] == [("one", 2, 8), ("two", 3, 16)]
    assert {row.file.uri: row.group for row in report.rows} == {
        "one/0.nc": "one",
        "one/1.nc": "one",
        "two/0.nc": "two",
        "two/1.nc": "two",
        "two/3.nc": "two",
        "two/5.nc": "two.files/20250106T010000",
        "two/text.nc": "",
    }
    assert {row.run for row in report.rows} == {report.run} != {""}
    assert (report.partitions, report.bytes_read) == (2, sum(row.file.size_bytes for row in report.rows))
    newest = versions(settings)[0]
    assert (newest.id, newest.message) == (report.snapshot, "References to 6 NetCDF files")
    assert (newest.metadata["files"], newest.metadata["software"]) == (7, SOFTWARE)
    assert newest.metadata["run"] == report.run


def test_what_is_put_before_an_array_moves_it(tmp_path):
    settings = settings_of(tmp_path)
    small(tmp_path, (2, 3))
    virtualize(settings)
    small(tmp_path, (0,))
    report = virtualize(settings)
    assert (report.series[0].files, report.series[0].grid.size) == (1, 16)
    assert versions(settings)[0].message == "References to 1 NetCDF file"
    session = open_existing(url_of(settings)).handle.readonly_session("main")
    kinds = [session.chunk_type("/one/SNR", (day, 0)) for day in range(4)]
    assert [kind == icechunk.ChunkType.virtual for kind in kinds] == [True, False, True, True]


def test_a_preview_counts_the_files_that_join_a_new_array(tmp_path):
    settings = settings_of(tmp_path)
    small(tmp_path, (0,))
    virtualize(settings)
    small(tmp_path, (1,))
    report = preview(settings)
    assert [(row.file.uri, row.group) for row in report.rows] == [("one/0.nc", "one"), ("one/1.nc", "one")]
    assert (report.run, report.snapshot, report.resumed, report.partitions) == ("", None, 0, 2)
    assert [(one.receiver, one.files) for one in report.series] == [("one", 2)]
    assert len(versions(settings)) == 2


def test_a_branch_that_moved_while_files_were_parsed_is_planned_on_again(tmp_path, monkeypatch):
    settings, planned = settings_of(tmp_path), []
    small(tmp_path, (0, 1))
    virtualize(settings)
    small(tmp_path, (2,))
    plan_files = module.plan_files

    def moving(contents, facts):
        if not planned:
            session = open_existing(url_of(settings)).handle.writable_session("main")
            session.commit("by another", allow_empty=True)
        planned.append(contents.snapshot)
        return plan_files(contents, facts)

    monkeypatch.setattr(module, "plan_files", moving)
    report = virtualize(settings)
    assert [one.message for one in versions(settings)[:2]] == ["References to 1 NetCDF file", "by another"]
    assert planned == [versions(settings)[2].id, versions(settings)[1].id]
    assert report.snapshot == versions(settings)[0].id


def test_a_tag_that_another_version_has_is_refused_before_anything_is_parsed(tmp_path):
    settings = settings_of(tmp_path, run={"tag": "first"})
    small(tmp_path, (0,))
    virtualize(settings)
    small(tmp_path, (1,))
    told = Told()
    with pytest.raises(StoreError, match="first"):
        virtualize(settings, told)
    assert (told.keys, len(versions(settings))) == ([], 2)
