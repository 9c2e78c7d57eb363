"""Stored cells of a span as the epochs of a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.exports.values import NO_CLOCK, Arrays, Note, Records, Why, WithheldError
from gnssice_batch.model.grid import Grid, gps_datetime
from gnssice_batch.model.template import VARIABLES
from gnssice_batch.model.values import NO_SOURCE

_PS_PER_S: Final = 1e12
_WIDEST_CLOCK_PS: Final = 10**14
"""100 s: F15.12 holds what is smaller, and a tenth of it where it is negative."""

_ALONG: Final = ("epoch_flag", "rx_clock_offset", "epoch_offset")

type _Cube = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Block:
    """Stored cells as they are read: by name, of N epochs and S signals."""

    start: int
    """Of the group's axis."""
    cells: Arrays
    joined: Arrays
    """Likewise what signals of other files than the epoch's say; empty for none."""


def records_of(block: Block, grid: Grid, *, clock_step_ps: int) -> tuple[Records, dict[Note, int]]:
    """The epochs of a block that hold anything, and what of them can't be said in a file.

    Signals whose own file gives an epoch another time get a second record, with that time.

    Parameters
    ----------
    clock_step_ps
        The last decimal of a receiver clock offset.

    Raises
    ------
    WithheldError
        When a time or a clock offset has more digits than its field.
    """
    rows = np.flatnonzero(block.cells["source_file"] != NO_SOURCE)
    parts = list(_parts(block, rows))
    offset = np.concatenate([part.offset for part in parts])
    slot = block.start + np.concatenate([part.rows for part in parts])
    time_100ns = _times(slot, offset, grid)
    clock_ps = _clocks(np.concatenate([part.clock for part in parts]), time_100ns, clock_step_ps)
    flag = np.concatenate([part.flag for part in parts])
    order = np.argsort(time_100ns, kind="stable")
    arrays = tuple(_in_order([part.cells[number] for part in parts], order) for number in range(len(VARIABLES)))
    notes = {Note.OTHER_TIME: sum(part.rows.size for part in parts[1:]), Note.OTHER_CLOCK: _other_clocks(block)}
    return Records(time_100ns[order], flag[order], clock_ps[order], arrays), notes


@dataclass(frozen=True, slots=True)
class _Part:
    """Epochs of a block with what one file says of them."""

    rows: npt.NDArray[np.intp]
    flag: npt.NDArray[np.int8]
    clock: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]
    cells: list[_Cube]


def _parts(block: Block, rows: npt.NDArray[np.intp]) -> Iterator[_Part]:
    """The epochs as their own files have them, then those of signals that have another time."""
    cells, joined = block.cells, block.joined
    cubes = [cells[spec.name] for spec in VARIABLES]
    along = {name: cells[name][rows] for name in _ALONG}
    apart = _apart(block)
    if apart is None:
        yield _part(rows, along, [_taken(cube, rows) for cube in cubes])
        return
    yield _part(rows, along, [np.where(apart.is_guest[rows], fill, cube[rows]) for cube, fill in _filled(cubes)])
    first = apart.row[apart.first], apart.column[apart.first]
    of_first = {name: joined[name][first] for name in _ALONG}
    yield _part(first[0], of_first, [_scattered(cube, fill, apart) for cube, fill in _filled(cubes)])


def _filled(cubes: list[_Cube]) -> Iterator[tuple[_Cube, _Cube]]:
    """Each with its fill value."""
    fills = [np.array(spec.fill, spec.dtype) for spec in VARIABLES]
    yield from zip(cubes, fills, strict=True)


def _scattered(cube: _Cube, fill: _Cube, apart: "_Apart") -> _Cube:
    """(R, S) the cells that have another time than their epoch, a row for each time; everything else is missing."""
    made = np.full((apart.first.size, cube.shape[1]), fill, cube.dtype, order="F")
    made[apart.record, apart.column] = cube[apart.row, apart.column]
    return made


def _part(rows: npt.NDArray[np.intp], along: Arrays, cells: list[_Cube]) -> _Part:
    return _Part(rows, along["epoch_flag"], along["rx_clock_offset"], along["epoch_offset"], cells)


@dataclass(frozen=True, slots=True)
class _Apart:
    """The cells (K,) of signals that have another time than their epoch, by epoch, time and signal."""

    is_guest: npt.NDArray[np.bool_]
    """(N, S) which they are."""
    row: npt.NDArray[np.intp]
    column: npt.NDArray[np.intp]
    record: npt.NDArray[np.intp]
    """(K,) which of R records they stand in: one for each time of an epoch."""
    first: npt.NDArray[np.intp]
    """(R,) the first cell of each record."""


