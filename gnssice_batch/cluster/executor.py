"""Executors: tasks run in this process, or on Dask workers, behind one interface."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from distributed import Client, KilledWorker, get_worker
from distributed.comm.core import CommClosedError

from gnssice_batch import config
from gnssice_batch.errors import GnssiceError, InterruptedRunError, RunConflictError, StoreError
from gnssice_batch.log import logger
from gnssice_batch.model.damage import DamagedError

_log = logger(__name__)
_POLL_S = 0.1
_COUNT_AGAIN_S = 5.0
_LOOK_AGAIN_S = 1.0
_RENEW_S = 60.0


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
        if isinstance(self.error, KilledWorker | RunConflictError | DamagedError):
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

    def processes(self) -> int:
        """How many processes run tasks just now."""

    def renewed(self) -> str:
        """A worker whose process was started anew just now, so that nothing lies in its memory; empty for none."""


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

    def processes(self) -> int:
        """This one."""
        return 1

    def renewed(self) -> str:
        """None."""
        return ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long workers are waited for that are not there, in seconds."""

    scheduler_s: float
    """A scheduler that is away."""
    worker_s: float
    """Another worker, when the last one is lost."""


@dataclass(frozen=True, slots=True)
class _UnderWay[R]:
    """What is submitted and not over."""

    tasks: dict[Any, Task[R]]
    """By future."""
    completed: SimpleQueue[Any]
    """Futures that are done."""


