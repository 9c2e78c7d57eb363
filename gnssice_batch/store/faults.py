"""Icechunk's errors translated to the errors of this package; calls that change nothing made again where it fails."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Final

import icechunk

from gnssice_batch.errors import StoreError
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.redaction import redacted
from gnssice_batch.storage.patience import PATIENCE

_TRIES: Final = 4
_QUICK_S: Final = 5.0
"""What took longer to fail has been tried again by Icechunk itself."""


@contextmanager
def as_store_errors() -> Iterator[None]:
    """Turn what Icechunk raises in this context, or in a function decorated with it, into `StoreError`."""
    try:
        yield
    except icechunk.IcechunkError as error:
        msg = f"the storage of the repository failed: {first_line(error)}"
        raise StoreError(msg) from error


def repeatable[**P, R](call: Callable[P, R]) -> Callable[P, R]:
    """Make a call that may be made twice again where the storage fails, its Icechunk errors turned into `StoreError`.

    Icechunk asks again by itself, but not where an answer of S3 ends in its middle.
    """

    @wraps(call)
    def repeated(*arguments: P.args, **named: P.kwargs) -> R:
        for number in range(1, _TRIES):
            began = time.monotonic()
            try:
                with as_store_errors():
                    result = call(*arguments, **named)
            except StoreError as error:
                quick = time.monotonic() - began < _QUICK_S
                pause_s = PATIENCE.pause_s(number, error) if quick and failed_storage(error) else None
                if pause_s is None:
                    raise
                time.sleep(pause_s)
            else:
                if number > 1:
                    PATIENCE.answered()
                return result
        with as_store_errors():
            return call(*arguments, **named)

    return repeated


def failed_storage(error: BaseException | None) -> bool:
    """Whether an error comes from a storage that did not answer as it should: asking again may help, but for damage."""
    while error is not None and not isinstance(error, DamagedError):
        if isinstance(error, icechunk.StorageError | OSError) and not isinstance(error, PermissionError):
            return not isinstance(error, FileNotFoundError)
        error = error.__cause__
    return False


def first_line(error: Exception) -> str:
    """The first line of what a library says, without a secret."""
    return redacted(str(error).strip().partition("\n")[0])
