"""Header records that are passed over, and those that come into force in the body."""

from dataclasses import replace

import pytest

from gnssice_batch.errors import ReadError
from gnssice_batch.rinex import MISSING, Header, dense, read_header
from gnssice_batch.rinex.header import text as header_text
from tests.support.samples import WHOLE, epoch2, epoch3, field, header2, header3, only, record, satellite

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


def test_records_that_differ_from_file_to_file_are_each_files_own():
    def header(day: int, x: float) -> bytes:
        position = record(f"{x:14.4f}{2.0:14.4f}{3.0:14.4f}", "APPROX POSITION XYZ")
        return header3(position).replace("2025     1     1", f"2025     1 {day:5d}").encode()

    first, second, again = (read_header(header(day, x)) for day, x in ((1, 1.0), (2, 4.0), (1, 1.0)))
    assert (first.position_xyz_m, second.position_xyz_m) == ((1.0, 2.0, 3.0), (4.0, 2.0, 3.0))
    assert second.time_first_100ns == first.time_first_100ns + 864_000_000_000
    assert first == again


def test_a_header_does_not_take_what_an_earlier_file_has_told():
    read_header(header3(record("  1.0  2.0  3.0", "APPROX POSITION XYZ")).encode())
    without = read_header(header3(record("", "APPROX POSITION XYZ")).encode())
    assert without.position_xyz_m is None


@pytest.mark.parametrize("label", ["APPROX POSITION XYZ", "TIME OF FIRST OBS", "PGM / RUN BY / DATE"])
@pytest.mark.parametrize("where", [0, 40])
def test_a_label_out_of_its_columns_is_no_record(label, where):
    line = (" " * where + label).ljust(81) + "\n"
    found = read_header(header3(line).encode())
    assert found.position_xyz_m is None
    assert sum(found.unknown_labels.values()) == 1


@pytest.mark.parametrize(
    "comment", [record("", "COMMENT").rstrip().ljust(80), record("", " COMMENT").rstrip().ljust(80)]
)
def test_the_last_of_two_records_stands_whatever_was_read_before(comment):
    def position(x: float) -> str:
        return record(f"{x:14.4f}{2.0:14.4f}{3.0:14.4f}", "APPROX POSITION XYZ").rstrip().ljust(80) + "\n"

    twice = header3(position(1.0), position(4.0)).encode()
    shifted = header3(position(1.0), position(4.0).replace("APPROX POSITION XYZ ", " APPROX POSITION XYZ")).encode()
    alone = [read_header(content).position_xyz_m for content in (twice, shifted)]
    read_header(header3(position(1.0), comment + "\n").encode())
    assert alone == [read_header(content).position_xyz_m for content in (twice, shifted)] == [(4.0, 2.0, 3.0)] * 2


def test_an_end_of_header_in_a_comment_is_not_the_end():
    comment = record("END OF HEADER", "COMMENT") + record("", "COMMENT END OF HEADER")
    found = read_header(header3(comment, record("   15.000", "INTERVAL")).encode())
    assert found.interval_s == 15.0


def test_every_header_of_the_corpus_reads_alike_whole_and_in_parts(shared_data, monkeypatch):
    files = [path.read_bytes() for path in sorted((shared_data / "rinex").rglob("*")) if path.is_file()]
    for _ in range(2):
        parts = [_told(content) for content in files]
    monkeypatch.setattr(header_text, "_parted", lambda *_: (b"", []))
    assert parts == [_told(content) for content in files]
    assert sum(isinstance(told, Header) for told in parts) > 100


def _told(content: bytes) -> Header | str:
    try:
        found = read_header(content)
    except ReadError as error:
        return str(error)
    return replace(found, faults=tuple(sorted(found.faults)))


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


def test_an_event_that_repeats_the_header_adds_nothing_to_it():
    records = (
        record("G L2X -0.25000  12 G01 G02 G03 G04 G05 G06 G07 G08 G09 G10", "SYS / PHASE SHIFT"),
        record(f"{'':18} G11 G12", "SYS / PHASE SHIFT"),
        record("G L1C", "SYS / PHASE SHIFT"),
        record("G somebody", "SYS / DCBS APPLIED"),
        record(" C1C  -71.940", "GLONASS COD/PHS/BIS"),
        record("     y", "RCV CLOCK OFFS APPL"),
    )
    change = epoch3(15, len(records), flag=4) + "".join(records)
    once = only(header3(*records), epoch3(0, 1), WHOLE).header
    assert [len(once.phase_shifts), len(once.phase_shifts[0].svs), len(once.kept_records)] == [2, 12, 3]
    assert only(header3(*records), epoch3(0, 1), WHOLE, change, change, epoch3(30, 1), WHOLE).header == once


def test_an_event_of_rinex_2_that_repeats_the_wavelength_factors_adds_nothing_to_them():
    records = (
        record("     1     1", "WAVELENGTH FACT L1/2"),
        record("     1     2     1   G14", "WAVELENGTH FACT L1/2"),
    )
    change = epoch2(15, "", flag=4)[:29] + "  2\n" + "".join(records)
    values = field(1) + field(2) + "\n"
    part = only(header2(*records), epoch2(0, "G01"), values, change, epoch2(30, "G01"), values)
    assert [(one.l1, one.l2, one.svs) for one in part.header.wavelength_factors] == [(1, 1, ()), (1, 2, ("G14",))]


def test_of_records_that_an_event_changes_and_another_changes_back_the_last_stands_last():
    shifts = [record(f"G L2X {cycles:8.5f}", "SYS / PHASE SHIFT") for cycles in (0.25, 0.5, 0.25)]
    first, *events = shifts
    changes = [epoch3(15 + at, 1, flag=4) + event + epoch3(20 + at, 1) + WHOLE for at, event in enumerate(events)]
    assert [one.cycles for one in only(header3(first), epoch3(0, 1), WHOLE, *changes).header.phase_shifts] == [
        0.5,
        0.25,
    ]


def test_what_the_body_does_not_change_stays_in_force():
    change = epoch3(15, 1, flag=4) + record("    18", "LEAP SECONDS")
    part = only(header3(record("G  100", "SYS / SCALE FACTOR")), epoch3(0, 1), WHOLE, change, epoch3(30, 1), WHOLE)
    assert part.header.leap_seconds == 18
    assert {one.scale for one in part.columns["G"]} == {100}
