"""Angles and VOD of the real pair of Rosalia, against its receiver, another orbit, other programs."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

from gnssice_batch.orbits import NODE_SPACING_NS, angles, merged, nodes, read_nav, read_sp3, smooth
from gnssice_batch.rinex import read
from gnssice_batch.rinex.observations.values import MISSING
from gnssice_batch.vod import vod

pytestmark = pytest.mark.corpus

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
CANOPY = "rinex/nfb2021__canvodpy-demo/ract_15min_5s/ract001"
REFERENCE = "rosalia/rref_15min_5s/rref001"
CANOPY_M = (4127445.8715, 1206915.1282, 4695541.0781)
SECOND_NS = 10**9
DAY_NS = 86_400 * SECOND_NS
START_NS = 16_432 * DAY_NS
"""2025-01-01."""
TEN_NS = START_NS + 10 * 3600 * SECOND_NS
HOUR_NS = TEN_NS + np.arange(0, 3600, 5) * SECOND_NS
QUARTERS = ("00", "15", "30", "45")
GPS_MINUS_UTC_S = 18


@pytest.fixture(scope="module")
def broadcast(shared_data):
    folders = [shared_data / "rosalia" / name for name in ("ract_nav", "rref_nav")]
    return merged(read_nav(path.read_bytes()) for folder in folders for path in sorted(folder.iterdir()))


@pytest.fixture(scope="module")
def final(shared_data):
    (path,) = (shared_data / "rinex" / "nfb2021__canvodpy-demo" / "sp3").iterdir()
    return read_sp3(path.read_bytes())


def of_broadcast(ephemerides, satellites, times_ns):
    first, last = times_ns[0] - 10 * NODE_SPACING_NS, times_ns[-1] + 11 * NODE_SPACING_NS
    return smooth(nodes(ephemerides, satellites, np.arange(first, last, NODE_SPACING_NS)), times_ns)


def directions(positions):
    way = positions - np.array(CANOPY_M)
    return way / np.linalg.norm(way, axis=-1, keepdims=True)


def test_broadcast_orbits_are_those_of_sp3(broadcast, final):
    times = START_NS + np.arange(0, 86_400, 60) * SECOND_NS
    ours = of_broadcast(broadcast, final.satellites, times)
    theirs = smooth(final, times)
    theta, _ = angles(theirs, CANOPY_M)
    apart = np.degrees(np.linalg.norm(directions(ours) - directions(theirs), axis=2))
    visible = np.isfinite(apart) & (theta < np.pi / 2)
    assert visible.sum() > 50_000
    assert np.isfinite(apart[theta < np.pi / 2]).mean() > 0.95
    assert apart[visible].max() < 1e-4


def messages(shared_data):
    """Yield satellite, GPS time in ns, elevation and azimuth in degrees, as the receiver says them."""
    sentence = re.compile(rb"\$(GP|GL|GA|GB)(ZDA|GSV),([^*\r\n]*)\*")
    for path in sorted((shared_data / "rosalia" / "ract_nmea").iterdir()):
        time_ns = 0
        for talker, kind, text in sentence.findall(gzip.decompress(path.read_bytes())):
            fields = text.split(b",")
            if kind == b"ZDA":
                hour, minute, second = int(fields[0][:2]), int(fields[0][2:4]), int(fields[0][4:6])
                time_ns = START_NS + ((hour * 60 + minute) * 60 + second + GPS_MINUS_UTC_S) * SECOND_NS
                continue
            for at in range(3, len(fields) - 3, 4):
                if all(fields[at : at + 3]):
                    yield name(talker, int(fields[at])), time_ns, int(fields[at + 1]), int(fields[at + 2])


def name(talker, number):
    if talker == b"GL":
        return f"R{number - 64:02d}"
    if talker == b"GP" and number > 32:
        return f"S{number - 13:02d}"
    return f"{ {'GP': 'G', 'GA': 'E', 'GB': 'C'}[talker.decode()] }{number:02d}"


def test_elevations_are_those_that_the_receiver_says(shared_data, broadcast):
    """Its own are whole degrees; of them one in a hundred may be a position that it computed a little earlier."""
    said = [each for each in messages(shared_data) if each[0][0] in "GREC" and each[2] >= 5]
    satellites = sorted({sv for sv, *_ in said})
    times = np.unique([time for _, time, *_ in said])
    theta, phi = angles(of_broadcast(broadcast, satellites, times), CANOPY_M)
    row = np.searchsorted(times, [time for _, time, *_ in said])
    column = [satellites.index(sv) for sv, *_ in said]
    lower = 90 - np.degrees(theta[row, column]) - [elevation for *_, elevation, _ in said]
    known = np.isfinite(lower)
    assert known.sum() > 5_000
    assert abs(np.median(lower[known])) < 0.05
    assert np.quantile(np.abs(lower[known]), 0.99) < 0.55
    beside = (np.degrees(phi[row, column]) - [azimuth for *_, azimuth in said] + 180) % 360 - 180
    assert np.quantile(np.abs(beside[known] * np.sin(theta[row, column][known])), 0.99) < 0.55


@pytest.fixture(scope="module")
def strengths(shared_data):
    """S1C of both receivers on the hour's epochs, by satellite."""
    return [strength(shared_data, stem) for stem in (CANOPY, REFERENCE)]


