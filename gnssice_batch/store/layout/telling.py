"""What can't be read of a virtual group, told by the file of the archive that it is in."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import icechunk
import numpy as np
import zarr

from gnssice_batch.errors import GnssiceError, StoreError
from gnssice_batch.model.virtual import StoredSeries, VirtualRow, VirtualState
from gnssice_batch.store.damage import first_line
from gnssice_batch.store.layout.virtual_files import read_rows

_UNREADABLE: Final = (icechunk.IcechunkError, ValueError, RuntimeError, EOFError, OSError, zlib.error)
_MEANINGS: Final = (
    (("checksum",), "the file was touched or replaced since it was referenced"),
    (("authorize",), "this process has no credentials for the archive"),
    (("no virtual chunk container",), "it is in no archive that this repository knows"),
    (("not found", "nosuchkey", "nosuchbucket"), "the file is not in the archive any more"),
    (("not enough data", "range"), "the file is shorter than when it was referenced"),
)
"""What is in a message of Icechunk about a virtual chunk, and what that means."""


class UnreadableFileError(StoreError):
    """A file of the archive can't be read through its references.

    Parameters
    ----------
    message
        Begins with the file.
    known
        Whether it is known what is wrong with the file; else a storage may have failed.
    """

    def __init__(self, message: str, *, known: bool = True) -> None:
        super().__init__(message)
        self.known = known


@dataclass(frozen=True)
class Told:
    """Says in which file of the archive it is that something can't be read."""

    session: icechunk.Session
    group: str
    url: str
    series: StoredSeries | None

    @contextmanager
    def of(self, one: zarr.Array[Any], key: Any) -> Iterator[None]:
        """Turn what reading part of an array raises in this context into a `StoreError`.

        Parameters
        ----------
        key
            Which part, for each dimension.
        """
        try:
            yield
        except GnssiceError:
            raise
        except _UNREADABLE as error:
            raise self._error(one, key, error) from error

    def _error(self, one: zarr.Array[Any], key: Any, error: Exception) -> StoreError:
        try:
            rows = [row for row in self._rows() if row.group == self.group]
        except icechunk.IcechunkError:
            rows = []
        rows = [row for row in rows if self._within(row, one, key)]
        bad = next((row for row in rows if self._fails(row, one)), rows[0] if rows else None)
        if bad is None:
            return StoreError(
                f"{self.url}: group {self.group!r}, array {one.basename!r} can't be read: {first_line(error)}"
            )
        meaning = _meaning(bad, error)
        said = f"{bad.file.uri}: {meaning or 'it cannot be read'} ({first_line(error)}){_what_to_do(self.url)}"
        return UnreadableFileError(said, known=bool(meaning))

    def _rows(self) -> Sequence[VirtualRow]:
        return tuple(read_rows(zarr.open_group(self.session.store, mode="r", zarr_format=3)).values())

    def _place(self, row: VirtualRow, one: zarr.Array[Any]) -> tuple[slice, ...] | None:
        """Where a file lies in an array; None where it is all of it."""
        dims = cast("Any", one.metadata).dimension_names or ()
        if self.series is None or self.series.profile.time not in dims:
            return None
        slot = self.series.grid.slot(row.first_ns)
        return tuple(slice(slot, slot + row.epochs) if dim == self.series.profile.time else slice(None) for dim in dims)

    def _within(self, row: VirtualRow, one: zarr.Array[Any], key: Any) -> bool:
        place = self._place(row, one)
        if place is None:
            return True
        at = next(number for number, part in enumerate(place) if part != slice(None) or one.ndim == 1)
        wanted = _positions(key[at] if isinstance(key, tuple) and len(key) > at else slice(None), one.shape[at])
        return bool(((wanted >= place[at].start) & (wanted < place[at].stop)).any())

    def _fails(self, row: VirtualRow, one: zarr.Array[Any]) -> bool:
        place = self._place(row, one)
        try:
            one[...] if place is None else one[place]
        except _UNREADABLE:
            return True
        return False


def _positions(key: Any, size: int) -> np.ndarray[Any, Any]:
    if isinstance(key, slice):
        return np.arange(*key.indices(size))
    found = np.atleast_1d(np.asarray(key))
    return np.where(found < 0, found + size, found).ravel()


def _meaning(row: VirtualRow, error: Exception) -> str:
    """What is wrong with a file; empty where that is not known."""
    if row.state is VirtualState.NATIVE:
        return "its native chunks can't be read"
    if not isinstance(error, icechunk.IcechunkError):
        return "its chunks do not decode, so that the file has other bytes than when it was referenced"
    said = str(error).lower()
    return next((meaning for words, meaning in _MEANINGS if any(word in said for word in words)), "")


def _what_to_do(url: str) -> str:
    return (
        f"; all other files of {url} can be read: put it back as it was, or run virtualize, which refers to what is"
        " there now; virtualize verify names all such files"
    )
