"""Signals from the first instant of the program: an orderly end, whatever it is doing."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Final

from gnssice_batch.cli.termination import EXIT_INTERRUPTED, Ending, ending
from gnssice_batch.errors import InterruptedRunError

EXIT_STOPPED: Final = InterruptedRunError.exit_code
_STDERR: Final = 2
"""The stream itself may be in the middle of a line when the signal comes, and takes no other one then."""
_MESSAGE: Final = "interrupted: stopped by SIGTERM: start again"
_AGAIN_S: Final = 1.0
_TALKERS: Final = ("distributed", "tornado", "asyncio")
"""Loggers of libraries that tell at length how they are ended in the middle of something."""


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


class Interrupted(SystemExit):
    """The end of the program by Ctrl-C; likewise."""


@contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """Turn Ctrl-C into `Interrupted` for as long as the context lasts, and tell at its end what is journaled.

    Contexts end on its way: the journal is written to its end, the lease given back, workers are stopped. Once more
    soon after the first does not disturb that, later it is raised again. Nothing is changed in other threads, and where
    the program was told to ignore Ctrl-C, as a shell does in the background.
    """
    main = threading.current_thread() is threading.main_thread()
    former = signal.getsignal(signal.SIGINT)
    if not main or former not in (signal.default_int_handler, signal.SIG_DFL):
        yield
        return
    raised_at: list[float] = []

    def end(_number: int, _frame: FrameType | None) -> None:
        if not raised_at or time.monotonic() > raised_at[-1] + _AGAIN_S:
            raised_at.append(time.monotonic())
            _hush()
            raise Interrupted(EXIT_INTERRUPTED)

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        if raised_at:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            _tell_interrupted(ending(), by_force=len(raised_at) > 1)
        signal.signal(signal.SIGINT, signal.SIG_DFL if raised_at else former)


def interruption_message(said: Ending, *, by_force: bool = False) -> str:
    """What stands of a command that Ctrl-C has ended.

    Parameters
    ----------
    by_force
        Whether its orderly end was interrupted too.
    """
    if said.message:
        return f"interrupted; {said.message}"
    if not said.run:
        return "interrupted"
    if by_force:
        return f"interrupted, and its end too: start again, run {said.run} goes on with what is journaled"
    if not said.planned:
        return f"interrupted before it had a plan; start again, run {said.run} goes on with what is journaled"
    done = f"{said.finished:,} of {said.planned:,} partitions of run {said.run} are journaled"
    return f"interrupted: {done}; start again to go on"


def _tell_interrupted(said: Ending, *, by_force: bool) -> None:
    said.message, said.told = interruption_message(said, by_force=by_force), True
    with suppress(OSError, ValueError):
        sys.stderr.write(f"Error: {said.message}\n")
        sys.stderr.flush()


def _hush() -> None:
    """Let libraries say nothing of the end that is made of them, nor of what can't be raised where it comes."""
    for name in _TALKERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    sys.unraisablehook = _unless_interrupted


def _unless_interrupted(fault: "sys.UnraisableHookArgs", /) -> None:
    """Have an end raised again that came where Python can't raise it (in a ``__del__``); tell of all else."""
    if isinstance(fault.exc_value, Interrupted):
        threading.Timer(_AGAIN_S + 0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        return
    sys.__unraisablehook__(fault)
