"""Several declared observables of one signal: in every row the preferred one that has a value stays."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.observations.values import MISSING, MISSING_INDICATOR, Column, Observations

type Columns = Mapping[str, tuple[Column, ...]]


def has_alternatives(columns: Columns) -> bool:
    """Whether any signal has more than one declared observable of a kind."""
    return any(column.rank for of_system in columns.values() for column in of_system)


def drop_alternatives(read: Observations) -> int:
    """Leave one value a signal and kind in every row, in place; return how many others were dropped that differ.

    The column of the lowest `Column.rank` with a value wins. Indicators go with the value; those of a signal without
    any value are put together in its first column.
    """
    systems = np.array([sv[0] for sv in read.svs])
    different = 0
    for system, columns in read.columns.items():
        rows = np.flatnonzero((systems == system)[read.row_sv]) if systems.size else np.empty(0, np.intp)
        for same in _of_one_signal(columns):
            different += _drop(read, rows, same, [columns[k].scale for k in same])
    return different


def _of_one_signal(columns: Sequence[Column]) -> Iterator[list[int]]:
    """Yield the columns of each signal and kind that has several, preferred ones first."""
    for code in dict.fromkeys(column.code for column in columns if column.rank):
        same = [k for k, column in enumerate(columns) if column.code == code]
        yield sorted(same, key=lambda k: columns[k].rank)


def _drop(read: Observations, rows: npt.NDArray[np.intp], same: Sequence[int], scales: Sequence[int]) -> int:
    """Drop the values of all columns but the first that has one; return how many differ from that one."""
    kept, kept_scale = read.value[rows, same[0]], np.full(rows.size, scales[0])
    different = 0
    for k, scale in zip(same[1:], scales[1:], strict=True):
        value = read.value[rows, k]
        there, held = value != MISSING, kept != MISSING
        loses, wins = there & held, there & ~held
        different += int((value[loses] * kept_scale[loses] != kept[loses] * scale).sum())
        read.value[rows[loses], k] = MISSING
        kept[wins], kept_scale[wins] = value[wins], scale
    _move_indicators(read, rows, same)
    return different


def _move_indicators(read: Observations, rows: npt.NDArray[np.intp], same: Sequence[int]) -> None:
    """Blank the indicators of columns without a value, gathered in the first column where none has one."""
    there = read.value[np.ix_(rows, same)] != MISSING
    for indicators in (read.lli, read.ssi):
        cells = indicators[np.ix_(rows, same)]
        gathered = cells.max(axis=1, initial=MISSING_INDICATOR)
        cells[~there] = MISSING_INDICATOR
        empty = ~there.any(axis=1)
        cells[empty, 0] = gathered[empty]
        indicators[np.ix_(rows, same)] = cells
