"""From observations to a dense block on the epoch grid: every epoch is placed, contested or counted, none rounded silently."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import Reason
from gnssice_batch.grid import SECOND_NS, Grid
from gnssice_batch.model import NO_SOURCE, Rank, Span, Tally
from gnssice_batch.rinex.observations import MISSING, Observations
from gnssice_batch.signals import sid
from gnssice_batch.template import VARIABLES

_KIND_INDEX = {"S": 0, "C": 1, "L": 2, "D": 3}
_PS_PER_S = 1e12
_VALUES = ("SNR", "Pseudorange", "Phase", "Doppler")


@dataclass(frozen=True, slots=True)
class Block:
    """The dense cells of one write unit, N epochs and S signals; the arrays are filled in place."""

    arrays: Mapping[str, npt.NDArray[Any]]
    """(N, S) per data variable, sid-major in memory, as they are encoded."""
    source: npt.NDArray[np.int32]
    """(N,) ledger row, `NO_SOURCE`, or ``-2 - i`` for file i of the assignment."""
    epoch_flag: npt.NDArray[np.int8]
    rx_clock_offset: npt.NDArray[np.float64]
    """(N,) seconds."""
    epoch_offset: npt.NDArray[np.float64]
    """(N,) seconds."""
    values: npt.NDArray[np.int64]
    """(N,) number of values of the epoch's observation variables."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the settings hold for plausible: epochs outside are refused before they can stretch the axis."""

    earliest_ns: int
    latest_ns: int
    tolerance_ns: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the E epochs of a file go on a span of the grid."""

    slot: npt.NDArray[np.int64]
    """(E,) position in the span, -1 where the epoch does not go there."""
    offset_ns: npt.NDArray[np.int64]
    """(E,) observed minus grid time."""
    placed: Tally
    """Epochs of this span that have a slot."""
    refused: Mapping[Reason, Tally]
    """Epochs of this span that go nowhere."""


def empty_block(epochs: int, signals: int) -> Block:
    """A block of one write unit without any observation."""
    arrays = {spec.name: np.full((signals, epochs), spec.fill, spec.dtype).T for spec in VARIABLES}
    return Block(
        arrays,
        np.full(epochs, NO_SOURCE, np.int32),
        np.full(epochs, -1, np.int8),
        np.full(epochs, np.nan),
        np.zeros(epochs),
        np.zeros(epochs, np.int64),
    )


def plausible(observations: Observations, bounds: Bounds) -> npt.NDArray[np.bool_]:
    """(E,) whether an epoch lies within the plausible dates."""
    time_ns = observations.time_100ns * 100
    inside: npt.NDArray[np.bool_] = (time_ns >= bounds.earliest_ns) & (time_ns < bounds.latest_ns)
    return inside


def span(observations: Observations, bounds: Bounds) -> Span | None:
    """First and last plausible epoch of a file; None where there is none."""
    times = observations.time_100ns[plausible(observations, bounds)] * 100
    return Span(int(times.min()), int(times.max())) if times.size else None


def place(observations: Observations, grid: Grid, start: int, epochs: int, bounds: Bounds) -> Placement:
    """Find the slot of every epoch in ``start:start + epochs`` of the grid.

    An epoch belongs to the slot nearest to it; one further off than the tolerance is refused as ``off_grid``. Of two epochs
    of the file at one slot the one with more values stays, the other is refused as ``duplicate_epoch``.
    """
    time_ns = observations.time_100ns * 100
    slot = grid.slots(time_ns)
    offset_ns = time_ns - (grid.origin_ns + grid.phase_ns + slot * grid.interval_ns)
    inside = plausible(observations, bounds) & (slot >= start) & (slot < start + epochs)
    near = np.abs(offset_ns) <= bounds.tolerance_ns
    values = values_per_epoch(observations)
    kept = _first_of_each_slot(np.where(inside & near, slot - start, -1), values)
    refused = {
        Reason.OFF_GRID: _tally(values, inside & ~near),
        Reason.DUPLICATE_EPOCH: _tally(values, inside & near & (kept < 0)),
    }
    lost = {reason: tally for reason, tally in refused.items() if tally.epochs}
    return Placement(kept, offset_ns, _tally(values, kept >= 0), lost)


def out_of_bounds(observations: Observations, bounds: Bounds) -> Tally:
    """Epochs and values of a file that lie outside the plausible dates."""
    return _tally(values_per_epoch(observations), ~plausible(observations, bounds))


def values_per_epoch(observations: Observations) -> npt.NDArray[np.int64]:
    """(E,) number of values in each epoch."""
    rows = np.count_nonzero(observations.value != MISSING, axis=1)
    total = np.concatenate(([0], np.cumsum(rows)))
    counted: npt.NDArray[np.int64] = total[observations.first_row[1:]] - total[observations.first_row[:-1]]
    return counted


def lay(
    block: Block,
    observations: Observations,
    slot: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    source: int,
    sids: Mapping[str, int],
) -> None:
    """Write epochs of a file into a block, whole epochs at a time; what stood in their slots is erased.

    Parameters
    ----------
    block
        Filled in place.
    slot
        (E,) position of each epoch in the block; epochs with -1 are left out.
    offset_ns
        (E,) observed minus grid time.
    source
        What `Block.source` says of these epochs.
    sids
        Index of every signal on the group's axis.
    """
    arrays = tuple(block.arrays[spec.name].T for spec in VARIABLES)
    rows = (observations.first_row, observations.row_sv, observations.value, observations.lli, observations.ssi)
    _spread(slot, rows, _column_map(observations, sids), arrays)
    here = slot >= 0
    slots = slot[here]
    clock = observations.rx_clock_offset_ps[here]
    block.source[slots] = source
    block.epoch_flag[slots] = observations.epoch_flag[here]
    block.rx_clock_offset[slots] = np.where(clock == MISSING, np.nan, clock / _PS_PER_S)
    block.epoch_offset[slots] = offset_ns[here] / SECOND_NS
    block.values[slots] = values_per_epoch(observations)[here]


def block_of(variables: Mapping[str, npt.NDArray[Any]], coordinates: Mapping[str, npt.NDArray[Any]]) -> Block:
    """The block of a write unit as it stands in the store; `variables` (N, S), `coordinates` (N,)."""
    arrays = {spec.name: np.ascontiguousarray(variables[spec.name].T).T for spec in VARIABLES}
    values = sum((np.isfinite(arrays[name]).sum(axis=1) for name in _VALUES), np.zeros(1, np.int64))
    return Block(
        arrays,
        coordinates["source_file"].copy(),
        coordinates["epoch_flag"].copy(),
        coordinates["rx_clock_offset"].copy(),
        coordinates["epoch_offset"].copy(),
        values,
    )


def holders(block: Block) -> dict[int, Tally]:
    """Epochs and values that each source holds in a block."""
    sources, inverse, epochs = np.unique(block.source, return_inverse=True, return_counts=True)
    values = np.bincount(inverse, weights=block.values, minlength=sources.size).astype(np.int64)
    held = zip(sources.tolist(), epochs.tolist(), values.tolist(), strict=True)
    return {source: Tally(epochs, values) for source, epochs, values in held if source != NO_SOURCE}


def present_columns(cells: npt.NDArray[Any], width: int) -> list[int]:
    """Which columns of `width` signals of an (N, S) array hold a value that is not missing."""
    sid_major = cells.T
    starts = range(0, len(sid_major), width)
    return [n for n, start in enumerate(starts) if _any_present(np.ascontiguousarray(sid_major[start : start + width]))]


def contest(block: Block, slot: npt.NDArray[np.int64], rank: Rank, ranks: Mapping[int, Rank]) -> npt.NDArray[np.int64]:
    """The slots a file may take: those that are empty or held by a lower-ranked one; -1 elsewhere.

    Parameters
    ----------
    slot
        (E,) slots the file wants, -1 where it wants none.
    ranks
        Rank of every source that may stand in the block.
    """
    holder = np.where(slot >= 0, block.source[slot], NO_SOURCE)
    stronger = [source for source in np.unique(holder) if source != NO_SOURCE and not rank > ranks[int(source)]]
    taken: npt.NDArray[np.int64] = np.where(np.isin(holder, stronger), -1, slot)
    return taken


def _first_of_each_slot(slot: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if np.all(np.diff(slot[slot >= 0]) > 0):
        return slot
    order = np.lexsort((np.arange(slot.size), -values, slot))
    ordered = slot[order]
    repeated = np.concatenate(([False], ordered[1:] == ordered[:-1]))
    kept = slot.copy()
    kept[order[repeated]] = -1
    return kept


def _tally(values: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]) -> Tally:
    return Tally(int(np.count_nonzero(chosen)), int(values[chosen].sum()))


def _column_map(
    observations: Observations, sids: Mapping[str, int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """Per satellite and column: index on the signal axis (-1: none), which array, and what to divide by."""
    shape = (len(observations.svs), observations.value.shape[1])
    target, kind, divisor = np.full(shape, -1, np.int32), np.zeros(shape, np.int8), np.full(shape, 1000.0)
    for v, sv in enumerate(observations.svs):
        for k, column in enumerate(observations.columns[sv[0]]):
            target[v, k] = sids.get(sid(sv, column.band, column.letter), -1)
            kind[v, k] = _KIND_INDEX[column.kind]
            divisor[v, k] = 1000.0 * column.scale
    return target, kind, divisor


@numba.njit(cache=True, nogil=True)
def _spread(slot, rows, columns, arrays):  # type: ignore[no-untyped-def]  # numba infers the types
    first_row, row_sv, value, lli, ssi = rows
    for e in range(slot.size):
        if slot[e] < 0:
            continue
        _erase(slot[e], arrays)
        for r in range(first_row[e], first_row[e + 1]):
            _spread_row(slot[e], row_sv[r], (value[r], lli[r], ssi[r]), columns, arrays)


@numba.njit(cache=True, nogil=True)
def _any_present(cells):  # type: ignore[no-untyped-def]
    """Whether any cell is neither NaN nor -1, the two that stand for missing."""
    for value in cells.flat:
        if value == value and value != -1:  # noqa: PLR0124 - NaN is the only value that differs from itself
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _erase(n, arrays):  # type: ignore[no-untyped-def]
    snr, pseudorange, phase, doppler, lli, ssi = arrays
    snr[:, n] = np.nan
    pseudorange[:, n] = np.nan
    phase[:, n] = np.nan
    doppler[:, n] = np.nan
    lli[:, n] = -1
    ssi[:, n] = -1


@numba.njit(cache=True, nogil=True)
def _spread_row(n, v, row, columns, arrays):  # type: ignore[no-untyped-def]
    value, lli, ssi = row
    target, kind, divisor = columns
    for k in range(value.size):
        j = target[v, k]
        if j >= 0:
            if value[k] != MISSING:
                _set_value(n, j, kind[v, k], value[k] / divisor[v, k], arrays)
            _set_indicators(n, j, kind[v, k], lli[k], ssi[k], arrays)


@numba.njit(cache=True, nogil=True)
def _set_value(n, j, kind, physical, arrays):  # type: ignore[no-untyped-def]
    if kind == 0:
        arrays[0][j, n] = physical
    elif kind == 1:
        arrays[1][j, n] = physical
    elif kind == 2:
        arrays[2][j, n] = physical
    else:
        arrays[3][j, n] = physical


@numba.njit(cache=True, nogil=True)
def _set_indicators(n, j, kind, lli, ssi, arrays):  # type: ignore[no-untyped-def]
    """LLI from the phase alone; SSI from the phase, or from the pseudorange where the phase has none."""
    if kind == 2:
        arrays[4][j, n] = lli
        if ssi >= 0:
            arrays[5][j, n] = ssi
    elif kind == 1 and arrays[5][j, n] < 0:
        arrays[5][j, n] = ssi
