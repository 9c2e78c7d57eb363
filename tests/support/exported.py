"""Files, stores and exported files held against each other; every difference with its reason."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from gnssice_batch.exports.values import choice_of
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.model.template import VARIABLES
from gnssice_batch.operate.export import export_receiver
from gnssice_batch.rinex import MISSING, dense, signals
from gnssice_batch.store.reading.cells import StoredCells, cells_of_snapshot
from tests.support.ingested import GROUP
from tests.support.runs import DAY_ONE_S, head, repository, settings, write
from tests.support.writer import Epoch

SINGLE = {"D", "S"}
"""Kinds of observables that the store holds with 24 bits."""
PER_EPOCH = ("epoch_flag", "rx_clock_offset", "epoch_offset")
JOINED = ("source_file", *PER_EPOCH)
TIME_100NS = DAY_ONE_S * 10**7
STEP_100NS = 30 * 10**7


@dataclass
class Compared:
    """What was compared, and what differs by reason; `unexplained` has a sentence for each kind of the rest."""

    epochs: int = 0
    values: int = 0
    cells: int = 0
    explained: Counter = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def unlike(self, what, wrong):
        """Note that some are wrong."""
        number = int(np.count_nonzero(wrong))
        if number:
            self.unexplained.append(f"{number} x {what}")


@dataclass(frozen=True)
class Table:
    """All values of a file, each once: where it is, millionths of its unit, whether single precision."""

    key: np.ndarray
    """(V,) ascending: place of the time times the number of names, plus that of the name."""
    number: np.ndarray
    single: np.ndarray


class Axes:
    """The times and the observables (satellite and code) of some files."""

    def __init__(self, *parts):
        self.times = np.unique(np.concatenate([part.time_100ns for part in parts]))
        names = {f"{sv}{one.code}" for part in parts for sv in part.svs for one in part.columns.get(sv[0], ())}
        self.places = {name: at for at, name in enumerate(sorted(names))}

    def table(self, parts):
        """The values of the parts of a file; of several at one place the first stays."""
        found = [each for part in parts for each in self._columns(part)]
        key, number, single = (np.concatenate(each) for each in zip(*found, strict=True))
        key, first = np.unique(key, return_index=True)
        return Table(key, number[first], single[first])

    def _columns(self, part):
        yield np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool)
        time_of_row = np.repeat(np.searchsorted(self.times, part.time_100ns), np.diff(part.first_row))
        systems = np.array([sv[0] for sv in part.svs])
        for system, columns in part.columns.items():
            rows = np.flatnonzero(systems[part.row_sv] == system) if systems.size else np.zeros(0, int)
            for k, column in enumerate(columns):
                here = rows[part.value[rows, k] != MISSING]
                places = np.array([self.places.get(f"{sv}{column.code}", -1) for sv in part.svs])
                keys = time_of_row[here] * len(self.places) + places[part.row_sv[here]]
                number = part.value[here, k] * (1000 // column.scale)
                yield keys, number, np.full(here.size, column.kind in SINGLE)


def compare_values(original, exported, found):
    """Hold the values of a file against those of its export, digit by digit."""
    axes = Axes(*original, *exported)
    one, other = axes.table(original), axes.table(exported)
    kept = np.searchsorted(axes.times, np.unique(np.concatenate([part.time_100ns for part in exported])))
    stored = np.isin(one.key // max(len(axes.places), 1), kept)
    found.explained["values of epochs that the store refused"] += int((~stored).sum())
    both, at, to = np.intersect1d(one.key, other.key, assume_unique=True, return_indices=True)
    found.unlike("value is not in the export", stored & ~np.isin(one.key, both))
    found.unlike("value is not in the file", ~np.isin(other.key, both))
    differs = one.number[at] != other.number[to]
    narrow = np.float32(one.number[at] / 1e6) == np.float32(other.number[to] / 1e6)
    rounded = differs & one.single[at] & narrow
    found.explained["values that 24 bits round"] += int(rounded.sum())
    found.unlike("value differs", differs & ~rounded)
    found.values += both.size


def compare_cells(original, exported, found):
    """Hold a file as it is laid out against its export: values, indicators, flags, clock offsets, times."""
    sids = sorted({name for part in (*original, *exported) for name in signals(part)})
    one, other = (_laid_out(parts, sids) for parts in (original, exported))
    both, at, to = np.intersect1d(one[0], other[0], assume_unique=True, return_indices=True)
    found.explained["epochs that the store refused"] += one[0].size - both.size
    found.unlike("epoch is not in the file", ~np.isin(other[0], both))
    names = ("time below 100 ns", "flag", "clock offset", *(spec.name for spec in VARIABLES))
    for name, want, have in zip(names, one[1:], other[1:], strict=True):
        found.unlike(f"{name} differs", _bits(want[at]) != _bits(have[to]))
    found.epochs += both.size
    found.cells += both.size * len(sids) * len(VARIABLES)


def _laid_out(parts, sids):
    """Times, what is told of each, cells; of several parts the first gives an epoch, others add to it."""
    told = [(part.time_100ns, part.time_ps, part.epoch_flag, part.rx_clock_offset_ps) for part in parts]
    columns = [np.concatenate(each) for each in zip(*told, strict=True)]
    arrays = [np.concatenate(each) for each in zip(*(dense(part, sids)[1:] for part in parts), strict=True)]
    times, first = np.unique(columns[0], return_index=True)
    for e in np.setdiff1d(np.arange(columns[0].size), first).tolist():
        to = first[np.searchsorted(times, columns[0][e])]
        wins = _strength([one[e] for one in arrays]) > _strength([one[to] for one in arrays])
        for one in arrays:
            one[to, wins] = one[e, wins]
    return [one[first] for one in (*columns, *arrays)]


def _strength(cells):
    values = np.logical_or.reduce([~np.isnan(each) for each in cells[:4]])
    return np.where(values, 2, ((cells[4] >= 0) | (cells[5] >= 0)).astype(int))


def compare_stores(one: StoredCells, other: StoredCells, found: Compared, span_epochs=20_000):
    """Hold every cell of a receiver against another store's, by time and signal."""
    grids = one.template.grid, other.template.grid
    assert grids[0].interval_ns == grids[1].interval_ns
    assert grids[0].phase_ns == grids[1].phase_ns
    held = [_held(stored) for stored in (one, other)]
    times = [grid.time_ns(0) + slots * grid.interval_ns for grid, slots in zip(grids, held, strict=True)]
    if times[0].tolist() != times[1].tolist():
        found.unexplained.append(f"{np.setxor1d(*times).size} epochs are in one store only")
        return
    sids = sorted({*one.template.axis.sids, *other.template.axis.sids})
    for start in range(0, len(held[0]), span_epochs):
        part = slice(start, start + span_epochs)
        cells = [_cells(stored, slots[part], sids) for stored, slots in zip((one, other), held, strict=True)]
        for name in cells[0]:
            have, want = cells[1][name], cells[0][name]
            found.unlike(f"{name} differs between the stores", _bits(have) != _bits(want))
            found.cells += have.size
    found.epochs += len(held[0])


