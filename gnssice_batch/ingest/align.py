"""Observations aligned to the epoch grid: every epoch is placed, superseded or counted, none rounded silently."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import Reason
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import VARIABLES
from gnssice_batch.model.values import NO_SOURCE, Overlap, Rank, Span, Strategy, Tally
from gnssice_batch.rinex.observations.dense import rows_of, scatter_row, targets
from gnssice_batch.rinex.observations.presence import values_per_row
from gnssice_batch.rinex.observations.values import MISSING, Observations
from gnssice_batch.rinex.primitives.jit import kernel

_PS_PER_S = 1e12
_VALUES = ("SNR", "Pseudorange", "Phase", "Doppler")


@dataclass(frozen=True, slots=True)
class Block:
    """The dense cells of a span of one write unit, N epochs and S signals; the arrays are filled in place."""

    start: int
    """Index of the first epoch on the group's axis."""
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
    gap_ns: int | None = None
    """Longest emptiness inside a file, or between it and its receiver's other data; None: any."""

    def within(self, span: Span) -> "Bounds":
        """These bounds, narrowed to a span."""
        return replace(
            self,
            earliest_ns=max(self.earliest_ns, span.first_ns),
            latest_ns=min(self.latest_ns, span.last_ns + 1),
        )


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the E epochs of a file go on a span of the grid."""

    slot: npt.NDArray[np.int64]
    """(E,) position in the span, -1 where the epoch does not go there."""
    offset_ns: npt.NDArray[np.int64]
    """(E,) observed minus grid time."""
    values: npt.NDArray[np.int64]
    """(E,) number of values in each epoch."""
    placed: Tally
    """Epochs of this span that have a slot."""
    refused: Mapping[Reason, Tally]
    """Epochs of this span that go nowhere."""


def empty_block(start: int, epochs: int, signals: int) -> Block:
    """A block without any observation."""
    arrays = {spec.name: np.full((signals, epochs), spec.fill, spec.dtype).T for spec in VARIABLES}
    return Block(
        start,
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


def likely_bounds(parts: Iterable[Observations], bounds: Bounds) -> Bounds:
    """The bounds of a file: narrowed to where most of its epochs lie, if others lie an absurd distance from them."""
    if bounds.gap_ns is None:
        return bounds
    times = np.sort(np.concatenate([part.time_100ns[plausible(part, bounds)] for part in parts])) * 100
    jumps = np.flatnonzero(np.diff(times) > bounds.gap_ns) + 1
    if not jumps.size:
        return bounds
    begins = np.array([0, *jumps.tolist(), times.size])
    most = int(np.argmax(np.diff(begins)))
    return bounds.within(Span(int(times[begins[most]]), int(times[begins[most + 1] - 1])))


def place(observations: Observations, grid: Grid, start: int, epochs: int, bounds: Bounds) -> Placement:
    """Find the slot of every epoch in ``start:start + epochs`` of the grid.

    An epoch belongs to the slot nearest to it; one further off than the tolerance is refused as ``off_grid``. Of two
    epochs of the file at one slot the one with more values stays, the other is refused as ``duplicate_epoch``.
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
    return Placement(kept, offset_ns, values, _tally(values, kept >= 0), lost)


def out_of_bounds(observations: Observations, bounds: Bounds) -> Tally:
    """Epochs and values of a file that lie outside the plausible dates."""
    return _tally(values_per_epoch(observations), ~plausible(observations, bounds))


def values_per_epoch(observations: Observations) -> npt.NDArray[np.int64]:
    """(E,) number of values in each epoch."""
    total = np.concatenate(([0], np.cumsum(values_per_row(observations))))
    counted: npt.NDArray[np.int64] = total[observations.first_row[1:]] - total[observations.first_row[:-1]]
    return counted


def fill_block(
    block: Block,
    observations: Observations,
    placement: Placement,
    slot: npt.NDArray[np.int64],
    source: int,
    sids: Mapping[str, int],
) -> None:
    """Write epochs of a file into a block, whole epochs at a time; what stood in their slots is erased.

    Parameters
    ----------
    block
        Filled in place.
    placement
        Of these observations in this block.
    slot
        (E,) those slots of the placement that the file may take, -1 elsewhere.
    source
        What `Block.source` says of these epochs.
    sids
        Index of every signal on the group's axis.
    """
    arrays = tuple(block.arrays[spec.name] for spec in VARIABLES)
    rows = rows_of(observations)
    _spread(slot, block.source != NO_SOURCE, rows, targets(observations, sids), arrays)
    here = slot >= 0
    slots = slot[here]
    clock = observations.rx_clock_offset_ps[here]
    block.source[slots] = source
    block.epoch_flag[slots] = observations.epoch_flag[here]
    block.rx_clock_offset[slots] = np.where(clock == MISSING, np.nan, clock / _PS_PER_S)
    block.epoch_offset[slots] = (placement.offset_ns[here] * 1000 + observations.time_ps[here]) / _PS_PER_S
    block.values[slots] = placement.values[here]


