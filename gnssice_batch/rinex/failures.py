"""What an exception that nobody foresaw becomes: the fault of the one file that was being read."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from typing import Final

from gnssice_batch.errors import InterruptedRunError, ReadError, Reason

_PACKAGE: Final = __name__.partition(".")[0]
_LONGEST_MESSAGE: Final = 200


@contextmanager
def failures_as_read_errors() -> Iterator[None]:
    """Turn whatever is raised while one file is read into a `ReadError`, so that no file can end a run.

    Raises
    ------
    ReadError
        As the reader raised it; else ``READER_FAILED`` with what was raised and where, the exception as its cause.
    InterruptedRunError
        When the process was told to stop meanwhile: that is no fault of the file.
    """
    try:
        yield
    except (ReadError, InterruptedRunError):
        raise
    except Exception as error:
        raise ReadError(Reason.READER_FAILED, _told(error)) from error


def _told(error: Exception) -> str:
    """What was raised, and in which function of this package."""
    message = " ".join(str(error).split())[:_LONGEST_MESSAGE]
    what = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return f"{what}, in {_place(error)}; please report this with the file"


def _place(error: Exception) -> str:
    """Function and line of the innermost frame that is ours."""
    ours = [
        f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}, line {line}"
        for frame, line in walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE
    ]
    return ours[-1]
