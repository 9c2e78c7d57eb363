"""What `inspect` finds in files that are odd in one way each."""

import gzip

import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.inspection.facts import as_json, inspect
from gnssice_batch.inspection.warnings import warnings_of
from gnssice_batch.model.values import Status

NAME = "ABCD00XYZ_R_20250010000_01H_30S_MO.rnx"


def record(content, label):
    return f"{content:60}{label}\n"


def text(seconds=range(0, 3600, 30), marker="ABCD", stated=30.0, version="3.04", **changes):
    """A file of one satellite with one epoch at each of these seconds of 2025-01-01."""
    header = {
        "version": record(f"{version:>9}{'':11}{'OBSERVATION DATA':20}{'M':20}", "RINEX VERSION / TYPE"),
        "marker": record(marker, "MARKER NAME"),
        "receiver": record(f"{'1':20}{'TEST RX':20}{'5.0':20}", "REC # / TYPE / VERS"),
        "antenna": record(f"{'1':20}{'TEST ANT':20}", "ANT # / TYPE"),
        "position": record(f"{4127695.0:14.4f}{1207022.0:14.4f}{4694610.0:14.4f}", "APPROX POSITION XYZ"),
        "types": record("G    2 C1C L1C", "SYS / # / OBS TYPES"),
        "interval": record(f"{stated:10.3f}", "INTERVAL"),
        "first": record("  2025     1     1     0     0    0.0000000     GPS", "TIME OF FIRST OBS"),
        "end": record("", "END OF HEADER"),
    }
    header |= changes
    return "".join(header.values()) + "".join(epoch(second) for second in seconds)


def epoch(second, flag=0):
    hour, minute, rest = int(second // 3600), int(second // 60 % 60), second % 60
    return f"> 2025 01 01 {hour:02d} {minute:02d}{rest:11.7f}  {flag}  1\nG01  21234567.123   111585000.456\n"


def odd(content, name=NAME):
    return warnings_of(inspect(content.encode(), name))


def test_a_sound_file_has_nothing_odd():
    assert odd(text()) == ()


def test_what_is_seen():
    seen = inspect(gzip.compress(text().encode()), NAME + ".gz")
    part = seen.parts[0]
    assert (seen.status, seen.container, seen.compact) == (Status.OK, "gzip", False)
    assert (part.epochs, part.interval_s, part.satellites, part.signals) == (120, 30.0, ("G01",), ("G01|L1|C",))
    assert part.values == {"C": 120, "L": 120, "D": 0, "S": 0}
    shown = as_json(seen, ("odd",))
    assert shown["parts"][0]["last_epoch"] == "2025-01-01 00:59:30"
    assert shown["odd"] == ["odd"]


def test_gaps_are_found_where_they_are():
    seen = inspect(text([*range(0, 600, 30), *range(900, 3600, 30)]).encode(), NAME)
    (gap,) = seen.parts[0].gaps
    assert gap.missing == 10
    assert as_json(seen, ())["parts"][0]["gaps"] == [
        {"after": "2025-01-01 00:09:30", "before": "2025-01-01 00:15:00", "missing": 10}
    ]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (text(marker="EFGH"), NAME, "the name says station ABCD00XYZ, the header EFGH"),
        (text(), NAME.replace("30S", "01S"), "the name says an interval of 1 s, the epochs have 30 s"),
        (text(stated=15.0), NAME, "INTERVAL says 15 s, the epochs have 30 s"),
        (text(), NAME.replace("2025001", "2025002"), "the name says 2025-01-02 00:00:00, the epochs are from"),
        (text(), NAME.replace("01H", "15M"), "reach beyond what the name promises"),
        (text(), NAME.replace("01H", "01D"), "the epochs cover 59 of the 1440 minutes"),
        (text(range(0, 3630, 30)), NAME, "is the first of the next file"),
        (text(), "abcd0010.25o", "a name in the style of RINEX 2 holds version 3.04"),
        (text(), "whatever.txt", "the name has none of the known forms"),
        (text(), NAME + ".gz", "the name says gzip, the content is not packed"),
        (text(), NAME.replace("rnx", "crx"), "the name says compact RINEX, the content is plain text"),
        (text(), NAME.replace("_MO", "_MN"), "the name says navigation, the content is observations"),
        (text(version="3.06"), NAME, "version 3.06 was never published"),
        (text(position=""), NAME, "the header gives no approximate position"),
        (text(receiver=""), NAME, "the header gives no receiver type"),
        (text(antenna=record("", "SOMETHING ELSE")), NAME, "1 header line passed over, label unknown: SOMETHING ELSE"),
        (text(range(60, 3600, 30)), NAME, "TIME OF FIRST OBS says 2025-01-01 00:00:00, the first epoch is"),
        (text([*range(0, 600, 30), *range(900, 3600, 30)]), NAME, "1 gap, 10 epochs missing, most after"),
        (text(range(18, 3600, 30)), NAME, "epochs lie -12 s off whole intervals of GPS time"),
        (text([0, 30.0004, *range(60, 3600, 30)]), NAME, "the receiver clock runs freely: epochs lie up to 0.4 ms"),
        (text() + epoch(3600, flag=1), NAME, "1 power failure (flag 1)"),
        (text() + "rubbish\n" + epoch(3570), NAME, "observations are lost: 1 x stray_line"),
        (text([30, 0, *range(60, 3600, 30)]), NAME, "the epochs are not in order of time"),
    ],
)
def test_what_is_odd_is_said(content, name, sentence):
    assert any(sentence in said for said in odd(content, name)), odd(content, name)


def test_several_stations_are_said():
    second = "> 2025 01 01 01 00  0.0000000  3  1\n" + record("EFGH", "MARKER NAME") + epoch(3600)
    assert "several stations in one file: ABCD, EFGH" in odd(text() + second)


def test_a_refused_file_says_why_and_where():
    seen = inspect(b"<html>\n", "abcd0010.25o.gz")
    assert (seen.status, seen.refusal.reason, seen.refusal.line) == (Status.REJECTED, Reason.NOT_RINEX, 1)
    assert as_json(seen, ())["refusal"]["first_bytes"] == "<html>"
    assert odd("<html>\n", "abcd0010.25o.gz") == ("the name says gzip, the content is not packed",)