class OnDask:
    """Tasks on the workers of a Dask cluster, a bounded number submitted at a time.

    Arguments travel with each task, never scattered: every attempt gets copies of its own.
    """

    here = False

    def __init__(
        self,
        client: Client,
        ahead: int,
        patience: Patience,
        *,
        shown: bool = True,
        expected: int = 1,
        alone: bool = True,
    ) -> None:
        self._client = client
        self._alone = alone
        self._shown = shown
        self._ahead = ahead
        self._patience = patience
        self._counted_at = -_COUNT_AGAIN_S
        self._slots = self._workers = 1
        self._expected = expected
        self._alone_since: float | None = None
        self._share_bytes: int | None = None

    @property
    def dashboard(self) -> str | None:
        """URL of the dashboard; the scheduler has a port for its health checks without one too."""
        return (self._client.dashboard_link or None) if self._shown else None

    def run[R](self, tasks: Iterable[Task[R]]) -> Iterator[Finished[R]]:
        """Run the tasks, their results taken off the cluster as they complete.

        Raises
        ------
        InterruptedRunError
            When the scheduler is gone and does not come back, or the last worker is lost and no other comes.
        """
        waiting = iter(tasks)
        under_way: _UnderWay[R] = _UnderWay({}, SimpleQueue())
        try:
            self._fill(waiting, under_way)
            while under_way.tasks:
                future, task = self._next(under_way)
                yield _finished(future, task.key)
                future.release()
                self._fill(waiting, under_way)
        finally:
            if self._client.status == "running":
                self._client.cancel(list(under_way.tasks))

    def _fill[R](self, waiting: Iterator[Task[R]], under_way: _UnderWay[R]) -> None:
        """Submit what there is room for."""
        for task in islice(waiting, max(0, self._room() - len(under_way.tasks))):
            self._submit(task, task.near, under_way)

    def _submit[R](self, task: Task[R], near: str, under_way: _UnderWay[R]) -> None:
        """Submit a task, under a Dask key of its own, so that none gets another's result."""
        key = f"{task.key}@{secrets.token_hex(4)}"
        chosen: dict[str, Any] = {"workers": [near], "allow_other_workers": True} if near else {}
        future = self._client.submit(_with_worker, task.function, *task.arguments, key=key, pure=False, **chosen)
        under_way.tasks[future] = task
        future.add_done_callback(under_way.completed.put)

    def _next[R](self, under_way: _UnderWay[R]) -> tuple[Any, Task[R]]:
        """The next future that is done; as long as none is, look whether there are workers."""
        while True:
            try:
                future = under_way.completed.get(timeout=_LOOK_AGAIN_S)
            except Empty:
                self._look_for_workers()
                self._submit_stranded(under_way)
                continue
            if future in under_way.tasks:
                return future, under_way.tasks.pop(future)

    def _submit_stranded[R](self, under_way: _UnderWay[R]) -> None:
        """Submit tasks anew whose preferred worker was lost while there was no other: Dask never runs them.

        `Scheduler.bulk_schedule_unrunnable_after_adding_worker` takes the preference for a condition.
        """
        if not self._slots or not any(task.near for task in under_way.tasks.values()):
            return
        try:
            processing = {key for keys in self._client.processing().values() for key in keys}
            workers = self._client.nthreads()
        except (OSError, ValueError):
            return
        for future, task in list(under_way.tasks.items() if workers else ()):
            if task.near and task.near not in workers and future.key not in processing and not future.done():
                del under_way.tasks[future]
                self._client.cancel([future])
                self._submit(task, "", under_way)

    def _look_for_workers(self) -> None:
        """Say when no worker is left, and when one is there again; futures tell of a scheduler that is away.

        Raises
        ------
        InterruptedRunError
            When no worker has come for too long.
        """
        if not self._counted():
            return
        now, patience_s = time.monotonic(), self._patience.worker_s
        if self._slots:
            if self._alone_since is not None:
                _log.info("a worker is there again, after %.0f s", now - self._alone_since)
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
            _log.warning("no worker is left: waiting for another one, %g s at most", patience_s)
        elif now - self._alone_since > patience_s:
            msg = f"no worker was left, none has come in {patience_s:g} s; start again: what was finished is journaled"
            raise InterruptedRunError(msg)

    def _room(self) -> int:
        """How many tasks may be submitted at a time; workers come and go, so they are counted again now and then.

        What is submitted to a scheduler that is away is lost, so this waits until it is back.
        """
        deadline = time.monotonic() + self._patience.scheduler_s
        while self._client.status != "closed" and time.monotonic() < deadline:
            if self._client.status == "running" and self._counted():
                return max(1, self._slots) * self._ahead
            time.sleep(_POLL_S)
        msg = "the Dask scheduler is gone; what was finished is journaled, start the same run again to go on"
        raise InterruptedRunError(msg)

    def _counted(self) -> bool:
        if self._slots and time.monotonic() < self._counted_at + _COUNT_AGAIN_S:
            return True
        try:
            threads = self._client.nthreads()
            self._slots, self._workers = sum(threads.values()), len(threads)
        except (OSError, ValueError):
            return False
        self._counted_at = time.monotonic()
        return True

    def memory_bytes(self) -> int | None:
        """The smallest worker's limit, shared by its threads; as it was last, where no worker is left just now.

        Raises
        ------
        InterruptedRunError
            When the scheduler is gone and does not come back.
        """
        known = self._known_workers().values()
        shares = [int(worker["memory_limit"]) // worker["nthreads"] for worker in known if worker["memory_limit"]]
        self._share_bytes = min(shares, default=self._share_bytes)
        return self._share_bytes

    def processes(self) -> int:
        """The workers that the scheduler knows, or those that are to come where these are more.

        Raises
        ------
        InterruptedRunError
            When the scheduler is gone and does not come back.
        """
        self._room()
        return max(1, self._expected, self._workers)

    def renewed(self) -> str:
        """A worker started anew by its nanny; none where its cluster may run tasks of others, or does not let it.

        Raises
        ------
        InterruptedRunError
            When the scheduler is gone and does not come back.
        """
        workers = self._known_workers()
        if not (self._alone and workers):
            return ""
        address, told = next(iter(workers.items()))
        try:
            self._client.restart_workers([address], timeout=_RENEW_S, raise_for_error=False)
        except (OSError, TimeoutError, RuntimeError) as error:
            _log.warning("worker %s was not started anew: %s", told["name"], str(error) or type(error).__name__)
            return ""
        return next((one for one, now in self._known_workers().items() if now["name"] == told["name"]), "")

    def _known_workers(self) -> dict[str, Any]:
        """What the scheduler tells of each worker, by its address; one that is away is waited for."""
        while True:
            self._room()
            try:
                return dict(self._client.scheduler_info(n_workers=-1)["workers"])
            except (OSError, ValueError):
                self._counted_at = -_COUNT_AGAIN_S


def executor(settings: config.Cluster, window: int) -> AbstractContextManager[Executor]:
    """The executor the settings name, for as long as the context lasts.

    Parameters
    ----------
    window
        Tasks submitted per task that can run at a time.

    Raises
    ------
    ConfigError
        When the cluster can't be made as the settings say.
    InterruptedRunError
        When no scheduler answers, or no worker comes, for as long as the settings say.
    """
    return nullcontext(InProcess()) if settings.kind == "inline" else _on_dask(settings, window)


@contextmanager
def _on_dask(settings: config.Cluster, window: int) -> Iterator[Executor]:
    """Tasks on the workers that the settings name; a scheduler of the operator's comes back as its workers do."""
    patience_s = settings.connect_timeout_s, settings.ready_timeout_s
    scheduler_s = max(patience_s) if settings.kind == "operator" else settings.connect_timeout_s
    shown = settings.dashboard_port is not None or settings.kind == "address"
    with _connected(settings) as client:
        expected = 1 if settings.kind == "address" else settings.maximum_workers or settings.workers
        patience = Patience(scheduler_s, settings.ready_timeout_s)
        yield OnDask(client, window, patience, shown=shown, expected=expected, alone=settings.kind != "address")


def _connected(settings: config.Cluster) -> AbstractContextManager[Client]:
    """A client of the cluster; what only one kind needs is loaded with it."""
    match settings.kind:
        case "local":
            from gnssice_batch.cluster import local

            return local.connected(settings)
        case "indexed":
            from gnssice_batch.cluster import indexed

            return indexed.connected(settings)
        case "operator":
            from gnssice_batch.cluster import operator

            return operator.connected(settings)
        case _:
            from gnssice_batch.cluster import address

            return address.connected(settings)


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
