"""Where tasks run: in this process, or on Dask workers; both run the very same functions and answer in the same way."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import dask
from distributed import Client, LocalCluster, as_completed

from gnssice_batch import config


@dataclass(frozen=True, slots=True)
class Task[R]:
    """One call that an executor makes."""

    key: str
    """Name of the task everywhere: partition key, Dask key, log field."""
    function: Callable[..., R]
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Finished[R]:
    """A task that is over: its result, or what it died of."""

    key: str
    result: R | None = None
    error: Exception | None = None


class Executor(Protocol):
    """Runs tasks and gives their results back as they finish."""

    @property
    def dashboard(self) -> str | None:
        """URL of the Dask dashboard, None where there is none."""

    def run[R](self, tasks: Iterable[Task[R]]) -> Iterator[Finished[R]]:
        """Run every task once and yield each as it finishes."""


class InProcess:
    """One task after the other, here."""

    dashboard = None

    def run[R](self, tasks: Iterable[Task[R]]) -> Iterator[Finished[R]]:
        """Run the tasks in their order."""
        for task in tasks:
            try:
                yield Finished(task.key, result=task.function(*task.arguments))
            except Exception as error:  # noqa: BLE001 - whatever a task dies of is its answer, as on a cluster
                yield Finished(task.key, error=error)


class OnDask:
    """Tasks on the workers of a Dask cluster, a bounded number submitted at a time.

    Arguments travel with each task, never scattered: every attempt unpickles copies of its own.
    """

    def __init__(self, client: Client, ahead: int) -> None:
        self._client = client
        self._ahead = ahead

    @property
    def dashboard(self) -> str | None:
        """URL of the dashboard."""
        return self._client.dashboard_link or None

    def run[R](self, tasks: Iterable[Task[R]]) -> Iterator[Finished[R]]:
        """Run the tasks, their results taken off the cluster as they complete."""
        waiting = iter(tasks)
        slots = sum(self._client.nthreads().values())
        running = as_completed(self._submit(task) for task in islice(waiting, max(1, slots * self._ahead)))
        for future in running:
            error = future.exception()
            yield Finished(future.key, error=error) if error else Finished(future.key, result=future.result())
            future.release()
            for task in islice(waiting, 1):
                running.add(self._submit(task))

    def _submit[R](self, task: Task[R]) -> object:
        return self._client.submit(task.function, *task.arguments, key=task.key, pure=False)


def executor(settings: config.Cluster, window: int) -> AbstractContextManager[Executor]:
    """The executor the settings name, for as long as the context lasts.

    Parameters
    ----------
    window
        Tasks submitted per task that can run at a time.
    """
    if settings.kind == "inline":
        return nullcontext(InProcess())
    return _local(settings, window)


@contextmanager
def _local(settings: config.Cluster, window: int) -> Iterator[Executor]:
    dashboard = None if settings.dashboard_port is None else f"127.0.0.1:{settings.dashboard_port}"
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "spawn"}),
        LocalCluster(
            n_workers=settings.workers,
            threads_per_worker=settings.threads_per_worker,
            memory_limit=settings.memory_limit or "auto",
            dashboard_address=dashboard,
            processes=True,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield OnDask(client, window)
