"""Stored cells compared with what a file says, which is worked out again in plain numpy.

Shares no code with `align`: two ways to the same cells, so that a fault in one of them shows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.ingest.align import Bounds
from gnssice_batch.model.grid import Grid, gps_datetime
from gnssice_batch.model.template import EPOCH_COORDINATES, VARIABLES, ArraySpec
from gnssice_batch.model.values import NO_SOURCE, Tally
from gnssice_batch.rinex import MISSING, Observations
from gnssice_batch.signals import sid

type Arrays = dict[str, npt.NDArray[Any]]

_VALUES: Final = {"S": "SNR", "C": "Pseudorange", "L": "Phase", "D": "Doppler"}
_ALONG_EPOCH: Final = tuple(spec for spec in EPOCH_COORDINATES if spec.name not in {"epoch", "source_file"})
_COMPARED: Final[tuple[ArraySpec, ...]] = (*VARIABLES, *_ALONG_EPOCH)
_MOST_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes that cells are compared on."""

    grid: Grid
    sids: tuple[str, ...]
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Cells:
    """All there is of N epochs and S signals: data variables (N, S), and what goes along the epochs (N,)."""

    start: int
    """Index of the first epoch on the group's axis."""
    source: npt.NDArray[np.int32]
    """(N,) the file each epoch is from, `NO_SOURCE` where there is none."""
    arrays: Arrays
    """By name: `VARIABLES`, `epoch_flag`, `rx_clock_offset` and `epoch_offset`."""

    def values(self, chosen: npt.NDArray[np.bool_]) -> int:
        """Number of values in the chosen epochs."""
        return sum(int(np.isfinite(self.arrays[name][chosen]).sum()) for name in _VALUES.values())


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where store and file do not say the same."""

    where: str
    """Partition, or receiver."""
    uri: str
    """The file; empty where no file is said to hold the epoch."""
    what: str
    """The cell and both values."""

    def __str__(self) -> str:
        """In one line."""
        return ": ".join(filter(None, (self.where, self.uri, self.what)))


@dataclass(slots=True)
class Findings:
    """What comparing has come to."""

    where: str
    """Partition, or receiver."""
    cells: int = 0
    """Cells compared, the missing ones and those along the epochs among them."""
    count: int = 0
    """Differences."""
    first: list[Difference] = field(default_factory=list)
    """The first of them."""

    def add(self, uri: str, what: str) -> None:
        """One more difference."""
        self.count += 1
        if len(self.first) < _MOST_KEPT:
            self.first.append(Difference(self.where, uri, what))

    def add_epochs(self, start: int, chosen: npt.NDArray[np.bool_], axes: Axes, uri: str, what: str) -> None:
        """A difference for each of the chosen epochs (N,), counted from `start`."""
        epochs = np.flatnonzero(chosen)
        for index in epochs[:_MOST_KEPT].tolist():
            self.add(uri, f"epoch {moment(axes, start + index)} {what}")
        self.count += max(0, epochs.size - _MOST_KEPT)

    def compare(self, stored: Cells, expected: Cells, chosen: npt.NDArray[np.bool_], axes: Axes, uri: str = "") -> None:
        """Compare every cell of the chosen epochs bit by bit.

        Parameters
        ----------
        stored, expected
            Of the same epochs and signals.
        chosen
            (N,) the epochs to compare.
        uri
            The file that `expected` is from; empty for none.
        """
        epochs = np.flatnonzero(chosen)
        if not epochs.size:
            return
        for spec in _COMPARED:
            found, wanted = stored.arrays[spec.name][epochs], expected.arrays[spec.name][epochs]
            self.cells += found.size
            wrong = np.argwhere(_bits(found) != _bits(wanted))
            for at in wrong[:_MOST_KEPT]:
                cell = _cell(spec.name, stored.start + int(epochs[at[0]]), at, axes)
                there, here = found[tuple(at)], wanted[tuple(at)]
                self.add(uri, f"{cell} is {there} in the store, {here} {'in the file' if uri else 'expected'}")
            self.count += max(0, len(wrong) - _MOST_KEPT)


def missing_cells(start: int, epochs: int, signals: int) -> Cells:
    """Epochs that nothing is known of."""
    arrays: Arrays = {spec.name: np.full((epochs, signals), spec.fill, spec.dtype) for spec in VARIABLES}
    arrays |= {spec.name: np.full(epochs, spec.fill, spec.dtype) for spec in _ALONG_EPOCH}
    return Cells(start, np.full(epochs, NO_SOURCE, np.int32), arrays)


def fresh_cells(parts: Iterable[Observations], axes: Axes, span: range, source: int) -> Cells:
    """What a file as just read says of a span of the grid.

    An epoch belongs to the nearest mark of the grid, if it is within the tolerance; of several at one mark the fullest
    of the first part that has any.

    Parameters
    ----------
    span
        Epochs of the group's axis.
    source
        What `Cells.source` says where the file has an epoch.
    """
    cells = missing_cells(span.start, len(span), len(axes.sids))
    for part in parts:
        placed = _placed(part, axes, span)
        placed = placed.only(cells.source[placed.slot] == NO_SOURCE)
        _fill(cells.arrays, part, placed, _columns(part, axes.sids))
        _fill_epochs(cells.arrays, part, placed)
        cells.source[placed.slot] = source
    return cells


def moment(axes: Axes, index: int) -> str:
    """GPS time of an epoch of the grid."""
    return str(gps_datetime(axes.grid.time_ns(index))).removesuffix("000000")


def held(cells: Cells, chosen: npt.NDArray[np.bool_]) -> Tally:
    """The chosen epochs, and the values in them."""
    return Tally(int(chosen.sum()), cells.values(chosen))


@dataclass(frozen=True, slots=True)
class _Placed:
    """Which epochs of a part go where in a span, M of them."""

    slot: npt.NDArray[np.intp]
    """(M,) in the span."""
    epoch: npt.NDArray[np.intp]
    """(M,) in the part."""
    offset_ns: npt.NDArray[np.int64]
    """(M,) observed minus grid time."""

    def only(self, chosen: npt.NDArray[np.bool_]) -> "_Placed":
        return _Placed(self.slot[chosen], self.epoch[chosen], self.offset_ns[chosen])


def _placed(part: Observations, axes: Axes, span: range) -> _Placed:
    grid, bounds = axes.grid, axes.bounds
    marks_ns = grid.time_ns(span.start) + np.arange(len(span) + 1) * grid.interval_ns
    time_ns = part.time_100ns * 100
    slot = np.searchsorted(marks_ns - grid.interval_ns // 2, time_ns, side="right") - 1
    offset_ns = time_ns - marks_ns[np.maximum(slot, 0)]
    inside = (slot >= 0) & (slot < len(span)) & (abs(offset_ns) <= bounds.tolerance_ns)
    plausible = (bounds.earliest_ns <= time_ns) & (time_ns < bounds.latest_ns)
    candidates = np.flatnonzero(inside & plausible)
    rows = (part.value != MISSING).sum(axis=1)
    values = np.bincount(_epoch_of_row(part), weights=rows, minlength=time_ns.size)
    best_first = candidates[np.lexsort((candidates, -values[candidates], slot[candidates]))]
    slots, first = np.unique(slot[best_first], return_index=True)
    epoch = best_first[first]
    return _Placed(slots, epoch, offset_ns[epoch])


def _epoch_of_row(part: Observations) -> npt.NDArray[np.intp]:
    return np.repeat(np.arange(part.time_100ns.size), np.diff(part.first_row))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Per satellite and column of a part (V, K): index of the signal, -1 for none; kind; what to divide by."""

    signal: npt.NDArray[np.intp]
    kind: npt.NDArray[np.str_]
    divisor: npt.NDArray[np.float64]


