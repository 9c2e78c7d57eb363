"""Satellite positions at the times between which they are interpolated."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    """The longest time between a satellite's nodes that is no gap."""
    counts: Mapping[Reason, int] = field(default_factory=dict)
    """Records of the files that are not in here, by reason."""

    def of(self, satellites: Sequence[str]) -> "Nodes":
        """These nodes for other satellites, in their order; NaN for those that are not in here."""
        place = {sv: at for at, sv in enumerate(self.satellites)}
        known = [at for at, sv in enumerate(satellites) if sv in place]
        positions = np.full((len(self.times_ns), len(satellites), 3), np.nan)
        positions[:, known] = self.positions_m[:, [place[satellites[at]] for at in known]]
        return Nodes(tuple(satellites), self.times_ns, positions, self.spacing_ns, self.counts)


def joined(parts: Iterable[Nodes]) -> Nodes:
    """Return the nodes of all parts as one; where two have a position, the later part's.

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
    return Nodes(satellites, times_ns, positions, max(piece.spacing_ns for piece in pieces), counts)
