"""Calls that send to a store while the caller goes on, one after the other."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Final

_MOST: Final = 4
"""Calls that wait: what they send is held in memory."""


class Sending:
    """Calls in their order; what one of them raises is raised by all that is asked of this afterwards.

    So nothing that was to be sent can be missing without a word. No call is made any more then.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: deque[Future[None]] = deque()
        self._failure: BaseException | None = None

    def begin(self, call: Callable[[], None]) -> None:
        """Make a call once those before it are over; waits where too many do."""
        self._settle(_MOST - 1)
        self._pool = self._pool or ThreadPoolExecutor(1, "sending")
        self._under_way.append(self._pool.submit(copy_context().run, self._make, call))

    def finish(self) -> None:
        """Wait until every call is over."""
        self._settle(0)

    def _make(self, call: Callable[[], None]) -> None:
        if self._failure is None:
            try:
                call()
            except BaseException as error:
                self._failure = error
                raise

    def _settle(self, left: int) -> None:
        """Wait until no more calls than these are left."""
        while len(self._under_way) > left:
            self._under_way.popleft().exception()
        if self._failure is not None:
            raise self._failure
