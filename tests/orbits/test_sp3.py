"""SP3 files of all versions, time systems, days joined."""

import gzip

import numpy as np
import pytest

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.orbits import joined, read_sp3, smooth

SECOND_NS = 10**9


def ns(moment):
    return int((np.datetime64(moment, "ns") - np.datetime64("1980-01-06", "ns")).astype(np.int64))


def sp3(*epochs, version="d", system="GPS"):
    """Return a file of epochs, each a date as written and its records."""
    lines = [f"#{version}P2025  1  1  0  0  0.00000000     {len(epochs)} d+D   IGS20 FIT MADE"]
    lines += [
        "## 2347 259200.00000000   300.00000000 60676 0.0000000000000",
        "+    2   G01R02",
        f"%c M  cc {system} ccc",
    ]
    for date, *records in epochs:
        lines += [f"*  {date}", *records]
    return "\n".join([*lines, "EOF", ""]).encode()


def position(sv, x, y, z):
    return f"P{sv}{x:14.6f}{y:14.6f}{z:14.6f}{8.650932:14.6f}"


ONE = "2025  1  1  0  0  0.00000000"
TWO = "2025  1  1  0  5  0.00000000"


def test_positions_are_in_metres():
    found = read_sp3(
        sp3((ONE, position("G01", 15931.689356, -2160.462721, 21149.136212)), (TWO, position("G01", 1, 2, 3)))
    )
    assert found.satellites == ("G01",)
    assert found.times_ns.tolist() == [ns("2025-01-01"), ns("2025-01-01T00:05")]
    np.testing.assert_allclose(found.positions_m[:, 0], [[15931689.356, -2160462.721, 21149136.212], [1e3, 2e3, 3e3]])
    assert found.spacing_ns == 300 * SECOND_NS


@pytest.mark.parametrize(
    ("system", "shift_s"), [("GPS", 0), ("GAL", 0), ("QZS", 0), ("UTC", 18), ("GLO", 18), ("BDT", 14), ("ccc", 0)]
)
def test_times_are_converted_to_gps_time(system, shift_s):
    found = read_sp3(sp3((ONE, position("G01", 1, 2, 3)), system=system))
    assert found.times_ns.tolist() == [ns("2025-01-01") + shift_s * SECOND_NS]


def test_what_is_missing_is_nan():
    found = read_sp3(sp3((ONE, position("G01", 0, 0, 0), position("R02", 1, 2, 3)), (TWO, position("G01", 4, 5, 6))))
    assert np.isnan(found.positions_m[0, 0]).all()
    assert np.isnan(found.positions_m[1, 1]).all()
    assert np.isfinite(found.positions_m).all(axis=2).sum() == 2
    assert found.counts == {}


def test_velocities_and_correlations_are_passed_over():
    found = read_sp3(sp3((ONE, position("G01", 1, 2, 3), "EP  1 2 3", "VG01  1.0  2.0  3.0  4.0", "EV 1")))
    assert found.positions_m.tolist() == [[[1e3, 2e3, 3e3]]]


@pytest.mark.parametrize("name", ["  1", "G01", "G 1"])
def test_version_a_has_numbers_of_gps_satellites(name):
    assert read_sp3(sp3((ONE, position(name, 1, 2, 3)), version="a", system="ccc")).satellites == ("G01",)


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ((ONE.replace("  1  1", " 13  1", 1), position("G01", 1, 2, 3)), Reason.BAD_EPOCH_RECORD),
        ((ONE, position("Q01", 1, 2, 3)), Reason.BAD_SATELLITE),
        ((ONE, position("G01", 1, 2, 3).replace("2.0", "2.?")), Reason.BAD_VALUE),
        ((ONE, position("G01", 1, 2, 3)[:30]), Reason.BAD_VALUE),
    ],
)
def test_a_damaged_record_is_counted_and_the_others_stay(records, reason):
    found = read_sp3(sp3(records, (TWO, position("G01", 4, 5, 6))))
    assert found.counts == {reason: 1}
    assert found.times_ns[-1] == ns("2025-01-01T00:05")
    assert np.isfinite(found.positions_m).all(axis=2).sum() == 1


