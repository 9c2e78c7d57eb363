"""A test for each box of docs/rinex-support.md on headers that no other test file holds."""

import numpy as np
import pytest

from gnssice_batch.rinex import Header, dense, read_header
from tests.support.samples import GOOD, epoch3, header, header2, header3, only, record, satellite


def head(*records: str, **options: str) -> Header:
    return read_header(header3(*records, **options).encode("latin-1"))


def test_header_records_are_read():
    header = head(
        record("12345M001", "MARKER NUMBER"),
        record(f"{'me':<20}{'us':<40}", "OBSERVER / AGENCY"),
        record(f"{'1':<20}{'RECEIVER':<20}{'1.0':<20}", "REC # / TYPE / VERS"),
        record(f"{'2':<20}{'ANTENNA    NONE':<20}", "ANT # / TYPE"),
        record("  4696989.6880   723994.1970  4239678.3040", "APPROX POSITION XYZ"),
        record("        0.1000        0.0000        0.0000", "ANTENNA: DELTA H/E/N"),
        record("    30.000", "INTERVAL"),
        record("    18", "LEAP SECONDS"),
        record("DBHZ", "SIGNAL STRENGTH UNIT"),
        record("     1", "RCV CLOCK OFFS APPL"),
        record("  2 R01  1 R02 -4", "GLONASS SLOT / FRQ #"),
        record("G L2X -0.25000  02 G01 G02", "SYS / PHASE SHIFT"),
        record("G L1C", "SYS / PHASE SHIFT"),
        record("  2025     1     1    23    59   30.0000000     GPS", "TIME OF LAST OBS"),
    )
    assert (header.marker_name, header.marker_number, header.observer, header.agency) == (
        "TEST",
        "12345M001",
        "me",
        "us",
    )
    assert (header.receiver_number, header.receiver_type, header.receiver_version) == ("1", "RECEIVER", "1.0")
    assert (header.antenna_number, header.antenna_type) == ("2", "ANTENNA    NONE")
    assert header.position_xyz_m == (4696989.688, 723994.197, 4239678.304)
    assert header.antenna_delta_hen_m == (0.1, 0.0, 0.0)
    assert (header.interval_s, header.leap_seconds, header.signal_strength_unit) == (30.0, 18, "DBHZ")
    assert header.rx_clock_offset_applied is True
    assert header.glonass_fcn == {"R01": 1, "R02": -4}
    assert [(one.code, one.cycles, one.svs) for one in header.phase_shifts] == [
        ("L2X", -0.25, ("G01", "G02")),
        ("L1C", None, ()),
    ]
    assert header.time_last_100ns - header.time_first_100ns == 86_370 * 10**7
    assert header.faults == ()


def test_a_position_of_zero_is_none():
    assert head(record("        0.0000        0.0000        0.0000", "APPROX POSITION XYZ")).position_xyz_m is None


def test_wavelength_factors_are_read():
    text = header2(
        record("     1     2     1   G14", "WAVELENGTH FACT L1/2"), record("     1     1", "WAVELENGTH FACT L1/2")
    )
    factors = read_header(text.encode()).wavelength_factors
    assert [(one.l1, one.l2, one.svs) for one in factors] == [(1, 2, ("G14",)), (1, 1, ())]


def test_types_go_on_over_continuation_lines():
    codes = [f"{kind}{band}{letter}" for band, letter in ("1C", "2W", "5Q", "2L", "1L") for kind in "CLDS"]
    lines = (f"G   20 {' '.join(codes[:13])}", f"       {' '.join(codes[13:])}")
    text = header("3.04", *(record(line, "SYS / # / OBS TYPES") for line in lines))
    part = only(text, epoch3(0, 1), satellite("G01", *range(1, 21)))
    assert part.header.obs_types["G"] == tuple(codes)
    assert part.value.tolist() == [[1000 * number for number in range(1, 21)]]


@pytest.mark.parametrize("factor", [10, 100, 1000])
def test_scale_factors_divide_stored_values(factor):
    records = (record(f"G {factor:4d}   2 L1C D1C", "SYS / SCALE FACTOR"),)
    part = only(header3(*records), GOOD)
    assert [column.scale for column in part.columns["G"]] == [1, factor, factor, 1]
    assert part.value.tolist() == [[20000000123, 105000000456, -1234500, 45250]]
    assert dense(part).phase[0, 0] == 105000000456 / (1000 * factor)
    assert dense(part).doppler[0, 0] == np.float32(-1234.5 / factor)


def test_a_scale_factor_without_codes_holds_for_all_of_the_system():
    assert {one.scale for one in only(header3(record("G  100", "SYS / SCALE FACTOR")), GOOD).columns["G"]} == {100}


def test_a_header_is_read_from_the_first_bytes():
    assert read_header((header3() + GOOD)[: len(header3()) + 5].encode()).marker_name == "TEST"
