"""Satellite positions at the times between which they are interpolated."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import Reason

NODE_SPACING_NS: Final = 300 * 1_000_000_000
"""Time between nodes that are computed from broadcast ephemerides."""


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """Earth-fixed positions of S satellites at K times."""

    satellites: tuple[str, ...]
    times_ns: npt.NDArray[np.int64]
    """(K,) GPS times in ns since 1980-01-06, rising."""
    positions_m: npt.NDArray[np.float64]
    """(K, S, 3) m; NaN where a position is not known."""
    spacing_ns: int = NODE_SPACING_NS
    """The longest time between a satellite's nodes that is no gap, of the most widely spaced file."""
    counts: Mapping[Reason, int] = field(default_factory=dict)
    """Records of the files that are not in here, by reason."""
    gaps: npt.NDArray[np.int64] | None = None
    """(K, S) gaps of each satellite before each time, where files were joined; None: as `spacing_ns` says."""

    def unbroken(
        self, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64], column: npt.NDArray[np.int64] | int
    ) -> npt.NDArray[np.bool_]:
        """(N,) whether no gap is between nodes of a satellite that follow each other.

        Parameters
        ----------
        first, last
            (N,) indices of their times.
        column
            (N,) index of the satellite of each, or that of all.
        """
        if self.gaps is not None:
            same: npt.NDArray[np.bool_] = self.gaps[first, column] == self.gaps[last, column]
            return same
        return self.times_ns[last] - self.times_ns[first] <= self.spacing_ns

    def between(self, start_ns: int, end_ns: int) -> "Nodes":
        """The nodes from one time to another, both included."""
        part = slice(*np.searchsorted(self.times_ns, [start_ns, end_ns + 1]))
        gaps = None if self.gaps is None else self.gaps[part]
        return replace(self, times_ns=self.times_ns[part], positions_m=self.positions_m[part], gaps=gaps)

    def of(self, satellites: Sequence[str]) -> "Nodes":
        """These nodes for other satellites, in their order; NaN for those that are not in here."""
        place = {sv: at for at, sv in enumerate(self.satellites)}
        known = [at for at, sv in enumerate(satellites) if sv in place]
        positions = np.full((len(self.times_ns), len(satellites), 3), np.nan)
        positions[:, known] = self.positions_m[:, [place[satellites[at]] for at in known]]
        gaps = None
        if self.gaps is not None:
            gaps = np.zeros(positions.shape[:2], np.int64)
            gaps[:, known] = self.gaps[:, [place[satellites[at]] for at in known]]
        return Nodes(tuple(satellites), self.times_ns, positions, self.spacing_ns, self.counts, gaps)


def joined(parts: Iterable[Nodes]) -> Nodes:
    """Return the nodes of all parts as one; where two have a position, the later part's.

    What is a gap is judged by the part that has one: between nodes of a part that are no further apart than its own
    spacing there is none, nor between the end of one part and the begin of another, by the spacing of either.

    Parameters
    ----------
    parts
        In rising order of worth: the rapid product before the final one. Days may come in any order; at least one.
    """
    pieces = list(parts)
    satellites = tuple(sorted({sv for piece in pieces for sv in piece.satellites}))
    times_ns = np.unique(np.concatenate([piece.times_ns for piece in pieces]))
    positions = np.full((len(times_ns), len(satellites), 3), np.nan)
    counts: dict[Reason, int] = {}
    for piece in pieces:
        at = np.searchsorted(times_ns, piece.times_ns)
        fresh = piece.of(satellites).positions_m
        positions[at] = np.where(np.isfinite(fresh), fresh, positions[at])
        counts = {reason: counts.get(reason, 0) + piece.counts.get(reason, 0) for reason in {*counts, *piece.counts}}
    spacing_ns = max(piece.spacing_ns for piece in pieces)
    return Nodes(satellites, times_ns, positions, spacing_ns, counts, _gaps(pieces, satellites, times_ns))


def _gaps(pieces: Sequence[Nodes], satellites: Sequence[str], times_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return (K, S) how many gaps there are before each time."""
    changes = np.zeros((len(times_ns), len(satellites)), np.int64)
    place = {sv: at for at, sv in enumerate(satellites)}
    for piece in pieces:
        rows, columns = np.searchsorted(times_ns, piece.times_ns), np.array([place[sv] for sv in piece.satellites], int)
        column, at = np.nonzero(np.isfinite(piece.positions_m).all(axis=2).T)
        follows = column[1:] == column[:-1]
        column, first, last = column[1:][follows], at[:-1][follows], at[1:][follows]
        whole = piece.unbroken(first, last, column)
        np.add.at(changes, (rows[first[whole]], columns[column[whole]]), 1)
        np.add.at(changes, (rows[last[whole]], columns[column[whole]]), -1)
    for one, other in _seams(pieces):
        both = sorted(_known(one, -1) & _known(other, 0))
        columns = np.array([place[sv] for sv in both], int)
        changes[np.searchsorted(times_ns, one.times_ns[-1]), columns] += 1
        changes[np.searchsorted(times_ns, other.times_ns[0]), columns] -= 1
    apart = np.cumsum(changes, axis=0) == 0
    return np.vstack([np.zeros((1, len(satellites)), np.int64), np.cumsum(apart[:-1], axis=0)])[: len(times_ns)]


def _seams(pieces: Sequence[Nodes]) -> Iterator[tuple[Nodes, Nodes]]:
    """Pairs of which the second begins after the end of the first one, no later than the spacing of either allows."""
    there = sorted((piece for piece in pieces if len(piece.times_ns)), key=lambda piece: int(piece.times_ns[0]))
    starts = [int(piece.times_ns[0]) for piece in there]
    widest = max((piece.spacing_ns for piece in there), default=0)
    for one in there:
        end = int(one.times_ns[-1])
        for other in there[bisect_right(starts, end) : bisect_right(starts, end + widest)]:
            if int(other.times_ns[0]) - end <= max(one.spacing_ns, other.spacing_ns):
                yield one, other


def _known(piece: Nodes, row: int) -> set[str]:
    """The satellites that have a position at a time."""
    return {piece.satellites[at] for at in np.flatnonzero(np.isfinite(piece.positions_m[row]).all(axis=1)).tolist()}
