"""What a few reads of the observations of a receiver show: signals at a time, signal strength."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import batched
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.model.damage import DamagedError
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.reporting.facts import HOUR_NS, Hours, Sample, Samples, Strength, system_place
from gnssice_batch.signals import split_sid
from gnssice_batch.store.layout.arrays import read_together
from gnssice_batch.store.reading.cells import StoredCells
from gnssice_batch.store.together import together

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
BUDGET_BYTES: Final = 8 << 30
"""What may be decoded of signal strength, of all receivers together: about 20 s of one processor."""

_SNR: Final = "SNR"
_HELD: Final = "source_file"
_SEEN: Final = (_SNR, "Pseudorange")
"""A signal is there where it has one of these: the one that more signals have."""
_SNR_BYTES: Final = 4
_FEWEST_READS: Final = 8
_MOST_READS: Final = 72
_MOST_SAMPLES: Final = 72
_SHORTEST: Final = 60
"""Epochs of a sample, where several are made of one read."""
_MOST_AT_ONCE: Final = 8
_AT_ONCE_BYTES: Final = 64 << 20
"""Read at the same time, so that they wait for a storage together."""
_LOOKED_AT: Final = 240
"""Epochs of a sample, evenly chosen, that are looked at."""

type Cells = Mapping[str, npt.NDArray[Any]]


def samples(cells: StoredCells, hours: Hours, part: range, budget_bytes: int) -> Samples | None:
    """What some read units show, evenly chosen among those that hold anything; None where none can be read.

    Parameters
    ----------
    hours
        Which hours hold something.
    part
        Slots that are looked at.
    budget_bytes
        Of signal strength that may be decoded; some reads are made in any case.
    """
    units = _units_with_something(cells.template, hours, part)
    chosen = _evenly(units, reads(cells.template, budget_bytes))
    if not chosen:
        return None
    epochs = sum(len(_slots(cells.template, part, unit)) for unit in chosen)
    length = max(_SHORTEST, -(-epochs // _MOST_SAMPLES)) if len(chosen) == units.size else epochs
    found = _Looking(cells, part, _counted_by(cells, part, chosen), length)
    at_once = max(1, min(_MOST_AT_ONCE, _AT_ONCE_BYTES // read_bytes(cells.template)))
    for some in batched(chosen, at_once):
        for taken in together(partial(found.read, unit) for unit in some):
            found.take(taken)
    return Samples(
        counted_by=found.counted_by,
        samples=tuple(found.samples),
        by_band=found.by_band(),
        unreadable=found.unreadable,
        whole=len(chosen) == units.size and not found.unreadable,
    )


def reads(template: GroupTemplate, budget_bytes: int) -> int:
    """How many read units of a receiver are looked at, where it has so many."""
    return min(_MOST_READS, max(_FEWEST_READS, budget_bytes // read_bytes(template)))


def read_bytes(template: GroupTemplate) -> int:
    """Signal strength of a read unit, decoded."""
    return template.grid.read_unit * max(1, len(template.axis.sids)) * _SNR_BYTES


def _units_with_something(template: GroupTemplate, hours: Hours, part: range) -> npt.NDArray[np.int64]:
    """Numbers of the read units that reach into an hour that holds something."""
    grid = template.grid
    units = np.arange(part.start // grid.read_unit, -(-part.stop // grid.read_unit), dtype=np.int64)
    begins = np.maximum(units * grid.read_unit, part.start)
    ends = np.minimum((units + 1) * grid.read_unit, part.stop) - 1
    first, last = ((grid.time_ns(0) + slots * grid.interval_ns) // HOUR_NS - hours.first for slots in (begins, ends))
    before = np.append(0, np.cumsum(hours.filled))
    found: npt.NDArray[np.int64] = units[before[last + 1] > before[first]]
    return found


def _evenly(units: npt.NDArray[np.int64], most: int) -> list[int]:
    if units.size > most:
        units = units[np.linspace(0, units.size - 1, most).round().astype(int)]
    found: list[int] = units.tolist()
    return found


def _slots(template: GroupTemplate, part: range, unit: int) -> range:
    length = template.grid.read_unit
    return range(max(part.start, unit * length), min(part.stop, (unit + 1) * length))


def _counted_by(cells: StoredCells, part: range, units: list[int]) -> str:
    """The variable that most signals have, in a unit in the middle; the signal strength where others have no more."""
    slots = _slots(cells.template, part, units[len(units) // 2])
    try:
        found = read_together(cells.group, _SEEN, slice(slots.start, slots.stop))
    except DamagedError:
        return _SNR
    return max(_SEEN, key=lambda name: int(np.isfinite(found[name][:: max(1, len(slots) // _LOOKED_AT)]).sum()))


@dataclass(slots=True)
class _Looking:
    """Reads what is asked for, and keeps what it shows."""

    cells: StoredCells
    part: range
    counted_by: str
    length: int
    """Epochs of a sample, where a read unit is not shorter."""
    samples: list[Sample] = field(default_factory=list)
    unreadable: int = 0
    _columns: dict[str, npt.NDArray[np.intp]] = field(init=False)
    """By system its columns."""
    _bands: dict[str, npt.NDArray[np.intp]] = field(init=False)
    _values: dict[str, list[npt.NDArray[np.float32]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        signals = [split_sid(sid) for sid in self.cells.template.axis.sids]
        self._columns = _by_name(sv[:1] for sv, _, _ in signals)
        self._bands = _by_name(f"{sv[:1]} {band}" for sv, band, _ in signals)

    def read(self, unit: int) -> tuple[range, Cells | None]:
        """The slots of a read unit, and what is in them; None where they can't be read."""
        slots = _slots(self.cells.template, self.part, unit)
        names = dict.fromkeys((_HELD, _SNR, self.counted_by))
        try:
            return slots, read_together(self.cells.group, names, slice(slots.start, slots.stop))
        except DamagedError:
            return slots, None

    def take(self, taken: tuple[range, Cells | None]) -> None:
        """Keep what a read unit shows."""
        slots, found = taken
        if found is None:
            self.unreadable += 1
            return
        for rows in np.array_split(np.arange(len(slots)), -(-len(slots) // self.length)):
            held = rows[found[_HELD][rows] >= 0]
            if held.size:
                self._take(found, slots.start, held)

    def by_band(self) -> dict[str, Strength]:
        """The signal strength by system and band."""
        found = {name: _strength(np.concatenate(parts)) for name, parts in self._values.items()}
        return {name: strength for name, strength in found.items() if strength}

    def _take(self, found: Cells, start: int, held: npt.NDArray[np.intp]) -> None:
        time_ns = self.cells.template.grid.time_ns
        rows = held[:: -(-held.size // _LOOKED_AT)]
        seen, snr = np.isfinite(found[self.counted_by][rows]), found[_SNR][rows]
        for name, columns in self._bands.items():
            values = snr[:, columns]
            self._values.setdefault(name, []).append(values[np.isfinite(values)])
        self.samples.append(
            Sample(
                first_ns=time_ns(start + int(held[0])),
                last_ns=time_ns(start + int(held[-1])),
                epochs=int(rows.size),
                signals={name: float(np.median(seen[:, its].sum(axis=1))) for name, its in self._columns.items()},
                strength=_strength(snr[np.isfinite(snr)]),
            )
        )


def _by_name(names: Iterator[str]) -> dict[str, npt.NDArray[np.intp]]:
    found: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        found.setdefault(name, []).append(number)
    return {name: np.array(found[name], np.intp) for name in sorted(found, key=system_place)}


def _strength(values: npt.NDArray[np.float32]) -> Strength | None:
    if not values.size:
        return None
    quantiles = np.quantile(values.astype(np.float64), QUANTILES)
    return Strength(tuple(round(float(value), 2) for value in quantiles), int(values.size))
