"""The commands of pods: what they refuse, which of them an index asks for. Their work is in tests/cluster."""

import logging

import pytest
import yaml

from gnssice_batch.cli import main
from gnssice_batch.cluster import worker as workers


@pytest.fixture
def call(capsys):
    """Run a command; return its exit code and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return ended.value.code or 0, capsys.readouterr().err

    yield run
    logging.getLogger("gnssice_batch").handlers[:] = [logging.NullHandler()]


@pytest.fixture
def settings(tmp_path):
    """Write settings with a cluster section."""

    def write(**cluster):
        path = tmp_path / "settings.yaml"
        tree = {"site": "s", "archive": {"url": str(tmp_path / "absent")}, "store": {"url": str(tmp_path)}}
        path.write_text(yaml.safe_dump({**tree, "cluster": cluster}))
        return path

    return write


@pytest.fixture
def employed(monkeypatch):
    """What workers are employed for, instead of their work."""
    found = []
    monkeypatch.setattr(workers, "work", found.append)
    return found


ADDRESS = ("--scheduler", "tcp://leader:8786")


@pytest.mark.parametrize("index", ["0", "1"])
def test_job_needs_a_cluster_of_its_kind(call, settings, monkeypatch, index):
    monkeypatch.setenv("JOB_COMPLETION_INDEX", index)
    code, err = call("job", "-c", settings(kind="inline"), *ADDRESS)
    assert code == 2
    assert "cluster.kind should be indexed in the pods of an Indexed Job, and is inline" in err


@pytest.mark.parametrize("command", ["run", "vod"])
@pytest.mark.parametrize("index", [None, "0"])
def test_the_first_index_runs(call, settings, monkeypatch, index, employed, command):
    monkeypatch.delenv("JOB_COMPLETION_INDEX", raising=False)
    if index is not None:
        monkeypatch.setenv("JOB_COMPLETION_INDEX", index)
    path = settings(kind="indexed", ready_timeout_s=0.1, scheduler_port=8799, dashboard_port=None)
    code, err = call("job", "-c", path, *ADDRESS, "--command", command)
    assert code == 7
    assert "no worker has come to the scheduler of this process in 0.1 s" in err
    assert employed == []


def test_any_other_index_works_as_the_settings_and_the_options_say(call, settings, monkeypatch, employed):
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "3")
    monkeypatch.setenv("POD_NAME", "backfill-3-x7k2p")
    path = settings(kind="indexed", threads_per_worker=2, memory_limit="3GiB")
    assert call("job", "-c", path, *ADDRESS)[0] == 0
    assert call("job", "-c", path, *ADDRESS, "--threads", 4, "--memory-limit", "1GiB", "--grace", 9)[0] == 0
    terms = [(each.name, each.threads, each.memory_bytes, each.patience_s, each.grace_s) for each in employed]
    assert terms == [("backfill-3-x7k2p", 2, 3 << 30, 3600, 30), ("backfill-3-x7k2p", 4, 1 << 30, 3600, 9)]
    assert {each.scheduler for each in employed} == {"tcp://leader:8786"}


def test_workers_without_a_pod_have_distinct_names(call, monkeypatch, employed):
    monkeypatch.delenv("POD_NAME", raising=False)
    for _ in range(2):
        assert call("worker", *ADDRESS)[0] == 0
    assert len({each.name for each in employed}) == 2
    assert {each.threads for each in employed} == {1}


def test_a_size_that_is_none_is_refused(call, employed):
    code, err = call("worker", *ADDRESS, "--memory-limit", "much")
    assert code == 2
    assert "--memory-limit should be a number of bytes" in err
    assert employed == []
