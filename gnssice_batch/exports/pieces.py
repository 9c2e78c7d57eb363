"""The span of a receiver cut into files with names."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.exports.values import Choice, Compression, Each, Format, Piece
from gnssice_batch.model.grid import DAY_NS, SECOND_NS, Grid
from gnssice_batch.model.values import Span

_HOUR_NS: Final = 3_600 * SECOND_NS
_MINUTE_NS: Final = 60 * SECOND_NS
_LENGTH_NS: Final = {Each.DAY: DAY_NS, Each.HOUR: _HOUR_NS}
_PERIODS: Final = ((DAY_NS, "D"), (_HOUR_NS, "H"), (_MINUTE_NS, "M"))
_INTERVALS: Final = (*_PERIODS, (SECOND_NS, "S"))
_MOST: Final = 99
_UNSPECIFIED: Final = "00U"
_GPS_EPOCH_S: Final = 315_964_800
_HOURS: Final = "abcdefghijklmnopqrstuvwx"
_SUFFIX: Final = {Format.NETCDF: "nc", Format.PARQUET: "parquet"}


def pieces(grid: Grid, held: Span, choice: Choice) -> Iterator[Piece]:
    """The files that the wanted part of a span is cut into, in order of time; some may turn out to hold nothing."""
    first_ns = held.first_ns if choice.since_ns is None else max(held.first_ns, choice.since_ns)
    end_ns = held.last_ns + 1 if choice.until_ns is None else min(held.last_ns + 1, choice.until_ns)
    if first_ns >= end_ns:
        return
    if choice.each is Each.ALL:
        start_ns = first_ns // _MINUTE_NS * _MINUTE_NS
        last_ns = grid.time_ns(_slot_from(grid, end_ns) - 1)
        yield Piece(_slots(grid, first_ns, end_ns), start_ns, last_ns + grid.interval_ns - start_ns)
        return
    length_ns = _LENGTH_NS[choice.each]
    for number in range(first_ns // length_ns, (end_ns - 1) // length_ns + 1):
        start_ns = max(number * length_ns, choice.since_ns or 0)
        stop_ns = min((number + 1) * length_ns, choice.until_ns or (number + 1) * length_ns)
        yield Piece(_slots(grid, max(start_ns, first_ns), min(stop_ns, end_ns)), start_ns, stop_ns - start_ns)


def with_parts(piece: Piece, units: npt.NDArray[np.int64], grid: Grid) -> Piece:
    """A file with those of its epochs that are to be read.

    Parameters
    ----------
    units
        The read units that hold anything, ascending.
    """
    if not piece.epochs:
        return piece
    ends = (piece.epochs[0] // grid.read_unit, piece.epochs[-1] // grid.read_unit + 1)
    first, last = np.searchsorted(units, ends).tolist()
    found = (range(unit * grid.read_unit, (unit + 1) * grid.read_unit) for unit in units[first:last].tolist())
    start, stop = piece.epochs.start, piece.epochs.stop
    return replace(piece, parts=tuple(range(max(one.start, start), min(one.stop, stop)) for one in found))


def file_name(piece: Piece, grid: Grid, station: str, systems: str, choice: Choice) -> str:
    """The name of a file: long as from RINEX 3 on, or short as of RINEX 2.

    Parameters
    ----------
    station
        Nine characters: marker, monument, receiver, country.
    systems
        Letters of the satellite systems of the receiver.
    """
    start = datetime.fromtimestamp(_GPS_EPOCH_S + piece.start_ns // SECOND_NS, UTC)
    gz = ".gz" if choice.compression in {Compression.GZ, Compression.CRX_GZ} else ""
    compact = choice.compression in {Compression.CRX, Compression.CRX_GZ}
    if choice.format is Format.RINEX2:
        return f"{station[:4].lower()}{start:%j}{_session(piece, start)}.{start:%y}{'d' if compact else 'o'}{gz}"
    letter = systems if len(systems) == 1 else "M"
    stem = f"{station}_R_{start:%Y%j%H%M}_{_code(piece.period_ns, _PERIODS)}_{_interval(grid.interval_ns)}_{letter}O"
    return f"{stem}.{_SUFFIX.get(choice.format, 'crx' if compact else 'rnx')}{gz}"


def _session(piece: Piece, start: datetime) -> str:
    """0 for a day or more, a letter for an hour, a letter with minutes for what begins elsewhere."""
    if piece.period_ns >= DAY_NS:
        return "0"
    hour = _HOURS[start.hour]
    whole = piece.period_ns == _HOUR_NS and not start.minute
    return hour if whole else f"{hour}{start.minute:02d}"


def _interval(interval_ns: int) -> str:
    if interval_ns >= SECOND_NS:
        return _code(interval_ns, _INTERVALS)
    hertz, rest = divmod(SECOND_NS, interval_ns)
    return f"{hertz:02d}Z" if not rest and hertz <= _MOST else _UNSPECIFIED


def _code(length_ns: int, units: tuple[tuple[int, str], ...]) -> str:
    """``01D``: the largest unit that it is a whole number of; ``00U`` where that has three digits."""
    for unit_ns, letter in units:
        number, rest = divmod(length_ns, unit_ns)
        if number and not rest and number <= _MOST:
            return f"{number:02d}{letter}"
    return _UNSPECIFIED


def _slots(grid: Grid, first_ns: int, end_ns: int) -> range:
    """The grid epochs in ``[first, end)``."""
    first, end = _slot_from(grid, first_ns), _slot_from(grid, end_ns)
    return range(max(first, 0), max(min(end, grid.size), 0))


def _slot_from(grid: Grid, time_ns: int) -> int:
    """The first grid epoch at a time or after it."""
    return -((grid.time_ns(0) - time_ns) // grid.interval_ns)


def systems_of(sids: tuple[str, ...]) -> str:
    """The letters of the satellite systems of signals."""
    return "".join(dict.fromkeys(chain.from_iterable(name[0] for name in sids)))
