"""The progress of a run as log lines: how fast, how far, how long still."""

import json
import logging
import re

import pytest
from rich.progress import Progress

from gnssice_batch import log
from gnssice_batch.cli.progress import Bar, Lines, Pace, Several
from gnssice_batch.cli.termination import told_at_the_end
from gnssice_batch.job.counting import Counts
from gnssice_batch.job.run import run
from tests.failures.small import hourly, site


def test_pace():
    now = [0.0]
    pace = Pace(lambda: now[0])
    pace.begin("ingest", 4)
    now[0] = 10.0
    pace.add(5_000_000)
    assert pace.left_s == 30.0
    assert pace.rate == "5 MB, 500 kB/s"


@pytest.fixture
def said(caplog):
    now = [0.0]
    logger = logging.getLogger("test_lines")
    lines = Lines(logger, lambda: now[0])

    def tell(stage, tasks, files=0, step_s=1.0):
        with caplog.at_level(logging.INFO, "test_lines"):
            lines.counted(Counts(files_planned=files, bytes_planned=files * 1000))
            lines.stage(stage, tasks)
            for number in range(1, tasks + 1):
                now[0] += step_s
                done = number * files // tasks
                planned = {"files_planned": files, "bytes_planned": files * 1000}
                lines.counted(Counts(**planned, files={"ok": done}, bytes_read=done * 1000))
                lines.finished("key", 1000)
        return caplog.messages

    return tell


def test_lines_are_said_when_a_stage_begins_and_ends_and_every_half_minute(said, caplog):
    messages = said("survey", 70)
    assert len(messages) == 4
    assert messages[1] == "survey: 30 of 70, 30 kB, 1 kB/s, about 40 s left"
    record = caplog.records[1]
    assert (record.done, record.total, record.left_s, record.bytes_per_s) == (30, 70, 40, 1000)
    assert not hasattr(record, "files_per_s")


def test_files_are_counted_where_the_stage_is_of_files(said, caplog):
    messages = said("ingest", 70, files=700)
    assert messages[0] == "ingest: 700 files, 700 kB"
    assert messages[1] == "ingest: 300 of 700 files, 10 files/s, 300 kB of 700 kB, 1 kB/s, about 40 s left"
    assert messages[3] == "ingest: all 700 files done in 1.17 min, 10 files/s, 70 kB, 1 kB/s"
    record = caplog.records[1]
    assert (record.done, record.total, record.files_per_s, record.left_s) == (300, 700, 10.0, 40)


def test_a_bar_counts_files_and_bytes_where_the_stage_is_of_files():
    bars = Progress(disable=True)
    bar = Bar(bars)
    bar.stage("survey", 3)
    bar.finished("key", 1000)
    assert (bars.tasks[0].completed, bars.tasks[0].total) == (1, 3)
    bar.counted(Counts(files_planned=700, bytes_planned=700_000, files={"ok": 300}, bytes_read=300_000))
    bar.stage("ingest", 70)
    bar.finished("key", 1000)
    task = bars.tasks[1]
    assert (task.completed, task.total) == (300, 700)
    assert task.fields["rate"].startswith("300 kB of 700 kB, ")


def test_a_stage_without_an_end_that_can_be_told_is_whole_when_it_is_over():
    bars = Progress(disable=True)
    bar = Bar(bars)
    for name, tasks in (("publish", 0), ("ingest", 2), ("publish", 0)):
        bar.stage(name, tasks)
    assert [(task.completed, task.total) for task in bars.tasks] == [(1, 1), (0, 2), (0, None)]
    bar.ended()
    assert [(task.completed, task.total) for task in bars.tasks] == [(1, 1), (0, 2), (1, 1)]


def test_the_ending_knows_which_run_it_is_and_how_far():
    with told_at_the_end([]) as said:
        Several().counted(Counts(run="20250101T000000-abc", files={"ok": 3}))
        assert (said.run, said.files) == ("20250101T000000-abc", {"ok": 3})


def test_every_json_line_of_a_run_says_of_which_run_and_phase_it_is(tmp_path, capsys):
    files = hourly(0, 6) | {"rec/STAT00SIM_R_20250011200_01H_30S_MO.rnx": b"rubbish"}
    chosen = site(tmp_path, files, run={"max_refused_fraction": 1, "verify": "full"})
    log.configure("info", "json")
    try:
        report = run(chosen, Lines(log.logger("progress")))
    finally:
        log.configure("warning")
        logging.getLogger(log.ROOT).handlers[:] = [logging.NullHandler()]
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines
    assert {line["run"] for line in lines} == {report.run}
    phases = [line["phase"] for line in lines]
    assert phases == sorted(phases, key=["list", "survey", "ingest", "ingest again", "verify", "publish"].index)
    assert {"ingest", "verify", "publish"} <= set(phases)
    ends = [line for line in lines if re.match("ingest: all", line["message"])]
    assert [(end["done"], end["total"]) for end in ends] == [(2, 2)]
