"""What each kind of damage costs, how it is counted, and that every line is in exactly one category."""

import io
import pickle
import zipfile

import pytest

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import read
from tests.support.samples import (
    ROW,
    WHOLE,
    compact,
    epoch2,
    epoch3,
    field,
    header,
    header2,
    header3,
    reading,
    record,
    satellite,
)

GOOD = epoch3(30, 1) + WHOLE
GOOD2 = epoch2(30, "G01") + field(ROW[0]) + "\n"

SECOND = satellite("G02", 1)
TWO = satellite("G01", 1, 2)

CRX3 = compact("3.0", header3())
CRX_EPOCH = "> 2025 01 01 00 00  0.0000000  0  1      G01\n\n3&20000000123 3&105000000456 3&-1234500 3&45250 &&&&\n"
CRX_NEXT = "                   3\n\n1000 2000 3 4\n"

REJECTED = {
    Reason.EMPTY: b"",
    Reason.NOT_RINEX: b"<html><body>404 Not Found</body></html>\n",
    Reason.NOT_OBSERVATIONS: (f"{'3.04':>9}{'':11}{'NAVIGATION DATA':<40}RINEX VERSION / TYPE\n").encode(),
    Reason.UNSUPPORTED_VERSION: header("5.00").encode(),
    Reason.NO_END_OF_HEADER: header3().replace("END OF HEADER", "COMMENT").encode() + GOOD.encode(),
    Reason.NO_OBS_TYPES: header("3.04").encode() + GOOD.encode(),
    Reason.NO_EPOCHS: header3().encode(),
}


@pytest.mark.parametrize("reason", REJECTED)
def test_a_file_of_no_use_is_rejected_with_its_reason(reason):
    with pytest.raises(ReadError) as caught:
        read(REJECTED[reason])
    assert caught.value.reason == reason


