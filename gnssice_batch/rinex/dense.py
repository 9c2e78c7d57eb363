"""Observations as arrays of physical values over (epoch, sid)."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, compress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.buffers import BLOCK
from gnssice_batch.rinex.fields import U
from gnssice_batch.rinex.instructions import equal_words
from gnssice_batch.rinex.jit import inlined, kernel
from gnssice_batch.rinex.observations import MISSING, Column, Observations
from gnssice_batch.signals import sid

_KINDS = "SCLD"
_PSEUDORANGE = 1
_PHASE = 2

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
    present = np.zeros((len(observations.svs), -(-observations.value.shape[1] // BLOCK)), np.uint8)
    _mark_present(observations.row_sv, observations.value, present)
    marks = np.unpackbits(present, axis=1, bitorder="little")
    found: list[str] = []
    for rows, tracked, names in _by_system(observations):
        carried = marks[rows, : tracked.kind.size] @ tracked.belongs
        found.extend(compress(chain.from_iterable(names), carried.ravel().tolist()))
    return tuple(sorted(found))


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
    names = signals(observations) if sids is None else tuple(sids)
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
    rows = Rows(observations.first_row, observations.row_sv, observations.value, observations.lli, observations.ssi)
    places = {name: place for place, name in enumerate(names)}
    _scatter(rows, targets(observations, places), arrays[1:])
    return arrays


class Rows(NamedTuple):
    """The arrays of observations that the kernel reads."""

    first_row: npt.NDArray[np.int64]
    row_sv: npt.NDArray[np.int16]
    value: npt.NDArray[np.int64]
    lli: npt.NDArray[np.int8]
    ssi: npt.NDArray[np.int8]


class Targets(NamedTuple):
    """Where each column of each satellite goes."""

    place: npt.NDArray[np.int32]
    """(svs, K) index of the sid, -1 where there is none."""
    kind: npt.NDArray[np.int8]
    """(svs, K) 0 signal strength, 1 pseudorange, 2 phase, 3 Doppler."""
    divisor: npt.NDArray[np.float64]
    """(svs, K) what stored integers are divided by."""


def targets(observations: Observations, places: Mapping[str, int]) -> Targets:
    """Look up every column of every satellite among the places of sids."""
    shape = (len(observations.svs), observations.value.shape[1])
    found = Targets(np.full(shape, -1, np.int32), np.zeros(shape, np.int8), np.ones(shape))
    for rows, tracked, names in _by_system(observations):
        width = tracked.kind.size
        here = np.array([[places.get(name, -1) for name in of_sv] for of_sv in names], np.int32)
        found.place[rows, :width] = here[:, tracked.of_column]
        found.kind[rows, :width] = tracked.kind
        found.divisor[rows, :width] = tracked.divisor
    return found


class _Tracked(NamedTuple):
    """What the columns of a system, C of them with S signals, have in common for all its satellites."""

    signals: tuple[tuple[str, str], ...]
    """Band and letter, each once."""
    of_column: npt.NDArray[np.intp]
    """(C,) index into `signals`."""
    belongs: npt.NDArray[np.uint8]
    """(C, S) 1 where a column is of a signal."""
    kind: npt.NDArray[np.int8]
    divisor: npt.NDArray[np.float64]


def _by_system(observations: Observations) -> Iterator[tuple[list[int], _Tracked, list[tuple[str, ...]]]]:
    """Yield the satellites of each system that has columns, what these are, and the sids of each satellite."""
    for system, columns in observations.columns.items():
        rows = [row for row, sv in enumerate(observations.svs) if sv[0] == system]
        if rows and columns:
            tracked = _tracked(columns)
            yield rows, tracked, [_sids(observations.svs[row], tracked.signals) for row in rows]


@lru_cache(maxsize=1024)
def _tracked(columns: tuple[Column, ...]) -> _Tracked:
    signals = tuple(dict.fromkeys((column.band, column.letter) for column in columns))
    of_column = np.array([signals.index((column.band, column.letter)) for column in columns], np.intp)
    return _Tracked(
        signals,
        of_column,
        np.eye(len(signals), dtype=np.uint8)[of_column],
        np.array([_KINDS.index(column.kind) for column in columns], np.int8),
        np.array([1000.0 * column.scale for column in columns], np.float64),
    )


@lru_cache(maxsize=1 << 14)
def _sids(sv: str, signals: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(sid(sv, band, letter) for band, letter in signals)


@kernel
def _mark_present(row_sv: npt.NDArray[np.int16], value: npt.NDArray[np.int64], present: npt.NDArray[np.uint8]) -> None:
    """Set the bits of `present`, (svs, blocks of columns), where a column of a satellite carries a value."""
    for row in range(row_sv.size):
        for block in range(present.shape[1]):
            present[row_sv[row], block] |= values_in(value, row, BLOCK * block)


@inlined
def values_in(value: npt.NDArray[np.int64], row: int, first: int) -> np.uint64:
    """Return a bit for each column of the block that begins with a column: set where the row has a value."""
    width = value.shape[1]
    if first + BLOCK <= width:
        return equal_words(value, row * width + first, MISSING) ^ U(255)
    bits = U(0)
    for k in range(first, width):
        bits |= U(value[row, k] != MISSING) << U(k - first)
    return bits


@kernel
def _scatter(rows: Rows, into: Targets, arrays: Arrays) -> None:
    for epoch in range(rows.first_row.size - 1):
        _blank(epoch, arrays)
        for row in range(rows.first_row[epoch], rows.first_row[epoch + 1]):
            _scatter_row(rows, row, epoch, into, arrays)


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
def _scatter_row(rows: Rows, row: int, epoch: int, into: Targets, arrays: Arrays) -> None:
    sv = rows.row_sv[row]
    for k in range(rows.value.shape[1]):
        place = into.place[sv, k]
        if place < 0:
            continue
        kind = into.kind[sv, k]
        if kind in (_PHASE, _PSEUDORANGE):
            _put_indicators(rows, (row, k), (epoch, place), kind, arrays)
        if rows.value[row, k] != MISSING:
            _put_value(rows.value[row, k] / into.divisor[sv, k], kind, (epoch, place), arrays)


@inlined
def _put_indicators(rows: Rows, source: tuple[int, int], target: tuple[int, int], kind: int, arrays: Arrays) -> None:
    lli, ssi = arrays[4], arrays[5]
    strength = rows.ssi[source]
    if strength >= 0 and (kind == _PHASE or ssi[target] < 0):
        ssi[target] = strength
    if kind == _PHASE and rows.lli[source] >= 0:
        lli[target] = rows.lli[source]


@inlined
def _put_value(value: float, kind: int, target: tuple[int, int], arrays: Arrays) -> None:
    if kind == 0:
        arrays[0][target] = value
    elif kind == _PSEUDORANGE:
        arrays[1][target] = value
    elif kind == _PHASE:
        arrays[2][target] = value
    else:
        arrays[3][target] = value
