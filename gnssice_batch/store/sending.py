"""Calls that send to a store while the caller goes on, one after the other."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Final

_MOST: Final = 4
"""Calls that wait: what they send is held in memory."""


class Sending:
    """Calls in their order; what one of them raises is raised by whoever comes next, and no later call is made."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: deque[Future[None]] = deque()
        self._failed = False

    def begin(self, call: Callable[[], None]) -> None:
        """Make a call once those before it are over; waits where too many do."""
        self._settle(_MOST - 1)
        self._pool = self._pool or ThreadPoolExecutor(1, "sending")
        self._under_way.append(self._pool.submit(copy_context().run, self._made, call))

    def finish(self) -> None:
        """Wait until every call is over."""
        self._settle(0)

    def _made(self, call: Callable[[], None]) -> None:
        if self._failed:
            return
        self._failed = True
        call()
        self._failed = False

    def _settle(self, left: int) -> None:
        """Wait until no more calls than these are left."""
        while len(self._under_way) > left:
            self._under_way.popleft().result()