@pytest.mark.parametrize(
    ("content", "reason", "line"),
    [
        (b"     3.04           N: GNSS NAV DATA", Reason.NOT_ORBITS, 1),
        (sp3(), Reason.NO_EPOCHS, 5),
        (sp3((ONE, position("G01", 1, 2, 3)), system="TAI"), Reason.UNREADABLE, 4),
        (b"", Reason.EMPTY, 0),
    ],
)
def test_a_file_of_no_use_says_why(content, reason, line):
    with pytest.raises(ReadError) as error:
        read_sp3(content)
    assert (error.value.reason, error.value.line) == (reason, line)


def test_compressed_files_are_unpacked():
    content = sp3((ONE, position("G01", 1, 2, 3)))
    assert read_sp3(gzip.compress(content)).times_ns.tolist() == read_sp3(content).times_ns.tolist()


def test_the_later_part_counts_where_it_has_a_position():
    rapid = read_sp3(sp3((ONE, position("G01", 1, 1, 1), position("R02", 1, 1, 1)), (TWO, position("G01", 1, 1, 1))))
    final = read_sp3(sp3((TWO, position("G01", 2, 2, 2), position("R02", 0, 0, 0)), (ONE, position("E03", 2, 2, 2))))
    both = joined([rapid, final])
    assert both.satellites == ("E03", "G01", "R02")
    missing = [np.nan] * 3
    expected = [[[2e3] * 3, [1e3] * 3, [1e3] * 3], [missing, [2e3] * 3, missing]]
    np.testing.assert_array_equal(both.positions_m, expected)


def test_other_satellites_can_be_asked_for():
    found = read_sp3(sp3((ONE, position("G01", 1, 2, 3), position("R02", 4, 5, 6)))).of(["R02", "C05", "G01", "R02"])
    assert found.satellites == ("R02", "C05", "G01", "R02")
    np.testing.assert_array_equal(found.positions_m[0, :, 0], [4e3, np.nan, 1e3, 4e3])


REAL = ("COD0MGXFIN", "ESA0OPSRAP", "Sta21114", "emr08874", "igs15904")


@pytest.mark.corpus
@pytest.mark.parametrize("name", REAL)
def test_real_files_are_read_whole(shared_data, name):
    (path,) = (shared_data / "rinex").rglob(f"{name}*")
    content = path.read_bytes()
    text = gzip.decompress(content) if path.suffix == ".gz" else content
    found = read_sp3(content)
    assert found.counts == {}
    assert len(found.times_ns) == text.count(b"\n*")
    known = sum(line[4:46].count(b" 0.000000") < 3 for line in text.splitlines() if line.startswith(b"P"))
    assert np.isfinite(found.positions_m).all(axis=2).sum() == known
    radius_m = np.linalg.norm(found.positions_m, axis=2)
    assert 2e7 < np.nanmin(radius_m) < np.nanmax(radius_m) < 5e7


@pytest.mark.corpus
def test_midnight_between_two_files_is_no_step(shared_data):
    """One file is cut at noon: what is joined again is interpolated as before, on both sides and at the seam."""
    (path,) = (shared_data / "rinex").rglob("COD0MGXFIN*")
    text = gzip.decompress(path.read_bytes())
    head, *epochs = text.replace(b"EOF\n", b"").split(b"\n*")
    parts = [read_sp3(b"\n*".join([head, *some])) for some in (epochs[:145], epochs[144:])]
    whole = read_sp3(text)
    times = whole.times_ns[144] + np.arange(-1800, 1801, 30) * SECOND_NS
    again = smooth(joined(parts), times)
    np.testing.assert_array_equal(again, smooth(whole, times))
    assert np.isfinite(again).all()
