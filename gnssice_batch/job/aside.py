"""Work on the store beside the reading of files, one call after the other."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import Self


class Aside:
    """One thread that makes calls in the order in which they were asked for; as a context it ends with its last."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "aside")

    def __enter__(self) -> Self:
        """Take calls."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for the call under way; those that wait are made no more."""
        self._pool.shutdown(cancel_futures=True)

    def begin[**P, R](self, call: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> Future[R]:
        """Make a call once those before it are over; what it raises is raised where its result is asked for."""
        context = copy_context()
        return self._pool.submit(lambda: context.run(call, *arguments, **named))
