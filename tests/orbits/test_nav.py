"""Navigation files of all versions, whole and damaged, as they are and compressed."""

import bz2
import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.orbits import Ephemerides, merged, read_nav
from gnssice_batch.orbits.ephemerides import ELEMENTS, STATE_SYSTEMS
from gnssice_batch.orbits.times import WEEK_NS, LeapSeconds, from_bdt, from_utc
from gnssice_batch.simulate import navigation_text, sky_ephemerides

SECOND_NS = 10**9
DAY_NS = 86_400 * SECOND_NS
START_NS = 16_431 * DAY_NS  # 2025-01-01
FIELDS = ("sv", "reference_ns", "sent_ns", "values")
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "made_up_orbits.rnx"


def ns(moment):
    return int((np.datetime64(moment, "ns") - np.datetime64("1980-01-06", "ns")).astype(np.int64))


def record(content, label):
    return f"{content:<60}{label}\n"


def header(version, kind, system="", *records):
    first = record(f"{version:>9}{'':11}{kind:<20}{system}", "RINEX VERSION / TYPE")
    return first + "".join(records) + record("", "END OF HEADER")


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FIELDS)


def lines_of(sv):
    """Return the lines of the first record of a satellite in the made-up file."""
    lines = GOLDEN.read_text().splitlines(keepends=True)
    start = next(at for at, line in enumerate(lines) if line.startswith(sv))
    return lines[start : start + (4 if sv[0] in "RS" else 8)]


def version_2(sv, lines):
    first = lines[0]
    date = [int(part) for part in first[4:20].split()]
    written = f"{date[0] % 100:02d} {date[1]:2d} {date[2]:2d} {date[3]:2d} {date[4]:2d}{int(first[21:23]):5.1f}"
    return (
        f"{int(sv[1:]):2d} {written}"
        + first[23:].replace("E", "D")
        + "".join(line[1:].replace("E", "D") for line in lines[1:])
    )


@pytest.mark.parametrize(
    ("sv", "kind"), [("G01", "N: GPS NAV DATA"), ("R20", "GLONASS NAV DATA"), ("S36", "H: GEO NAV")]
)
def test_rinex_2_is_read_as_rinex_3(sv, kind):
    lines = lines_of(sv)
    if sv == "R20":
        seconds = float(lines[0][61:80])
        lines[0] = f"{lines[0][:61]}{seconds % 86_400:19.12E}\n"  # of the day, where RINEX 3 has the week's
    old = read_nav((header("2.11", kind) + version_2(sv, lines)).encode())
    new = read_nav((header("3.04", "N: GNSS NAV DATA", "M") + "".join(lines_of(sv))).encode())
    assert old.satellites == (sv,)
    assert same(old, new)


def test_rinex_4_is_read_as_rinex_3():
    text = header("4.01", "NAVIGATION DATA", "M")
    for sv, message in (
        ("G01", "LNAV"),
        ("E02", "INAV"),
        ("C03", "D2"),
        ("C08", "D1"),
        ("I06", "LNAV"),
        ("S36", "SBAS"),
    ):
        text += f"> EPH {sv} {message}\n" + "".join(lines_of(sv))
    text += "> EPH R20 FDMA\n" + "".join(lines_of("R20")) + "    " + "     .999999999999E+09" * 3 + "\n"
    old = header("3.05", "N: GNSS NAV DATA", "M") + "".join(
        "".join(lines_of(sv)) for sv in ("G01", "E02", "C03", "C08", "I06", "S36", "R20")
    )
    assert same(read_nav(text.encode()), read_nav(old.encode()))


