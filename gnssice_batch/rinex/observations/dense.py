"""Observations as arrays of physical values over (epoch, sid)."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, compress, repeat
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.observations.presence import has_unpaired_indicators, presence_of, words
from gnssice_batch.rinex.observations.values import MISSING, Column, Observations, Rows, rows_of
from gnssice_batch.rinex.primitives.jit import inlined, kernel
from gnssice_batch.signals import sid

_KINDS = "SCLD"
_PSEUDORANGE = 1
_PHASE = 2
_DOPPLER = 3

type Arrays = tuple[np.ndarray, ...]


class Dense(NamedTuple):
    """Arrays over (E epochs, S sids); missing values are NaN, missing indicators -1."""

    sids: tuple[str, ...]
    snr: npt.NDArray[np.float32]
    """dB-Hz."""
    pseudorange: npt.NDArray[np.float64]
    """Metres."""
    phase: npt.NDArray[np.float64]
    """Cycles."""
    doppler: npt.NDArray[np.float32]
    """Hz."""
    lli: npt.NDArray[np.int8]
    """Of the phase."""
    ssi: npt.NDArray[np.int8]
    """Of the phase, else of the pseudorange."""


def signals(observations: Observations) -> tuple[str, ...]:
    """Return the sids that carry a value in the observations, sorted."""
    return _carried(_satellites(observations), presence_of(observations).present)


def dense(observations: Observations, sids: Sequence[str] | None = None) -> Dense:
    """Return observations as arrays over (epoch, sid).

    Parameters
    ----------
    observations
        One part of a file.
    sids
        The sids of the second axis; what they do not name is left out. By default those that carry a value.

    Returns
    -------
    Dense
        Values are ``value / (1000 * scale)``, correctly rounded.
    """
    seen = presence_of(observations)
    satellites = _satellites(observations)
    names = _carried(satellites, seen.present) if sids is None else tuple(sids)
    shape = (observations.time_100ns.size, len(names))
    arrays = Dense(
        names,
        np.empty(shape, np.float32),
        np.empty(shape, np.float64),
        np.empty(shape, np.float64),
        np.empty(shape, np.float32),
        np.empty(shape, np.int8),
        np.empty(shape, np.int8),
    )
    places = {name: place for place, name in enumerate(names)}
    _scatter(rows_of(observations), _targets(satellites, places, unpaired=seen.unpaired), arrays[1:])
    return arrays


class _Satellites(NamedTuple):
    """The satellites of observations and what their columns are."""

    tracked: "_Tracked"
    numbers: npt.NDArray[np.intp]
    """(svs,) of their systems."""
    sids: tuple[str, ...]
    """(svs * S,) of their systems' signals."""


def _satellites(observations: Observations) -> _Satellites:
    tracked = _tracked_of(observations)
    each = [tracked.of(sv) for sv in observations.svs]
    numbers = np.array([number for number, _ in each], np.intp)
    return _Satellites(tracked, numbers, tuple(chain.from_iterable(sids for _, sids in each)))


def _carried(satellites: _Satellites, present: npt.NDArray[np.uint64]) -> tuple[str, ...]:
    """Return the sids that carry a value, sorted."""
    carried = (present[:, None] & satellites.tracked.belongs[satellites.numbers]).any(2)
    return tuple(sorted(compress(satellites.sids, carried.ravel().tolist())))


class Targets(NamedTuple):
    """Where each column of each satellite goes."""

    place: npt.NDArray[np.int32]
    """(svs, K) index of the sid, -1 where there is none."""
    kind: npt.NDArray[np.int8]
    """(svs, K) 0 signal strength, 1 pseudorange, 2 phase, 3 Doppler."""
    divisor: npt.NDArray[np.float64]
    """(svs, K) what stored integers are divided by."""
    columns: npt.NDArray[np.int64]
    """(svs,) how many there are; the others have no place."""
    unpaired: bool
    """Whether there are indicators beside missing values."""


def targets(observations: Observations, places: Mapping[str, int]) -> Targets:
    """Look up every column of every satellite among the places of sids."""
    return _targets(_satellites(observations), places, unpaired=has_unpaired_indicators(observations))


def _targets(satellites: _Satellites, places: Mapping[str, int], *, unpaired: bool) -> Targets:
    tracked, numbers, sids = satellites
    place = np.fromiter(map(places.get, sids, repeat(-1)), np.int32, len(sids)).reshape(
        numbers.size, len(tracked.signals[0])
    )
    return Targets(
        place[np.arange(numbers.size)[:, None], tracked.of_column[numbers]],
        tracked.kind[numbers],
        tracked.divisor[numbers],
        tracked.columns[numbers],
        unpaired,
    )


type _Signals = tuple[tuple[str, str] | None, ...]


class _Tracked(NamedTuple):
    """What K columns are of, by system, with a last system that has none; each has S signals, its own and None."""

    systems: str
    signals: tuple[_Signals, ...]
    """Per system band and letter, each once."""
    belongs: npt.NDArray[np.uint64]
    """(systems + 1, S, K / 64) a bit for each column that is of the signal."""
    of_column: npt.NDArray[np.intp]
    """(systems + 1, K) index into the signals, the last of which is None."""
    columns: npt.NDArray[np.int64]
    """(systems + 1,) how many there are."""
    kind: npt.NDArray[np.int8]
    """(systems + 1, K)"""
    divisor: npt.NDArray[np.float64]
    """(systems + 1, K)"""
    satellites: dict[str, tuple[int, tuple[str, ...]]]
    """By name, filled as they are asked for: what `of` returns."""

    def of(self, sv: str) -> tuple[int, tuple[str, ...]]:
        """Return the number of a satellite's system, -1 if that has no columns, and its S sids, empty for None."""
        found = self.satellites.get(sv)
        if found is None:
            number = self.systems.find(sv[0])
            sids = tuple(sid(sv, *signal) if signal else "" for signal in self.signals[number])
            found = self.satellites[sv] = (number, sids)
        return found