def _apart(block: Block) -> _Apart | None:
    """Which signals have another time than their epoch; None where none has."""
    if not block.joined:
        return None
    offsets = block.joined["epoch_offset"]
    is_guest = (block.joined["source_file"] != NO_SOURCE) & (offsets != block.cells["epoch_offset"][:, None])
    row, column = np.nonzero(is_guest)
    if not row.size:
        return None
    order = np.lexsort((column, offsets[row, column], row))
    row, column = row[order], column[order]
    begins = np.append(True, (np.diff(row) != 0) | (np.diff(offsets[row, column]) != 0))
    return _Apart(is_guest, row, column, np.cumsum(begins) - 1, np.flatnonzero(begins))


def _other_clocks(block: Block) -> int:
    """Signals that are written under a clock offset or flag that their own file does not give."""
    if not block.joined:
        return 0
    guests = block.joined["source_file"] != NO_SOURCE
    same_time = block.joined["epoch_offset"] == block.cells["epoch_offset"][:, None]
    clock, of_epoch = block.joined["rx_clock_offset"], block.cells["rx_clock_offset"][:, None]
    differs = (clock != of_epoch) & ~(np.isnan(clock) & np.isnan(of_epoch))
    differs |= block.joined["epoch_flag"] != block.cells["epoch_flag"][:, None]
    return int((guests & same_time & differs).sum()) + _untold(block)


def _untold(block: Block) -> int:
    """Signals with a time of their own whose clock offset or flag is not that of the first one of that time."""
    apart = _apart(block)
    if apart is None:
        return 0
    first = apart.first[apart.record]
    clock, flag = (block.joined[name][apart.row, apart.column] for name in ("rx_clock_offset", "epoch_flag"))
    same_clock = (clock == clock[first]) | (np.isnan(clock) & np.isnan(clock[first]))
    return int((~same_clock | (flag != flag[first])).sum())


def _times(slot: npt.NDArray[np.intp], offset_s: npt.NDArray[np.float64], grid: Grid) -> npt.NDArray[np.int64]:
    """GPS time in units of 100 ns."""
    offset_ps = np.rint(offset_s * _PS_PER_S).astype(np.int64)
    grid_ns = grid.time_ns(0) + slot.astype(np.int64) * grid.interval_ns
    time_ns, rest_ps = grid_ns + offset_ps // 1000, offset_ps % 1000
    fine = (rest_ps != 0) | (time_ns % 100 != 0) | (offset_ps / _PS_PER_S != offset_s)
    if fine.any():
        at = int(fine.argmax())
        told = f"the epoch {gps_datetime(int(time_ns[at]))} is {offset_s[at] * 1e9:.3f} ns off the grid"
        raise WithheldError(Why.TIME_BELOW_100NS, f"{told}, and RINEX writes 100 ns: use netcdf or parquet")
    return time_ns // 100


def _clocks(clock_s: npt.NDArray[np.float64], time_100ns: npt.NDArray[np.int64], step_ps: int) -> npt.NDArray[np.int64]:
    """Clock offsets in picoseconds."""
    missing = np.isnan(clock_s)
    clock_ps = np.rint(np.where(missing, 0.0, clock_s) * _PS_PER_S).astype(np.int64)
    wide = (clock_ps >= _WIDEST_CLOCK_PS) | (clock_ps <= -_WIDEST_CLOCK_PS // 10) | (clock_ps % step_ps != 0)
    unfit = ~missing & (wide | (clock_ps / _PS_PER_S != clock_s))
    if unfit.any():
        at = int(unfit.argmax())
        where = gps_datetime(int(time_100ns[at]) * 100)
        field = "F15.12" if step_ps == 1 else "F12.9"
        told = f"the receiver clock offset of {where} is {float(clock_s[at])} s, more than {field} holds"
        raise WithheldError(Why.CLOCK_OFFSET, f"{told}: use {'netcdf or parquet' if step_ps == 1 else 'rinex3'}")
    return np.where(missing, NO_CLOCK, clock_ps)


def _in_order(cubes: list[_Cube], order: npt.NDArray[np.intp]) -> _Cube:
    """Cubes one behind the other, their epochs in an order; nothing is copied where they stand in it."""
    whole = cubes[0] if len(cubes) == 1 else np.concatenate(cubes)
    return _taken(whole, order)


def _taken(cube: _Cube, rows: npt.NDArray[np.intp]) -> _Cube:
    """Rows of a cube, signal by signal in memory."""
    if rows.size == cube.shape[0] and (np.diff(rows) == 1).all():
        return np.asfortranarray(cube)
    return np.ascontiguousarray(cube.T[:, rows]).T
