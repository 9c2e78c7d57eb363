"""Runs that were not published: listed, shown, given up; and garbage collected without harm to them."""

import json
import logging
import re
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gnssice_batch.cli import main
from gnssice_batch.errors import ConfigError, RunConflictError, StoreError
from gnssice_batch.job.execution import NoProgress
from gnssice_batch.job.journal import open_journals
from gnssice_batch.job.lease import Lease, now, process_started
from gnssice_batch.job.run import run
from gnssice_batch.job.sealing import seal
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.garbage import collect_garbage
from gnssice_batch.operate.open_runs import (
    abandon,
    finished_partitions,
    for_writing,
    open_run,
    open_runs,
)
from gnssice_batch.planning.plan import Retry
from gnssice_batch.records import dump
from gnssice_batch.store.writing.garbage import collect
from tests.support.runs import (
    DAY_ONE_S,
    assert_same,
    branches,
    check_ledger,
    head,
    messages,
    name,
    repository,
    rinex,
    settings,
    span_s,
    stored,
    write,
)

GROUP = "rec"
NOW = timedelta(0)


class Power(NoProgress):
    """Fails when so many partitions are done."""

    def __init__(self, partitions):
        self.left, self.ingesting = partitions, False

    def stage(self, name, tasks):  # noqa: ARG002 - the coordinator gives it
        self.ingesting = name.startswith("ingest")

    def finished(self, key, size_bytes):  # noqa: ARG002 - the coordinator gives them
        self.left -= self.ingesting
        if self.ingesting and self.left == 0:
            raise Blackout


class Blackout(BaseException):
    """What ends a run in the middle."""


def hours(*wanted, salt=0):
    starts = (DAY_ONE_S + 3600 * hour for hour in wanted)
    return {name(start, "01H"): rinex(span_s(start, 1), salt=salt) for start in starts}


def interrupted(chosen, partitions=2, **kwargs):
    """Name of a run that died after so many partitions."""
    known = {found.run for found in open_runs(chosen)}
    with pytest.raises(Blackout):
        run(chosen, Power(partitions), **kwargs)
    ((found),) = [found.run for found in open_runs(chosen) if found.run not in known]
    return found


@pytest.fixture
def chosen(tmp_path):
    write(tmp_path / "archive", hours(0, 7, 13, 20))
    return settings(tmp_path)


@pytest.fixture
def other_process():
    """A process that is not this one, and lives as long as the test."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield Lease(socket.gethostname(), process.pid, process_started(process.pid), now())
        process.communicate(b"\n")


def lease(chosen, run_name, held):
    target_of(chosen).journals.below(run_name).write("lease.json", seal(dump(held)))


def test_no_runs(chosen):
    assert open_runs(chosen) == ()
    run(chosen)
    assert open_runs(chosen) == ()


def test_an_interrupted_run_is_listed(chosen):
    name_of_run = interrupted(chosen)
    (found,) = open_runs(chosen)
    assert found.run == name_of_run
    assert (found.partitions, found.at_work, found.same_settings, found.retry) == (2, False, True, False)
    assert found.snapshot is None
    assert found.size_bytes > 500
    assert found.age < timedelta(minutes=5)
    assert found.record.branch == "main"
    other = chosen.model_copy(update={"site": chosen.site, "chunks": chosen.chunks.model_copy(update={"epoch": 1440})})
    assert not open_run(other, name_of_run).same_settings
    assert sorted(finished_partitions(chosen, name_of_run).values()) == [(1, 120), (1, 120)]
    with pytest.raises(ConfigError, match=f"no run 'nothing'; there are: {name_of_run}"):
        open_run(chosen, "nothing")
    report = run(chosen)
    assert (report.run, report.resumed) == (name_of_run, 2)
    assert open_runs(chosen) == ()


def test_a_retry_is_another_run_than_the_one_that_was_interrupted(chosen, tmp_path):
    """It neither goes on with the other's work nor throws it away."""
    write(tmp_path / "archive", {name(DAY_ONE_S + 3600 * 9, "01H"): b"nothing"})
    run(chosen)
    write(tmp_path / "archive", hours(30, 36, 42))
    first = interrupted(chosen)
    assert run(chosen, retry=Retry()).snapshot is None
    second = interrupted(chosen, partitions=1, retry=Retry())
    found = {found.run: found.retry for found in open_runs(chosen)}
    assert found == {first: False, second: True}
    assert run(chosen).resumed == 2
    assert run(chosen, retry=Retry()).refused_again
    assert open_runs(chosen) == ()


def test_a_run_given_up_leaves_nothing_behind(chosen, tmp_path):
    run(chosen)
    standing = head(chosen)
    write(tmp_path / "archive", hours(30, 60))
    abandon(chosen, interrupted(chosen, partitions=1))
    assert (open_runs(chosen), branches(chosen), head(chosen)) == ((), {"main"}, standing)
    report = run(chosen)
    assert report.resumed == 0
    assert len(stored(chosen, GROUP).time_ns) == 6 * 120


