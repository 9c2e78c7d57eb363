"""Splines between nodes: as exact as they are said to be, and never over a gap."""

from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.orbits import NODE_SPACING_NS, Nodes, joined, nodes, smooth
from gnssice_batch.simulate import sky_ephemerides

SECOND_NS = 10**9
DAY_NS = 86_400 * SECOND_NS
START_NS = 16_431 * DAY_NS
CENTIMETRE = 1e-2


def orbit(times_ns, phase=0.0):
    """Return (K, 3) m of an eccentric, inclined orbit in the turning frame: no polynomial."""
    hours = (times_ns - START_NS) / (3600 * SECOND_NS)
    mean = 2 * np.pi * hours / 11.967 + phase
    anomaly = mean.copy()
    for _ in range(20):
        anomaly = mean + 0.02 * np.sin(anomaly)
    along, across = 26_560e3 * (np.cos(anomaly) - 0.02), 26_555e3 * np.sin(anomaly)
    node = -2 * np.pi * hours / 23.934
    level = across * np.cos(0.96)
    x, y = along * np.cos(node) - level * np.sin(node), along * np.sin(node) + level * np.cos(node)
    return np.stack([x, y, across * np.sin(0.96)], axis=1)


def two(times_ns):
    positions = np.stack([orbit(times_ns), orbit(times_ns, 2.0)], axis=1)
    return Nodes(("G01", "G02"), times_ns, positions)


NODE_TIMES = START_NS + np.arange(-2, 291) * NODE_SPACING_NS


@pytest.mark.parametrize(("spacing_s", "limit_m"), [(300, 1e-3), (900, CENTIMETRE)])
def test_withheld_positions_are_met(spacing_s, limit_m):
    times = START_NS + np.arange(0, 86_401, spacing_s) * SECOND_NS
    known = two(times)
    between = np.arange(START_NS + 3600 * SECOND_NS, START_NS + DAY_NS - 3600 * SECOND_NS, 37 * SECOND_NS)
    found = smooth(Nodes(known.satellites, times, known.positions_m, spacing_s * SECOND_NS), between)
    assert np.linalg.norm(found - two(between).positions_m, axis=2).max() < limit_m


def test_nodes_are_met_and_nothing_is_extrapolated():
    known = two(NODE_TIMES)
    times = np.concatenate([[NODE_TIMES[0] - 1], NODE_TIMES, [NODE_TIMES[-1] + 1]])
    found = smooth(known, times)
    assert np.abs(found[1:-1] - known.positions_m).max() < 1e-6
    assert np.isnan(found[[0, -1]]).all()


def test_a_gap_is_not_bridged_and_harms_nobody_else():
    known = two(NODE_TIMES)
    known.positions_m[100, 0] = np.nan
    times = NODE_TIMES[99] + np.arange(601) * SECOND_NS
    found = smooth(known, times)
    assert np.isfinite(found[[0, -1], 0]).all()
    assert np.isnan(found[1:-1, 0]).all()
    assert np.linalg.norm(found[:, 1] - orbit(times, 2.0), axis=1).max() < 1e-3


@pytest.mark.parametrize(("count", "enough"), [(7, False), (8, True)])
def test_a_run_needs_eight_nodes(count, enough):
    known = two(NODE_TIMES)
    known.positions_m[count:, 0] = np.nan
    found = smooth(known, NODE_TIMES[:8])
    assert np.isfinite(found[:count, 0]).all() == enough
    assert np.isnan(found[count:, 0]).all()


def test_times_that_are_missing_in_all_are_a_gap_too():
    kept = np.delete(np.arange(len(NODE_TIMES)), 100)
    found = smooth(two(NODE_TIMES[kept]), NODE_TIMES[[99, 101]] + np.array([1, -1]))
    assert np.isnan(found).all()


def test_a_day_of_other_spacing_is_joined_without_a_gap():
    """Ultra-rapid every 15 minutes, then final every 5 minutes."""
    coarse, fine = NODE_TIMES[:151:3], NODE_TIMES[150:]
    parts = (two(coarse), two(fine))
    both = joined(
        [Nodes(part.satellites, part.times_ns, part.positions_m, part.times_ns[1] - part.times_ns[0]) for part in parts]
    )
    times = NODE_TIMES[150] + np.arange(-1500, 1501, 10) * SECOND_NS
    assert np.linalg.norm(smooth(both, times) - two(times).positions_m, axis=2).max() < CENTIMETRE


def spaced(times_ns):
    """Return nodes of both satellites as a file of this spacing has them."""
    return replace(two(times_ns), spacing_ns=int(np.diff(times_ns).min()))


def inside(found, first, last):
    """Say of both satellites whether anything is known between two nodes, neither of which counts."""
    times = NODE_TIMES[first] + np.arange(1, (last - first) * 300) * SECOND_NS
    return np.isfinite(smooth(found, times)).all(axis=2).any(axis=0).tolist()


@pytest.mark.parametrize("nested", [False, True])
def test_a_gap_of_a_fine_file_is_not_bridged_by_the_spacing_of_another(nested):
    """Final every 5 minutes with a gap of 15, then ultra-rapid every 15 minutes."""
    fine = np.delete(NODE_TIMES[:151], [100, 101])
    parts = [spaced(fine), spaced(NODE_TIMES[150::3])]
    both = joined([joined(parts[:1]), joined(parts[1:])] if nested else parts)
    assert inside(both, 99, 102) == [False, False]
    assert inside(both, 98, 99) == inside(both, 150, 153) == [True, True]
    wanted = both.of(["G02", "G09", "G01"]).between(int(NODE_TIMES[80]), int(NODE_TIMES[120]))
    assert inside(wanted, 99, 102) == [False, False, False]
    assert inside(wanted, 102, 103) == [True, False, True]


def test_a_gap_of_a_fine_file_is_filled_by_a_coarse_one_that_has_none():
    """The ultra-rapid product knows both satellites, but for the second one in that span."""
    fine, coarse = spaced(np.delete(NODE_TIMES, [100, 101])), spaced(NODE_TIMES[::3])
    coarse.positions_m[34, 1] = np.nan
    both = joined([coarse, fine])
    assert inside(both, 99, 102) == [True, False]
    assert inside(joined([spaced(NODE_TIMES[::3])]), 99, 102) == [True, True]


@pytest.mark.parametrize(("begins", "seam"), [(102, True), (103, False)])
def test_files_that_follow_each_other_are_joined_by_the_wider_spacing(begins, seam):
    both = joined([spaced(NODE_TIMES[begins:]), spaced(NODE_TIMES[:100:3])])
    assert inside(both, 99, begins) == [seam, seam]
    missing = spaced(NODE_TIMES[begins:])
    missing.positions_m[0, 1] = np.nan
    assert inside(joined([missing, spaced(NODE_TIMES[:100:3])]), 99, begins) == [seam, False]


def test_no_satellite_and_no_time_are_allowed():
    assert smooth(nodes(sky_ephemerides("G", START_NS, START_NS), [], NODE_TIMES), NODE_TIMES).shape == (293, 0, 3)
    assert smooth(two(NODE_TIMES), NODE_TIMES[:0]).shape == (0, 2, 3)
