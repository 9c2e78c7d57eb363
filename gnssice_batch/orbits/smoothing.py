"""Positions between nodes, by splines."""

from collections import defaultdict
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.interpolate import make_interp_spline

from gnssice_batch.orbits.node_table import Nodes

DEGREE: Final = 7
FEWEST_NODES: Final = DEGREE + 1


def smooth(nodes: Nodes, times_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Interpolate positions by splines of degree 7.

    Parameters
    ----------
    nodes
        Positions of S satellites, a few nodes wider than the times: splines are best away from their ends.
    times_ns
        (T,) GPS times in ns since 1980-01-06, rising.

    Returns
    -------
    ndarray
        (T, S, 3) m, Earth-fixed. NaN where it would be guessed: outside a satellite's nodes, in a gap between them
        (`Nodes.unbroken`), and in a run of fewer than 8 nodes without a gap.
    """
    positions = np.full((len(times_ns), len(nodes.satellites), 3), np.nan)
    for (first, last), runs in _runs(nodes).items():
        inside = slice(*np.searchsorted(times_ns, nodes.times_ns[[first, last]] + (0, 1)))
        for at, columns in runs.items():
            steps, known = np.frombuffer(at, np.int64), list(columns)
            since_s = (nodes.times_ns[steps] - nodes.times_ns[first]) * 1e-9
            spline = make_interp_spline(since_s, nodes.positions_m[np.ix_(steps, known)], k=DEGREE)
            positions[inside, known] = spline((times_ns[inside] - nodes.times_ns[first]) * 1e-9)
    return positions


def _runs(nodes: Nodes) -> dict[tuple[int, int], dict[bytes, list[int]]]:
    """Return, by first and last node, then by all nodes of a run without a gap, the satellites that have just that."""
    runs: dict[tuple[int, int], dict[bytes, list[int]]] = defaultdict(lambda: defaultdict(list))
    known = np.isfinite(nodes.positions_m).all(axis=2)
    for column in range(len(nodes.satellites)):
        at = np.flatnonzero(known[:, column])
        gaps = np.flatnonzero(~nodes.unbroken(at[:-1], at[1:], column)) + 1
        for run in np.split(at, gaps):
            if len(run) >= FEWEST_NODES:
                runs[int(run[0]), int(run[-1])][run.tobytes()].append(column)
    return runs