def test_messages_with_rates():
    """CNAV has its reference in the first line, rates of axis and mean motion, and when it was sent in the last one."""
    lines = lines_of("G01")
    number = "{:19.12E}".format
    lines[1] = "    " + number(0.01) + lines[1][23:]
    lines[3] = "    " + number(5.4e5) + lines[3][23:]
    lines[5] = lines[5][:23] + number(-1e-13) + lines[5][42:]
    lines[7] = "    " + number(0) * 4 + "\n"
    lines.append("    " + number(6.0e5) + number(2047) + "\n")
    found = read_nav((header("4.00", "NAVIGATION DATA", "M") + "> EPH G01 CNAV\n" + "".join(lines)).encode())
    each = dict(zip(ELEMENTS, found.values[0], strict=True))
    assert found.reference_ns.tolist() == [ns("2019-04-06T22:00")]
    assert (each["toe_s"], each["a_dot"], each["delta_n_dot"]) == (6 * 86_400 + 22 * 3600, 0.01, -1e-13)
    assert found.sent_ns.tolist() == [found.reference_ns[0] // WEEK_NS * WEEK_NS + 600_000 * SECOND_NS]


def test_what_rinex_4_has_beside_orbits_is_passed_over_and_other_messages_are_counted():
    text = header("4.00", "NAVIGATION DATA", "M") + "> STO G01 LNAV\n    2025 01 01 00 00 00 GPUT\n     1.0\n"
    text += "> EPH R20 L1OC\n" + "".join(lines_of("R20")) + "> EPH G01 LNAV\n" + "".join(lines_of("G01"))
    found = read_nav(text.encode())
    assert found.satellites == ("G01",)
    assert found.counts == {Reason.UNKNOWN_MESSAGE: 1}


WHOLE = GOLDEN.read_bytes()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda lines: [lines[0].replace("2019 04", "2019 13"), *lines[1:]], Reason.BAD_EPOCH_RECORD),
        (lambda lines: [lines[0].replace("2019 04 06", "2019 02 29"), *lines[1:]], Reason.BAD_EPOCH_RECORD),
        (lambda lines: [lines[0].replace("G01", "G**"), *lines[1:]], Reason.BAD_SATELLITE),
        (lambda lines: [lines[0].replace("G01", "G00"), *lines[1:]], Reason.BAD_SATELLITE),
        (lambda lines: [*lines[:2], lines[2].replace("E", "X", 1), *lines[3:]], Reason.BAD_VALUE),
        (lambda lines: [*lines[:4], lines[4][:23] + " " * 19 + lines[4][42:], *lines[5:]], Reason.BAD_VALUE),
        (lambda lines: [*lines[:2], lines[2].replace("E+03", "E+13"), *lines[3:]], Reason.BAD_VALUE),
        (lambda lines: [lines[0], lines[1].replace("E+02", "E+05"), *lines[2:]], Reason.BAD_VALUE),
        (lambda lines: [*lines[:2], lines[2][:13] + "\0" + lines[2][14:], *lines[3:]], Reason.BAD_VALUE),
        (lambda lines: lines[:5], Reason.LINE_COUNT),
        (lambda lines: [*lines, lines[-1]], Reason.STRAY_LINE),
    ],
)
def test_a_damaged_record_is_counted_and_the_others_stay(damage, reason):
    others = "".join(lines_of("E02"))
    text = header("3.04", "N: GNSS NAV DATA", "M") + "".join(damage(lines_of("G01"))) + others
    found = read_nav(text.encode())
    assert found.counts == {reason: 1}
    assert found.satellites == (("E02", "G01") if reason == Reason.STRAY_LINE else ("E02",))
    assert same(read_nav((header("3.04", "N: GNSS NAV DATA", "M") + others).encode()), only(found, "E02"))


def only(ephemerides, sv):
    mine = ephemerides.sv == sv
    return Ephemerides(*(getattr(ephemerides, name)[mine] for name in FIELDS))


@pytest.mark.parametrize("length", range(1, 320, 7))
def test_a_cut_file_keeps_its_whole_records_and_invents_none(length):
    text = header("3.04", "N: GNSS NAV DATA", "M") + "".join(lines_of("E02")) + "".join(lines_of("R20"))
    found = read_nav(text.encode()[:-length])
    whole = read_nav(text.encode())
    assert same(only(found, "E02"), only(whole, "E02"))
    assert "R20" not in found.satellites or same(only(found, "R20"), only(whole, "R20"))
    assert sum(found.counts.values()) <= 1


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress])
def test_compressed_files_are_unpacked(packed):
    assert same(read_nav(packed(WHOLE)), read_nav(WHOLE))


def test_the_members_of_an_archive_are_read_together():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for sv in ("G01", "R20"):
            archive.writestr(f"{sv}.rnx", header("3.04", "N: GNSS NAV DATA", "M") + "".join(lines_of(sv)))
        archive.writestr("readme.txt", "nothing here")
    found = read_nav(buffer.getvalue())
    assert found.satellites == ("G01", "R20")
    assert found.counts == {Reason.OTHER_MEMBER: 1}


@pytest.mark.parametrize(
    ("content", "reason", "line"),
    [
        (b"", Reason.EMPTY, 0),
        (b"<html>\n", Reason.NOT_RINEX, 1),
        (header("3.04", "OBSERVATION DATA", "M").encode(), Reason.NOT_ORBITS, 1),
        (header("3.04", "METEOROLOGICAL DATA").encode(), Reason.NOT_ORBITS, 1),
        (header("5.00", "N: GNSS NAV DATA", "M").encode(), Reason.UNSUPPORTED_VERSION, 1),
        (
            record("     3.04           N: GNSS NAV DATA    M", "RINEX VERSION / TYPE").encode(),
            Reason.NO_END_OF_HEADER,
            1,
        ),
        (gzip.compress(WHOLE, mtime=0)[:10], Reason.UNPACK_FAILED, 0),
    ],
)
def test_a_file_of_no_use_says_why(content, reason, line):
    with pytest.raises(ReadError) as error:
        read_nav(content)
    assert (error.value.reason, error.value.line) == (reason, line)


