"""Icechunk's errors translated to the errors of this package."""

from collections.abc import Iterator
from contextlib import contextmanager

import icechunk

from gnssice_batch.errors import StoreError
from gnssice_batch.redaction import redacted


@contextmanager
def as_store_errors() -> Iterator[None]:
    """Turn what Icechunk raises in this context, or in a function decorated with it, into `StoreError`."""
    try:
        yield
    except icechunk.IcechunkError as error:
        msg = f"the storage of the repository failed: {first_line(error)}"
        raise StoreError(msg) from error


def first_line(error: Exception) -> str:
    """The first line of what a library says, without a secret."""
    return redacted(str(error).strip().partition("\n")[0])
