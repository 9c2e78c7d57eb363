"""Rows of a ledger that are not the same in two versions of a group."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.store.layout.file_rows import (
    NO_TIME,
    Columns,
    is_of_columns,
    read_files,
    read_files_in,
    row_count,
    sums_of,
)
from gnssice_batch.store.reading.chunk_changes import NOTHING, Change

_HELD: Final = ("epochs_written", "epochs_joined")
_COUNTS: Final = (*_HELD, "observations_written", "status")
"""What of a row changes after it was written."""
_COLUMNS: Final = (*_COUNTS, "first_epoch", "last_epoch")


def _no_epochs() -> npt.NDArray[np.int64]:
    return np.empty((0, 2), np.int64)


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """What became of a ledger from an earlier version to a later one."""

    files: Change = NOTHING
    """Rows that are new, rows whose file has lost something to a better one or is otherwise accounted for, rows that
    are gone."""
    epochs: Change = NOTHING
    """Epochs that a file gives and none gave before, that another file gives now, that none gives any more."""
    fresh: npt.NDArray[np.int64] = field(default_factory=_no_epochs)
    """(L, 2) first and last epoch of the files of new rows that have any; none where the group is not in both."""


def ledger_change(before: zarr.Group | None, after: zarr.Group | None, chunks: Collection[int] | None) -> LedgerChange:
    """The rows that are not the same in two versions of a receiver's group.

    Parameters
    ----------
    before, after
        The group in both; None where it is not there, or is another one.
    chunks
        Those chunks of rows that Icechunk says were changed; None: any may have been.
    """
    if before is None or after is None:
        (files_gone, gone), (files_new, new) = _counted(before), _counted(after)
        return LedgerChange(Change(added=files_new, removed=files_gone), Change(added=new, removed=gone))
    if chunks is None or is_of_columns(before) or is_of_columns(after):
        return _change(*_rows(before), *_rows(after))
    if not chunks:
        return LedgerChange()
    return _change(*read_files_in(before, _COLUMNS, chunks), *read_files_in(after, _COLUMNS, chunks))


def _counted(group: zarr.Group | None) -> tuple[int, int]:
    """Rows, and the epochs whose main source they are."""
    if group is None:
        return 0, 0
    sums = sums_of(group, _HELD)
    return row_count(group), sums["epochs_written"] - sums["epochs_joined"]


def _rows(group: zarr.Group) -> tuple[list[int], Columns]:
    return list(range(row_count(group))), read_files(group, _COLUMNS)


def _change(old: list[int], before: Columns, new: list[int], after: Columns) -> LedgerChange:
    """Compare rows, given by their numbers, ascending; a row keeps its number."""
    was, now = np.array(old, np.int64), np.array(new, np.int64)
    in_both, earlier, later = np.intersect1d(was, now, assume_unique=True, return_indices=True)
    differs = np.zeros(in_both.size, bool)
    for name in _COUNTS:
        differs |= before[name][earlier] != after[name][later]
    fresh, gone = np.setdiff1d(np.arange(now.size), later), np.setdiff1d(np.arange(was.size), earlier)
    more = _held(after)[later] - _held(before)[earlier]
    gained = int(np.maximum(more, 0).sum() + _held(after)[fresh].sum())
    lost = int(np.maximum(-more, 0).sum() + _held(before)[gone].sum())
    both = min(gained, lost)
    return LedgerChange(
        Change(int(fresh.size), int(differs.sum()), int(gone.size)),
        Change(gained - both, both, lost - both),
        _epochs(after, fresh),
    )


def _held(columns: Columns) -> npt.NDArray[np.int64]:
    """Epochs whose main source a row's file is, (L,)."""
    held: npt.NDArray[np.int64] = columns["epochs_written"] - columns["epochs_joined"]
    return held


def _epochs(columns: Columns, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    pairs = np.stack([columns["first_epoch"][rows], columns["last_epoch"][rows]], axis=1)
    known: npt.NDArray[np.int64] = pairs[pairs[:, 0] != NO_TIME]
    return known
