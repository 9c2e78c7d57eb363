import gzip
import re
from datetime import date

import hatanaka
import numpy as np
import pytest

from gnssice_batch.errors import ConfigError
from gnssice_batch.simulate import MISSING, SimulatedReceiver, SimulationPlan, network, simulate, truth
from gnssice_batch.simulate.observables import CODES, carrier_hz
from gnssice_batch.simulate.sky import constellation, seen
from tests.support.marks import most_heavy

LIGHT_M_S = 299_792_458.0
ONE_PAIR = network(2)
CANOPY, OPEN_SKY = ONE_PAIR
TWO_HOURS = 1 / 12


def text_of(path):
    return hatanaka.decompress(path.read_bytes()).decode("ascii")


def body_of(path):
    return text_of(path).split("END OF HEADER\n")[1]


def scaled(field, digits):
    """Read a fixed-point field as an integer, by text alone."""
    field = field.strip()
    sign = -1 if field.startswith("-") else 1
    whole, decimals = field.lstrip("-").split(".")
    assert len(decimals) == digits
    return sign * int((whole or "0") + decimals)


def cells_of(body):
    """Return {(time in 100 ns, sv, signal, observable): (value, lli, ssi)} and {time: clock offset in ps}."""
    cells, clocks = {}, {}
    for line in body.splitlines():
        if line.startswith(">"):
            year, month, day, hour, minute = (int(part) for part in line[2:18].split())
            days = (date(year, month, day) - date(1980, 1, 6)).days
            time = ((days * 24 + hour) * 60 + minute) * 60 * 10**7 + scaled(line[18:29], 7)
            assert line[31] == "0"
            clocks[time] = scaled(line[41:56], 12)
            expected = int(line[32:35])
            seen_here = 0
            continue
        seen_here += 1
        assert seen_here <= expected
        record = line.ljust(3 + 16 * 16)
        for number in range(16):
            field = record[3 + 16 * number : 19 + 16 * number]
            if field.strip():
                flags = tuple(-1 if flag == " " else int(flag) for flag in field[14:])
                cells[time, record[:3], number // 4, number % 4] = (scaled(field[:14], 3), *flags)
    return cells, clocks


def cells_of_truth(observations):
    values, lli, ssi = observations.measured
    cells = {}
    for e, s, k, o in np.argwhere(values != MISSING).tolist():
        flags = {0: (-1, int(ssi[e, s, k])), 1: (int(lli[e, s, k]), int(ssi[e, s, k]))}.get(o, (-1, -1))
        cells[int(observations.time_ns[e]) // 100, observations.svs[s], k, o] = (int(values[e, s, k, o]), *flags)
    clocks = dict(zip((observations.time_ns // 100).tolist(), observations.clock_ps.tolist(), strict=True))
    return cells, clocks


@pytest.mark.parametrize("packing", most_heavy(["crx.gz", "rnx"]))
def test_the_files_hold_the_truth(tmp_path, packing):
    tokyo = SimulatedReceiver("canopy_jp", "TKYO", 35.7, 139.8, canopy=True)
    plan = SimulationPlan((tokyo,), days=TWO_HOURS, systems="GRECJS", packing=packing, gap_fraction=0.3)
    files = simulate(tmp_path, plan)
    cells, clocks = cells_of("".join(body_of(path) for path in files))
    true_cells, true_clocks = cells_of_truth(truth(plan, tokyo, plan.start_ns, plan.end_ns))
    assert cells == true_cells
    assert clocks == true_clocks
    assert len(cells) > 50_000
    assert {sv[0] for _, sv, _, _ in cells} == set("GRECJS")


@pytest.mark.parametrize(("period_s", "packing"), most_heavy([(900, "crx.gz"), (3600, "rnx.gz"), (86400, "crx")]))
def test_content_does_not_depend_on_the_cutting(tmp_path, period_s, packing):
    whole = SimulationPlan((OPEN_SKY,), days=TWO_HOURS, interval_s=5, period_s=7200, packing="rnx", seed=3)
    cut = SimulationPlan((OPEN_SKY,), days=TWO_HOURS, interval_s=5, period_s=period_s, packing=packing, seed=3)
    (one,) = simulate(tmp_path / "whole", whole)
    many = simulate(tmp_path / "cut", cut)
    assert cells_of("".join(body_of(path) for path in many)) == cells_of(body_of(one))


def test_the_same_plan_writes_the_same_bytes_and_another_seed_others(tmp_path):
    def contents(name, seed):
        plan = SimulationPlan(ONE_PAIR, days=TWO_HOURS, seed=seed)
        return {path.relative_to(tmp_path / name): path.read_bytes() for path in simulate(tmp_path / name, plan)}

    first, second, other = contents("a", 1), contents("b", 1), contents("c", 2)
    assert first == second
    assert not set(first.values()) & set(other.values())


@pytest.fixture(scope="module")
def one_hertz():
    plan = SimulationPlan((OPEN_SKY,), days=TWO_HOURS, interval_s=1, gap_fraction=0.1, outage_fraction=0)
    return truth(plan, OPEN_SKY, plan.start_ns, plan.end_ns)


def signals_of(observations):
    """Yield wavelength in m, (E,) mask, (E, 4) values and (E,) LLI of each signal."""
    values, lli, _ = observations.measured
    for s, sv in enumerate(observations.svs):
        for k, code in enumerate(CODES[sv[0]]):
            measured = values[:, s, k, 0] != MISSING
            if measured.sum() > 100:
                yield LIGHT_M_S / carrier_hz(sv, code), measured, values[:, s, k] / 1000, lli[:, s, k]


def test_phase_follows_doppler_where_lock_holds(one_hertz):
    checked = 0
    step_s = np.diff(one_hertz.time_ns) / 1e9
    for _, measured, values, lli in signals_of(one_hertz):
        held = measured[1:] & measured[:-1] & (step_s == 1) & (lli[1:] == 0)
        change = np.diff(values[:, 1]) + (values[1:, 2] + values[:-1, 2]) / 2
        assert np.abs(change[held]).max() < 1
        checked += held.sum()
    assert checked > 500_000


def test_phase_jumps_by_whole_cycles_and_says_so(one_hertz):
    slips = 0
    step_s = np.diff(one_hertz.time_ns) / 1e9
    for _, measured, values, lli in signals_of(one_hertz):
        slipped = measured[1:] & measured[:-1] & (step_s == 1) & (lli[1:] == 1)
        change = (np.diff(values[:, 1]) + (values[1:, 2] + values[:-1, 2]) / 2)[slipped]
        assert np.abs(change - np.rint(change)).max(initial=0) < 0.5
        slips += (np.abs(change) > 2).sum()
    assert slips > 10


def test_lock_is_lost_over_every_gap(one_hertz):
    after_gap = np.flatnonzero(np.diff(one_hertz.time_ns) > 1_000_000_000) + 1
    assert len(after_gap)
    lli = one_hertz.measured.lli[after_gap]
    assert (lli[lli >= 0] == 1).all()


def test_phase_is_consistent_with_code(one_hertz):
    for wave_m, measured, values, lli in signals_of(one_hertz):
        arcs = np.cumsum(lli == 1)[measured]
        apart_m = (values[:, 1] * wave_m - values[:, 0])[measured]
        for arc in np.unique(arcs):
            within = apart_m[arcs == arc]
            assert np.abs(np.diff(within)).max(initial=0) < 2
            assert np.ptp(within) < 25


def test_ranges_and_strengths_are_plausible(one_hertz):
    for _, measured, values, _ in signals_of(one_hertz):
        range_m, doppler, strength = values[measured][:, [0, 2, 3]].T
        assert range_m.min() > 1.9e7
        assert range_m.max() < 2.9e7
        assert np.abs(doppler).max() < 6000
        assert strength.min() >= 18
        assert strength.max() < 56
    per_epoch = (one_hertz.measured.lli >= 0).any(axis=2).sum(axis=1)
    assert per_epoch.min() >= 20
    assert per_epoch.max() <= 50


def test_satellites_rise_and_set():
    plan = SimulationPlan((OPEN_SKY,))
    time_ns = np.arange(plan.start_ns, plan.end_ns, 300 * 10**9)
    satellites = constellation("GRECJS")
    up = seen(OPEN_SKY, satellites, time_ns).sin_elevation > 0.0872
    moving = np.array([sv[0] in "GREC" for sv in satellites.svs])
    assert (up.any(axis=0) & ~up.all(axis=0))[moving].all()
    geostationary = [satellites.svs.index(sv) for sv in ("S23", "S36")]
    assert up[:, geostationary].all()


def test_motion_is_the_derivative_of_position():
    plan = SimulationPlan((OPEN_SKY,))
    time_ns = plan.start_ns + np.arange(0, 3 * 10**9, 10**9)
    sky = seen(OPEN_SKY, constellation("GRECJS"), time_ns)
    assert np.abs((sky.range_m[2] - sky.range_m[0]) / 2 - sky.rate_m_s[1]).max() < 1e-3


def test_trees_attenuate():
    plan = SimulationPlan(ONE_PAIR, days=TWO_HOURS, outage_fraction=0)
    strengths, counts = {}, {}
    for receiver in ONE_PAIR:
        values = truth(plan, receiver, plan.start_ns, plan.end_ns).measured.values[..., 3]
        strengths[receiver.canopy] = values[values != MISSING].mean() / 1000
        counts[receiver.canopy] = (values != MISSING).sum()
    assert 3 < strengths[False] - strengths[True] < 15
    assert counts[True] < counts[False]


def test_gaps_and_missing_files(tmp_path):
    plan = SimulationPlan((OPEN_SKY,), days=1, interval_s=60, gap_fraction=0.2, outage_fraction=0.3, packing="rnx")
    files = simulate(tmp_path, plan)
    epochs = [body_of(path).count(">") for path in files]
    assert 40 < len(files) < 90
    assert min(epochs) >= 1
    assert 0 < sum(count < 15 for count in epochs) < len(files)
    none = SimulationPlan((OPEN_SKY,), outage_fraction=1)
    assert simulate(tmp_path / "none", none) == []


@pytest.mark.parametrize(
    ("period_s", "interval_s", "middle"),
    [(900, 30, "15M_30S"), (3600, 1, "01H_01S"), (86400, 60, "01D_01M"), (60, 0.1, "01M_10Z")],
)
def test_names(tmp_path, period_s, interval_s, middle):
    plan = SimulationPlan(
        (CANOPY,), date(2024, 12, 31), period_s / 86400, interval_s, period_s, gap_fraction=0, outage_fraction=0
    )
    (path,) = simulate(tmp_path, plan)
    assert path.relative_to(tmp_path).as_posix() == f"canopy_01/24366/C00100SIM_R_20243660000_{middle}_MO.crx.gz"
    assert gzip.decompress(path.read_bytes()).startswith(b"3.0 ")
    header = text_of(path).split("END OF HEADER")[0]
    assert re.search(rf"^ *{interval_s:.3f} +INTERVAL$", header, re.MULTILINE)
    assert "  2024    12    31    00    00    0.0000000     GPS         TIME OF FIRST OBS" in header
    assert max(map(len, header.splitlines())) <= 80


def test_progress_is_told(tmp_path):
    told = []
    plan = SimulationPlan(ONE_PAIR, days=TWO_HOURS, interval_s=300, period_s=3600, outage_fraction=0)
    assert sorted(simulate(tmp_path, plan, told.append)) == sorted(told)
    assert len(told) == 4


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"systems": "GX"}, "systems should be"),
        ({"systems": ""}, "systems should be"),
        ({"interval_s": 0}, "interval_s should be"),
        ({"interval_s": 7}, "whole intervals"),
        ({"period_s": 100}, "whole intervals"),
        ({"packing": "zip"}, "packing should be"),
        ({"period_s": 90}, "period_s should be"),
        ({"interval_s": 0.3, "period_s": 900}, "name"),
    ],
)
def test_impossible_plans_are_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        SimulationPlan(**settings)


def test_networks_have_distinct_receivers():
    receivers = network(200)
    assert len({receiver.name for receiver in receivers}) == len({receiver.station for receiver in receivers}) == 200
    assert sum(receiver.canopy for receiver in receivers) == 100
