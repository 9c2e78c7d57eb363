"""Icechunk's errors translated to the errors of this package."""

from collections.abc import Iterator
from contextlib import contextmanager

import icechunk

from gnssice_batch.errors import StoreError


@contextmanager
def as_store_errors() -> Iterator[None]:
    """Turn what Icechunk raises in this context, or in a function decorated with it, into `StoreError`."""
    try:
        yield
    except icechunk.IcechunkError as error:
        first_line = str(error).strip().partition("\n")[0]
        msg = f"the storage of the repository failed: {first_line}"
        raise StoreError(msg) from error
