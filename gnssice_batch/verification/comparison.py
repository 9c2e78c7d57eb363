"""Stored cells compared with what a file says, which is worked out again in plain numpy.

Two ways to the same cells, so that a fault in one of them shows. With `align` it shares the limits of a receiver's
epochs (`Bounds`), the arithmetic of the grid (`Grid`) and the list of the arrays, and none of the code that places
epochs or fills cells.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.ingest.align import Bounds
from gnssice_batch.model.grid import Grid, gps_datetime
from gnssice_batch.model.template import EPOCH_COORDINATES, VARIABLES, ArraySpec
from gnssice_batch.model.values import NO_SOURCE, Tally
from gnssice_batch.rinex.plain import MISSING, Series
from gnssice_batch.verification import plain_cells
from gnssice_batch.verification.plain_cells import VARIABLE_OF

type Arrays = dict[str, npt.NDArray[Any]]

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
    joined: Arrays = field(default_factory=dict)
    """By name, also `source_file`: (N, S) of signals that are from another file than `source` says; empty for none."""

    def holder(self) -> npt.NDArray[np.int32]:
        """(N, S) the file that each signal is from; of those without values the file of the epoch."""
        shape = self.arrays["SNR"].shape
        source = np.broadcast_to(self.source[:, None], shape)
        return np.where(self.guests(), self.joined["source_file"], source) if self.joined else source

    def guests(self) -> npt.NDArray[np.bool_]:
        """(N, S) whether a signal is from another file than its epoch."""
        joined: npt.NDArray[np.bool_] = self.joined["source_file"] != NO_SOURCE
        return joined

    def told(self, name: str) -> npt.NDArray[Any]:
        """(N, S) a coordinate along the epochs, as the file of each signal says."""
        along = np.broadcast_to(self.arrays[name][:, None], self.arrays["SNR"].shape)
        return np.where(self.guests(), self.joined[name], along) if self.joined else along

    def has_value(self) -> npt.NDArray[np.bool_]:
        """(N, S) whether a signal has a value."""
        there: npt.NDArray[np.bool_] = np.logical_or.reduce(
            [np.isfinite(self.arrays[name]) for name in VARIABLE_OF.values()]
        )
        return there

    def values(self, chosen: npt.NDArray[np.bool_]) -> int:
        """Number of values in the chosen epochs."""
        rows = _rows(np.flatnonzero(chosen))
        return sum(int(np.isfinite(self.arrays[name][rows]).sum()) for name in VARIABLE_OF.values())


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
        rows = _rows(epochs)
        for spec in _COMPARED:
            found, wanted = stored.arrays[spec.name][rows], expected.arrays[spec.name][rows]
            self.cells += found.size
            wrong = _places(_bits(found) != _bits(wanted))
            for at in wrong[:_MOST_KEPT]:
                cell = _cell(spec.name, stored.start + int(epochs[at[0]]), at, axes)
                there, here = found[tuple(at)], wanted[tuple(at)]
                self.add(uri, f"{cell} is {there} in the store, {here} {'in the file' if uri else 'expected'}")
            self.count += max(0, len(wrong) - _MOST_KEPT)

    def compare_signals(
        self, stored: Cells, expected: Cells, chosen: npt.NDArray[np.bool_], axes: Axes, uri: str = ""
    ) -> None:
        """Compare the chosen signals (N, S) bit by bit, and what their files say of their epochs."""
        for spec in _COMPARED:
            along = len(spec.dims) == 1
            found, wanted = (each.told(spec.name) if along else each.arrays[spec.name] for each in (stored, expected))
            self.cells += 0 if along else int(chosen.sum())
            wrong = _places(chosen & (_bits(found) != _bits(wanted)))
            for at in wrong[:_MOST_KEPT]:
                cell = _cell(spec.name, stored.start + int(at[0]), at, axes)
                self.add(uri, f"{cell} is {found[tuple(at)]} in the store, {wanted[tuple(at)]} expected")
            self.count += max(0, len(wrong) - _MOST_KEPT)


def missing_cells(start: int, epochs: int, signals: int) -> Cells:
    """Epochs that nothing is known of; the arrays are read-only views of one value each."""
    shape = (epochs, signals)
    arrays = {
        spec.name: np.broadcast_to(np.array(spec.fill, spec.dtype), shape[: len(spec.dims)]) for spec in _COMPARED
    }
    return Cells(start, np.full(epochs, NO_SOURCE, np.int32), arrays)


def fresh_cells(parts: Iterable[Series], carried: Collection[str], axes: Axes, span: range, source: int) -> Cells:
    """What a file as just read says of a span of the grid.

    An epoch belongs to the nearest mark of the grid, if it is within the tolerance; of several at one mark the fullest
    of the first part that has any. To it comes what later parts have of the very same time and it has not. A signal
    that the whole file has no value of gives nothing, indicators included.

    Parameters
    ----------
    carried
        The signals that any part carries a value of.
    span
        Epochs of the group's axis.
    source
        What `Cells.source` says where the file has an epoch.
    """
    cells = _writable(missing_cells(span.start, len(span), len(axes.sids)))
    places = plain_cells.places_of(carried, axes.sids)
    for part in parts:
        placed = _placed(part, axes, span)
        again = cells.source[placed.slot] != NO_SOURCE
        if again.any():
            _fill_beside(cells, part, placed.only(again), places)
        placed = placed.only(~again)
        _fill_part(cells.arrays, part, placed, places)
        _fill_epochs(cells.arrays, part, placed)
        cells.source[placed.slot] = source
    return cells


def moment(axes: Axes, index: int) -> str:
    """GPS time of an epoch of the grid."""
    return str(gps_datetime(axes.grid.time_ns(index))).removesuffix("000000")


def held(cells: Cells, source: int) -> Tally:
    """The epochs that are from a file or have a signal from it, and the values from it."""
    main = cells.source == source
    if not cells.joined:
        return Tally(int(main.sum()), cells.values(main))
    its = cells.holder() == source
    epochs = main | (its & cells.guests()).any(axis=1)
    return Tally(int(epochs.sum()), sum(int((np.isfinite(cells.arrays[n]) & its).sum()) for n in VARIABLE_OF.values()))


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


def _placed(part: Series, axes: Axes, span: range) -> _Placed:
    grid, bounds = axes.grid, axes.bounds
    marks_ns = grid.time_ns(span.start) + np.arange(len(span) + 1) * grid.interval_ns
    time_ns = part.time_100ns * 100
    slot = np.searchsorted(marks_ns - grid.interval_ns // 2, time_ns, side="right") - 1
    offset_ns = time_ns - marks_ns[np.maximum(slot, 0)]
    inside = (slot >= 0) & (slot < len(span)) & (abs(offset_ns) <= bounds.tolerance_ns)
    plausible = (bounds.earliest_ns <= time_ns) & (time_ns < bounds.latest_ns)
    candidates = np.flatnonzero(inside & plausible)
    values = plain_cells.values_per_epoch(part)
    best_first = candidates[np.lexsort((candidates, -values[candidates], slot[candidates]))]
    slots, first = np.unique(slot[best_first], return_index=True)
    epoch = best_first[first]
    return _Placed(slots, epoch, offset_ns[epoch])


def _fill_part(arrays: Arrays, part: Series, placed: _Placed, places: Mapping[str, int]) -> None:
    """Put the observations of placed epochs into arrays (N, S)."""
    slot_of_epoch = np.full(part.time_100ns.size, -1)
    slot_of_epoch[placed.epoch] = placed.slot
    plain_cells.fill(arrays, part, slot_of_epoch, places)


def _fill_beside(cells: Cells, part: Series, placed: _Placed, places: Mapping[str, int]) -> None:
    """Give epochs that an earlier part has the signals that it lacks."""
    other = _writable(missing_cells(cells.start, *cells.arrays["SNR"].shape))
    same = cells.arrays["epoch_offset"][placed.slot] == _offset_s(part, placed)
    _fill_part(other.arrays, part, placed.only(same), places)
    lacking = _told(other) > _told(cells)
    for spec in VARIABLES:
        cells.arrays[spec.name][lacking] = other.arrays[spec.name][lacking]


def _told(cells: Cells) -> npt.NDArray[np.int8]:
    """(N, S) 2 where a signal has a value, 1 where it has nothing but an indicator, else 0."""
    indicated = (cells.arrays["LLI"] >= 0) | (cells.arrays["SSI"] >= 0)
    return np.where(cells.has_value(), np.int8(2), indicated.astype(np.int8))


def _writable(cells: Cells) -> Cells:
    """Arrays of their own, laid out signal by signal as those that they are compared with."""
    return Cells(cells.start, cells.source, {name: array.copy(order="F") for name, array in cells.arrays.items()})


def _fill_epochs(arrays: Arrays, part: Series, placed: _Placed) -> None:
    clock = part.rx_clock_offset_ps[placed.epoch]
    arrays["epoch_flag"][placed.slot] = part.epoch_flag[placed.epoch]
    arrays["rx_clock_offset"][placed.slot] = np.where(clock == MISSING, np.nan, clock / 1e12)
    arrays["epoch_offset"][placed.slot] = _offset_s(part, placed)


def _offset_s(part: Series, placed: _Placed) -> npt.NDArray[np.float64]:
    """(M,) observed minus grid time in seconds."""
    offset_s: npt.NDArray[np.float64] = (placed.offset_ns * 1000 + part.time_ps[placed.epoch]) / 1e12
    return offset_s


def _cell(name: str, index: int, at: npt.NDArray[np.intp], axes: Axes) -> str:
    signal = f", {axes.sids[at[1]]}" if at.size > 1 else ""
    return f"epoch {moment(axes, index)}{signal}: {name}"


def _rows(epochs: npt.NDArray[np.intp]) -> slice | npt.NDArray[np.intp]:
    """An index that copies nothing where the epochs follow one another."""
    if epochs.size and epochs[-1] - epochs[0] + 1 == epochs.size:
        return slice(int(epochs[0]), int(epochs[-1]) + 1)
    return epochs


def _places(wrong: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """(M, dimensions) the places that are wrong; where none is they are not looked for one by one."""
    return np.argwhere(wrong) if wrong.any() else np.zeros((0, wrong.ndim), np.intp)


def _bits(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The bits of numbers, so that a missing value equals a missing value and nothing else does."""
    return array.view(f"u{array.itemsize}")
