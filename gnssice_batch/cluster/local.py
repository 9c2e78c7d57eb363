"""Dask worker processes on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dask
from distributed import Client, LocalCluster

from gnssice_batch import config
from gnssice_batch.cluster.dask_settings import SETTINGS

_SETTINGS: Final = {"distributed.deploy.lost-worker-timeout": "1000 days"}
"""A worker that died is never given up: by default Dask does 15 seconds later, and ends its nanny for good if that is
starting another one just then."""


@contextmanager
def connected(settings: config.Cluster) -> Iterator[Client]:
    """A client of workers that end with the context."""
    shown = settings.dashboard_port is not None
    with (
        dask.config.set(SETTINGS | _SETTINGS),
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