def test_a_run_at_work_is_not_given_up_unless_forced(chosen, other_process):
    name_of_run = interrupted(chosen)
    lease(chosen, name_of_run, other_process)
    assert open_run(chosen, name_of_run).at_work
    with pytest.raises(RunConflictError, match=f"process {other_process.process}.*--force"):
        abandon(chosen, name_of_run)
    assert open_run(chosen, name_of_run).partitions == 2
    abandon(chosen, name_of_run, force=True)
    assert open_runs(chosen) == ()


@pytest.mark.parametrize(
    "changes", [{"process_started": "1"}, {"host": "elsewhere", "beat": "2020-01-01T00:00:00+00:00"}], ids=str
)
def test_the_dead_are_not_at_work(chosen, other_process, changes):
    name_of_run = interrupted(chosen)
    lease(chosen, name_of_run, replace(other_process, **changes))
    assert not open_run(chosen, name_of_run).at_work
    abandon(chosen, name_of_run)


@pytest.mark.parametrize("damage", [b"", b"gnssice-journal 1 3 00\n{}"], ids=["empty", "changed"])
def test_a_run_whose_record_is_damaged_can_be_given_up_and_stops_garbage_collection(chosen, damage):
    name_of_run = interrupted(chosen)
    target_of(chosen).journals.below(name_of_run).write("run.json", damage)
    (found,) = open_runs(chosen)
    assert (found.run, found.record, found.partitions) == (name_of_run, None, 2)
    with pytest.raises(StoreError, match=name_of_run):
        collect_garbage(chosen, NOW)
    abandon(chosen, name_of_run)
    assert (open_runs(chosen), branches(chosen)) == ((), {"main"})


def test_a_published_run_whose_journal_is_left_is_said_to_be_one(chosen):
    name_of_run = interrupted(chosen)
    record = open_journals(target_of(chosen).journals)[0].record
    assert run(chosen).run == name_of_run
    target_of(chosen).journals.below(name_of_run).write("run.json", seal(dump(record)))
    assert open_run(chosen, name_of_run).snapshot == head(chosen)
    assert run(chosen).snapshot is None
    assert open_runs(chosen) == ()


def chunks(chosen):
    return {path.name for path in (Path(chosen.store.url) / chosen.site / "rinex" / "chunks").iterdir()}


def test_garbage_collection_refuses_to_take_from_an_open_run(chosen):
    """Both that it is refused, and that the run it spared ends as one that nobody disturbed."""
    name_of_run = interrupted(chosen)
    written = chunks(chosen)
    assert written
    for dry_run in (True, False):
        with pytest.raises(StoreError, match=f"run {name_of_run} is open since .*runs abandon"):
            collect_garbage(chosen, NOW, dry_run=dry_run)
    spared = collect_garbage(chosen, timedelta(hours=1), dry_run=False)
    assert (spared.chunks, chunks(chosen)) == (0, written)
    assert run(chosen).resumed == 2
    undisturbed = settings(Path(chosen.store.url).parent / "again", Path(chosen.archive.url))
    run(undisturbed)
    assert_same(stored(chosen, GROUP), stored(undisturbed, GROUP))


def test_what_it_guards_against(chosen):
    """Without the guard the chunks of an open run are gone, though its journal stands."""
    interrupted(chosen)
    written = chunks(chosen)
    now = datetime.now(UTC)
    assert collect(for_writing(target_of(chosen)), now, now, dry_run=False).chunks == len(written)
    assert open_runs(chosen)[0].partitions == 2


@pytest.mark.heavy
def test_garbage_is_counted_then_deleted(chosen, tmp_path):
    run(chosen)
    write(tmp_path / "archive", hours(30, 60))
    abandon(chosen, interrupted(chosen, partitions=1))
    before = chunks(chosen)
    counted = collect_garbage(chosen, NOW)
    assert counted.chunks > 0
    assert counted.expired == 0
    assert chunks(chosen) == before
    deleted = collect_garbage(chosen, NOW, dry_run=False)
    assert deleted.chunks == counted.chunks == len(before) - len(chunks(chosen))
    check_ledger(chosen, GROUP)
    run(chosen)
    assert len(stored(chosen, GROUP).time_ns) == 6 * 120
    check_ledger(chosen, GROUP)


@pytest.mark.heavy
def test_old_versions_expire_but_for_the_newest_and_the_tagged(chosen, tmp_path):
    for number, tag in ((31, None), (32, "kept"), (33, None), (34, None)):
        write(tmp_path / "archive", hours(number))
        run(chosen.model_copy(update={"run": chosen.run.model_copy(update={"tag": tag})}))
    data = stored(chosen, GROUP)
    counted = collect_garbage(chosen, NOW)
    deleted = collect_garbage(chosen, NOW, dry_run=False)
    assert deleted == counted
    assert deleted.expired == 2
    assert len(messages(chosen)) == 1
    assert_same(stored(chosen, GROUP), data)
    assert collect_garbage(chosen, NOW).expired == 0


