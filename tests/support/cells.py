"""Two readings of one file brought to one form, and compared cell by cell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby

from gnssice_batch.rinex import MISSING, Observations, Reading
from gnssice_batch.signals import SignalColumn, columns
from tests.support import reference_reader

CellTuple = tuple[int | Fraction | None, int | None, int | None]
"""Value in thousandths, LLI, SSI."""


@dataclass
class EpochCells:
    """One epoch: everything that is written in it, by satellite and RINEX 3 code."""

    time_100ns: int
    flag: int
    clock_ps: int | None
    cells: dict[tuple[str, str], CellTuple]


def ours(reading: Reading) -> Iterator[EpochCells]:
    """Yield the epochs of all parts."""
    for part in reading.parts:
        for epoch in range(len(part.time_100ns)):
            clock = int(part.rx_clock_offset_ps[epoch])
            yield EpochCells(
                int(part.time_100ns[epoch]),
                int(part.epoch_flag[epoch]),
                None if clock == MISSING else clock,
                dict(_our_cells(part, int(part.first_row[epoch]), int(part.first_row[epoch + 1]))),
            )


def _our_cells(part: Observations, first: int, last: int) -> Iterator[tuple[tuple[str, str], CellTuple]]:
    rows = (part.row_sv, part.value, part.lli, part.ssi)
    for index, values, llis, ssis in zip(*(rows_of[first:last].tolist() for rows_of in rows), strict=True):
        sv = part.svs[index]
        for column, value, lli, ssi in zip(part.columns[sv[0]], values, llis, ssis, strict=False):
            cell = (
                None if value == MISSING else scaled(value, column.scale),
                None if lli < 0 else lli,
                None if ssi < 0 else ssi,
            )
            if cell != (None, None, None):
                yield (sv, column.code), cell


def scaled(value: int | None, scale: int) -> int | Fraction | None:
    """Return a written integer divided by its scale factor, exactly."""
    if value is None:
        return None
    exact = Fraction(value, scale)
    return int(exact) if exact.denominator == 1 else exact


class Slips:
    """Power failures that the phases of a satellite's signal have not result_of yet."""

    def __init__(self) -> None:
        self._failures = 0
        self._answered: dict[tuple[str, str], int] = {}

    def mark(self, flag: int, epoch: dict[tuple[str, str], CellTuple]) -> dict[tuple[str, str], CellTuple]:
        """Set the slip bit of each signal's first phase after a power failure (flag 1)."""
        self._failures += flag == 1
        marked = dict(epoch)
        for key, (value, lli, ssi) in epoch.items():
            if key[1][0] == "L" and value is not None:
                if self._answered.get(key, 0) < self._failures:
                    marked[key] = (value, (lli or 0) | 1, ssi)
                self._answered[key] = self._failures
        return marked


def reference(content: bytes, version: str) -> Iterator[EpochCells]:
    """Yield the epochs of a RINEX text as the reference reader reads them, by the rules for what is written twice."""
    records = [one for one in reference_reader.read_content(content) if isinstance(one, reference_reader.Epoch)]
    for _, part in groupby(records, key=lambda record: record.part):
        slips = Slips()
        for epoch in without_duplicates([_epoch_cells(record, version) for record in part]):
            yield replace(epoch, cells=slips.mark(epoch.flag, epoch.cells))


def _epoch_cells(record: reference_reader.Epoch, version: str) -> EpochCells:
    cells: dict[tuple[str, str], CellTuple] = {}
    for satellite in record.records:
        read = columns(satellite.sv[0], satellite.codes, version)
        cells.update(read_as(satellite.sv, satellite.codes, satellite.cells(), read))
    return EpochCells(record.time_100ns, record.flag, record.clock_ps, cells)


def without_duplicates(epochs: list[EpochCells]) -> list[EpochCells]:
    """Keep one epoch of each time, the first of those with most values; the slips of the others are not forgotten."""
    best: dict[int, EpochCells] = {}
    for epoch in epochs:
        rival = best.get(epoch.time_100ns)
        if rival is None or value_count(epoch) > value_count(rival):
            best[epoch.time_100ns] = epoch
    kept, pending = [], set[tuple[str, str]]()
    for chosen in (epoch for epoch in epochs if best[epoch.time_100ns] is epoch):
        others = [one for one in epochs if one.time_100ns == chosen.time_100ns and one is not chosen]
        pending |= {key for one in others for key in one.cells if key[1][0] == "L" and (one.cells[key][1] or 0) & 1}
        marked = {key: with_slip(cell, key in pending) for key, cell in chosen.cells.items()}
        pending -= {key for key, cell in chosen.cells.items() if cell[0] is not None}
        kept.append(replace(chosen, flag=max(one.flag for one in [chosen, *others]), cells=marked))
    return kept


def with_slip(cell: CellTuple, slipped: bool) -> CellTuple:
    """Set the slip bit of a phase that is there."""
    value, lli, ssi = cell
    return cell if value is None or not slipped else (value, (lli or 0) | 1, ssi)


def value_count(epoch: EpochCells) -> int:
    return sum(cell[0] is not None for cell in epoch.cells.values())


def read_as(
    sv: str,
    codes: Sequence[str],
    written: Mapping[str, reference_reader.Cell],
    signals: Sequence[SignalColumn | None],
) -> Iterator[tuple[tuple[str, str], CellTuple]]:
    """Yield what a satellite's fields say, by the RINEX 3 codes that its declared codes are read as."""
    fields: dict[str, reference_reader.Cell] = {}
    named = [(column.rank, column.code, code) for code, column in zip(codes, signals, strict=True) if column]
    for _, code, declared in sorted(named):
        fields[code] = _preferred(fields.get(code), written[declared])
    for code, cell in fields.items():
        triple = (cell.value or None, cell.lli, cell.ssi)
        if triple != (None, None, None):
            yield (sv, code), triple


def _preferred(first: reference_reader.Cell | None, other: reference_reader.Cell) -> reference_reader.Cell:
    """Return which of two fields of one signal is read: the first that has a value, else both their indicators."""
    if first is None or (other.value and not first.value):
        return other
    if first.value or other.value:
        return first
    indicators = [max((one for one in pair if one is not None), default=None)
                  for pair in ((first.lli, other.lli), (first.ssi, other.ssi))]  # fmt: skip
    return reference_reader.Cell(None, *indicators)


def differences(found: list[EpochCells], expected: list[EpochCells]) -> Iterator[str]:
    """Yield a sentence for each difference."""
    if len(found) != len(expected):
        yield f"{len(found)} epochs, expected {len(expected)}"
    for number, (mine, theirs) in enumerate(zip(found, expected, strict=False)):
        where = f"epoch {number} at {theirs.time_100ns}"
        if mine == theirs:
            continue
        for name in ("time_100ns", "flag", "clock_ps"):
            if getattr(mine, name) != getattr(theirs, name):
                yield f"{where}: {name} is {getattr(mine, name)}, expected {getattr(theirs, name)}"
        for key in sorted(mine.cells.keys() | theirs.cells.keys()):
            if mine.cells.get(key) != theirs.cells.get(key):
                yield f"{where}: {key} is {mine.cells.get(key)}, expected {theirs.cells.get(key)}"
