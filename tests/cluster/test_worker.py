"""The worker's life: it waits for a scheduler, survives it, and goes in order when it is told to."""

import signal
import time
from contextlib import contextmanager

import dask
import pytest
from distributed import Client, LocalCluster

from tests.cluster.pods import family, free_port
from tests.failures.processes import finished, start, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]


class Worker:
    """A worker process; its output is beside it."""

    def __init__(self, folder, port, *options, name="one"):
        self.log = folder / f"{name}.log"
        address = f"tcp://127.0.0.1:{port}"
        self.process = start("gnssice_batch", "worker", "--scheduler", address, "--name", name, *options, log=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in family(self.process):
            each.kill()
        self.process.wait()

    def stop(self):
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    @property
    def said(self):
        """What it has said so far."""
        return self.log.read_text()


@contextmanager
def scheduler(port):
    """A scheduler without workers, and its client."""
    with (
        LocalCluster(n_workers=0, scheduler_port=port, dashboard_address="127.0.0.1:0", processes=True) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def running(client):
    """Tasks that workers have begun or will begin next."""
    return sum(len(keys) for keys in client.processing().values())


def lazily(seconds):
    return lambda: time.sleep(seconds) or seconds


@pytest.mark.heavy
def test_told_to_stop_it_finishes_what_runs_and_leaves_the_rest(tmp_path):
    port = free_port()
    with scheduler(port) as client, Worker(tmp_path, port, "--grace", 40) as worker:
        client.wait_for_workers(1, timeout=60)
        first, *others = [client.submit(lazily(3), pure=False) for _ in range(3)]
        assert wait_until(lambda: running(client))
        worker.stop()
        assert first.result(timeout=30) == 3
        first.release()
        assert finished(worker.process) == 0
        assert not any(other.done() for other in others)
        assert client.scheduler_info()["workers"] == {}
        with Worker(tmp_path, port, name="two"):
            assert client.gather(others) == [3, 3]


@pytest.mark.heavy
def test_what_it_cant_finish_it_hands_back_and_it_does_not_count_as_a_death(tmp_path):
    port = free_port()
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), scheduler(port) as client:
        with Worker(tmp_path, port, "--grace", 6) as worker:
            task = client.submit(time.sleep, 8, pure=False)
            assert wait_until(lambda: running(client))
            time.sleep(0.5)
            worker.stop()
            began = time.monotonic()
            assert finished(worker.process) == 0
            assert time.monotonic() - began < 20
            assert "hands back what it has not finished" in worker.said
        assert task.status == "pending"
        with Worker(tmp_path, port, name="two"):
            assert task.result(timeout=60) is None


@pytest.mark.heavy
def test_a_scheduler_that_was_lost_is_looked_for_again(tmp_path):
    port = free_port()
    with scheduler(port) as client:
        worker = Worker(tmp_path, port)
        client.wait_for_workers(1, timeout=60)
    with worker, scheduler(port) as client:
        client.wait_for_workers(1, timeout=60)
        assert [each["name"] for each in client.scheduler_info()["workers"].values()] == ["one"]
        assert client.submit(abs, -1).result(timeout=30) == 1
        worker.stop()
        assert finished(worker.process) == 0


@pytest.mark.heavy
class TestTheSchedulerGoesWhileItStarts:
    @pytest.fixture
    def worker(self, tmp_path):
        port = free_port()
        with scheduler(port):
            worker = Worker(tmp_path, port)
            assert wait_until(lambda: "Start Nanny" in worker.said)
        worker.port = port
        with worker:
            yield worker

    def test_told_to_stop_it_ends_with_0(self, worker):
        worker.stop()
        began = time.monotonic()
        assert finished(worker.process) == 0, worker.said
        assert time.monotonic() - began < 20

    def test_it_works_for_the_next_one(self, worker):
        with scheduler(worker.port) as client:
            client.wait_for_workers(1, timeout=150)
            assert client.submit(abs, -1).result(timeout=30) == 1
            assert len(client.scheduler_info()["workers"]) == 1


@pytest.mark.heavy
def test_its_memory_and_its_threads_are_as_told(tmp_path):
    port = free_port()
    with scheduler(port) as client, Worker(tmp_path, port, "--threads", 3, "--memory-limit", "1GiB"):
        client.wait_for_workers(1, timeout=60)
        (told,) = client.scheduler_info()["workers"].values()
        assert (told["nthreads"], told["memory_limit"]) == (3, 2**30)


@pytest.mark.heavy
def test_no_scheduler_in_its_patience_is_an_exit_code_of_its_own(tmp_path):
    with Worker(tmp_path, free_port(), "--patience", 0) as worker:
        assert finished(worker.process) == 8
        assert "Error: no scheduler: no Dask scheduler has answered at tcp://127.0.0.1:" in worker.said


@pytest.mark.heavy
def test_told_to_stop_while_it_looks_for_one_it_ends_with_0(tmp_path):
    with Worker(tmp_path, free_port()) as worker:
        assert wait_until(lambda: "looking for the scheduler" in worker.said)
        worker.stop()
        assert finished(worker.process) == 0
