"""The files that a virtual group refers to, held against what a disk has of them now."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.model.virtual import NetcdfFile, StoredSeries, VirtualRow, VirtualState

_TIME_ERROR_NS: Final = 1_000
"""Of a time of modification in the ledger, which listings give as a floating-point number of seconds."""
_SECOND_NS: Final = 10**9


@dataclass(frozen=True, slots=True)
class ReferencedFiles:
    """The files of one group in the order of their first epochs."""

    rows: tuple[VirtualRow, ...]
    starts: npt.NDArray[np.int64]
    """(rows,) index of each one's first epoch."""
    stops: npt.NDArray[np.int64]
    """(rows,) index behind its last one."""

    @classmethod
    def of(cls, rows: Iterable[VirtualRow], series: StoredSeries | None) -> "ReferencedFiles":
        """The files of an array over time, or the one of a group of its own."""
        mine = sorted(rows, key=lambda row: row.first_ns)
        starts = [series.grid.slot(row.first_ns) if series else 0 for row in mine]
        begins = np.array(starts, np.int64)
        return cls(tuple(mine), begins, begins + np.array([row.epochs for row in mine], np.int64))

    def holding(self, part: Any, size: int) -> Sequence[VirtualRow]:
        """The files that hold any of some epochs.

        Parameters
        ----------
        part
            Which epochs of the axis: a slice, an index or an array of indices.
        size
            Epochs of the axis.
        """
        before = _counted(part, size)
        there = before(self.stops) > before(self.starts)
        return [self.rows[number] for number in np.flatnonzero(there)]


def _counted(part: Any, size: int) -> Any:
    """A function that says how many of the wanted epochs are before each of some indices."""
    if isinstance(part, slice):
        steps = range(*part.indices(size))
        steps = steps if steps.step > 0 else steps[::-1]
        first, step, count = steps.start, steps.step, len(steps)
        return lambda indices: np.clip(-((first - indices) // step), 0, count)
    found = np.asarray(part).ravel()
    found = np.sort(np.where(found < 0, found + size, found))
    return lambda indices: np.searchsorted(found, indices)


def changed_on_disk(rows: Iterable[VirtualRow], folders: Sequence[Path]) -> Iterator[tuple[VirtualRow, str]]:
    """Files whose values are read through references, and that are not what they were then; with how they differ.

    A file that is in no folder is none of them.

    Parameters
    ----------
    folders
        Where the archive may be; a file is as it was if it is so in one of them.
    """
    for row in rows:
        if row.state is VirtualState.VIRTUAL:
            there = [told for folder in folders if (told := _stat(folder / row.file.uri)) is not None]
            if there and not any(_is(row.file, told) for told in there):
                yield row, _difference(row.file, there[0])


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _is(file: NetcdfFile, told: os.stat_result) -> bool:
    """Whether size and time are those of the ledger; programs that copy may keep whole seconds of a time."""
    seconds = file.modified_ns // _SECOND_NS * _SECOND_NS
    same = abs(told.st_mtime_ns - file.modified_ns) <= _TIME_ERROR_NS or told.st_mtime_ns == seconds
    return told.st_size == file.size_bytes and (same or not file.modified_ns)


def _difference(file: NetcdfFile, told: os.stat_result) -> str:
    if told.st_size != file.size_bytes:
        return f"it has {told.st_size:,} bytes instead of {file.size_bytes:,}"
    seconds = abs(told.st_mtime_ns - file.modified_ns) / _SECOND_NS
    return f"it was modified {seconds:,.3f} s {'later' if told.st_mtime_ns > file.modified_ns else 'earlier'}"
