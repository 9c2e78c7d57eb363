"""A scheduler that is there already: none that answers, none with a worker is a state that passes."""

import socket
import threading
import time
from contextlib import closing, suppress

import pytest
from distributed import LocalCluster

from gnssice_batch import config
from gnssice_batch.cluster.executor import Task, executor
from gnssice_batch.errors import ConfigError, InterruptedRunError
from tests.cluster.pods import free_port


def chosen(address):
    return config.Cluster(kind="address", address=address, connect_timeout_s=1)


@pytest.mark.heavy
def test_no_scheduler_in_time():
    expected = "no Dask scheduler answers there"
    with pytest.raises(InterruptedRunError, match=expected), executor(chosen(f"tcp://127.0.0.1:{free_port()}"), 1):
        pass


class Stranger:
    """A server that takes connections and sends what is no message of Dask's; what it says first is all it says."""

    def __init__(self, first):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.first, self.taken = first, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with suppress(OSError):
            while True:
                self.taken.append(self.socket.accept()[0])
                self.taken[-1].sendall(self.first)

    @property
    def address(self):
        return f"tcp://127.0.0.1:{self.socket.getsockname()[1]}"

    def close(self):
        for each in (self.socket, *self.taken):
            each.close()


@pytest.mark.heavy
@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", bytes(2000)])
def test_a_server_that_is_no_scheduler_is_not_waited_for_longer(first):
    began = time.monotonic()
    with (
        closing(Stranger(first)) as stranger,
        pytest.raises(InterruptedRunError, match="no Dask scheduler answers there within 1 s"),
        executor(chosen(stranger.address), 1),
    ):
        pass
    assert time.monotonic() - began < 10


def test_what_is_no_address_is_a_fault_of_the_settings():
    with pytest.raises(ConfigError, match="is no address"), executor(chosen("nonsense://somewhere"), 1):
        pass


@pytest.mark.heavy
def test_no_worker_in_time():
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", processes=True) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(InterruptedRunError, match="no worker has come in 1 s"), executor(chosen(address), 1):
            pass


def test_one_with_workers_runs_tasks():
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0", protocol="tcp") as cluster,
        executor(chosen(cluster.scheduler_address), 1) as tasks,
    ):
        assert [finished.result for finished in tasks.run([Task("one", abs, (-1,))])] == [1]
