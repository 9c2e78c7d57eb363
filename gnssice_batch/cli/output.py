"""Standard output: written to the end, or its failure told for what it is."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Any, Final, TextIO, cast

from gnssice_batch.visible import visible

EXIT_PIPE: Final = 141
"""Of a program whose reader has gone, as a shell shows it: 128 and the number of SIGPIPE."""
EXIT_FULL: Final = 5
_STREAMS: Final = 3


class OutputError(Exception):
    """Standard output takes no more; what the command has done stands."""

    def __init__(self, cause: OSError) -> None:
        self.cause = cause
        super().__init__(f"standard output can't be written: {cause.strerror}; what the command has done stands")

    @property
    def exit_code(self) -> int:
        """Quietly as other programs where the reader has gone, else as for a full disk."""
        return EXIT_PIPE if self.cause.errno == errno.EPIPE else EXIT_FULL


class _Watched:
    """A stream whose failures are `OutputError`; everything else is the stream's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise OutputError(error) from error

    def flush(self) -> None:
        """Write what is left."""
        try:
            self._stream.flush()
        except OSError as error:
            raise OutputError(error) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def watched() -> Iterator[None]:
    """Watch standard output as long as the context lasts, and write to its end what was put into it.

    Characters that its encoding lacks are written as escapes.

    Raises
    ------
    OutputError
        When that fails; the rest of it goes nowhere.
    """
    stream = sys.stdout
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    sys.stdout = watched = cast("TextIO", _Watched(stream))
    try:
        with _flushed_at_its_end(watched):
            yield
    except OutputError:
        _give_up(stream)
        raise
    finally:
        sys.stdout = stream


@contextmanager
def _flushed_at_its_end(stream: TextIO) -> Iterator[None]:
    """Flush a stream where the context ends by itself or by an exit; an error goes before what a flush may say."""
    try:
        yield
    except SystemExit:
        stream.flush()
        raise
    stream.flush()


def say(text: str = "", *, to_errors: bool = False, style: str | None = None) -> None:
    """Write a line as it is, but for what would steer a terminal."""
    from rich.console import Console

    Console(stderr=to_errors).print(visible(text), style=style, markup=False, highlight=False, soft_wrap=True)


def occupied() -> None:
    """Open what was closed for this program (``>&-``) to nowhere: the next file would become its standard output."""
    while (number := os.open(os.devnull, os.O_RDWR)) < _STREAMS:
        os.set_inheritable(number, True)  # noqa: FBT003 - a positional-only parameter
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - as long as the program


def _give_up(stream: TextIO) -> None:
    """Let the rest go nowhere; Python writes it at the end of the program and would fail once more."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
