"""Which epochs of a receiver hold observations: hour by hour, with the gaps.

A file of which as many epochs stand in the store as its span has on the grid fills its span; that is most of an
archive, and the ledger says so. Elsewhere the coordinate ``source_file`` is read, a few chunks at a time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.model.grid import Grid
from gnssice_batch.model.values import Span
from gnssice_batch.reporting.facts import HOUR_NS, Gap, Hours, Presence
from gnssice_batch.store.layout.file_rows import NO_TIME, Columns
from gnssice_batch.store.reading.cells import StoredCells

COLUMNS: Final = ("first_epoch", "last_epoch", "epochs_written")
"""What of the ledger is used here."""
MOST_GAPS: Final = 200
"""Gaps that are told one by one."""

_EPOCHS_AT_ONCE: Final = 1 << 21
_LENGTHS: Final = ((60, "under a minute"), (3600, "under an hour"), (86_400, "under a day"))
_LONGER: Final = "of a day or more"

type Slots = npt.NDArray[np.int64]
type Intervals = tuple[Slots, Slots]
"""Begins and ends (exclusive) of stretches of the axis, in their order, none reaching another."""


def presence(cells: StoredCells, span: Span, files: Columns) -> Presence:
    """Which epochs between two hold observations.

    Parameters
    ----------
    span
        The first and the last one; both on the axis.
    files
        `COLUMNS` of the ledger, all rows.
    """
    grid = cells.template.grid
    part = range(grid.slot(span.first_ns), grid.slot(span.last_ns) + 1)
    whole, ragged = _told(grid, part, files)
    found = _Counting(grid, part)
    for pieces in _batches(_pieces(whole, _read_units(ragged, grid, part))):
        to_read = [slots for slots, is_read in pieces if is_read]
        read = iter(cells.sources_of(to_read) if to_read else ())
        for slots, is_read in pieces:
            if is_read:
                found.take_cells(slots.start, next(read) >= 0)
            else:
                found.take_whole(slots.start, slots.stop)
    return found.result()


def hour_bounds(grid: Grid, first_hour: int, hours: int) -> Slots:
    """(hours + 1,) the first slot that is not before each hour, and before the end of the last one."""
    begins = (first_hour + np.arange(hours + 1, dtype=np.int64)) * HOUR_NS
    bounds: Slots = -(-(begins - grid.origin_ns - grid.phase_ns) // grid.interval_ns)
    return bounds


def _told(grid: Grid, part: range, files: Columns) -> tuple[Intervals, Intervals]:
    """The stretches that the ledger says are filled, and those in which only some epochs are."""
    first, last, written = (files[name] for name in COLUMNS)
    held = (written > 0) & (first != NO_TIME)
    begins, ends = grid.slots(first[held]), grid.slots(last[held]) + 1
    full = written[held] == ends - begins
    begins, ends = np.clip(begins, part.start, part.stop), np.clip(ends, part.start, part.stop)
    there = ends > begins
    return _united(begins[full & there], ends[full & there]), _united(begins[~full & there], ends[~full & there])


def _united(begins: Slots, ends: Slots) -> Intervals:
    """Stretches that may overlap, as such that do not."""
    if not begins.size:
        return begins, ends
    order = np.argsort(begins, kind="stable")
    begins, reach = begins[order], np.maximum.accumulate(ends[order])
    new = np.append(True, begins[1:] > reach[:-1])
    return begins[new], reach[np.append(np.flatnonzero(new)[1:] - 1, reach.size - 1)]


def _read_units(ragged: Intervals, grid: Grid, part: range) -> Intervals:
    """The read units that stretches reach into, cut off at the ends of a part."""
    unit = grid.read_unit
    begins, ends = ragged[0] // unit * unit, -(-ragged[1] // unit) * unit
    return _united(np.maximum(begins, part.start), np.minimum(ends, part.stop))


def _pieces(whole: Intervals, read: Intervals) -> list[tuple[range, bool]]:
    """Stretches in their order, and whether they have to be read; of the others all that is not read is filled."""
    filled = [(range(start, stop), False) for start, stop in _pairs(_without(whole, read))]
    parts = (
        (range(start, min(start + _EPOCHS_AT_ONCE, end)), True)
        for begin, end in _pairs(read)
        for start in range(begin, end, _EPOCHS_AT_ONCE)
    )
    return sorted([*filled, *parts], key=lambda piece: piece[0].start)


def _batches(pieces: Iterable[tuple[range, bool]]) -> Iterator[list[tuple[range, bool]]]:
    """Pieces that are read together, and those between them."""
    batch, epochs = list[tuple[range, bool]](), 0
    for slots, is_read in pieces:
        batch.append((slots, is_read))
        epochs += len(slots) if is_read else 0
        if epochs >= _EPOCHS_AT_ONCE:
            yield batch
            batch, epochs = [], 0
    yield batch


def _pairs(stretches: Intervals) -> Iterable[tuple[int, int]]:
    return zip(*(each.tolist() for each in stretches), strict=True)


def _without(some: Intervals, others: Intervals) -> Intervals:
    """What of some stretches lies in none of the others."""
    at = np.concatenate([*some, *others])
    order = np.argsort(at, kind="stable")
    steps = np.repeat([1, -1, 1, -1], [each.size for each in (*some, *others)])
    of_some = np.arange(at.size) < 2 * some[0].size
    inside, outside = (np.cumsum(np.where(which, steps, 0)[order])[:-1] for which in (of_some, ~of_some))
    at = at[order]
    kept = (inside > 0) & (outside == 0) & (at[1:] > at[:-1])
    return at[:-1][kept], at[1:][kept]


@dataclass(slots=True)
class _Counting:
    """Stretches of the axis counted by hour, with the gaps between them; told of from the left to the right."""

    grid: Grid
    part: range
    filled: npt.NDArray[np.int32] = field(init=False)
    _first_hour: int = field(init=False)
    _bounds: Slots = field(init=False)
    """Where the hours begin, and where the last one ends."""
    _end: int = field(init=False)
    """Behind the last filled slot."""
    _gaps: "_Gaps" = field(init=False)

    def __post_init__(self) -> None:
        self._first_hour = self.grid.time_ns(self.part.start) // HOUR_NS
        hours = self.grid.time_ns(self.part.stop - 1) // HOUR_NS - self._first_hour + 1
        self._bounds = np.clip(hour_bounds(self.grid, self._first_hour, hours), self.part.start, self.part.stop)
        self.filled = np.zeros(hours, np.int32)
        self._end = self.part.start
        self._gaps = _Gaps(self.grid)

    def take_whole(self, start: int, stop: int) -> None:
        """Every slot of a stretch is filled."""
        self._take(np.array([start]), np.array([stop]))

    def take_cells(self, start: int, held: npt.NDArray[np.bool_]) -> None:
        """Some slots of a stretch are."""
        edges = np.flatnonzero(np.diff(held, prepend=False, append=False)) + start
        if edges.size:
            self._take(edges[::2], edges[1::2])

    def result(self) -> Presence:
        """What all stretches say."""
        self._gaps.take(np.array([self._end]), np.array([self.part.stop]))
        possible = np.diff(self._bounds).astype(np.int32)
        return Presence(
            hours=Hours(self._first_hour, self.filled, possible),
            filled=int(self.filled.sum()),
            possible=len(self.part),
            gaps=sum(self._gaps.by_length.values()),
            gaps_by_length=self._gaps.by_length,
            longest_gaps=self._gaps.longest(),
        )

    def _take(self, begins: Slots, ends: Slots) -> None:
        """Stretches that are filled."""
        self._gaps.take(np.append(self._end, ends[:-1]), begins)
        self._end = int(ends[-1])
        first, last = np.searchsorted(self._bounds, [begins[0], ends[-1] - 1], "right") - 1
        bounds = self._bounds[first : last + 2]
        self.filled[first : last + 1] += np.diff(_filled_before(bounds, begins, ends)).astype(np.int32)


def _filled_before(slots: Slots, begins: Slots, ends: Slots) -> Slots:
    """How many slots of some stretches lie before each of some slots."""
    sums = np.append(0, np.cumsum(ends - begins))
    number = np.searchsorted(begins, slots, "left")
    over = np.maximum(ends[np.maximum(number - 1, 0)] - slots, 0) * (number > 0)
    before: Slots = sums[number] - over
    return before


@dataclass(slots=True)
class _Gaps:
    """Gaps counted by their length, the longest of them kept."""

    grid: Grid
    by_length: dict[str, int] = field(default_factory=dict)
    _begins: Slots = field(default_factory=lambda: np.empty(0, np.int64))
    _ends: Slots = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        self.by_length = {name: 0 for _, name in _LENGTHS} | {_LONGER: 0}

    def take(self, begins: Slots, ends: Slots) -> None:
        """Count gaps; those of no length are none."""
        real = ends > begins
        begins, ends = begins[real], ends[real]
        seconds = (ends - begins) * (self.grid.interval_ns / 1e9)
        kinds = np.searchsorted([limit for limit, _ in _LENGTHS], seconds, "right")
        for name, number in zip(self.by_length, np.bincount(kinds, minlength=len(self.by_length)), strict=True):
            self.by_length[name] += int(number)
        begins, ends = np.append(self._begins, begins), np.append(self._ends, ends)
        longest = np.sort(np.argsort(begins - ends, kind="stable")[:MOST_GAPS])
        self._begins, self._ends = begins[longest], ends[longest]

    def longest(self) -> tuple[Gap, ...]:
        """The longest, in the order of time."""
        time_ns = self.grid.time_ns
        return tuple(
            Gap(time_ns(begin), time_ns(end - 1), end - begin)
            for begin, end in zip(self._begins.tolist(), self._ends.tolist(), strict=True)
        )