PARTIAL = {
    "an epoch that the file ends in": (header3(), epoch3(0, 1), WHOLE, epoch3(30, 2), WHOLE, Reason.TRUNCATED, 8),
    "a value that the file ends in": (header3(), GOOD, epoch3(40, 1), WHOLE[:12], Reason.TRUNCATED, 8),
    "month 13": (header3(), "> 2025 13 01 00 00  0.0000000  0  1\n", WHOLE, GOOD, Reason.BAD_EPOCH_RECORD, 6),
    "negative seconds": (header3(), "> 2025 01 01 00 00 -1.0000000  0  1\n", WHOLE, GOOD, Reason.BAD_EPOCH_RECORD, 6),
    "30 February": (header3(), "> 2025 02 30 00 00  0.0000000  0  1\n", WHOLE, GOOD, Reason.BAD_EPOCH_RECORD, 6),
    "second 60 of GPS time": (
        header3(), "> 2016 12 31 23 59 60.0000000  0  1\n", WHOLE, GOOD, Reason.BAD_EPOCH_RECORD, 6,
    ),
    "flag 9": (header3(), epoch3(0, 1, flag=9), WHOLE, GOOD, Reason.BAD_EPOCH_FLAG, 6),
    "a satellite of no system": (header3(), epoch3(0, 2), WHOLE, satellite("X02", *ROW), GOOD, Reason.BAD_SATELLITE, 8),
    "a satellite without a number": (header3(), epoch3(0, 1), satellite("G00", 1), GOOD, Reason.BAD_SATELLITE, 7),
    "a system without types": (header3(), epoch3(0, 1), satellite("E02", *ROW), GOOD, Reason.UNDECLARED_SYSTEM, 7),
    "fewer satellites than said": (header3(), epoch3(0, 5), WHOLE, GOOD, Reason.SATELLITE_COUNT, 6),
    "more satellites than said": (
        header3(), epoch3(0, 1), WHOLE, satellite("G02", *ROW), GOOD, Reason.SATELLITE_COUNT, 6,
    ),
    "letters for digits": (header3(), epoch3(0, 1), "G01  2000A000.123\n", GOOD, Reason.BAD_VALUE, 7),
    "stars": (header3(), epoch3(0, 1), "G01**************\n", GOOD, Reason.BAD_VALUE, 7),
    "an exponent": (header3(), epoch3(0, 1), "G01   2.0000E+07  \n", GOOD, Reason.BAD_VALUE, 7),
    "a NUL in a value": (header3(), epoch3(0, 1), "G01  200\x0000000.123\n", GOOD, Reason.BAD_VALUE, 7),
    "a shifted value": (header3(), epoch3(0, 1), "G01 20000000.123 8\n", GOOD, Reason.BAD_VALUE, 7),
    "a letter for an indicator": (header3(), epoch3(0, 1), "G01  20000000.123x8\n", GOOD, Reason.BAD_VALUE, 7),
    "a line cut inside a value": (header3(), epoch3(0, 1), "G01  20000000.1\n", GOOD, Reason.BAD_VALUE, 7),
    "more fields than types": (header3(), epoch3(0, 1), satellite("G01", *ROW, 1.0), GOOD, Reason.BAD_VALUE, 7),
    "words after the last satellite": (header3(), GOOD, "END OF FILE\n", Reason.STRAY_LINE, 8),
    "the same satellite twice": (header3(), epoch3(0, 2), WHOLE, WHOLE, GOOD, Reason.DUPLICATE_SATELLITE, 8),
    "the same epoch twice": (header3(), GOOD, GOOD, Reason.DUPLICATE_EPOCH, 0),
    "a clock offset of letters": (header3(), epoch3(0, 1, clock="abc"), WHOLE, GOOD, Reason.BAD_VALUE, 6),
    "an unknown label in the body": (header3(), GOOD, record("", "WHAT IS THIS"), Reason.STRAY_LINE, 8),
    "RINEX 2: flag 7": (header2(), epoch2(0, "G01", 7), field(1), "\n", GOOD2, Reason.BAD_EPOCH_FLAG, 6),
    "RINEX 2: no epoch record": (header2(), " hello\n", GOOD2, Reason.BAD_EPOCH_RECORD, 6),
    "RINEX 2: month 0": (
        header2(), " 25  0  1  0  0  0.0000000  0  1G01\n", field(1), "\n", GOOD2, Reason.BAD_EPOCH_RECORD, 6,
    ),
    "RINEX 2: an unknown system": (header2(), epoch2(0, "X01"), field(1), "\n", GOOD2, Reason.BAD_SATELLITE, 7),
    "RINEX 2: an early epoch": (header2(), epoch2(0, "G01G02"), field(1), "\n", GOOD2, Reason.LINE_COUNT, 6),
    "RINEX 2: a wrong count": (
        header2(), f"{epoch2(0, 'G01')[:31]}2G01\n", field(1), "\n", GOOD2, Reason.SATELLITE_COUNT, 6,
    ),
    "RINEX 2: the end of the file": (header2(), GOOD2, epoch2(40, "G01G02"), field(1), "\n", Reason.TRUNCATED, 8),
    "RINEX 2: a list that the file ends in": (
        header2(), GOOD2, f" 25  1  1  0  0 40.0000000  0 13{'G01G02G03G04G05G06G07G08G09G10G11G12'}\n",
        Reason.TRUNCATED, 8,
    ),
    "CRINEX: a letter in a difference": (
        CRX3, CRX_EPOCH, "                   3\n\n1x 2 3 4\n", CRX_EPOCH.replace("00  0.0", "00 40.0"),
        Reason.CRINEX_DAMAGE, 13,
    ),
    "CRINEX: a line lost": (
        CRX3, CRX_EPOCH, "                   3\n\n", CRX_EPOCH.replace("00  0.0", "00 40.0"), Reason.CRINEX_DAMAGE, 13,
    ),
    "CRINEX: an arc that was never begun": (
        CRX3, CRX_EPOCH.replace("3&45250", ""), CRX_NEXT, CRX_EPOCH.replace("00  0.0", "00 40.0"),
        Reason.CRINEX_DAMAGE, 13,
    ),
    "CRINEX: the end of the file": (CRX3, CRX_EPOCH, CRX_NEXT[:28], Reason.TRUNCATED, 11),
    "CRINEX: an impossible month": (CRX3, CRX_EPOCH, "       13\n\n1 2 3 4\n", Reason.BAD_EPOCH_RECORD, 11),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTIAL)