def files_of(place):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in Path(place).rglob("*")}


def test_what_only_expiring_versions_refer_to_is_counted_too(chosen, tmp_path, monkeypatch):
    """Counted on a copy: the store stays as it is, and nothing of the copy is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    Path(tempfile.tempdir).mkdir()
    for salt in range(3):
        write(tmp_path / "archive", hours(*range(6), salt=salt))
        run(chosen)
    before = files_of(chosen.store.url)
    counted = collect_garbage(chosen, NOW)
    assert files_of(chosen.store.url) == before
    assert not list(Path(tempfile.tempdir).iterdir())
    assert len(messages(chosen)) == 3
    written = chunks(chosen)
    assert collect_garbage(chosen, NOW, dry_run=False) == counted
    assert counted.expired == 2
    assert counted.chunks == len(written) - len(chunks(chosen)) > 0
    assert counted.size_bytes > 0
    check_ledger(chosen, GROUP)


def test_the_version_that_an_open_run_was_planned_on_does_not_expire(chosen, tmp_path):
    """However long ago it was written: the run is held against it when it goes on."""
    run(chosen)
    write(tmp_path / "archive", hours(30, 36))
    name_of_run = interrupted(chosen, partitions=1)
    run(chosen.model_copy(update={"attributes": {"Institution": "another"}}))
    (journal,) = open_journals(target_of(chosen).journals)
    later = replace(journal.record, started="2999-01-01T00:00:00+00:00")
    journal.folder.write("run.json", seal(dump(later)))
    with pytest.raises(StoreError, match=name_of_run):
        collect_garbage(chosen, NOW)


def test_a_staging_branch_without_a_journal_here_is_an_open_run_too(chosen, tmp_path):
    """Its journal may be in another folder."""
    elsewhere = chosen.model_copy(update={"run": chosen.run.model_copy(update={"journal_url": str(tmp_path / "j")})})
    name_of_run = interrupted(elsewhere)
    assert open_runs(chosen) == ()
    with pytest.raises(StoreError, match=name_of_run):
        collect_garbage(chosen, NOW)
    collect_garbage(chosen, timedelta(hours=1), dry_run=False)
    assert run(elsewhere).resumed == 2


def test_a_staging_branch_that_is_left_can_be_removed(chosen):
    name_of_run = interrupted(chosen)
    target_of(chosen).journals.remove()
    abandon(chosen, name_of_run)
    assert branches(chosen) == {"main"}
    with pytest.raises(ConfigError):
        abandon(chosen, name_of_run)


def test_there_is_nothing_to_collect_before_the_first_run(chosen):
    with pytest.raises(StoreError, match="no repository"):
        collect_garbage(chosen, NOW)
    assert not Path(chosen.store.url).exists()


@pytest.fixture
def call(capsys, tmp_path, chosen, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    config = tmp_path / "settings.yaml"
    config.write_text(json.dumps(chosen.model_dump(mode="json")))

    def command(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "-c", str(config)])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out + captured.err

    yield command
    logging.getLogger("gnssice_batch").handlers[:] = [logging.NullHandler()]


def test_the_commands(call, chosen, other_process):
    assert call("runs", "list") == (0, "no unpublished runs\n")
    name_of_run = interrupted(chosen)
    code, out = call("runs", "list")
    assert code == 0
    assert f"{name_of_run}  stopped" in out
    assert "2 partitions finished" in out
    (listed,) = json.loads(call("runs", "list", "--json")[1])["runs"]
    assert (listed["run"], listed["partitions"], listed["at_work"]) == (name_of_run, 2, False)
    code, out = call("runs", "show", name_of_run)
    assert "rec.2025001T000000  1 file, 120 epochs written" in out
    assert "run with these settings" in out
    assert len(json.loads(call("runs", "show", name_of_run, "--json")[1])["finished"]) == 2
    lease(chosen, name_of_run, other_process)
    assert "running" in call("runs", "list")[1]
    assert call("runs", "abandon", name_of_run)[0] == 6
    assert call("gc", "--older-than", "0", "--delete")[0] == 5
    assert call("runs", "abandon", name_of_run, "--force")[0] == 0
    assert call("runs", "abandon", name_of_run)[0] == 2
    code, out = call("gc", "--older-than", "0")
    assert "would be deleted" in out
    objects = sum(path.is_file() for path in repository(chosen).rglob("*"))
    assert re.search(rf"^{objects} objects listed, \d+\.\d s$", out, re.MULTILINE)
    deleted = json.loads(call("gc", "--older-than", "0", "--delete", "--json")[1])
    assert (deleted["chunks"] > 0, deleted["listed_objects"], deleted["seconds"] > 0) == (True, objects, True)
    assert call("gc", "--older-than", "0")[1].splitlines()[1].startswith("0 chunks")
