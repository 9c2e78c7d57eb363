"""Angles and VOD of the real pair of Rosalia, against its receiver, another orbit, other programs."""

import gzip
import json
import re
from collections import defaultdict
from dataclasses import dataclass
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


def epochs(program):
    """Return what a program has made of the kept epochs: by GPS second and satellite angles and VOD."""
    return json.loads((GOLDEN / f"rosalia.{program}.json").read_text())["epochs"]


VISIBLE = set("CEGR")
"""Systems of the SP3 file that are seen from Rosalia; QZSS is not."""
KEPT_NS = np.array([*map(int, epochs("canvodpy"))]) * SECOND_NS


@pytest.fixture(scope="module")
def strengths(shared_data):
    """SNR of both receivers at the kept epochs, by satellite and name of the signal."""
    return [strength(shared_data, stem) for stem in (CANOPY, REFERENCE)]


def strength(shared_data, stem):
    """Return dB-Hz of a receiver under both names of a signal, its code and its band with letter."""
    found = defaultdict(lambda: np.full(len(KEPT_NS), np.nan, np.float32))
    for path in sorted((shared_data / stem).parent.glob(f"{Path(stem).name}*")):
        (part,) = read(path.read_bytes()).parts
        _, slots, kept = np.intersect1d(KEPT_NS, part.time_100ns * 100, return_indices=True)
        for slot, epoch in zip(slots, kept, strict=True):
            for row in range(*part.first_row[epoch : epoch + 2]):
                sv = part.svs[part.row_sv[row]]
                for column, value in zip(part.columns[sv[0]], part.value[row], strict=False):
                    if column.kind == "S" and value != MISSING:
                        for name in (column.code, f"{column.band}|{column.letter}"):
                            found[sv, name][slot] = value / (1000 * column.scale)
    return found


def depths(strengths, satellites, theta):
    """Return VOD at the kept epochs by satellite and name of the signal, of signals that both receivers have."""
    canopy, reference = strengths
    names = [name for name in canopy.keys() & reference.keys() if name[0] in satellites]
    return {name: vod(canopy[name], reference[name], theta[:, satellites.index(name[0])]) for name in names}


@dataclass(frozen=True)
class Compared:
    """Where in the day, and by how much VOD and the direction in degrees differ; cells that one alone has; systems."""

    time_ns: np.ndarray
    depth: np.ndarray
    direction: np.ndarray
    alone: set
    systems: set


def compared(strengths, orbit, program):
    theta, phi = angles(smooth(orbit, KEPT_NS), CANOPY_M)
    depth = depths(strengths, orbit.satellites, theta)
    rows, known = [], set()
    for slot, satellites in enumerate(epochs(program).values()):
        for sv, (zenith, azimuth, values) in satellites.items():
            seen = np.degrees([each[slot, orbit.satellites.index(sv)] for each in (theta, phi)])
            aside = ((seen[1] - azimuth + 180) % 360 - 180) * np.sin(np.radians(zenith))
            direction = np.hypot(seen[0] - zenith, aside)
            known |= {(slot, sv, name) for name in values}
            rows += [(KEPT_NS[slot], depth[sv, name][slot] - value, direction) for name, value in values.items()]
    named = {name: values for name, values in depth.items() if ("|" in name[1]) == (program == "canvodpy")}
    alone = known ^ {(slot, *name) for name, values in named.items() for slot in np.flatnonzero(np.isfinite(values))}
    times, apart, directions = map(np.array, zip(*rows, strict=True))
    return Compared(times, np.abs(apart), directions, alone, {sv[0] for _, sv, _ in known})


def test_vod_of_the_day_is_that_of_gnssvod(strengths, final):
    found = compared(strengths, final, "gnssvod")
    assert len(found.depth) > 6_500
    assert found.alone == set()
    assert found.systems == VISIBLE
    assert found.depth.max() < 1e-6
    assert found.direction.max() < 2e-5


def test_vod_of_the_day_is_that_of_canvodpy(strengths, final):
    """Near both ends of the day it has velocities from one side only, and with them angles that are less exact."""
    found = compared(strengths, final, "canvodpy")
    assert len(found.depth) > 6_500
    assert found.alone == set()
    assert found.systems == VISIBLE
    assert found.depth.max() < 1e-3
    assert found.direction.max() < 1e-2
    inside = np.minimum(found.time_ns - START_NS, START_NS + DAY_NS - found.time_ns) > 600 * SECOND_NS
    assert 6_500 < inside.sum() < len(inside)
    assert found.depth[inside].max() < 2e-5
    assert found.direction[inside].max() < 2e-4


def test_vod_with_broadcast_orbits_is_that_with_sp3(strengths, broadcast, final):
    orbits = of_broadcast(broadcast, final.satellites, KEPT_NS), smooth(final, KEPT_NS)
    one, other = (depths(strengths, final.satellites, angles(orbit, CANOPY_M)[0]) for orbit in orbits)
    apart = np.abs(np.array([one[name] - other[name] for name in other]))
    assert np.isfinite(apart).sum() > 0.95 * np.isfinite([*other.values()]).sum()
    assert np.nanmax(apart) < 1e-5