def test_damage_costs_what_it_touches_and_is_counted_with_its_place(case):
    *parts, reason, line = PARTIAL[case]
    found = reading(*parts)
    text = "".join(parts)
    lines = text.count("\n") + (not text.endswith("\n"))
    assert found.accounting.counts[reason] >= 1
    assert found.accounting.offence.reason == reason
    assert found.accounting.offence.line == line
    assert found.accounting.offence.first_bytes == (text.split("\n")[line - 1].encode("latin-1")[:80] if line else b"")
    assert found.accounting.lines == sum(found.accounting.line_counts.values()) == lines
    assert sum(part.time_100ns.size for part in found.parts) >= 1
    assert reason.loses


HARMLESS = {
    "a comment": (header3(), record("hello", "COMMENT"), GOOD, Reason.COMMENT),
    "a comment between satellites": (header3(), epoch3(0, 2), WHOLE, record("", "COMMENT"), SECOND, Reason.COMMENT),
    "a blank line": (header3(), epoch3(0, 2), WHOLE, "\n", satellite("G02", 1), GOOD, "\n", Reason.BLANK_LINE),
    "an event without lines": (header3(), epoch3(0, 0, flag=5), GOOD, Reason.EVENT),
    "a header record": (header3(), epoch3(0, 1, flag=4), record("    18", "LEAP SECONDS"), GOOD, Reason.HEADER_RECORD),
    "an end of header": (header3(), record("", "END OF HEADER"), GOOD, Reason.HEADER_RECORD),
    "a cycle slip record": (header3(), GOOD, epoch3(30, 1, flag=6), WHOLE, Reason.CYCLE_SLIP_RECORD),
    "RINEX 2: a cycle slip record": (header2(), GOOD2, epoch2(30, "G01", 6), field(1), "\n", Reason.CYCLE_SLIP_RECORD),
    "an unknown label": (header3(record("", "NOBODY KNOWS")), GOOD, Reason.UNKNOWN_LABEL),
    "a channel number": (header3(types="G    2 C1C X1"), epoch3(0, 1), TWO, Reason.PSEUDO_OBSERVABLE),
    "epochs in reverse": (header3(), GOOD, epoch3(0, 1), WHOLE, Reason.REVERSED_EPOCH),
    "CRINEX: an escape line": (CRX3, CRX_EPOCH, "& anything\n", CRX_NEXT, Reason.COMMENT),
}  # fmt: skip


@pytest.mark.parametrize("case", HARMLESS)
def test_what_costs_no_observation_is_counted_and_no_offence(case):
    *parts, reason = HARMLESS[case]
    found = reading(*parts)
    assert set(found.accounting.counts) - {Reason.EVENT} == {reason} - {Reason.EVENT}
    assert found.accounting.counts[reason] >= 1
    assert found.accounting.offence is None
    assert found.accounting.lines == sum(found.accounting.line_counts.values()) == "".join(parts).count("\n")
    assert not reason.loses


def test_a_faulty_header_record_is_counted():
    found = reading(header3(types="G    5 C1C L1C D1C S1C"), GOOD)
    assert found.accounting.counts == {Reason.BAD_HEADER_RECORD: 1}
    assert found.parts[0].header.faults == ("5 observation types declared for G, 4 listed",)
    assert (found.accounting.offence.reason, found.accounting.offence.line) == (Reason.BAD_HEADER_RECORD, 3)
    assert found.accounting.offence.first_bytes.startswith(b"G    5 C1C")


def place_of(offence, text):
    """The line that an offence names, and the one its bytes are of."""
    line = text.encode("latin-1").split(b"\n")[offence.line - 1]
    assert offence.first_bytes == line[:80]
    return line.decode("latin-1")


