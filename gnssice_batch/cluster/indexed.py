"""A scheduler in this process, whose workers are the other pods of an Indexed Job."""

from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster

from gnssice_batch import config
from gnssice_batch.cluster.dask_settings import SETTINGS
from gnssice_batch.cluster.pods import job_selector, seen
from gnssice_batch.cluster.reaching import first_worker
from gnssice_batch.config.pod import this_pod
from gnssice_batch.errors import ConfigError, InterruptedRunError
from gnssice_batch.log import logger

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - workers are in other pods
_log = logger(__name__)


@contextmanager
def connected(settings: config.Cluster) -> Iterator[Client]:
    """A client of the scheduler that this process runs, once its first worker is there.

    Raises
    ------
    ConfigError
        When the port of the scheduler is taken.
    InterruptedRunError
        When no worker comes in time.
    """
    with dask.config.set(SETTINGS), _scheduler(settings) as cluster, Client(cluster) as client:
        patience_s = settings.ready_timeout_s
        _log.info("scheduler listens on port %d, waiting for a worker", settings.scheduler_port)
        if not first_worker(client, patience_s):
            pod = this_pod()
            msg = f"no worker has come to the scheduler of this process in {patience_s:g} s"
            raise InterruptedRunError(f"{msg}; {seen(pod.namespace, job_selector(pod))}")
        yield client


def _scheduler(settings: config.Cluster) -> LocalCluster:
    """A scheduler without workers; without a dashboard nothing but the scheduler can be reached from elsewhere."""
    port = settings.dashboard_port
    try:
        return LocalCluster(
            n_workers=0,
            host=_EVERYWHERE,
            scheduler_port=settings.scheduler_port,
            dashboard_address="127.0.0.1:0" if port is None else f"{_EVERYWHERE}:{port}",
            scheduler_kwargs={"dashboard": port is not None},
            processes=True,
        )
    except (OSError, RuntimeError) as error:
        msg = f"cluster.scheduler_port {settings.scheduler_port}: no scheduler can listen there: {error}"
        raise ConfigError(msg) from error
