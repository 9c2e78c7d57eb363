"""Dask worker processes on this machine."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from typing import Any, Final

import dask
from distributed import Client, LocalCluster
from distributed.utils import LoopRunner

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
        _deaf_loop() as loop,
        LocalCluster(
            loop=loop,
            n_workers=settings.workers,
            threads_per_worker=settings.threads_per_worker,
            memory_limit=settings.memory_limit or "auto",
            dashboard_address=f"127.0.0.1:{settings.dashboard_port or 0}",
            scheduler_kwargs={"dashboard": shown},
            processes=True,
        ) as cluster,
        _killed_at_once(cluster),
        Client(cluster, loop=loop) as client,
    ):
        yield client


@contextmanager
def _killed_at_once(cluster: LocalCluster) -> Iterator[None]:
    """Kill the workers where the program is ended in the middle: closing, they tell at length what they have lost."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        for nanny in list(cluster.workers.values()):
            nanny.auto_restart = False
            if nanny.process is not None and nanny.process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(nanny.process.pid, signal.SIGKILL)
        raise


@contextmanager
def _deaf_loop() -> Iterator[Any]:
    """An event loop in a thread that has SIGINT blocked, as all processes have that are started from it.

    A terminal sends Ctrl-C to all processes of a program: workers would die of it, each with a traceback, while this
    process stops them in order.
    """
    resource_tracker.ensure_running()  # else that thread starts it, and has SIGINT unblocked afterwards
    runner = LoopRunner()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        runner.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield runner.loop
    finally:
        runner.stop()
