"""SIGTERM from the first instant of the program: an orderly end, whatever it is doing."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Final

from gnssice_batch.cli.termination import ending
from gnssice_batch.errors import InterruptedRunError

EXIT_STOPPED: Final = InterruptedRunError.exit_code
_STDERR: Final = 2
"""The stream itself may be in the middle of a line when the signal comes, and takes no other one then."""
_MESSAGE: Final = "interrupted: stopped by SIGTERM: start again"
_AGAIN_S: Final = 1.0


class Terminated(SystemExit):
    """The end of the program by SIGTERM; no error, so that nothing on its way takes it for one of a library's."""


@dataclass(slots=True)
class Termination:
    """Whether SIGTERM has come."""

    requested: bool = False
    raised_at: float = 0.0
    """By the monotonic clock."""

    def raise_if_requested(self) -> None:
        """End the program if it has.

        Raises
        ------
        Terminated
            With the exit code of an orderly stop.
        """
        if self.requested:
            self.raised_at = time.monotonic()
            raise Terminated(EXIT_STOPPED)


@contextmanager
def stopped_by_sigterm() -> Iterator[Termination]:
    """Turn SIGTERM into `Terminated` for as long as the context lasts; runs and workers have reactions of their own.

    Contexts end on its way, so that locks, leases and temporary folders are given back; a second signal soon after the
    first does not disturb that. A later one is raised again: a library that was being imported may have swallowed the
    first. Signals reach the main thread only: in another thread nothing is changed.
    """
    stop = Termination()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        if not stop.requested:
            stop.requested = True
            ending().message = _MESSAGE
            with suppress(OSError):
                os.write(_STDERR, f"Error: {_MESSAGE}\n".encode())
        if time.monotonic() > stop.raised_at + _AGAIN_S:
            stop.raise_if_requested()

    former = signal.signal(signal.SIGTERM, end)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, former)
