"""One RINEX file of a stored receiver."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.exports import text2, text3
from gnssice_batch.exports.columns import Layout, Observable, in_kernel, layout, observables
from gnssice_batch.exports.headers import Content, halved, header2, header3
from gnssice_batch.exports.placing import placed
from gnssice_batch.exports.records import Block, records_of
from gnssice_batch.exports.sinks import CHUNK_BYTES, Sink, sink
from gnssice_batch.exports.slips import ImpliedSlips
from gnssice_batch.exports.survey import ABSENT, LEVELS, Found, look_at, nothing_found
from gnssice_batch.exports.times import calendars
from gnssice_batch.exports.types2 import types_of
from gnssice_batch.exports.values import (
    NO_CLOCK,
    Choice,
    Compression,
    Exported,
    Format,
    Note,
    Origin,
    Piece,
    Records,
    Why,
    WithheldError,
)
from gnssice_batch.model.grid import gps_datetime
from gnssice_batch.model.values import Span
from gnssice_batch.store.reading.cells import StoredCells

_KEPT_BYTES: Final = 256 << 20
_CELL_BYTES: Final = 26
_COMPACT: Final = frozenset({Compression.CRX, Compression.CRX_GZ})
_LARGEST: Final = 9_999_999_999_999
_SMALLEST: Final = -999_999_999_999
"""What F14.3 holds, in thousandths."""
_SLACK: Final = 256
_CLOCK_STEP_PS: Final = {Format.RINEX3: 1, Format.RINEX2: 1000}
_VARIABLES: Final = ("SNR", "Pseudorange", "Phase", "Doppler")

type PartDone = Callable[[], None]


class _Told(NamedTuple):
    """What kernels write of epochs."""

    calendar: npt.NDArray[np.int64]
    flag: npt.NDArray[np.int8]
    clock_ps: npt.NDArray[np.int64]


@dataclass(slots=True)
class _Reading:
    """The epochs of a file, which are gone through twice; they are kept in between where they are few."""

    stored: StoredCells
    piece: Piece
    clock_step_ps: int
    notes: dict[Note, int] = field(default_factory=dict)
    _kept: list[Records] = field(default_factory=list)

    def first(self) -> Iterator[Records]:
        """The epochs, part by part."""
        epochs = sum(map(len, self.piece.parts))
        few = epochs * len(self.stored.template.axis.sids) * _CELL_BYTES <= _KEPT_BYTES
        for span in self.piece.parts:
            records, notes = self._read(span)
            for note, number in notes.items():
                self.notes[note] = self.notes.get(note, 0) + number
            if few:
                self._kept.append(records)
            if records.size:
                yield records

    def again(self) -> Iterator[Records]:
        """The same once more."""
        yield from self._kept or (self._read(span)[0] for span in self.piece.parts)

    def _read(self, span: range) -> tuple[Records, dict[Note, int]]:
        block = Block(span.start, self.stored.read(span), self.stored.joined(span))
        return records_of(block, self.stored.template.grid, clock_step_ps=self.clock_step_ps)


@dataclass(frozen=True, slots=True)
class _Survey:
    """What going through the epochs once has come to."""

    found: Found
    first_100ns: int
    last_100ns: int
    epochs: int
    slips: int

    @property
    def span(self) -> Span:
        return Span(self.first_100ns * 100, self.last_100ns * 100)


def write_rinex(
    path: Path, stored: StoredCells, piece: Piece, origin: Origin, choice: Choice, part_done: PartDone
) -> Exported:
    """Write a file; nothing stands at its path before it is whole.

    Raises
    ------
    WithheldError
        When something of it does not fit the format.
    """
    reading = _Reading(stored, piece, _CLOCK_STEP_PS[choice.format])
    seen = _surveyed(reading)
    of_system = observables(stored.template.axis, seen.found)
    header, made = _laid_out(stored, origin, seen, of_system, choice.format)
    _check_values(stored.template.axis.sids, seen.found, made)
    write = _written_as(choice.format)
    with placed(path, origin, choice) as unfinished:
        with sink(unfinished, choice.compression, header, origin.written_at) as file:
            for records in reading.again():
                if choice.compression in _COMPACT:
                    _check_compact(records)
                _write(records, made, file, write)
                part_done()
        size_bytes = unfinished.stat().st_size
    notes = {**reading.notes, **_notes(seen, origin)}
    told = {note: number for note, number in notes.items() if number}
    return Exported(path, seen.span, seen.epochs, int(seen.found.values.sum()), size_bytes, told)


def _check_compact(records: Records) -> None:
    """Withhold an epoch without satellites that has a clock offset: the usual reader of CRINEX moves its columns."""
    told = np.flatnonzero(records.clock_ps != NO_CLOCK)
    there = np.zeros(told.size, bool)
    for cells in records.arrays:
        of_epochs = cells[told]
        there |= (~np.isnan(of_epochs) if of_epochs.dtype.kind == "f" else of_epochs >= 0).any(axis=1)
    if not there.all():
        where = gps_datetime(int(records.time_100ns[told[~there][0]]) * 100)
        message = f"{where} has a clock offset and no satellite, which crx2rnx reads wrong: use none or gz"
        raise WithheldError(Why.NOT_COMPACT, message)


def told_of(records: Records) -> _Told:
    """What kernels write of the epochs themselves."""
    return _Told(calendars(records.time_100ns), records.flag, records.clock_ps)


def _surveyed(reading: _Reading) -> _Survey:
    signals = len(reading.stored.template.axis.sids)
    found, slips = nothing_found(signals), ImpliedSlips(np.zeros(signals, np.bool_))
    first = last = epochs = 0
    for records in reading.first():
        look_at(records, found)
        slips.follow(records)
        first = first if epochs else int(records.time_100ns[0])
        last, epochs = int(records.time_100ns[-1]), epochs + records.size
    return _Survey(found, first, last, epochs, slips.count)


def _laid_out(
    stored: StoredCells,
    origin: Origin,
    seen: _Survey,
    of_system: Mapping[str, Sequence[Observable]],
    wanted: Format,
) -> tuple[bytes, Layout]:
    """The header of a file, and where its columns come from."""
    template = stored.template
    columns: Mapping[str, Sequence[Observable | None]] = of_system
    types: tuple[str, ...] = ()
    if wanted is Format.RINEX2:
        types, columns = types_of(of_system)
    made = layout(template.axis, seen.found, columns)
    content = Content(
        seen.first_100ns,
        seen.last_100ns,
        template.grid.interval_ns,
        "".join(dict.fromkeys(sv[0] for sv in made.svs)),
        {sv: template.channels[sv] for sv in made.svs if sv in template.channels},
    )
    if wanted is Format.RINEX2:
        return header2(origin, content, types), made
    if halved(origin.wavelength_factors):
        factors = "; ".join(origin.wavelength_factors)
        raise WithheldError(Why.HALF_WAVELENGTH, f"WAVELENGTH FACT L1/2 is {factors}: use rinex2, netcdf or parquet")
    return header3(origin, content, of_system), made


def _check_values(sids: Sequence[str], found: Found, made: Layout) -> None:
    """Refuse values that no field gives back.

    Raises
    ------
    WithheldError
        With the first of them.
    """
    factor = np.full(found.level.shape, 1000.0)
    there = made.place >= 0
    factor[made.kind[there], made.place[there]] = made.factor[there]
    with np.errstate(invalid="ignore"):
        low, high = np.rint(found.low * factor), np.rint(found.high * factor)
    present = found.level != ABSENT
    checks = (
        (Why.NOT_DECIMAL, found.level == LEVELS, found.odd_at, "no decimal number that F14.3 gives back"),
        (Why.TOO_WIDE, present & (high > _LARGEST), found.high_at, "more digits than F14.3 holds"),
        (Why.TOO_WIDE, present & (low < _SMALLEST), found.low_at, "more digits than F14.3 holds"),
        (Why.ZERO_VALUE, found.zero_at >= 0, found.zero_at, "0, which stands for a missing value"),
    )
    for why, wrong, at, what in checks:
        if wrong.any():
            kind, j = (int(one) for one in np.argwhere(wrong)[0])
            where = f"{_VARIABLES[kind]} of {sids[j]} at {gps_datetime(int(at[kind, j]) * 100)}"
            raise WithheldError(why, f"{where} is {what}: use netcdf or parquet")


def _written_as(wanted: Format) -> Callable[..., int]:
    return text2.write_epochs if wanted is Format.RINEX2 else text3.write_epochs


def _write(records: Records, made: Layout, file: Sink, write: Callable[..., int]) -> None:
    """Write epochs in pieces of bounded size."""
    told = told_of(records)
    satellites, width = made.place.shape
    epoch_bytes = 2 * _SLACK + satellites * (16 * width + width // 5 + 16)
    batch = max(1, CHUNK_BYTES // epoch_bytes)
    buffer = np.empty(batch * epoch_bytes + _SLACK, np.uint8)
    columns, text = in_kernel(made), bytearray()
    for first in range(0, records.size, batch):
        size = write(buffer, first, min(first + batch, records.size), told, columns, records.arrays)
        text += memoryview(buffer)[:size]
        if len(text) >= CHUNK_BYTES:
            file.write(bytes(text))
            text.clear()
    if text:
        file.write(bytes(text))


def _notes(seen: _Survey, origin: Origin) -> dict[Note, int]:
    alone = seen.found.values == 0
    return {
        Note.LONE_INDICATORS: int(seen.found.indicators[alone].sum()),
        Note.IMPLIED_SLIPS: seen.slips,
        Note.HEADER_CHANGES: len(origin.changes),
        Note.OTHER_HEADER: len(origin.guests),
    }