FAULTY_HEADERS = {
    "a list that is too short": (header3(types="G    5 C1C L1C D1C S1C"), "G    5 C1C"),
    "a list behind a good one": (header3(record("E    3 C1X L1X", "SYS / # / OBS TYPES")), "E    3 C1X"),
    "a record that can't be read": (header3(record("G  abc", "SYS / SCALE FACTOR")), "G  abc"),
    "RINEX 2: a list that is too long": (header2(types="     3    C1    L1    D1    S1"), "     3    C1"),
    "CRINEX: a record that can't be read": (compact("3.0", header3(record("G  abc", "SYS / SCALE FACTOR"))), "G  abc"),
}


@pytest.mark.parametrize("case", FAULTY_HEADERS)
def test_a_faulty_header_record_has_its_place(case):
    head, begins = FAULTY_HEADERS[case]
    body = {"C": CRX_EPOCH, "R": GOOD2}.get(case[0], GOOD) if case[:2] in {"CR", "RI"} else GOOD
    found = reading(head, body)
    assert Reason.BAD_HEADER_RECORD in found.accounting.counts
    assert found.accounting.offence.reason == Reason.BAD_HEADER_RECORD
    assert place_of(found.accounting.offence, head + body).startswith(begins)


def test_a_faulty_header_record_behind_a_byte_order_mark_has_its_place():
    text = header3(record("G  abc", "SYS / SCALE FACTOR")) + GOOD
    offence = read(b"\xef\xbb\xbf" + text.encode()).accounting.offence
    assert (offence.line, offence.first_bytes) == (4, text.split("\n")[3].encode())


@pytest.mark.parametrize("event", ["G    5 C1C L1C D1C S1C", "G    x C1C L1C D1C C1C"])
def test_a_faulty_record_of_an_event_has_its_place(event):
    records = record("fine", "COMMENT") + record(event, "SYS / # / OBS TYPES")
    text = header3() + GOOD + "> 2025 01 01 00 01  0.0000000  4  2\n" + records + epoch3(90, 1) + WHOLE
    offence = reading(text).accounting.offence
    assert offence.reason == Reason.BAD_HEADER_RECORD
    assert place_of(offence, text) in records


def test_a_file_without_a_usable_epoch_says_what_was_wrong_first():
    text = header3() + "> 2025 13 01 00 00  0.0000000  0  1\n" + WHOLE + "> 2025 14 01 00 00  0.0000000  0  1\n" + WHOLE
    with pytest.raises(ReadError) as caught:
        reading(text)
    error = caught.value
    assert (error.reason, error.line) == (Reason.NO_EPOCHS, 6)
    assert "bad_epoch_record" in error.detail
    assert error.first_bytes == text.split("\n")[5].encode()
    assert error.counts[Reason.BAD_EPOCH_RECORD] >= 2
    assert error.lines == 9
    again = pickle.loads(pickle.dumps(error))
    assert (again.counts, again.lines, str(again)) == (error.counts, error.lines, str(error))


def zipped(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def test_a_refused_member_is_named_with_its_place():
    bad = header3().replace("3.04", "5.00")
    found = read(zipped(good=header3() + GOOD, bad=bad + GOOD))
    assert found.accounting.counts[Reason.MEMBER_REFUSED] == 1
    offence = found.accounting.offence
    assert (offence.reason, offence.line) == (Reason.MEMBER_REFUSED, 1)
    assert offence.first_bytes.startswith(b"     5.00")
    assert offence.detail.startswith("bad: unsupported_version, ")


def test_what_a_member_has_lost_names_the_member():
    found = read(zipped(one=header3() + GOOD, two=header3() + GOOD + "rubbish\n"))
    assert (found.accounting.offence.reason, found.accounting.offence.detail) == (Reason.STRAY_LINE, "in two")


def test_a_container_of_which_no_member_can_be_read_says_what_most_have():
    navigation = REJECTED[Reason.NOT_OBSERVATIONS]
    with pytest.raises(ReadError) as caught:
        read(zipped(a=navigation, b=navigation, c=header3(), d=b"<html>"))
    error = caught.value
    assert error.reason == Reason.NO_EPOCHS
    assert error.detail.startswith("none of 4 members can be read; c: no_epochs, ")
    assert error.counts == {Reason.NOT_OBSERVATIONS: 2, Reason.NO_EPOCHS: 1, Reason.NOT_RINEX: 1}