def _columns(part: Observations, sids: Sequence[str]) -> _Columns:
    shape = (len(part.svs), part.value.shape[1])
    columns = _Columns(np.full(shape, -1), np.full(shape, " "), np.ones(shape))
    index = {name: number for number, name in enumerate(sids)}
    for v, sv in enumerate(part.svs):
        for k, column in enumerate(part.columns[sv[0]]):
            columns.signal[v, k] = index.get(sid(sv, column.band, column.letter), -1)
            columns.kind[v, k] = column.kind
            columns.divisor[v, k] = 1000.0 * column.scale
    return columns


def _fill(arrays: Arrays, part: Observations, placed: _Placed, columns: _Columns) -> None:
    slot_of_epoch = np.full(part.time_100ns.size, -1)
    slot_of_epoch[placed.epoch] = placed.slot
    row_slot, row_sv = slot_of_epoch[_epoch_of_row(part)], part.row_sv
    wanted = (row_slot >= 0)[:, None] & (columns.signal >= 0)[row_sv]

    def put(name: str, kind: str, given: npt.NDArray[np.bool_], rows: npt.NDArray[Any]) -> None:
        r, k = np.nonzero(wanted & given & (columns.kind == kind)[row_sv])
        arrays[name][row_slot[r], columns.signal[row_sv[r], k]] = rows[r, k]

    physical = part.value / columns.divisor[row_sv]
    for kind, name in _VALUES.items():
        put(name, kind, part.value != MISSING, physical)
    put("LLI", "L", part.lli >= 0, part.lli)
    put("SSI", "C", part.ssi >= 0, part.ssi)
    put("SSI", "L", part.ssi >= 0, part.ssi)


def _fill_epochs(arrays: Arrays, part: Observations, placed: _Placed) -> None:
    clock = part.rx_clock_offset_ps[placed.epoch]
    arrays["epoch_flag"][placed.slot] = part.epoch_flag[placed.epoch]
    arrays["rx_clock_offset"][placed.slot] = np.where(clock == MISSING, np.nan, clock / 1e12)
    arrays["epoch_offset"][placed.slot] = (placed.offset_ns * 1000 + part.time_ps[placed.epoch]) / 1e12


def _cell(name: str, index: int, at: npt.NDArray[np.intp], axes: Axes) -> str:
    signal = f", {axes.sids[at[1]]}" if at.size > 1 else ""
    return f"epoch {moment(axes, index)}{signal}: {name}"


def _bits(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The bits of numbers, so that a missing value equals a missing value and nothing else does."""
    return np.ascontiguousarray(array).view(f"u{array.itemsize}")