def _held(stored):
    source = stored.sources(range(stored.template.grid.size))
    return np.flatnonzero(source >= 0)


def _cells(stored, slots, sids):
    """Cells of epochs in the order of signals; signals that a store lacks are missing."""
    if not slots.size:
        return {}
    span = range(int(slots[0]), int(slots[-1]) + 1)
    cells, places = stored.read(span), {name: at for at, name in enumerate(stored.template.axis.sids)}
    order = np.array([places.get(name, -1) for name in sids])
    rows = slots - span.start
    made = {name: cells[name][rows] for name in PER_EPOCH}
    for spec in VARIABLES:
        cube = cells[spec.name][rows][:, order] if order.size else cells[spec.name][rows]
        cube[:, order < 0] = spec.fill
        made[spec.name] = cube
    return made


def _bits(array):
    return np.ascontiguousarray(array).view(f"u{array.itemsize}")


def exported(chosen, folder, file_format="rinex3", compress="none", each="day", **more):
    """Export the receiver of a small store."""
    choice = choice_of(file_format, compress, each, more.pop("since", None), more.pop("until", None), overwrite=False)
    return export_receiver(target_of(chosen), GROUP, folder, choice, **more)


def again(tmp_path, report, **sections):
    """A second store, of the exported files."""
    files = {f"{GROUP}/{one.path.name}": one.path.read_bytes() for one in report.files}
    write(tmp_path / "second" / "archive", files)
    chosen = settings(tmp_path / "second", **sections)
    run(chosen)
    return chosen


def stored(chosen):
    """The cells of the receiver of a small store."""
    return cells_of_snapshot(str(repository(chosen)), head(chosen), GROUP)


def same(chosen, other):
    """Hold two stores against each other."""
    found = Compared()
    compare_stores(stored(chosen), stored(other), found)
    assert found.unexplained == []
    return found


def epoch(slot, records, *, offset_100ns=0, flag=0, clock_ps=None):
    """An epoch of a file to be written, on the grid or off it."""
    return Epoch(TIME_100NS + slot * STEP_100NS + offset_100ns, records, flag, clock_ps)


def cell(value, lli=None, ssi=None):
    """An observation with its indicators."""
    return value, lli, ssi


NOTHING = cell(None)
