"""Broadcast ephemerides as one table, sorted, one issue for each satellite's reference time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import Reason

STATE_SYSTEMS: Final = "RS"
"""Systems that send position, velocity and acceleration; the others send Kepler elements."""

ELEMENTS: Final = (
    *("toe_s", "sqrt_a", "e", "i0", "omega0", "omega", "m0", "delta_n", "i_dot", "omega_dot"),
    *("cuc", "cus", "crc", "crs", "cic", "cis", "a_dot", "delta_n_dot"),
)
"""Columns of `Ephemerides.values` for Kepler elements, in rad, m, s as they are sent; `toe_s` in the system's week."""

STATE: Final = ("x", "y", "z", "vx", "vy", "vz", "ax", "ay", "az")
"""Its first columns for GLONASS and SBAS, in m, m/s and m/s²; the others are zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Ephemerides:
    """What satellites send of their orbits; N issues, sorted by satellite and reference time.

    Whether a satellite calls itself healthy is not looked at: where it is does not depend on it.
    """

    sv: npt.NDArray[np.str_]
    """(N,) satellites, e.g. ``G01``."""
    reference_ns: npt.NDArray[np.int64]
    """(N,) GPS time that the elements or the state are for, in ns since 1980-01-06."""
    sent_ns: npt.NDArray[np.int64]
    """(N,) GPS time at which the issue was sent; a week before the reference where the file does not say."""
    values: npt.NDArray[np.float64]
    """(N, 18) numbers, named by `ELEMENTS` or `STATE`."""
    counts: Mapping[Reason, int] = field(default_factory=dict)
    """Records of the files that are not in here, by reason."""

    @property
    def satellites(self) -> tuple[str, ...]:
        """The satellites, sorted."""
        return tuple(str(sv) for sv in np.unique(self.sv))


def merged(parts: Iterable[Ephemerides]) -> Ephemerides:
    """Return the issues of all parts; of several with one reference time the one sent last.

    Parameters
    ----------
    parts
        In any order, which changes nothing. Quarter hours and whole days may overlap; none at all is allowed.
    """
    pieces = list(parts) or [nothing()]
    sv, reference_ns, sent_ns, values = (
        np.concatenate([getattr(piece, name) for piece in pieces])
        for name in ("sv", "reference_ns", "sent_ns", "values")
    )
    order = np.lexsort((*values.T[::-1], sent_ns, reference_ns, sv))
    last = np.ones(len(order), bool)
    last[:-1] = (sv[order[1:]] != sv[order[:-1]]) | (reference_ns[order[1:]] != reference_ns[order[:-1]])
    kept = order[last]
    counts: Counter[Reason] = Counter()
    for piece in pieces:
        counts.update(piece.counts)
    return Ephemerides(sv[kept], reference_ns[kept], sent_ns[kept], values[kept], MappingProxyType(dict(counts)))


def nothing() -> Ephemerides:
    """Return ephemerides of no satellite."""
    none = np.empty(0, np.int64)
    return Ephemerides(np.empty(0, "U3"), none, none, np.empty((0, len(ELEMENTS))))
