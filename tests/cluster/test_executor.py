"""Tasks on Dask: each call of a task gets its own result, whatever its key was given to before."""

import os

import pytest
from distributed import Client, LocalCluster

from gnssice_batch.cluster.executor import OnDask, Patience, Task
from gnssice_batch.errors import InterruptedRunError
from tests.cluster.pods import free_port
from tests.failures.processes import start

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(scope="module")
def tasks():
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield OnDask(client, 2, Patience(30, 30))


@pytest.fixture(scope="module")
def client():
    """Client of a cluster whose worker is a process of its own."""
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def doubled(number):
    return 2 * number


def test_tasks_of_one_key_get_their_own_results(tasks):
    """A partition that is done again, with what was learned since, has the key that it had before."""
    results = [one.result for one in tasks.run([Task("rec.1", doubled, (1,)), Task("rec.1", doubled, (2,))])]
    assert sorted(results) == [2, 4]


def test_a_task_is_done_again_while_the_result_of_the_first_is_still_held(tasks):
    first = tasks.run([Task("rec.1", doubled, (1,)), Task("rec.2", doubled, (5,))])
    held = next(first)
    (again,) = tasks.run([Task(held.key, doubled, (3,))])
    assert (again.key, again.result) == (held.key, 6)
    assert [one.error for one in first] == [None]


@pytest.mark.processes
class TestAWorkerStartedAnew:
    def process(self, tasks, near=""):
        (finished,) = tasks.run([Task("pid", os.getpid, (), near)])
        return finished.result

    def test_it_is_another_process(self, client):
        tasks = OnDask(client, 1, Patience(30, 30))
        before = self.process(tasks)
        worker = tasks.renewed()
        assert worker in client.nthreads()
        assert self.process(tasks, worker) not in {before, os.getpid()}

    def test_where_others_may_be_at_work_nothing_is_started(self, client):
        tasks = OnDask(client, 1, Patience(30, 30), alone=False)
        before = self.process(tasks)
        assert tasks.renewed() == ""
        assert self.process(tasks) == before


@pytest.fixture
def scheduler(tmp_path):
    """A scheduler that is a process of its own, and its address."""
    address = f"tcp://127.0.0.1:{free_port()}"
    options = ("--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--dashboard-address", "127.0.0.1:0")
    process = start("distributed.cli.dask_scheduler", *options, log=tmp_path / "scheduler.log")
    yield process, address
    process.kill()
    process.wait()


@pytest.mark.processes
@pytest.mark.parametrize("asked", [OnDask.memory_bytes, OnDask.renewed])
def test_a_scheduler_that_is_gone_interrupts_the_run_whatever_is_asked_of_it(asked, scheduler):
    process, address = scheduler
    with Client(address, set_as_default=False, timeout=30) as client:
        tasks = OnDask(client, 1, Patience(0.5, 30))
        assert not asked(tasks)
        process.kill()
        process.wait()
        with pytest.raises(InterruptedRunError, match="scheduler is gone"):
            asked(tasks)
