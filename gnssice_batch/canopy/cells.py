"""Vegetation optical depth of one unit, as dense arrays: pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.model.vod_values import Position
from gnssice_batch.orbits import Nodes, angles, smooth
from gnssice_batch.vod import vod as optical_depth

type Floats = npt.NDArray[np.float32]

_SATELLITES_AT_ONCE: Final = 8
"""Positions of these are in memory at a time, in double precision."""


@dataclass(frozen=True, slots=True)
class VodCells:
    """A unit of N epochs and S signals, signal by signal in memory."""

    vod: Floats
    """(N, S), NaN where it is missing."""
    theta: Floats
    """(N, S) rad from the zenith, NaN where the canopy has no SNR, below the horizon, and without any pair at all."""
    phi: Floats
    """(N, S) rad from north over east, likewise."""
    pairs: int
    """Cells in which both receivers have SNR."""
    without_orbits: Counter[str]
    """By satellite system how many satellites with such cells have no orbit at all."""
    with_orbits: int
    """How many satellites with such cells have one."""
    known: Mapping[str, npt.NDArray[np.bool_]]
    """By satellite that the canopy receiver sees (N,) when it is known where it is."""

    @property
    def no_orbits(self) -> bool:
        """Whether nothing is known of where any of them is."""
        return bool(self.pairs) and not self.with_orbits

    @property
    def held(self) -> npt.NDArray[np.bool_]:
        """(N,) whether an epoch holds anything."""
        held: npt.NDArray[np.bool_] = ~np.isnan(self.theta).all(axis=1)
        return held


def vod_cells(
    canopy: Floats,
    reference: Floats,
    satellites: Sequence[str],
    nodes: Nodes,
    times_ns: npt.NDArray[np.int64],
    position_m: Position,
) -> VodCells:
    """Compute vegetation optical depth.

    Parameters
    ----------
    canopy, reference
        (N, S) SNR of the receivers, dB-Hz, NaN where it is missing.
    satellites
        The S satellites of the signals.
    nodes
        Positions of the satellites.
    times_ns
        (N,) epochs, GPS time in ns since 1980-01-06.
    position_m
        ECEF position that the satellites are seen from.

    Notes
    -----
    Nothing is clipped, and no elevation is cut off but the horizon.
    """
    arrays = [np.full(canopy.shape[::-1], np.nan, np.float32).T for _ in range(3)]
    vod, theta, phi = arrays
    there, lost, pairs, found = ~np.isnan(canopy), Counter[str](), 0, 0
    columns: dict[str, list[int]] = {}
    when: dict[str, npt.NDArray[np.bool_]] = {}
    for column in np.flatnonzero(there.any(axis=0)).tolist():
        columns.setdefault(satellites[column], []).append(column)
    for some in batched(columns, _SATELLITES_AT_ONCE):
        zenith, azimuth = angles(smooth(nodes.of(some), times_ns), position_m)
        for place, sv in enumerate(some):
            seen, around = zenith[:, place], azimuth[:, place]
            known, above = np.isfinite(seen), seen <= np.pi / 2
            when[sv] = known
            both = 0
            for column in columns[sv]:
                kept = there[:, column] & above
                theta[kept, column], phi[kept, column] = seen[kept], around[kept]
                both += int((there[:, column] & ~np.isnan(reference[:, column])).sum())
                vod[kept, column] = optical_depth(canopy[kept, column], reference[kept, column], seen[kept])
            pairs += both
            found += bool(both) and bool(known.any())
            lost[sv[:1]] += bool(both) and not known.any()
    if not pairs:
        theta[:], phi[:] = np.nan, np.nan
    return VodCells(vod, theta, phi, pairs, +lost, found, when)