def strength(shared_data, stem):
    found = {}
    for quarter in QUARTERS:
        (part,) = read((shared_data / f"{stem}k{quarter}.25d.gz").read_bytes()).parts
        epoch = np.repeat(np.arange(len(part.time_100ns)), np.diff(part.first_row))
        slot = np.searchsorted(HOUR_NS, part.time_100ns * 100)[epoch]
        for number, sv in enumerate(part.svs):
            if sv[0] not in "GE":
                continue
            place = [column.code for column in part.columns[sv[0]]].index("S1C")
            rows = np.flatnonzero((part.row_sv == number) & (part.value[:, place] != MISSING))
            values = found.setdefault(sv, np.full(len(HOUR_NS), np.nan, np.float32))
            values[slot[rows]] = part.value[rows, place] / 1000
    return found


def golden(program):
    """Return satellites, slots of the hour, VOD, zenith angles and azimuths in degrees."""
    rows = json.loads((GOLDEN / f"rosalia.{program}.json").read_text())["values"]
    slots = [int(np.searchsorted(HOUR_NS, row[1] * SECOND_NS)) for row in rows]
    return [row[0] for row in rows], slots, *(np.array([row[at] for row in rows]) for at in (2, 3, 4))


def compared(strengths, orbit, program):
    """Return what of VOD, zenith angle and azimuth differs from another program's values, degrees at the sky."""
    svs, slots, depth, zenith, azimuth = golden(program)
    satellites = sorted(set(svs))
    theta, phi = angles(smooth(orbit.of(satellites), HOUR_NS), CANOPY_M)
    canopy, reference = (np.stack([receiver[sv] for sv in satellites], axis=1) for receiver in strengths)
    ours = vod(canopy, reference, theta)
    cell = (slots, [satellites.index(sv) for sv in svs])
    around = (np.degrees(phi[cell]) - azimuth + 180) % 360 - 180
    return np.abs(ours[cell] - depth), np.abs(np.degrees(theta[cell]) - zenith), np.abs(around * np.sin(theta[cell]))


@pytest.mark.parametrize(("program", "limit", "limit_deg"), [("gnssvod", 1e-6, 1e-5), ("canvodpy", 1e-5, 1e-4)])
def test_vod_is_that_of_other_programs(strengths, final, program, limit, limit_deg):
    depth, zenith, azimuth = compared(strengths, final, program)
    assert len(depth) > 100
    assert depth.max() < limit
    assert zenith.max() < limit_deg
    assert azimuth.max() < limit_deg


def test_vod_with_broadcast_orbits_is_that_with_sp3(strengths, broadcast, final):
    satellites = sorted({*strengths[0]} & {*strengths[1]})
    canopy, reference = (np.stack([receiver[sv] for sv in satellites], axis=1) for receiver in strengths)
    orbits = of_broadcast(broadcast, satellites, HOUR_NS), smooth(final.of(satellites), HOUR_NS)
    one, other = (vod(canopy, reference, angles(orbit, CANOPY_M)[0]) for orbit in orbits)
    both = np.isfinite(one) & np.isfinite(other)
    assert both.sum() > 5_000
    assert np.abs(one[both] - other[both]).max() < 1e-5
