"""The work fork of a partition, opened while its first files are read."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from gnssice_batch.model.values import Assignment
from gnssice_batch.store.writing.units import WorkFork, open_work_fork


@dataclass(frozen=True, slots=True)
class Later:
    """A work fork that is being made while a task of this process begins."""

    give: Callable[[], bytes]
    at_once: bool
    """Whether it is being made already; else it is asked for when something is to be written."""


type Fork = bytes | Later


class Opening:
    """Copies of a work fork, the first opened beside other work; a partition that writes nothing waits for none.

    Parameters
    ----------
    ahead
        Whether to open it before it is asked for: worth it where that waits for a store at a distance.
    """

    def __init__(self, fork: Fork, assignment: Assignment, *, ahead: bool = True) -> None:
        self._fork, self._assignment = fork, assignment
        self._pool = ThreadPoolExecutor(1, "fork")
        self._opened: Future[tuple[bytes, WorkFork]] | None = None
        self._before: WorkFork | None = None
        if ahead and (isinstance(fork, bytes) or fork.at_once):
            self._begin()

    def __enter__(self) -> Self:
        """Begin to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def work(self) -> WorkFork:
        """The copy to write to.

        Raises
        ------
        StoreError
            When the stored axis is not the one this partition was planned for.
        """
        return self._begin().result()[1]

    @property
    def before(self) -> WorkFork:
        """Another copy, opened when it is asked for; likewise."""
        if self._before is None:
            self._before = open_work_fork(self._begin().result()[0], self._assignment)
        return self._before

    def _begin(self) -> Future[tuple[bytes, WorkFork]]:
        if self._opened is None:
            self._opened = self._pool.submit(copy_context().run, self._open)
        return self._opened

    def _open(self) -> tuple[bytes, WorkFork]:
        fork = self._fork if isinstance(self._fork, bytes) else self._fork.give()
        return fork, open_work_fork(fork, self._assignment)
