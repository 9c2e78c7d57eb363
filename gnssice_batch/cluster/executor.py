"""Executors: tasks run in this process, or on Dask workers, behind one interface."""

import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import dask
from distributed import Client, KilledWorker, LocalCluster, as_completed, get_worker
from distributed.comm.core import CommClosedError

from gnssice_batch import config
from gnssice_batch.errors import ConfigError, GnssiceError, InterruptedRunError, RunConflictError, StoreError
from gnssice_batch.log import logger

_log = logger(__name__)
_FIRST_PAUSE_S = 0.5
_POLL_S = 0.1
_COUNT_AGAIN_S = 5.0
_LOCAL = {"distributed.worker.multiprocessing-method": "spawn", "distributed.scheduler.work-stealing": False}
"""Tasks wait with the scheduler, so that none is stolen from the worker that has kept what it reads."""


@dataclass(frozen=True, slots=True)
class Task[R]:
    """One call that an executor makes."""

    key: str
    """Name of the task everywhere: partition key, Dask key, log field."""
    function: Callable[..., R]
    arguments: tuple[object, ...]
    near: str = ""
    """Worker that runs it as long as it is there, because it has kept what the task reads; empty for any."""


@dataclass(frozen=True, slots=True)
class Finished[R]:
    """A task that is over: its result, or what it died of."""

    key: str
    result: R | None = None
    error: BaseException | None = None
    worker: str = ""
    """Who has run it; empty in this process, or where it failed."""

    @property
    def killed_workers(self) -> bool:
        """Whether its workers died again and again."""
        return isinstance(self.error, KilledWorker)

    @property
    def transient(self) -> bool:
        """Whether trying again may help: storage, network or a worker failed, not the work itself."""
        if isinstance(self.error, KilledWorker | RunConflictError):
            return False
        return isinstance(self.error, StoreError | OSError | TimeoutError | CommClosedError | CancelledError)


class Executor(Protocol):
    """Runs tasks and gives their results back as they finish."""

    here: bool
    """Whether tasks run in this process, one after the other."""

    @property
    def dashboard(self) -> str | None:
        """URL of the Dask dashboard, None where there is none."""

    def run[R](self, tasks: Iterable[Task[R]]) -> Iterator[Finished[R]]:
        """Run every task once and yield each as it finishes; closing the iterator cancels what has not."""

    def memory_bytes(self) -> int | None:
        """What one task may use at most; None where nothing limits it."""


class InProcess:
    """One task after the other, here."""

    dashboard = None
    here = True

    def run[R](self, tasks: Iterable[Task[R]]) -> Iterator[Finished[R]]:
        """Run the tasks in their order."""
        for task in tasks:
            try:
                finished = Finished(task.key, result=task.function(*task.arguments))
            except (GnssiceError, OSError, ValueError, MemoryError) as error:
                finished = Finished(task.key, error=error)
            yield finished

    def memory_bytes(self) -> int | None:
        """Nothing limits it but the machine."""
        return None