def _tracked_of(observations: Observations) -> _Tracked:
    """Look up what was made of these very columns, or else of equal ones: they are not compared for every file."""
    columns, width = observations.columns, observations.value.shape[1]
    objects = ("".join(columns), width, *map(id, columns.values()))
    found = _OF_OBJECTS.get(objects)
    if found is None:
        if len(_OF_OBJECTS) >= _MOST_OBJECTS:
            _OF_OBJECTS.clear()
        found = _OF_OBJECTS[objects] = (tuple(columns.values()), _tracked(tuple(columns.items()), width))
    return found[1]


_MOST_OBJECTS: Final = 1024
_OF_OBJECTS: Final[dict[tuple[object, ...], tuple[object, _Tracked]]] = {}
"""By systems, width and the identities of the columns: these columns, so that they stay what they are, and the rest."""


@lru_cache(maxsize=1024)
def _tracked(columns: tuple[tuple[str, tuple[Column, ...]], ...], width: int) -> _Tracked:
    each = [tuple(dict.fromkeys((column.band, column.letter) for column in of_system)) for _, of_system in columns]
    most = max(map(len, each), default=0)
    shape = (len(columns) + 1, width)
    of_column = np.full(shape, most, np.intp)
    kind, divisor = np.zeros(shape, np.int8), np.ones(shape)
    for number, (_, of_system) in enumerate(columns):
        for k, column in enumerate(of_system):
            of_column[number, k] = each[number].index((column.band, column.letter))
            kind[number, k] = _KINDS.index(column.kind)
            divisor[number, k] = 1000.0 * column.scale
    signals = tuple((*own, *[None] * (most + 1 - len(own))) for own in (*each, ()))
    belongs = np.zeros((len(columns) + 1, most + 1, words(width)), np.uint64)
    for number, k in np.argwhere(of_column < most).tolist():
        belongs[number, of_column[number, k], k // 64] |= np.uint64(1 << k % 64)
    count = np.array([*(len(of_system) for _, of_system in columns), 0], np.int64)
    return _Tracked("".join(system for system, _ in columns), signals, belongs, of_column, count, kind, divisor, {})


@kernel
def _scatter(rows: Rows, into: Targets, arrays: Arrays) -> None:
    for epoch in range(rows.first_row.size - 1):
        _blank(epoch, arrays)
        for row in range(rows.first_row[epoch], rows.first_row[epoch + 1]):
            scatter_row(rows, row, epoch, into, arrays)


@inlined
def _blank(epoch: int, arrays: Arrays) -> None:
    """Make everything of an epoch missing, right before it is filled, while it is in the processor's cache."""
    for place in range(arrays[0].shape[1]):
        arrays[0][epoch, place] = np.nan
    for place in range(arrays[0].shape[1]):
        arrays[1][epoch, place] = np.nan
    for place in range(arrays[0].shape[1]):
        arrays[2][epoch, place] = np.nan
    for place in range(arrays[0].shape[1]):
        arrays[3][epoch, place] = np.nan
    for place in range(arrays[0].shape[1]):
        arrays[4][epoch, place] = -1
        arrays[5][epoch, place] = -1


@inlined
def scatter_row(rows: Rows, row: int, epoch: int, into: Targets, arrays: Arrays) -> None:
    """Put a row into the cells of an epoch; those of its satellite are missing."""
    sv = rows.row_sv[row]
    for k in range(into.columns[sv]):
        place, value = into.place[sv, k], rows.value[row, k]
        if value != MISSING and place >= 0:
            _put_cell(value / into.divisor[sv, k], into.kind[sv, k], (row, k), (epoch, place), rows, arrays)
    if into.unpaired:
        _put_unpaired_indicators(rows, row, epoch, into, arrays)


@inlined
def _put_cell(
    value: float, kind: int, source: tuple[int, int], target: tuple[int, int], rows: Rows, arrays: Arrays
) -> None:
    snr, pseudorange, phase, doppler, _, _ = arrays
    if kind == _PSEUDORANGE:
        pseudorange[target] = value
        _put_indicators(rows, source, target, kind, arrays)
    elif kind == _PHASE:
        phase[target] = value
        _put_indicators(rows, source, target, kind, arrays)
    elif kind == _DOPPLER:
        doppler[target] = value
    else:
        snr[target] = value


@kernel
def _put_unpaired_indicators(rows: Rows, row: int, epoch: int, into: Targets, arrays: Arrays) -> None:
    sv = rows.row_sv[row]
    for k in range(rows.value.shape[1]):
        place, kind = into.place[sv, k], into.kind[sv, k]
        if rows.value[row, k] == MISSING and place >= 0 and kind in (_PHASE, _PSEUDORANGE):
            _put_indicators(rows, (row, k), (epoch, place), kind, arrays)


@inlined
def _put_indicators(rows: Rows, source: tuple[int, int], target: tuple[int, int], kind: int, arrays: Arrays) -> None:
    """Put the loss of lock of a phase; signal strength of the phase, else of the pseudorange."""
    lli, ssi = arrays[4], arrays[5]
    if kind == _PSEUDORANGE:
        if ssi[target] < 0:
            ssi[target] = rows.ssi[source]
        return
    if rows.ssi[source] >= 0:
        ssi[target] = rows.ssi[source]
    if rows.lli[source] >= 0:
        lli[target] = rows.lli[source]
