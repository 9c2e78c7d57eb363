"""A stored receiver written as files, one after the other."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import StoreError
from gnssice_batch.exports.netcdf_files import write_netcdf
from gnssice_batch.exports.origins import (
    changes,
    facts_of,
    guests_in_order,
    headers_of_guests,
    rows_in_order,
    station_of,
)
from gnssice_batch.exports.parquet_files import write_parquet
from gnssice_batch.exports.pieces import file_name, pieces, systems_of, with_parts
from gnssice_batch.exports.placing import check_free
from gnssice_batch.exports.rinex_files import write_rinex
from gnssice_batch.exports.values import (
    Choice,
    Exported,
    Format,
    Origin,
    Piece,
    Withheld,
    WithheldError,
)
from gnssice_batch.model.values import NO_SOURCE, Span
from gnssice_batch.store.reading.cells import StoredCells

_EPOCHS_AT_ONCE: Final = 1 << 21

type Write = Callable[[Path, StoredCells, Piece, Origin, Choice, Callable[[], None]], Exported]

_WRITERS: Final[Mapping[Format, Write]] = {
    Format.RINEX3: write_rinex,
    Format.RINEX2: write_rinex,
    Format.NETCDF: write_netcdf,
    Format.PARQUET: write_parquet,
}
_WITH_HEADERS: Final = frozenset({Format.RINEX3, Format.RINEX2})
"""Formats of which all epochs stand under one header."""


class Told(Protocol):
    """Who is told how far an export is."""

    def stage(self, name: str, tasks: int) -> None:
        """A stage of so many tasks begins."""

    def finished(self, key: str, size_bytes: int) -> None:
        """A task of it is over."""


@dataclass(frozen=True, slots=True)
class Exporter:
    """A receiver of a version, and how it is written."""

    stored: StoredCells
    ledger: Mapping[str, npt.NDArray[Any]]
    origin: Origin
    """As far as it is the same for all files."""
    choice: Choice
    folder: Path
    told: Told

    def files(self, held: Span) -> Iterator[Exported | Withheld]:
        """Write the files one after the other, and say of each what has become of it."""
        cut = self._cut(held)
        self.told.stage("export", sum(len(piece.parts) for piece in cut))
        for piece in cut:
            done = _Done(self.told, len(piece.parts))
            found = self._file(piece, done)
            done.rest(found.path.name if found else "", found.size_bytes if isinstance(found, Exported) else 0)
            if found:
                yield found

    def _cut(self, held: Span) -> list[Piece]:
        """The files, without those of spans that nothing was read of."""
        grid = self.stored.template.grid
        cut = list(pieces(grid, held, self.choice))
        units = self._units(range(cut[0].epochs.start, cut[-1].epochs.stop)) if cut else np.zeros(0, np.int64)
        return [piece for one in cut if (piece := with_parts(one, units, grid)).parts]

    def _units(self, epochs: range) -> npt.NDArray[np.int64]:
        """The read units that hold anything of some epochs or their neighbours, ascending."""
        length = self.stored.template.grid.read_unit
        first, last = epochs.start // length, -(-epochs.stop // length)
        most = max(1, _EPOCHS_AT_ONCE // length)
        found = [np.zeros(0, np.int64)]
        for unit in range(first, last, most):
            span = range(unit * length, min(unit + most, last) * length)
            source = self.stored.sources(span).reshape(-1, length)
            found.append(unit + np.flatnonzero((source != NO_SOURCE).any(axis=1)))
        return np.concatenate(found)

    def _file(self, piece: Piece, done: "_Done") -> Exported | Withheld | None:
        """Write one file; None where it would hold nothing.

        Raises
        ------
        StoreError
            When it can't be read or written.
        """
        sources = self._sources(piece)
        if not sources.epochs:
            return None
        template = self.stored.template
        origin = self._origin(sources)
        name = file_name(piece, template.grid, origin.station, systems_of(template.axis.sids), self.choice)
        path = self.folder / name
        span = Span(*(template.grid.time_ns(slot) for slot in (piece.epochs[0], piece.epochs[-1])))
        try:
            check_free(path, origin, self.choice)
            return _WRITERS[self.choice.format](path, self.stored, piece, origin, self.choice, done.part)
        except WithheldError as error:
            return Withheld(path, span, error.why, error.detail)
        except OSError as error:
            msg = f"{path} can't be written ({error.strerror or error}); the files before it are whole"
            raise StoreError(msg) from error

    def _sources(self, piece: Piece) -> "_Sources":
        """What files a file is from."""
        found, in_header = _Sources({}, {}), self.choice.format in _WITH_HEADERS
        for span in piece.parts:
            source = self.stored.sources(span)
            for row, epoch in zip(*rows_in_order(source), strict=True):
                found.epochs.setdefault(row, span.start + epoch)
            joined = self.stored.joined_sources(span) if in_header else None
            for pair, epoch in () if joined is None else guests_in_order(source, joined):
                found.guests.setdefault(pair, span.start + epoch)
        return found

    def _origin(self, sources: "_Sources") -> Origin:
        rows = list(sources.epochs)
        factors = [facts_of(self.ledger, row).wavelength_factors for row in sources.rows()]
        return replace(
            self.origin,
            station=station_of(self.ledger, rows[0], self.origin.receiver),
            facts=facts_of(self.ledger, rows[0]),
            changes=tuple(changes(self.ledger, rows, self._times_ns(sources.epochs))),
            guests=tuple(headers_of_guests(self.ledger, sources.guests, self._times_ns(sources.guests))),
            wavelength_factors=tuple(dict.fromkeys(chain.from_iterable(factors))),
        )

    def _times_ns(self, first: Mapping[Any, int]) -> list[int]:
        return [self.stored.template.grid.time_ns(slot) for slot in first.values()]


@dataclass(frozen=True, slots=True)
class _Sources:
    """What source files a file is from; both in order of appearance, with the first epoch."""

    epochs: dict[int, int]
    """By ledger row of the epochs' file."""
    guests: dict[tuple[int, int], int]
    """By ledger rows of a file that only signals are from and of the epochs' file."""

    def rows(self) -> Iterator[int]:
        """Of all of them."""
        yield from self.epochs
        yield from (guest for guest, _ in self.guests)


@dataclass(slots=True)
class _Done:
    """Tells of the parts of one file."""

    told: Told
    parts: int

    def part(self) -> None:
        """One is over; the last one is not told of before the file is whole."""
        if self.parts > 1:
            self.parts -= 1
            self.told.finished("", 0)

    def rest(self, name: str, size_bytes: int) -> None:
        """All are over."""
        for number in range(self.parts, 0, -1):
            self.told.finished(name, size_bytes if number == 1 else 0)
        self.parts = 0