class OnDask:
    """Tasks on the workers of a Dask cluster, a bounded number submitted at a time.

    Arguments travel with each task, never scattered: every attempt gets copies of its own.
    """

    here = False

    def __init__(self, client: Client, ahead: int, patience_s: float, *, shown: bool = True) -> None:
        self._client = client
        self._shown = shown
        self._ahead = ahead
        self._patience_s = patience_s
        self._counted_at = -_COUNT_AGAIN_S
        self._slots = 1

    @property
    def dashboard(self) -> str | None:
        """URL of the dashboard; the scheduler has a port for its health checks without one too."""
        return (self._client.dashboard_link or None) if self._shown else None

    def run[R](self, tasks: Iterable[Task[R]]) -> Iterator[Finished[R]]:
        """Run the tasks, their results taken off the cluster as they complete.

        Raises
        ------
        InterruptedRunError
            When the scheduler is gone and does not come back.
        """
        waiting, under_way, running = iter(tasks), dict[Any, str](), as_completed()
        try:
            self._fill(waiting, under_way, running)
            for future in running:
                yield _finished(future, under_way.pop(future))
                future.release()
                self._fill(waiting, under_way, running)
        finally:
            if self._client.status == "running":
                self._client.cancel(list(under_way))

    def _fill[R](self, waiting: Iterator[Task[R]], under_way: dict[Any, str], running: Any) -> None:
        """Submit what there is room for; under Dask keys of their own, so that none gets another's result."""
        for task in islice(waiting, max(0, self._room() - len(under_way))):
            key = f"{task.key}@{secrets.token_hex(4)}"
            chosen: dict[str, Any] = {"workers": [task.near], "allow_other_workers": True} if task.near else {}
            future = self._client.submit(_with_worker, task.function, *task.arguments, key=key, pure=False, **chosen)
            under_way[future] = task.key
            running.add(future)

    def _room(self) -> int:
        """How many tasks may be submitted at a time; workers come and go, so they are counted again now and then.

        What is submitted to a scheduler that is away is lost, so this waits until it is back.
        """
        deadline = time.monotonic() + self._patience_s
        while self._client.status != "closed" and time.monotonic() < deadline:
            if self._client.status == "running" and self._counted():
                return max(1, self._slots) * self._ahead
            time.sleep(_POLL_S)
        msg = "the Dask scheduler is gone; what was finished is journaled, start the same run again to go on"
        raise InterruptedRunError(msg)

    def _counted(self) -> bool:
        if time.monotonic() < self._counted_at + _COUNT_AGAIN_S:
            return True
        try:
            self._slots = sum(self._client.nthreads().values())
        except (OSError, ValueError):
            return False
        self._counted_at = time.monotonic()
        return True

    def memory_bytes(self) -> int | None:
        """The smallest worker's limit, shared by its threads."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        shares = [int(worker["memory_limit"]) // worker["nthreads"] for worker in workers if worker["memory_limit"]]
        return min(shares, default=None)


def with_retries[R](executor: Executor, tasks: Iterable[Task[R]], tries: int) -> Iterator[Finished[R]]:
    """Run tasks; those that storage, network or a worker failed are tried again after a pause, the others never.

    Parameters
    ----------
    tries
        How often a task is run at most. A task that killed workers is not tried again: Dask has done so already.
    """
    again = list[Task[R]]()
    by_key: dict[str, Task[R]] = {}

    def remembered(batch: Iterable[Task[R]]) -> Iterator[Task[R]]:
        for task in batch:
            by_key[task.key] = task
            yield task

    for number in range(1, tries + 1):
        for finished in executor.run(remembered(tasks)):
            if finished.transient and number < tries:
                _log.warning("attempt %d failed: %s", number, finished.error, extra={"partition": finished.key})
                again.append(by_key.pop(finished.key))
            else:
                by_key.pop(finished.key)
                yield finished
        if not again:
            return
        time.sleep(_FIRST_PAUSE_S * 2 ** (number - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the tries
        tasks, again = again, []


def executor(settings: config.Cluster, window: int) -> AbstractContextManager[Executor]:
    """The executor the settings name, for as long as the context lasts.

    Parameters
    ----------
    window
        Tasks submitted per task that can run at a time.

    Raises
    ------
    ConfigError
        When there is no scheduler at the address.
    """
    match settings.kind:
        case "inline":
            return nullcontext(InProcess())
        case "local":
            return _local(settings, window)
        case "address":
            return _remote(settings, window)


def _finished(future: Any, key: str) -> Finished[Any]:
    """The end of a future; one that a dying scheduler cancelled, or can't give, says nothing of the task itself."""
    if future.cancelled():
        return Finished(key, error=CommClosedError("the scheduler is gone"))
    try:
        error = future.exception()
        if error:
            return Finished(key, error=error)
        worker, result = future.result()
        return Finished(key, result=result, worker=worker)
    except (CancelledError, OSError) as gone:
        return Finished(key, error=gone)


def _with_worker[R](function: Callable[..., R], *arguments: object) -> tuple[str, R]:
    """The address of the worker that this runs on, and the result of a call."""
    return get_worker().address, function(*arguments)


@contextmanager
def _local(settings: config.Cluster, window: int) -> Iterator[Executor]:
    shown = settings.dashboard_port is not None
    with (
        dask.config.set(_LOCAL),
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
        yield OnDask(client, window, settings.connect_timeout_s, shown=shown)


@contextmanager
def _remote(settings: config.Cluster, window: int) -> Iterator[Executor]:
    try:
        client = Client(settings.address, timeout=settings.connect_timeout_s)
    except (OSError, ValueError) as error:
        msg = f"cluster.address {settings.address!r}: no Dask scheduler answers there: {error}"
        raise ConfigError(msg) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=settings.connect_timeout_s)
        except TimeoutError as error:
            msg = f"cluster.address {settings.address!r}: no worker has come in {settings.connect_timeout_s:g} s"
            raise ConfigError(msg) from error
        yield OnDask(client, window, settings.connect_timeout_s)
