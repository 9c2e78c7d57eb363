"""Tasks on Dask: each call of a task gets its own result, whatever its key was given to before."""

import pytest
from distributed import Client, LocalCluster

from gnssice_batch.cluster.executor import OnDask, Patience, Task

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(scope="module")
def tasks():
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield OnDask(client, 2, Patience(30, 30))


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
