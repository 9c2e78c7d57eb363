"""What each source gives to a block: epochs, values, losses."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.ingest.align import Block
from gnssice_batch.model.template import VALUES
from gnssice_batch.model.values import NO_SOURCE, Tally
from gnssice_batch.rinex.primitives.jit import inlined, kernel

_PLACEHOLDER: Final = np.zeros((2, 2), np.int32).T
"""Of an array that is not there: the smallest that is laid out in memory as it is, so that one kernel does."""


class Given(NamedTuple):
    """What the sources of a block give to it; a source is a ledger row, or ``-2 - i`` for file i of the assignment."""

    tallies: dict[int, Tally]
    """Epochs that a source is the main one of or has a signal in, and the values that are from it."""
    joined: Counter[int]
    """Those of its epochs that have another main source."""


class _Cells(NamedTuple):
    """The arrays of a block that are counted."""

    source: npt.NDArray[np.int32]
    total: npt.NDArray[np.int64]
    joined: npt.NDArray[np.int32]
    signals: int
    """Columns of `joined` that count: all, or none where no files were joined."""
    values: tuple[npt.NDArray[Any], ...]


@dataclass(slots=True)
class Gaps:
    """Epochs of a file that are not taken although no file gives them."""

    slots: npt.NDArray[np.bool_]
    """(N,) where they would be."""
    values: int = 0

    def add(self, slots: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> None:
        """Add epochs of one part of the file; an epoch that another part has too counts once."""
        self.slots[slots] = True
        self.values += int(values.sum())

    @property
    def tally(self) -> Tally:
        """Their number, and the values in them."""
        return Tally(int(np.count_nonzero(self.slots)), self.values)


def given_by_source(block: Block) -> Given:
    """Count what each source gives to a block."""
    joined = block.joined.get("source_file", _PLACEHOLDER)
    parts = (block.source, joined) if block.joined else (block.source,)
    lowest, highest = min(int(part.min()) for part in parts), max(int(part.max()) for part in parts)
    counts = np.zeros((4, highest - lowest + 1), np.int64)
    values = tuple(block.arrays[name] for name in VALUES)
    signals = joined.shape[1] if block.joined else 0
    _count(_Cells(block.source, block.values, joined, signals, values), lowest, counts)
    held = np.flatnonzero(counts[0])
    sources = (held + lowest).tolist()
    tallies = {source: Tally(*both) for source, both in zip(sources, counts[:2, held].T.tolist(), strict=True)}
    guests = Counter(
        {source: epochs for source, epochs in zip(sources, counts[2, held].tolist(), strict=True) if epochs}
    )
    return Given(tallies, guests)


def not_mixed_by_source(block: Block) -> Counter[int]:
    """Count the values that a source has of signals which another one gives, without a value of that kind."""
    counts = Counter[int]()
    for name, source in block.not_mixed.items():
        lost = source[np.isnan(block.arrays[name]) & (source != NO_SOURCE)]
        counts.update(dict(zip(*(part.tolist() for part in np.unique(lost, return_counts=True)), strict=True)))
    return counts


@kernel
def _count(cells: Any, lowest: int, counts: Any) -> None:
    """Add up epochs, values and joined epochs (4, K) of sources from `lowest` on; last, one past where each joined."""
    for n in range(cells.source.size):
        if cells.source[n] == NO_SOURCE:
            continue
        host = cells.source[n] - lowest
        counts[0, host] += 1
        counts[1, host] += cells.total[n]
        for j in range(cells.signals):
            if cells.joined[n, j] == NO_SOURCE:
                continue
            guest, given = cells.joined[n, j] - lowest, _values(n, j, cells.values)
            counts[1, guest] += given
            counts[1, host] -= given
            if counts[3, guest] <= n:
                counts[0, guest] += 1
                counts[2, guest] += 1
                counts[3, guest] = n + 1


@inlined
def _values(n: int, j: int, values: Any) -> int:
    snr, pseudorange, phase, doppler = values
    given = int(not np.isnan(snr[n, j])) + int(not np.isnan(pseudorange[n, j]))
    return given + int(not np.isnan(phase[n, j])) + int(not np.isnan(doppler[n, j]))
