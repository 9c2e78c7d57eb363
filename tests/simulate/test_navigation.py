"""The navigation file of the simulated sky, and a canopy whose optical depth is known."""

import gzip
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gnssice_batch.errors import ConfigError
from gnssice_batch.orbits import NODE_SPACING_NS, angles, nodes, read_nav, smooth
from gnssice_batch.rinex.names import claims_observations, parse_name
from gnssice_batch.simulate import MISSING, SimulationPlan, network, simulate, truth, write_navigation
from gnssice_batch.simulate.sky import constellation, position_m, seen
from gnssice_batch.vod import vod
from tests.support import rtklib

SECOND_NS = 10**9
SYSTEMS = "GRECJS"
HALF_STEP_DB = 0.125
"""Strengths are rounded to 0.25 dB-Hz."""


def positions(content, satellites, times_ns):
    found = read_nav(content)
    first, last = times_ns[0] - 10 * NODE_SPACING_NS, times_ns[-1] + 11 * NODE_SPACING_NS
    return smooth(nodes(found, satellites, np.arange(first, last, NODE_SPACING_NS)), times_ns)


@pytest.mark.parametrize("start", [date(2016, 12, 31), date(2019, 4, 6), date(2025, 1, 1)])
def test_the_file_gives_the_directions_that_the_observations_were_made_with(tmp_path, start):
    """To 2e-5 degrees, over a leap second and a week's end too: of GLONASS only the model's few metres remain."""
    plan = SimulationPlan(start=start, days=2 if start.year < 2025 else 0.25, systems=SYSTEMS)
    paths = write_navigation(tmp_path, plan)
    assert len(paths) == np.ceil(plan.days)
    times = np.arange(plan.end_ns - 6 * 3600 * SECOND_NS, plan.end_ns, 60 * SECOND_NS)
    sky, receiver = constellation(SYSTEMS), plan.receivers[0]
    theta, phi = angles(positions(paths[-1].read_bytes(), sky.svs, times), position_m(receiver))
    true = seen(receiver, sky, times)
    np.testing.assert_allclose(np.degrees(np.pi / 2 - theta), np.degrees(np.arcsin(true.sin_elevation)), atol=2e-5)
    around = np.angle(np.exp(1j * (phi - true.azimuth)))
    assert np.degrees(np.abs(around * np.sin(theta))).max() < 2e-5


def test_rtklib_finds_the_satellites_where_they_are(tmp_path):
    pytest.importorskip("pyrtklib", reason="RTKLIB has no wheel for this machine")
    plan = SimulationPlan(days=0.1, systems=SYSTEMS)
    (path,) = write_navigation(tmp_path, plan)
    (tmp_path / "plain.rnx").write_bytes(gzip.decompress(path.read_bytes()))
    time_ns = plan.start_ns + 4000 * SECOND_NS
    issues = sorted(rtklib.issues(rtklib.read(tmp_path / "plain.rnx")), key=lambda issue: -abs(issue[1] - time_ns))
    theirs = {sv: at(time_ns) for sv, _, at in issues}
    ours = nodes(read_nav(path.read_bytes()), list(theirs), np.array([time_ns])).positions_m[0]
    assert len(theirs) == len(constellation(SYSTEMS).svs)
    assert np.abs(ours - np.array(list(theirs.values()))).max() < 1e-3


def test_the_same_plan_writes_the_same_bytes_under_a_name_that_claims_no_observations(tmp_path):
    plan = SimulationPlan(days=1.5)
    first, again = (write_navigation(tmp_path / name, plan) for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert [parse_name(path.name).kind for path in first] == ["navigation"] * 2
    assert [claims_observations(path.name) for path in first] == [False] * 2
    assert [path.relative_to(tmp_path / "one").parts[0] for path in first] == ["navigation"] * 2


def test_a_file_that_cant_be_written_is_told_in_a_sentence(tmp_path):
    (tmp_path / "navigation").write_text("")
    with pytest.raises(ConfigError, match="can't be written"):
        write_navigation(tmp_path, SimulationPlan(days=0.1))


def strengths(plan, receiver):
    """Return S1C in dB-Hz of the GPS satellites, (E, S), NaN where missing."""
    found = truth(plan, receiver, plan.start_ns, plan.end_ns)
    table = np.full((len(np.arange(plan.start_ns, plan.end_ns, plan.interval_ns)), 32), np.nan, np.float32)
    values = found.measured.values[:, :, 0, 3]
    rows = (found.time_ns - plan.start_ns) // plan.interval_ns
    columns = [int(sv[1:]) - 1 for sv in found.svs]
    table[np.ix_(rows, columns)] = np.where(values == MISSING, np.nan, values / 1000)
    return table


@pytest.mark.parametrize("depth", [0.0, 0.4, 0.9])
def test_a_known_optical_depth_comes_back_within_the_rounding_of_strengths(tmp_path, depth):
    pair = network(2, depth)
    plan = SimulationPlan(pair, days=0.25, interval_s=60, systems="G", gap_fraction=0, outage_fraction=0)
    plan = replace(plan, strength_noise_db=0.0)
    (path,) = write_navigation(tmp_path, plan)
    times = np.arange(plan.start_ns, plan.end_ns, plan.interval_ns)
    theta, _ = angles(positions(path.read_bytes(), constellation("G").svs, times), position_m(pair[0]))
    found = vod(*(strengths(plan, receiver) for receiver in pair), theta)
    known = np.isfinite(found)
    assert known.sum() > 2_000
    rounding = 2 * HALF_STEP_DB * np.log(10) / 10 * np.cos(theta)
    assert (np.abs(found - depth)[known] <= rounding[known] + 1e-3).all()
    assert abs(found[known].mean() - depth) < 2e-3


def test_noise_and_uneven_trees_are_as_before_by_default():
    plan = SimulationPlan(days=1 / 24, systems="G")
    assert plan.strength_noise_db == 0.4
    assert [receiver.optical_depth for receiver in plan.receivers] == [None, None]
    canopy, reference = (strengths(plan, receiver) for receiver in plan.receivers)
    assert np.nanstd(np.diff(reference, axis=0)) > 0.3
    assert np.nanmean(reference - canopy) > 2


def test_simulate_writes_observations_only(tmp_path):
    files = simulate(tmp_path, SimulationPlan(days=1 / 48, interval_s=300))
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(files)