def block_of(
    start: int, variables: Mapping[str, npt.NDArray[Any]], coordinates: Mapping[str, npt.NDArray[Any]]
) -> Block:
    """The block of a write unit as it stands in the store; `variables` (N, S), `coordinates` (N,)."""
    arrays = {spec.name: np.ascontiguousarray(variables[spec.name].T).T for spec in VARIABLES}
    values = sum((np.isfinite(arrays[name]).sum(axis=1) for name in _VALUES), np.zeros(1, np.int64))
    return Block(
        start,
        arrays,
        coordinates["source_file"].copy(),
        coordinates["epoch_flag"].copy(),
        coordinates["rx_clock_offset"].copy(),
        coordinates["epoch_offset"].copy(),
        values,
    )


def tallies_by_source(block: Block) -> dict[int, Tally]:
    """Epochs and values that each source holds in a block."""
    sources, inverse, epochs = np.unique(block.source, return_inverse=True, return_counts=True)
    values = np.bincount(inverse, weights=block.values, minlength=sources.size).astype(np.int64)
    held = zip(sources.tolist(), epochs.tolist(), values.tolist(), strict=True)
    return {source: Tally(epochs, values) for source, epochs, values in held if source != NO_SOURCE}


def outranks(rank: Rank, holder: Rank, strategy: Strategy, *, stored: bool) -> bool:
    """Whether a file takes an epoch from the one that holds it.

    Parameters
    ----------
    stored
        Whether the holder stood in the store before the run; among the files of a run the rank decides alone.
    """
    if rank.same_content(holder):
        return False
    if not stored or strategy is Strategy.BEST:
        return rank > holder
    return strategy is Strategy.OVERWRITE


def later_slots(slot: npt.NDArray[np.int64], grid: Grid, start: int, overlap: Overlap) -> npt.NDArray[np.int64]:
    """(E,) slots of a span that begins at `start` on the grid, -1 for those the overlap rule leaves to earlier runs."""
    if overlap.after_ns is None:
        return slot
    later: npt.NDArray[np.int64] = np.where(slot + start > grid.slot(overlap.after_ns), slot, -1)
    return later


def winning_slots(
    block: Block,
    slot: npt.NDArray[np.int64],
    rank: Rank,
    ranks: Mapping[int, Rank],
    strategy: Strategy = Strategy.BEST,
) -> npt.NDArray[np.int64]:
    """The slots a file may take: those that are empty or held by a file that it outranks; -1 elsewhere.

    Content that stood in the store and comes again with the run counts as the run's, or the order of the files would
    matter.

    Parameters
    ----------
    slot
        (E,) slots the file wants, -1 where it wants none.
    ranks
        Rank of every source that may stand in the block, and of the files of the run so far, this one included.
    """
    holder = np.where(slot >= 0, block.source[slot], NO_SOURCE)
    of_run = {its.inverted_hash: its for source, its in ranks.items() if source < 0}
    stronger = []
    for source in np.unique(holder[holder != NO_SOURCE]).tolist():
        twin = of_run.get(ranks[source].inverted_hash)
        stored = source >= 0 and (twin is None or strategy is not Strategy.OVERWRITE)
        if not outranks(rank, twin or ranks[source], strategy, stored=stored):
            stronger.append(source)
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


@kernel
def _spread(slot: Any, occupied: Any, rows: Any, columns: Any, arrays: Any) -> None:
    for e in range(slot.size):
        if slot[e] < 0:
            continue
        if occupied[slot[e]]:
            _erase(slot[e], arrays)
        for row in range(rows.first_row[e], rows.first_row[e + 1]):
            scatter_row(rows, row, slot[e], columns, arrays)


@kernel
def _erase(n: Any, arrays: Any) -> None:
    snr, pseudorange, phase, doppler, lli, ssi = arrays
    for j in range(snr.shape[1]):
        snr[n, j] = np.nan
        pseudorange[n, j] = np.nan
        phase[n, j] = np.nan
        doppler[n, j] = np.nan
        lli[n, j] = -1
        ssi[n, j] = -1