def test_a_file_without_records_is_none_of_damage():
    assert len(read_nav(header("3.04", "N: GNSS NAV DATA", "M").encode()).sv) == 0


def test_the_issue_sent_last_counts_in_any_order():
    """What is sent again later, or uploaded anew, has the same reference time."""
    early, late = lines_of("G01"), lines_of("G01")
    late[7] = f"    {float(late[7][4:23]) + 600:19.12E}\n"
    late[4] = late[4].replace("1", "2")
    parts = [read_nav((header("3.04", "N", "M") + "".join(lines)).encode()) for lines in (early, late)]
    assert len(parts[0].sv) == len(parts[1].sv) == 1
    assert same(merged(parts), parts[1])
    assert same(merged(parts[::-1]), parts[1])
    assert same(merged([*parts, *parts]), parts[1])


def test_quarter_hours_joined_are_the_day():
    whole = read_nav(WHOLE)
    parts = [Ephemerides(*(getattr(whole, name)[at::3] for name in FIELDS)) for at in range(3)]
    assert same(merged(parts), whole)
    assert same(merged([parts[2], whole, parts[0]]), whole)


@pytest.mark.parametrize(
    ("declared", "moment", "leaps"),
    [
        ("    18", "2016-12-31T23:45", 17),  # the table is surer than a header
        ("    17", "2017-01-01T00:15", 18),
        ("    19", "2031-01-01T00:15", 19),  # but of later ones only headers tell
        ("    18    19  2660     3", "2030-12-31T23:45", 18),
        ("    18    19  2660     3", "2031-01-01T00:15", 19),
        ("     4     5  1304     2BDS", "2030-12-31T23:45", 18),
        ("     4     5  1304     2BDS", "2031-01-01T00:15", 19),
        ("     ?", "2031-01-01T00:15", 18),
    ],
)
def test_leap_seconds_that_headers_tell(declared, moment, leaps):
    lines = lines_of("R20")
    at = np.datetime64(moment, "s").item()
    lines[0] = f"R20 {at:%Y %m %d %H %M %S}" + lines[0][23:]
    text = header("3.04", "N: GNSS NAV DATA", "M", record(declared, "LEAP SECONDS")) + "".join(lines)
    assert read_nav(text.encode()).reference_ns.tolist() == [ns(moment) + leaps * SECOND_NS]


def decimal(low, high):
    """Numbers that are written in 13 digits."""
    return st.floats(low, high, allow_nan=False).map(lambda value: float(f"{value:.12e}"))


@st.composite
def ephemerides(draw):
    marks = draw(st.lists(st.tuples(st.sampled_from("GECJIRS"), st.integers(1, 63), st.integers(2_000, 190_000)),
                          min_size=1, max_size=8, unique=True))  # fmt: skip
    rows = [draw(issue(system, number, quarter)) for system, number, quarter in marks]
    return merged(
        Ephemerides(np.array([sv]), np.array([at]), np.array([sent]), values[None]) for sv, at, sent, values in rows
    )


@st.composite
def issue(draw, system, number, hour):
    own = np.array([hour * 3600 * SECOND_NS])
    sent = own - draw(st.integers(0, 40_000)) * SECOND_NS
    shift = {"R": lambda time: from_utc(time, LeapSeconds()), "C": from_bdt}.get(system, lambda time: time)
    values = np.zeros(len(ELEMENTS))
    if system in STATE_SYSTEMS:
        place = [draw(decimal(7e3, 3e4)) for _ in range(3)]
        moved = [draw(decimal(-limit, limit)) for limit in (5, 5, 5, 1e-7, 1e-7, 1e-7)]
        values[:9] = np.array([*place, *moved]) * 1e3
    else:
        limits = (1, 1, 1, 9, 9, 9, 9, 1e-7, 1e-7, 1e-6, 1e-4, 1e-4, 999, 999, 1e-4, 1e-4)
        values[:16] = [draw(decimal(-limit, limit)) for limit in limits]
        values[:3] = own[0] % WEEK_NS / SECOND_NS, draw(decimal(4e3, 7e3)), draw(decimal(0, 0.5))
    return f"{system}{number:02d}", shift(own)[0], shift(sent)[0], values


@settings(max_examples=40)
@given(ephemerides())
def test_what_is_written_is_read_again(written):
    found = read_nav(navigation_text(written))
    assert found.counts == {}
    assert all(
        np.array_equal(getattr(found, name), getattr(written, name)) for name in ("sv", "reference_ns", "sent_ns")
    )
    np.testing.assert_allclose(found.values, written.values, rtol=1e-12, atol=1e-90)


def test_the_simulated_sky_is_read_as_written():
    sent = sky_ephemerides("GRECJS", START_NS, START_NS + DAY_NS)
    found = read_nav(navigation_text(sent))
    assert found.satellites == sent.satellites
    assert len(found.sv) == len(sent.sv)
