"""Virtualize phase by phase: what it parses, writes and reports."""

from types import SimpleNamespace

import icechunk
import pytest
from distributed.scheduler import KilledWorker

from gnssice_batch.cluster.executor import Finished, InProcess
from gnssice_batch.errors import ConfigError, InterruptedRunError
from gnssice_batch.job import virtualize as module
from gnssice_batch.job.counting import Counting
from gnssice_batch.job.execution import Execution, NoProgress
from gnssice_batch.job.interruption import Stop
from gnssice_batch.job.virtualize import (
    _Underway,
    _Virtualize,
    preview,
    virtualize,
)
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.store.repository import open_existing
from gnssice_batch.virtual.partitions import key_of
from tests.support.virtual import put, settings_of, small, url_of

pytest.importorskip("virtualizarr")


class Told(NoProgress):
    """Keeps what a job tells of its progress."""

    def __init__(self):
        self.stages, self.keys = [], []

    def stage(self, name, tasks):
        self.stages.append((name, tasks))

    def finished(self, key, size_bytes):
        self.keys.append((key, size_bytes))


def versions(settings):
    return list(open_existing(url_of(settings)).handle.ancestry(branch="main"))


@pytest.mark.parametrize("job", [virtualize, preview])
def test_without_the_libraries_nothing_is_looked_at(tmp_path, monkeypatch, job):
    monkeypatch.setattr("gnssice_batch.virtual.parsing._LIBRARIES", ("no_such_library",))
    with pytest.raises(ConfigError, match=r"^virtual datasets need no_such_library: pip install"):
        job(settings_of(tmp_path))


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


@pytest.fixture(scope="module")
def four_files(tmp_path_factory):
    """An archive of three days of a receiver and one of another."""
    root = tmp_path_factory.mktemp("archive")
    small(root, range(3))
    small(root, (0,), "two")
    return root


class TestParsing:
    """New files parsed, several at a time."""

    @pytest.fixture
    def underway(self, four_files):
        kind = _Virtualize.of(settings_of(four_files))
        return _Underway(kind, kind.planned(None), None)

    @staticmethod
    def parsed(underway, tasks, known=(), stop=None, files=slice(None)):
        told = Told()
        execution = Execution(tasks, 1, Counting(told), stop or Stop())
        known = {one.file: one for one in known}
        return underway.parsed(underway.planned.backlog.wanted[files], execution, known), told

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

    def test_so_is_a_part_of_two_files(self, underway):
        found, _ = self.parsed(underway, Deadly("one/0.nc"), files=slice(2))
        assert ([one.file.uri for one in found], underway.set_aside) == (["one/1.nc"], ["one/0.nc"])

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
    session = open_existing(url_of(settings)).handle.readonly_session("main")
    assert session.chunk_type("/two.files/20250106T010000/SNR", (0, 0)) == icechunk.ChunkType.virtual
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
    put(icechunk.Repository.create(icechunk.local_filesystem_storage(url_of(settings))))
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
