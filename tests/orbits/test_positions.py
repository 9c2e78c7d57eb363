"""Positions from broadcast ephemerides, held to RTKLIB's."""

import json
from pathlib import Path

import numpy as np
import pytest

from gnssice_batch.orbits import LIMITS_NS, merged, nodes, read_nav
from tests.support import rtklib

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
MILLIMETRE = 1e-3
SECOND_NS = 10**9
WEEK_S = 604_800
REAL = (
    "rinex/nav-solutions__rinex/nav/AMEL00NLD_R_20210010000_01D_MN.rnx.gz",
    "rinex/tomojitakasu__RTKLIB/nav/07590920.05n",
    "rinex/tomojitakasu__RTKLIB/nav/brdc0910.09g",
    "rinex/geospace-code__georinex/nav/VILL00ESP_R_20181700000_01D_MN.rnx.gz",
    "rosalia/ract_nav/ract001m00.25p.gz",
)
RINEX_4 = "rinex/nav-solutions__data/nav/BRD400DLR_S_20230710000_01D_MN.rnx.gz"


def ns(moment):
    return int((np.datetime64(moment, "ns") - np.datetime64("1980-01-06", "ns")).astype(np.int64))


@pytest.fixture(scope="module")
def made_up():
    return read_nav((GOLDEN / "made_up_orbits.rnx").read_bytes())


def positions(ephemerides, sv, times_ns):
    return nodes(ephemerides, [sv], np.array(times_ns, np.int64)).positions_m[:, 0]


@pytest.fixture(scope="module")
def expected():
    rows = json.loads((GOLDEN / "made_up_orbits.rtklib.json").read_text())["positions"]
    return {sv: [row[1:] for row in rows if row[0] == sv] for sv in {row[0] for row in rows}}


@pytest.mark.parametrize(
    "sv", ["G01", "G32", "E02", "E14", "C03", "C60", "C08", "C30", "J02", "I06", "R07", "R20", "S36"]
)
def test_positions_are_those_of_rtklib(made_up, expected, sv):
    times, places = [row[0] for row in expected[sv]], np.array([row[1:] for row in expected[sv]])
    assert len(times) >= 6
    assert np.abs(positions(made_up, sv, times) - places).max() < MILLIMETRE


def test_the_nearest_ephemeris_counts_and_the_later_of_two_equally_near(made_up):
    """The made-up ephemerides are far from each other, so that each side of a change is another place."""
    one, other = made_up.reference_ns[made_up.sv == "E02"][:2]
    change = (one + other) // 2
    before, at, after = positions(made_up, "E02", [change - 1, change, change + 1])
    assert np.linalg.norm(at - before) > 1e6
    assert np.linalg.norm(after - at) < MILLIMETRE


def test_references_follow_one_another_over_a_week_rollover(made_up):
    references = made_up.reference_ns[made_up.sv == "G01"]
    assert references.tolist() == [ns(f"2019-04-0{day}T{hour}") for day, hour in ((6, "22"), (7, "00"), (7, "02"))]
    assert made_up.values[made_up.sv == "G01"][:, 0].tolist() == [WEEK_S - 7200, 0, 7200]


def test_glonass_references_count_the_leap_seconds_of_their_day(made_up):
    references = made_up.reference_ns[made_up.sv == "R07"]
    utc = ("2016-12-31T23:15", "2016-12-31T23:45", "2017-01-01T00:15", "2017-01-01T00:45")
    leaps = (17, 17, 18, 18)
    assert references.tolist() == [ns(moment) + leap * SECOND_NS for moment, leap in zip(utc, leaps, strict=True)]


def test_beidou_references_are_14_s_behind_gps_time(made_up):
    assert made_up.reference_ns[made_up.sv == "C08"][0] == ns("2025-01-01T00:00:14")


@pytest.mark.parametrize(("sv", "limit_s"), [("G32", 7200), ("E02", 14_400), ("R20", 1800), ("S36", 600)])
def test_an_ephemeris_is_used_up_to_its_limit(made_up, sv, limit_s):
    assert LIMITS_NS[sv[0]] == limit_s * SECOND_NS
    references = made_up.reference_ns[made_up.sv == sv]
    ends = [references[0] - limit_s * SECOND_NS, references[-1] + limit_s * SECOND_NS]
    assert np.isfinite(positions(made_up, sv, ends)).all()
    assert np.isnan(positions(made_up, sv, [ends[0] - 1, ends[1] + 1])).all()


