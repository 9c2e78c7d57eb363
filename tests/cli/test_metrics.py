"""A run scraped over HTTP while it goes on."""

import re
import socket
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gnssice_batch import __version__, log
from gnssice_batch.cli.metrics import Metrics, served
from gnssice_batch.cli.progress import Several, run_display
from gnssice_batch.config import Log
from gnssice_batch.job.counting import Counts
from gnssice_batch.job.run import run
from gnssice_batch.storage.traffic import Traffic
from tests.failures.small import Hook, hourly, site


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def scraped(port):
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {(sample.name, *sample.labels.values()): sample.value for each in families for sample in each.samples}


def test_a_run_is_scraped_while_it_goes_on_and_when_it_is_over(tmp_path):
    files = hourly(*range(0, 36, 6)) | {"rec/STAT00SIM_R_20250031200_01H_30S_MO.rnx": b"rubbish"}
    chosen, port, seen = site(tmp_path, files, run={"max_refused_fraction": 1}), free_port(), []
    with served(port) as metrics:
        report = run(chosen, Several(metrics, Hook("ingest", lambda: seen.append(scraped(port)), after=3)))
        last = scraped(port)
    (during,) = seen
    assert during["gnssice_batch_run_info", report.run, __version__] == 1
    assert during["gnssice_batch_files", "planned"] >= 6
    assert during["gnssice_batch_files", "ok"] == 3
    assert during["gnssice_batch_partitions", "finished"] == 3
    assert during["gnssice_batch_partitions", "planned"] >= 6
    assert during["gnssice_batch_stage", "ingest"] == 1
    assert during["gnssice_batch_stage_tasks", "done"] == 3
    assert during["gnssice_batch_workers",] == 1
    assert during["gnssice_batch_transferred_bytes", "sent"] == 0, "of a disk nothing is asked over a network"
    assert 0 < during["gnssice_batch_bytes", "read"] < during["gnssice_batch_bytes", "planned"]
    assert last["gnssice_batch_files", "ok"] == 6
    assert last["gnssice_batch_files", "rejected"] == 1
    (reason,) = (key[1] for key in last if key[0] == "gnssice_batch_files_rejected")
    assert re.fullmatch("[a-z_]+", reason)
    assert last["gnssice_batch_bytes", "read"] == report.bytes_read
    assert (
        last["gnssice_batch_last_progress_timestamp_seconds",]
        >= during["gnssice_batch_last_progress_timestamp_seconds",]
    )
    with pytest.raises(OSError, match="refused"):
        scraped(port)


def test_what_an_earlier_start_has_done_is_counted(tmp_path):
    files = hourly(*range(0, 36, 6))
    chosen, port = site(tmp_path, files), free_port()

    def press():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(chosen, Hook("ingest", press, after=4))
    seen = []
    with served(port) as metrics:
        run(chosen, Several(metrics, Hook("ingest", lambda: seen.append(scraped(port)))))
    assert seen[0]["gnssice_batch_partitions", "resumed"] == 4
    assert seen[0]["gnssice_batch_partitions", "finished"] == 5
    assert seen[0]["gnssice_batch_files", "ok"] == 5


def test_a_port_that_is_taken_is_a_warning(capsys):
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with run_display(Log(metrics_port=port)) as progress:
            progress.counted(Counts())
    log.configure("warning")
    assert f"metrics are not served, port {port} can't be had" in capsys.readouterr().err


def test_the_stage_that_is_over_is_not_shown_any_more():
    metrics = Metrics()
    for stage in ("survey", "ingest"):
        metrics.stage(stage, 3)
    stages = next(family for family in metrics.collect() if family.name == "gnssice_batch_stage")
    assert [sample.labels for sample in stages.samples] == [{"stage": "ingest"}]


def test_the_page_names_every_metric_with_its_labels():
    page = (Path(__file__).parents[2] / "docs" / "containers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(gnssice_batch_\w+)` \| ([^|]*)\|", page, re.MULTILINE)
    named = {name: re.findall("`([a-z_]+)`", labels.partition(":")[0]) for name, labels in rows}
    metrics = Metrics()
    metrics.stage("ingest", 1)
    told = Counts(files={"ok": 1}, rejected={"empty": 1}, partitions={"finished": 1}, traffic=Traffic({"GET": 1}))
    metrics.counted(told)
    samples = [sample for family in metrics.collect() for sample in family.samples]
    assert named == {sample.name: list(sample.labels) for sample in samples}
