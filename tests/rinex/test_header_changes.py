"""Header records that are passed over, and those that come into force in the body."""

import pytest

from gnssice_batch.rinex import MISSING, dense, read_header
from tests.rinex.samples import WHOLE, epoch2, epoch3, field, header2, header3, only, record, satellite

PASSED_OVER = [
    "COMMENT",
    "PGM / RUN BY / DATE",
    "MARKER TYPE",
    "# OF SATELLITES",
    "PRN / # OF OBS",
    "GLONASS COD/PHS/BIS",
    "SYS / DCBS APPLIED",
    "SYS / PCVS APPLIED",
    "ANTENNA: DELTA X/Y/Z",
    "ANTENNA: PHASECENTER",
    "ANTENNA: B.SIGHT XYZ",
    "ANTENNA: ZERODIR AZI",
    "ANTENNA: ZERODIR XYZ",
    "CENTER OF MASS: XYZ",
    "DOI",
    "LICENSE OF USE",
    "STATION INFORMATION",
]


@pytest.mark.parametrize("label", PASSED_OVER)
def test_records_of_no_use_here_are_known(label):
    found = read_header(header3(record("G  something", label), version="4.02").encode())
    assert (dict(found.unknown_labels), found.faults) == ({}, ())


def test_a_label_that_nobody_knows_is_named_with_its_number():
    found = read_header(header3(record("", "NOBODY KNOWS"), record("", "NOBODY KNOWS")).encode())
    assert dict(found.unknown_labels) == {"NOBODY KNOWS": 2}


def test_nul_bytes_at_the_end_of_a_line_are_blanks():
    part = only(header3(), epoch3(30, 1), WHOLE.replace("\n", "\0\0\0\n"))
    assert (part.value[0, 0], dict(part.accounting.counts)) == (20000000123, {})


def test_a_receiver_that_changes_in_the_body_is_in_the_header_and_does_not_split():
    change = epoch3(15, 1, flag=4) + record(f"{'2':<20}{'OTHER':<20}{'2.0':<20}", "REC # / TYPE / VERS")
    first = record(f"{'1':<20}{'RECEIVER':<20}{'1.0':<20}", "REC # / TYPE / VERS")
    part = only(header3(first), epoch3(0, 1), WHOLE, change, epoch3(30, 1), WHOLE)
    assert (part.header.receiver_type, part.time_100ns.size) == ("OTHER", 2)


def test_a_scale_factor_that_changes_in_the_body_holds_from_there_on():
    change = epoch3(15, 1, flag=4) + record("G  100   1 L1C", "SYS / SCALE FACTOR")
    part = only(header3(), epoch3(0, 1), satellite("G01", 1, 200), change, epoch3(30, 1), satellite("G01", 1, 200))
    assert [(one.code, one.scale) for one in part.columns["G"] if one.code == "L1C"] == [("L1C", 1), ("L1C", 100)]
    assert dense(part).phase[:, 0].tolist() == [200.0, 2.0]


def test_types_that_change_in_the_body_of_rinex_2():
    change = epoch2(15, "", flag=4)[:29] + "  1\n" + record("     2    L1    C1", "# / TYPES OF OBSERV")
    part = only(header2(types="     2    C1    P2"), epoch2(0, "G01"), field(1) + field(2) + "\n", change,
                epoch2(30, "G01"), field(3) + field(4) + "\n")  # fmt: skip
    assert [one.code for one in part.columns["G"]] == ["C1C", "C2W", "L1C"]
    assert part.value.tolist() == [[1000, 2000, MISSING], [4000, MISSING, 3000]]


def test_what_the_body_does_not_change_stays_in_force():
    change = epoch3(15, 1, flag=4) + record("    18", "LEAP SECONDS")
    part = only(header3(record("G  100", "SYS / SCALE FACTOR")), epoch3(0, 1), WHOLE, change, epoch3(30, 1), WHOLE)
    assert part.header.leap_seconds == 18
    assert {one.scale for one in part.columns["G"]} == {100}
