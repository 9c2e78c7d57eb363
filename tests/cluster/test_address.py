"""A scheduler that is there already: none that answers, none with a worker is a state that passes."""

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
