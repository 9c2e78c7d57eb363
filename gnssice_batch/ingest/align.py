"""Observations aligned to the epoch grid: every epoch is placed, superseded or counted, none rounded silently."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import Reason
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import JOINED, VALUES, VARIABLES, joined_name
from gnssice_batch.model.values import NO_SOURCE, Overlap, Span, Tally
from gnssice_batch.rinex.observations.dense import scatter_row, targets
from gnssice_batch.rinex.observations.presence import values_per_row
from gnssice_batch.rinex.observations.values import MISSING, MISSING_INDICATOR, Observations, rows_of
from gnssice_batch.rinex.primitives.jit import kernel

_VARIABLE: Final = {"S": "SNR", "C": "Pseudorange", "L": "Phase", "D": "Doppler"}
_PS_PER_S = 1e12


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
    joined: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    """(N, S) by name of a coordinate what it is for signals from another file than the epoch's; empty for none."""
    not_mixed: dict[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    """(N, S) by name of a variable the best source with a value that the signal's own has not; empty for none."""


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
    offset_ps: npt.NDArray[np.int64]
    """(E,) observed minus grid time, picoseconds."""
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
    return Placement(kept, offset_ns * 1000 + observations.time_ps, values, _tally(values, kept >= 0), lost)


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
    places: Mapping[str, int],
) -> None:
    """Write epochs of a file into slots of a block that have nothing yet.

    Parameters
    ----------
    block
        Filled in place.
    placement
        Of these observations in this block.
    slot
        (E,) those slots of the placement that no file has, -1 elsewhere.
    source
        What `Block.source` says of these epochs.
    places
        Index on the group's axis of every signal that the file has a value of, in this part or another; others have
        no place.
    """
    arrays = tuple(block.arrays[spec.name] for spec in VARIABLES)
    rows = rows_of(observations)
    _spread(slot, rows, targets(observations, places), arrays)
    here = slot >= 0
    slots = slot[here]
    flag, clock, offset = told_of_epochs(observations, placement)
    block.source[slots] = source
    block.epoch_flag[slots] = flag[here]
    block.rx_clock_offset[slots] = clock[here]
    block.epoch_offset[slots] = offset[here]
    block.values[slots] = placement.values[here]


def filled(observations: Observations) -> frozenset[str]:
    """The data variables and coordinates along epoch that observations give values to, the offset from a grid aside."""
    found = {"source_file", "epoch_flag"} if observations.time_100ns.size else set()
    present = observations.value != MISSING
    for system, columns in observations.columns.items():
        rows = np.array([sv[0] == system for sv in observations.svs], np.bool_)[observations.row_sv]
        held = present[rows].any(axis=0)
        found |= {_VARIABLE[column.kind] for column, one in zip(columns, held, strict=False) if one}
    for name, indicator in (("LLI", observations.lli), ("SSI", observations.ssi)):
        found |= {name} if (indicator != MISSING_INDICATOR).any() else set()
    if (observations.rx_clock_offset_ps != MISSING).any():
        found.add("rx_clock_offset")
    return frozenset(found)


def told_of_epochs(
    observations: Observations, placement: Placement
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(E,) flag, clock offset in seconds, and observed minus grid time in seconds."""
    clock = observations.rx_clock_offset_ps
    clock_s = np.where(clock == MISSING, np.nan, clock / _PS_PER_S)
    return observations.epoch_flag, clock_s, placement.offset_ps / _PS_PER_S


def block_of(
    start: int,
    variables: Mapping[str, npt.NDArray[Any]],
    coordinates: Mapping[str, npt.NDArray[Any]],
    joined: Mapping[str, npt.NDArray[Any]],
) -> Block:
    """The block of a write unit as it stands in the store; `variables` and `joined` (N, S), `coordinates` (N,)."""
    arrays = {spec.name: _sid_major(variables[spec.name]) for spec in VARIABLES}
    values = sum((np.isfinite(arrays[name]).sum(axis=1) for name in VALUES), np.zeros(1, np.int64))
    return Block(
        start,
        arrays,
        coordinates["source_file"].copy(),
        coordinates["epoch_flag"].copy(),
        coordinates["rx_clock_offset"].copy(),
        coordinates["epoch_offset"].copy(),
        values,
        {joined_name(spec.name): _sid_major(joined[spec.name]) for spec in JOINED if joined},
    )


def _sid_major(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(cells.T).T


def later_slots(slot: npt.NDArray[np.int64], grid: Grid, start: int, overlap: Overlap) -> npt.NDArray[np.int64]:
    """(E,) slots of a span that begins at `start` on the grid, -1 for those the overlap rule leaves to earlier runs."""
    if overlap.after_ns is None:
        return slot
    later: npt.NDArray[np.int64] = np.where(slot + start > grid.slot(overlap.after_ns), slot, -1)
    return later


def empty_slots(block: Block, slot: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(E,) those slots that no file has, -1 for others."""
    empty: npt.NDArray[np.int64] = np.where((slot >= 0) & (block.source[slot] == NO_SOURCE), slot, -1)
    return empty


def beside_earlier_parts(placement: Placement, offset_ps: npt.NDArray[np.int64]) -> Placement:
    """The placement of one of several parts of a file, beside those before it.

    An epoch that an earlier part has is joined to that one and does not count twice; one at a slot where an earlier
    part has another time is refused as ``duplicate_epoch``.

    Parameters
    ----------
    offset_ps
        (N,) observed minus grid time of the epochs of the file so far, `MISSING` where it has none; filled in place.
    """
    earlier = np.where(placement.slot >= 0, offset_ps[placement.slot], MISSING)
    joined = earlier == placement.offset_ps
    slot = np.where((earlier != MISSING) & ~joined, -1, placement.slot)
    refused = dict(placement.refused)
    second = _tally(placement.values, (placement.slot >= 0) & (slot < 0))
    if second.epochs:
        refused[Reason.DUPLICATE_EPOCH] = refused.get(Reason.DUPLICATE_EPOCH, Tally()) + second
    again = int(joined.sum())
    if again:
        refused[Reason.JOINED_EPOCH] = Tally(again, 0)
    offset_ps[slot[slot >= 0]] = placement.offset_ps[slot >= 0]
    placed = _tally(placement.values, slot >= 0) - Tally(again, 0)
    return replace(placement, slot=slot, placed=placed, refused=refused)


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
def _spread(slot: Any, rows: Any, columns: Any, arrays: Any) -> None:
    for e in range(slot.size):
        if slot[e] < 0:
            continue
        for row in range(rows.first_row[e], rows.first_row[e + 1]):
            scatter_row(rows, row, slot[e], columns, arrays)
