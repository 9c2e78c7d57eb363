"""An Indexed Job on this machine: coordinator with scheduler, and workers over TCP, as processes for pods."""

import signal

import pytest

from gnssice_batch import config
from gnssice_batch.cluster.executor import executor
from gnssice_batch.errors import ConfigError, InterruptedRunError
from tests.cluster.pods import IndexedJob, family, four_days, free_port
from tests.failures.field import settings_of
from tests.failures.small import check_as_in_one_run

pytestmark = [pytest.mark.processes, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]


@pytest.mark.heavy
def test_two_workers_write_what_one_process_would(tmp_path):
    files = four_days()
    with IndexedJob(tmp_path, files) as job:
        workers = [job.pod(index) for index in (1, 2)]
        leader = job.pod(0)
        assert job.ended(leader, 0) == 0, job.said(0)[-3000:]
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        for index, worker in enumerate(workers, 1):
            assert job.ended(worker, index) == 0, job.said(index)[-3000:]
        assert "at work for" in job.said(1)
    check_as_in_one_run(tmp_path, settings_of(job.config), files)


@pytest.mark.heavy
class TestPodsAreKilled:
    def test_a_worker_process_is_started_again_by_the_one_that_watches_it(self, tmp_path):
        files = four_days()
        with IndexedJob(tmp_path, files) as job:
            worker, leader = job.pod(1), job.pod(0)
            job.wait_for(0, "ingest: 16 files")
            working = max(family(worker), key=lambda each: each.memory_info().rss)
            assert working.pid != worker.pid
            working.kill()
            assert job.ended(leader, 0) == 0
            assert job.said(1).count("at work for") == 1
        check_as_in_one_run(tmp_path, settings_of(job.config), files)

    def test_a_worker_pod_is_replaced(self, tmp_path):
        files = four_days()
        with IndexedJob(tmp_path, files, ready_timeout_s=100) as job:
            worker, leader = job.pod(1), job.pod(0)
            job.wait_for(0, "ingest: 16 files")
            for process in family(worker):
                process.kill()
            job.wait_for(0, "no worker is left: waiting for another one, 100 s at most")
            job.pod(1)
            assert job.ended(leader, 0) == 0
            assert "a worker is there again" in job.said(0)
        check_as_in_one_run(tmp_path, settings_of(job.config), files)

    def test_a_coordinator_is_replaced_and_its_workers_find_the_next_one(self, tmp_path):
        files = four_days()
        with IndexedJob(tmp_path, files) as job:
            worker, leader = job.pod(1), job.pod(0)
            job.wait_for(0, "ingest: 16 files")
            for process in family(leader):
                process.kill()
            leader.wait()
            second = job.pod(0)
            assert job.ended(second, 0) == 0
            assert worker.poll() is None
            assert job.said(1).count("at work for") == 2
        check_as_in_one_run(tmp_path, settings_of(job.config), files)

    def test_without_a_worker_for_too_long_it_ends_with_7(self, tmp_path):
        with IndexedJob(tmp_path, four_days(), ready_timeout_s=25) as job:
            worker, leader = job.pod(1), job.pod(0)
            job.wait_for(0, "ingest: 16 files")
            for process in family(worker):
                process.kill()
            assert job.ended(leader, 0) == 7
            assert "no worker was left, none has come in 25 s; start again" in job.said(0)


@pytest.mark.heavy
def test_no_worker_in_time_is_an_interruption(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    monkeypatch.setenv("JOB_NAME", "backfill")
    monkeypatch.setenv("POD_NAMESPACE", "gnss")
    chosen = config.Cluster(kind="indexed", scheduler_port=free_port(), ready_timeout_s=0.3, dashboard_port=None)
    expected = r"no worker has come to the scheduler of this process in 0\.3 s.*-n gnss -l .*job-name=backfill"
    with pytest.raises(InterruptedRunError, match=expected), executor(chosen, 1):
        pass


def test_a_port_that_is_taken_is_a_fault_of_the_settings():
    port = free_port()
    chosen = config.Cluster(kind="indexed", scheduler_port=port, ready_timeout_s=0.3, dashboard_port=None)
    import socket

    with socket.socket() as taken:
        taken.bind(("0.0.0.0", port))
        taken.listen()
        with pytest.raises(ConfigError, match=f"cluster.scheduler_port {port}"), executor(chosen, 1):
            pass
