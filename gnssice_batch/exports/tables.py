"""What files for other programs than readers of RINEX are made of: the cells as they are stored."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnssice_batch.errors import ConfigError
from gnssice_batch.exports.placing import placed
from gnssice_batch.exports.values import Arrays, Choice, Exported, Origin, Piece
from gnssice_batch.model.template import VALUES
from gnssice_batch.model.values import NO_SOURCE, Span
from gnssice_batch.store.reading.cells import StoredCells

type Fill = Callable[[Path, "Held"], int]
"""Writes a file, and returns the number of its values."""


@dataclass(frozen=True, slots=True)
class Held:
    """The epochs of a file, from the first to the last that holds anything."""

    stored: StoredCells
    origin: Origin
    epochs: range
    """Of the group's axis."""
    parts: tuple[range, ...]
    """Those of them that are to be read; they may begin before the first and end behind the last."""
    filled: int
    """How many hold anything."""

    @property
    def span(self) -> Span:
        """From the first to the last."""
        grid = self.stored.template.grid
        return Span(grid.time_ns(self.epochs[0]), grid.time_ns(self.epochs[-1]))


def write_table(path: Path, piece: Piece, stored: StoredCells, origin: Origin, choice: Choice, fill: Fill) -> Exported:
    """Write a file; nothing stands at its path before it is whole."""
    held = _held(stored, origin, piece)
    with placed(path, origin, choice) as unfinished:
        values = fill(unfinished, held)
        size_bytes = unfinished.stat().st_size
    return Exported(path, held.span, held.filled, values, size_bytes)


def values_of(cells: Arrays) -> int:
    """How many values there are."""
    return sum(int((~np.isnan(cells[name])).sum()) for name in VALUES)


def missing(what: str, library: str) -> ConfigError:
    """What is said where a library is not installed."""
    return ConfigError(f"{what} files need the library {library}: pip install 'gnssice-batch[export]'")


def _held(stored: StoredCells, origin: Origin, piece: Piece) -> Held:
    filled = [span.start + np.flatnonzero(stored.sources(span) != NO_SOURCE) for span in piece.parts]
    bounds = [int(end) for slots in filled if slots.size for end in (slots[0], slots[-1])]
    epochs = range(bounds[0], bounds[-1] + 1)
    return Held(stored, origin, epochs, piece.parts, sum(slots.size for slots in filled))