def test_satellites_without_ephemerides_have_no_position(made_up):
    times = np.array([ns("2025-01-01T00:00")])
    found = nodes(made_up, ["X01", "G09", "E02"], times)
    assert np.isfinite(found.positions_m).all(axis=2).tolist() == [[False, False, True]]
    assert found.satellites == ("X01", "G09", "E02")
    assert np.isnan(nodes(merged([]), ["G01"], times).positions_m).all()


@pytest.mark.corpus
@pytest.mark.parametrize("name", REAL)
def test_positions_from_real_files_are_those_of_rtklib(shared_data, tmp_path, name):
    pytest.importorskip("pyrtklib", reason="RTKLIB has no wheel for this machine")
    found, differences = compared(shared_data / name, tmp_path, every=3)
    assert len(found) > 15
    assert max(differences) < MILLIMETRE


@pytest.mark.corpus
def test_messages_of_rinex_4_that_rtklib_reads_are_as_there(shared_data, tmp_path):
    """RTKLIB takes CNAV and CNV messages for older ones, so satellites that send both are left out."""
    pytest.importorskip("pyrtklib", reason="RTKLIB has no wheel for this machine")
    found, differences = compared(shared_data / RINEX_4, tmp_path, every=11)
    plain = [difference for sv, difference in zip(found, differences, strict=True) if sv[0] in "EIRS"]
    assert len(plain) > 1_000
    assert max(plain) < MILLIMETRE


def compared(path, folder, every):
    """Return satellites and distances in m of some issues that both have, at their references and at their limits."""
    content = path.read_bytes()
    ephemerides = read_nav(content)
    (folder / "plain.rnx").write_bytes(unpacked(content))
    theirs = {(sv, reference): at for sv, reference, at in rtklib.issues(rtklib.read(folder / "plain.rnx"))}
    found, differences = [], []
    for row, (sv, reference) in enumerate(zip(ephemerides.sv.tolist(), ephemerides.reference_ns.tolist(), strict=True)):
        if (sv, reference) not in theirs or row % every:
            continue
        alone = type(ephemerides)(*(getattr(ephemerides, name)[row : row + 1] for name in FIELDS))
        times = [reference, reference + 123_456_000_000, reference - LIMITS_NS[sv[0]]]
        places = np.array([theirs[sv, reference](time) for time in times])
        found.append(sv)
        differences.append(np.abs(positions(alone, sv, times) - places).max())
    return found, differences


FIELDS = ("sv", "reference_ns", "sent_ns", "values")


def unpacked(content):
    import gzip

    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("modern", "older"), [("G CNAV", "G LNAV"), ("J CNV2", "J LNAV"), ("C CNV1", "C D1"), ("C CNV2", "C D1")]
)
def test_messages_with_rates_give_the_orbits_of_the_older_ones(shared_data, modern, older):
    """To 4 m, which is what two predictions of an orbit differ by two hours from their references."""
    text = unpacked((shared_data / RINEX_4).read_bytes())
    one, other = (read_nav(only(text, kind)) for kind in (modern, older))
    both = sorted({*one.satellites} & {*other.satellites})
    times = ns("2023-03-12T00:00") + np.arange(0, 86_400, 300) * SECOND_NS
    apart = np.linalg.norm(nodes(one, both, times).positions_m - nodes(other, both, times).positions_m, axis=2)
    assert np.isfinite(apart).sum() > 500
    assert np.nanmedian(apart) < 0.2
    assert np.nanmax(apart) < 4


def only(text, kind):
    """Return a file of RINEX 4 with the messages of one kind."""
    system, message = kind.encode().split()
    head, label, body = text.partition(b"END OF HEADER       \n")
    records = [b">" + record for record in body.split(b">")[1:]]
    wanted = b" EPH " + system
    chosen = [each for each in records if each[1:].startswith(wanted) and each.split()[3] == message]
    return head + label + b"".join(chosen)
