"""SIGTERM as a request to stop: no new tasks, a grace period for those that run."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from gnssice_batch.errors import InterruptedRunError


@dataclass(slots=True)
class Stop:
    """Whether the run was told to stop."""

    requested: bool = False

    def raise_if_requested(self) -> None:
        """End the run if it was told to.

        Raises
        ------
        InterruptedRunError
            Saying that the run can be started again.
        """
        if self.requested:
            msg = "stopped by SIGTERM: start again to go on; what a run had finished is journaled"
            raise InterruptedRunError(msg)


@contextmanager
def stoppable(grace_s: float) -> Iterator[Stop]:
    """Turn SIGTERM into a request for as long as the context lasts; after the grace period raise `InterruptedRunError`.

    Signals reach the main thread only: in another thread nothing is changed and nothing is requested.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def request(_number: int, _frame: FrameType | None) -> None:
        stop.requested = True
        signal.setitimer(signal.ITIMER_REAL, grace_s)

    def out_of_time(_number: int, _frame: FrameType | None) -> None:
        stop.raise_if_requested()

    former_term = signal.signal(signal.SIGTERM, request)
    former_alarm = signal.signal(signal.SIGALRM, out_of_time)
    try:
        yield stop
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, former_term)
        signal.signal(signal.SIGALRM, former_alarm)
