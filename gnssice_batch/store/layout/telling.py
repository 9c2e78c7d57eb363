"""What can't be read of a virtual group, told by the file of the archive that it is in."""

import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, cast

import icechunk
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.virtual import SeriesGrid, StoredSeries, VirtualRow, VirtualState
from gnssice_batch.store.containers import local_folders
from gnssice_batch.store.damage import first_line
from gnssice_batch.store.layout.referenced_files import ReferencedFiles, changed_on_disk
from gnssice_batch.store.layout.virtual_files import read_rows

_UNREADABLE: Final = (icechunk.IcechunkError, ValueError, RuntimeError, EOFError, OSError, zlib.error)
_REPLACED: Final = "the file was touched or replaced since it was referenced"
_MEANINGS: Final = (
    (("checksum",), _REPLACED),
    (("authorize",), "this process has no credentials for the archive"),
    (("no virtual chunk container",), "it is in no archive that this repository knows"),
    (("not found", "nosuchkey", "nosuchbucket"), "the file is not in the archive any more"),
    (("not enough data", "range"), "the file is shorter than when it was referenced"),
)
"""What is in a message of Icechunk about a virtual chunk, and what that means."""
_TEXT: Final = frozenset("TO")
"""Kinds of types of NumPy that texts of any length have."""
_IN_THE_STORE: Final = (icechunk.ChunkType.native, icechunk.ChunkType.inline)
_GROUPS_KEPT: Final = 16


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

        What was read of files on a disk that have another size or time than when they were referenced is one too.

        Parameters
        ----------
        key
            Which part, for each dimension.
        """
        try:
            yield
        except _UNREADABLE as error:
            raise self._error(one, key, error) from error
        self._check(one, key)

    def _check(self, one: zarr.Array[Any], key: Any) -> None:
        folders = local_folders(self.session.config)
        if not folders or not self._is_referenced(one):
            return
        for row, how in changed_on_disk(self._holding(one, key), folders):
            raise UnreadableFileError(f"{row.file.uri}: {_REPLACED} ({how}){_what_to_do(self.url)}")

    def _is_referenced(self, one: zarr.Array[Any]) -> bool:
        """Whether chunks of an array are in files; of one dimension or text, or not along time, it was copied."""
        if one.ndim < 2 or one.dtype.kind in _TEXT:
            return False
        if self.series is not None:
            return self._along(one) is not None
        first = (0,) * one.ndim
        return self.session.chunk_type(f"/{self.group}/{one.basename}", first) not in _IN_THE_STORE

    def _error(self, one: zarr.Array[Any], key: Any, error: Exception) -> StoreError:
        try:
            rows = self._holding(one, key)
        except icechunk.IcechunkError:
            rows = []
        bad = next((row for row in rows if self._fails(row, one)), rows[0] if rows else None)
        if bad is None:
            return StoreError(
                f"{self.url}: group {self.group!r}, array {one.basename!r} can't be read: {first_line(error)}"
            )
        meaning = _meaning(bad, error)
        said = f"{bad.file.uri}: {meaning or 'it cannot be read'} ({first_line(error)}){_what_to_do(self.url)}"
        return UnreadableFileError(said, known=bool(meaning))

    def _holding(self, one: zarr.Array[Any], key: Any) -> Sequence[VirtualRow]:
        """The files that part of an array is in."""
        files, along = _KEPT.get(self), self._along(one)
        if along is None:
            return files.rows
        _, at = along
        return files.holding(key[at] if isinstance(key, tuple) and len(key) > at else slice(None), one.shape[at])

    def _along(self, one: zarr.Array[Any]) -> tuple[SeriesGrid, int] | None:
        """The time axis that an array lies along, and which of its dimensions that is; None for none."""
        dims = cast("Any", one.metadata).dimension_names or ()
        if self.series is None or self.series.profile.time not in dims:
            return None
        return self.series.grid, dims.index(self.series.profile.time)

    def _place(self, row: VirtualRow, one: zarr.Array[Any]) -> tuple[slice, ...] | None:
        """Where a file lies in an array; None where it is all of it."""
        along = self._along(one)
        if along is None:
            return None
        grid, at = along
        slot = grid.slot(row.first_ns)
        return tuple(slice(slot, slot + row.epochs) if dim == at else slice(None) for dim in range(one.ndim))

    def _fails(self, row: VirtualRow, one: zarr.Array[Any]) -> bool:
        place = self._place(row, one)
        try:
            one[...] if place is None else one[place]
        except _UNREADABLE:
            return True
        return False


class _Kept:
    """The files of groups that were read lately, by repository, version and group."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._files: OrderedDict[tuple[str, str, str], ReferencedFiles] = OrderedDict()

    def get(self, told: Told) -> ReferencedFiles:
        """The files of a group, read from the ledger unless they were lately."""
        key = (told.url, told.session.snapshot_id, told.group)
        with self._lock:
            if key in self._files:
                self._files.move_to_end(key)
                return self._files[key]
        rows = read_rows(zarr.open_group(told.session.store, mode="r", zarr_format=3)).values()
        found = ReferencedFiles.of((row for row in rows if row.group == told.group), told.series)
        with self._lock:
            self._files[key] = found
            if len(self._files) > _GROUPS_KEPT:
                self._files.popitem(last=False)
        return found


_KEPT: Final = _Kept()


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
