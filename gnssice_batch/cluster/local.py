"""Dask worker processes on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster

from gnssice_batch import config
from gnssice_batch.cluster.dask_settings import SETTINGS


@contextmanager
def connected(settings: config.Cluster) -> Iterator[Client]:
    """A client of workers that end with the context."""
    shown = settings.dashboard_port is not None
    with (
        dask.config.set(SETTINGS),
        LocalCluster(
            n_workers=settings.workers,
            threads_per_worker=settings.threads_per_worker,
            memory_limit=settings.memory_limit or "auto",
            dashboard_address=f"127.0.0.1:{settings.dashboard_port or 0}",
            scheduler_kwargs={"dashboard": shown},
            processes=True,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
