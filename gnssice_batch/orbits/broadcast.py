"""Nodes computed from broadcast ephemerides."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.orbits.ephemerides import STATE_SYSTEMS, Ephemerides
from gnssice_batch.orbits.kepler import kepler_positions
from gnssice_batch.orbits.motion import glonass_positions, sbas_positions
from gnssice_batch.orbits.node_table import Nodes

_MINUTE_NS: Final = 60 * 1_000_000_000

LIMITS_NS: Final[Mapping[str, int]] = MappingProxyType(
    {**dict.fromkeys("GCJI", 120 * _MINUTE_NS), "E": 240 * _MINUTE_NS, "R": 30 * _MINUTE_NS, "S": 10 * _MINUTE_NS}
)
"""By system, how far from its reference time an ephemeris is used."""


def nodes(ephemerides: Ephemerides, satellites: Sequence[str], times_ns: npt.NDArray[np.int64]) -> Nodes:
    """Compute positions from the ephemerides nearest in time.

    Parameters
    ----------
    ephemerides
        What the satellites sent.
    satellites
        S satellites, any; those without ephemerides have no position.
    times_ns
        (K,) GPS times in ns since 1980-01-06, rising.

    Returns
    -------
    Nodes
        Positions NaN where no ephemeris is within `LIMITS_NS`. Where the ephemeris changes, a position steps by what
        the two differ: about a metre, 3e-6 degrees seen from the ground.
    """
    chosen = np.full((len(times_ns), len(satellites)), -1)
    for at, sv in enumerate(satellites):
        chosen[:, at] = _nearest_issue(ephemerides, sv, times_ns)
    positions = np.full((*chosen.shape, 3), np.nan)
    row, column = np.nonzero(chosen >= 0)
    issue = chosen[row, column]
    since_s = (times_ns[row] - ephemerides.reference_ns[issue]) * 1e-9
    positions[row, column] = _positions(ephemerides, issue, since_s)
    return Nodes(tuple(satellites), times_ns, positions, counts=ephemerides.counts)


def _nearest_issue(ephemerides: Ephemerides, sv: str, times_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the row of the ephemeris for each time, the later of two equally near; -1 where none is near enough."""
    first, end = np.searchsorted(ephemerides.sv, sv, "left"), np.searchsorted(ephemerides.sv, sv, "right")
    none = np.full(len(times_ns), -1)
    if first == end or sv[:1] not in LIMITS_NS:
        return none
    references = ephemerides.reference_ns[first:end]
    changes = references[:-1] + (np.diff(references) + 1) // 2
    at = np.searchsorted(changes, times_ns, side="right")
    near = np.abs(times_ns - references[at]) <= LIMITS_NS[sv[:1]]
    return np.where(near, first + at, none)


def _positions(
    ephemerides: Ephemerides, issue: npt.NDArray[np.int64], since_s: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return (N, 3) positions by (N,) rows of ephemerides, so many seconds from their reference times."""
    sv, values = ephemerides.sv[issue], ephemerides.values[issue]
    systems = sv.astype("U1")
    positions = np.full((len(issue), 3), np.nan)
    kepler, glonass, sbas = (~np.isin(systems, list(STATE_SYSTEMS)), systems == "R", systems == "S")
    positions[kepler] = kepler_positions(sv[kepler], values[kepler], since_s[kepler])
    positions[glonass] = glonass_positions(values[glonass], since_s[glonass])
    positions[sbas] = sbas_positions(values[sbas], since_s[sbas])
    return positions
