"""The work fork of a partition, opened while its first files are read."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import Self

from gnssice_batch.model.values import Assignment
from gnssice_batch.store.writing.units import WorkFork, open_work_fork

type Fork = bytes | Callable[[], bytes]
"""A work fork, or what gives it: a task of this process is begun while the structure is made that it writes to."""


class Opening:
    """Copies of a work fork that are opened beside other work; a partition that writes nothing waits for none."""

    def __init__(self, fork: Fork, assignment: Assignment) -> None:
        self._fork, self._assignment = fork, assignment
        self._pool = ThreadPoolExecutor(1, "fork")
        self._copies: Future[tuple[WorkFork, WorkFork]] = self._pool.submit(copy_context().run, self._open)

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
        return self._copies.result()[0]

    @property
    def before(self) -> WorkFork:
        """Another copy, where the store holds epochs of the partition; likewise."""
        return self._copies.result()[1]

    def _open(self) -> tuple[WorkFork, WorkFork]:
        fork = self._fork if isinstance(self._fork, bytes) else self._fork()
        work = open_work_fork(fork, self._assignment)
        return work, open_work_fork(fork, self._assignment) if self._assignment.stored else work
