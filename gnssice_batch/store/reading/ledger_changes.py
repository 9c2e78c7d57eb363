"""Rows of a ledger that are not the same in two versions of a group."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.model.values import Span
from gnssice_batch.store.layout.file_rows import (
    NO_TIME,
    Columns,
    is_of_columns,
    read_files,
    read_files_in,
    row_count,
)
from gnssice_batch.store.reading.chunk_changes import NOTHING, Change

_COUNTS: Final = ("epochs_written", "epochs_joined", "observations_written", "status")
"""What of a row changes after it was written."""
_COLUMNS: Final = (*_COUNTS, "first_epoch", "last_epoch")


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """What became of a ledger from an earlier version to a later one."""

    files: Change = NOTHING
    """Rows that are new, rows whose file has lost something to a better one or is otherwise accounted for, rows that
    are gone."""
    epochs: Change = NOTHING
    """Epochs that a file gives and none gave before, that another file gives now, that none gives any more."""
    spans: tuple[Span, ...] = ()
    """Of the files of new rows."""


def ledger_change(before: zarr.Group | None, after: zarr.Group | None, chunks: Collection[int] | None) -> LedgerChange:
    """The rows that are not the same in two versions of a receiver's group.

    Parameters
    ----------
    before, after
        The group in both; None where it is not there, or is another one.
    chunks
        Those chunks of rows that Icechunk says were changed; None: any may have been.
    """
    if chunks is None or before is None or after is None or is_of_columns(before) or is_of_columns(after):
        return _change(*_rows(before), *_rows(after))
    if not chunks:
        return LedgerChange()
    return _change(*read_files_in(before, _COLUMNS, chunks), *read_files_in(after, _COLUMNS, chunks))


def _rows(group: zarr.Group | None) -> tuple[list[int], Columns]:
    if group is None:
        return [], {name: np.empty(0, object if name == "status" else np.int64) for name in _COLUMNS}
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
    gained = int(more[more > 0].sum() + _held(after)[fresh].sum())
    lost = int(-more[more < 0].sum() + _held(before)[gone].sum())
    both = min(gained, lost)
    return LedgerChange(
        Change(int(fresh.size), int(differs.sum()), int(gone.size)),
        Change(gained - both, both, lost - both),
        tuple(_spans(after, fresh)),
    )


def _held(columns: Columns) -> npt.NDArray[np.int64]:
    """Epochs whose main source a row's file is, (L,)."""
    held: npt.NDArray[np.int64] = columns["epochs_written"] - columns["epochs_joined"]
    return held


def _spans(columns: Columns, rows: npt.NDArray[np.int64]) -> list[Span]:
    pairs = zip(columns["first_epoch"][rows].tolist(), columns["last_epoch"][rows].tolist(), strict=True)
    return [Span(first, last) for first, last in pairs if first != NO_TIME]
