"""A test for each box of the checklist in docs/rinex-support.md that no other test file holds."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.rinex import MISSING, Header, dense, read, read_header, signals
from tests.support.samples import (
    ROW,
    WHOLE,
    epoch2,
    epoch3,
    field,
    header,
    header2,
    header3,
    only,
    reading,
    record,
    satellite,
)

GPS_EPOCH = datetime(1980, 1, 6)  # noqa: DTZ001 - GPS time
GOOD = epoch3(30, 1) + WHOLE


def times(part) -> list[datetime]:
    return [GPS_EPOCH + timedelta(microseconds=time / 10) for time in part.time_100ns.tolist()]


def head(*records: str, **options: str) -> Header:
    return read_header(header3(*records, **options).encode("latin-1"))


@pytest.mark.parametrize("version", ["3", "3.00", "3.01", "3.02", "3.03", "3.04", "3.05", "4.00", "4.01", "4.02"])
def test_rinex_3_and_4_are_read(version):
    part = only(header3(version=version), GOOD)
    assert part.header.version == version
    assert part.value.tolist() == [[20000000123, 105000000456, -1234500, 45250]]


@pytest.mark.parametrize("version", ["1", "2", "2.00", "2.10", "2.11", "2.12", "2.20"])
def test_rinex_2_is_read(version):
    part = only(header2(version=version), epoch2(0, "G01"), "".join(field(value) for value in ROW), "\n")
    assert part.value.tolist() == [[20000000123, 105000000456, -1234500, 45250]]
    assert part.svs == ("G01",)


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\r\r\n"])
def test_line_ends_do_not_matter(ending):
    text = header3() + GOOD
    part = only(text.replace("\n", ending))
    assert part.value.tolist() == only(text).value.tolist()


def test_a_missing_last_line_end_costs_nothing():
    assert only((header3() + GOOD)[:-1]).value.tolist() == only(header3(), GOOD).value.tolist()


def test_bytes_that_are_no_ascii_do_not_shift_columns():
    part = only(header3(record("Graz-\xd6st", "OBSERVER / AGENCY")), GOOD)
    assert part.header.observer == "Graz-\xd6st"
    assert part.value[0, 0] == 20000000123


def test_a_byte_order_mark_is_passed_over():
    assert read(b"\xef\xbb\xbf" + (header3() + GOOD).encode()).parts[0].time_100ns.size == 1


def test_a_second_header_begins_another_part():
    other = header3(types="G    1 L5Q") + epoch3(0, 1) + satellite("G02", 5)
    first, second = reading(header3(), GOOD, other).parts
    assert first.svs, second.svs == (("G01",), ("G02",))
    assert second.columns["G"][0].code == "L5Q"
    assert first.accounting.lines + second.accounting.lines == (header3() + GOOD + other).count("\n")


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


TIME_SYSTEMS = {"GPS": 0, "GAL": 0, "QZS": 0, "IRN": 0, "BDT": 14, "GLO": 18}


@pytest.mark.parametrize("time_system", TIME_SYSTEMS)
def test_times_are_converted_to_gps_time(time_system):
    part = only(header3(time_system=time_system), GOOD)
    shift = timedelta(seconds=30 + TIME_SYSTEMS[time_system])
    assert times(part) == [datetime(2025, 1, 1) + shift]  # noqa: DTZ001 - GPS time
    assert (part.header.time_system, part.header.time_system_source) == (time_system, "header")
    assert part.header.time_first_100ns == part.time_100ns[0] - 30 * 10**7


@pytest.mark.parametrize(("system", "expected"), [("R", "GLO"), ("C", "BDT"), ("E", "GAL"), ("G", "GPS"), ("M", "GPS")])
def test_without_a_word_the_time_system_is_that_of_the_files_system(system, expected):
    text = header("3.04", record("R    1 C1C", "SYS / # / OBS TYPES"), system=system, time_system="   ")
    found = read_header(text.encode())
    assert (found.time_system, found.time_system_source) == (expected, "assumed" if system == "M" else "file_system")


def test_a_leap_second_is_read_in_utc_only_where_there_was_one():
    leap = "> 2016 12 31 23 59 60.5000000  0  1\n" + WHOLE
    after = "> 2017 01 01 00 00  0.0000000  0  1\n" + WHOLE
    part = only(header3(time_system="GLO"), leap, after)
    assert times(part)[0] == datetime(2017, 1, 1, 0, 0, 17, 500_000)  # noqa: DTZ001 - GPS time
    assert np.diff(part.time_100ns).tolist() == [5_000_000]
    wrong = "> 2018 12 31 23 59 60.5000000  0  1\n" + WHOLE
    assert reading(header3(time_system="GLO"), wrong, after).accounting.counts[Reason.BAD_EPOCH_RECORD] == 1


@pytest.mark.parametrize(("seconds", "units"), [(10.1, 101), (10.2, 102), (59.8, 598)])
def test_fractions_of_seconds_are_exact(seconds, units):
    part = only(header3(), epoch3(seconds, 1), WHOLE)
    assert part.time_100ns[0] % (60 * 10**7) == units * 10**6


@pytest.mark.parametrize("version", ["4.01", "4.02"])
def test_picoseconds_are_kept(version):
    line = f"{epoch3(0, 1, clock=' 0.000000000001').rstrip():<57}54321\n"
    part = only(header3(version=version), line, WHOLE)
    assert (part.time_ps.tolist(), part.rx_clock_offset_ps.tolist()) == ([54321], [1])


@pytest.mark.parametrize(
    ("clock", "picoseconds"), [("-0.123456789012", -123456789012), ("", MISSING), (" 0.000000000000", 0)]
)
def test_the_receiver_clock_offset_is_kept(clock, picoseconds):
    assert only(header3(), epoch3(0, 1, clock=clock), WHOLE).rx_clock_offset_ps.tolist() == [picoseconds]


def test_two_digit_years_turn_at_80():
    late = " 99 12 31  0  0  0.0000000  0  1G01\n" + field(1) + "\n"
    part = only(header2(), late, epoch2(0, "G01"), field(1), "\n")
    assert [time.year for time in times(part)] == [1999, 2025]


def test_rinex_2_lists_more_than_twelve_satellites_on_more_lines():
    svs = [f"G{number:02d}" for number in range(1, 15)]
    listed = f"{epoch2(0, ''.join(svs)).rstrip()[:68]}\n{'':32}{''.join(svs[12:])}\n"
    part = only(header2(types="     1    C1"), listed, *(field(number) + "\n" for number in range(1, 15)))
    assert part.svs == tuple(svs)
    assert part.value[:, 0].tolist() == [1000 * number for number in range(1, 15)]


def test_rinex_2_wraps_at_five_fields_and_a_line_may_be_blank():
    types = record("     7    C1    L1    D1    S1    P2    L2    S2", "# / TYPES OF OBSERV")
    text = header("2.11", types, system="G")
    rows = "".join(field(number) for number in (1, 2, 3, 4, 5)) + "\n\n" + "\n" + field(6) + field(7) + "\n"
    part = only(text, epoch2(0, "G01G02"), rows)
    assert part.value.tolist()[0] == [1000, 2000, 3000, 4000, 5000, MISSING, MISSING]
    assert part.value.tolist()[1] == [MISSING] * 5 + [6000, 7000]


@pytest.mark.parametrize(("token", "system", "sv"), [("  7", "G", "G07"), ("G 7", "G", "G07"), (" 12", "R", "R12")])
def test_rinex_2_satellites_may_be_blank_padded(token, system, sv):
    assert only(header2(system=system), epoch2(0, token), field(1), "\n").svs == (sv,)


def test_satellites_beyond_the_usual_numbers_are_kept():
    svs = ("C63", "S58", "R27", "J10", "I14", "E36")
    records = [record(f"{system}    1 C1C", "SYS / # / OBS TYPES") for system in "CSRJE"]
    text = header("3.04", *records, record("I    1 C5A", "SYS / # / OBS TYPES"))
    assert only(text, epoch3(0, 6), *(satellite(sv, 1) for sv in svs)).svs == svs


def test_zero_is_missing_but_a_doppler_beside_a_value_is_not():
    part = only(header3(), epoch3(0, 2), satellite("G01", 0.0, 5.0, 0.0, 0.0), satellite("G02", 0.0, None, 0.0, 0.0))
    assert part.value.tolist() == [[MISSING, 5000, 0, MISSING], [MISSING] * 4]


def test_indicators_are_carried_as_written():
    row = "G01" + field(20000000, "4", "7") + field(105000000, "7", "9") + field(1) + field(45) + "\n"
    part = only(header3(), epoch3(0, 1), row)
    assert (part.lli.tolist(), part.ssi.tolist()) == ([[4, 7, -1, -1]], [[7, 9, -1, -1]])
    arrays = dense(part)
    assert (arrays.lli.tolist(), arrays.ssi.tolist()) == ([[7]], [[9]])


@pytest.mark.parametrize("rows", [1, 3, 9, 20])
def test_indicators_beside_missing_values_are_carried(rows):
    whole = "G01" + field(2e7, " ", "7") + field(1e8, "1", "8") + "\n"
    alone = "G02" + field(None, " ", "5") + field(None, "1") + "\n"
    later = "G02" + field(2e7, " ", "6") + field(1e8) + "\n"
    epochs = [epoch3(30 * 0, 2), whole, alone, epoch3(1, 2), whole, later]
    more = [line for second in range(2, rows + 2) for line in (epoch3(second, 1), whole)]
    (part,) = reading(header3(), *epochs, *more).parts
    found = dense(part)
    assert found.sids == ("G01|L1|C", "G02|L1|C")
    assert found.lli[:2].tolist() == [[1, 1], [1, -1]]
    assert found.ssi[:2].tolist() == [[8, 5], [8, 6]]
    assert np.isnan(found.phase[0, 1])
    narrow = replace(part, value=part.value[:, :4], lli=part.lli[:, :4], ssi=part.ssi[:, :4])
    for one, other in zip(found[1:], dense(narrow)[1:], strict=True):
        assert np.array_equal(one, other, equal_nan=True)


def test_the_strength_indicator_falls_back_to_the_pseudorange():
    row = "G01" + field(20000000, " ", "7") + field(105000000) + "\n"
    assert dense(only(header3(), epoch3(0, 1), row)).ssi.tolist() == [[7]]


@pytest.mark.parametrize("value", [9999999999.999, -999999999.999, 0.001, -0.001, 1.5, 100000000.0, -12345678.901])
def test_every_value_of_f14_3_is_read(value):
    assert only(header3(), epoch3(0, 1), satellite("G01", value)).value[0, 0] == round(value * 1000)


@pytest.mark.parametrize(("text", "value"), [("          .123", 123), ("         -.123", -123)])
def test_the_zero_before_the_point_may_be_absent(text, value):
    assert only(header3(), epoch3(0, 1), f"G01{text[-14:]}\n").value[0, 0] == value


def test_types_that_change_in_the_body_add_columns():
    change = epoch3(15, 1, flag=4) + record("G    2 L5Q C1C", "SYS / # / OBS TYPES")
    part = only(
        header3(types="G    2 C1C L1C"),
        epoch3(0, 1),
        satellite("G01", 1, 2),
        change,
        epoch3(30, 1),
        satellite("G01", 3, 4),
    )
    assert [one.code for one in part.columns["G"]] == ["C1C", "L1C", "L5Q"]
    assert part.value.tolist() == [[1000, 2000, MISSING], [4000, MISSING, 3000]]


def test_a_new_marker_splits_the_file():
    event = epoch3(15, 1, flag=3) + record("OTHER", "MARKER NAME")
    first, second = reading(header3(), epoch3(0, 1), WHOLE, event, epoch3(30, 1), WHOLE).parts
    assert (first.header.marker_name, second.header.marker_name) == ("TEST", "OTHER")
    assert (first.time_100ns.size, second.time_100ns.size) == (1, 1)


def test_the_same_marker_again_does_not_split():
    event = epoch3(15, 1, flag=3) + record("test", "MARKER NAME")
    assert only(header3(), epoch3(0, 1), WHOLE, event, epoch3(30, 1), WHOLE).time_100ns.size == 2


def test_an_interval_that_changes_in_the_body_is_in_the_header():
    event = epoch3(15, 1, flag=4) + record("     1.000", "INTERVAL")
    assert only(header3(), epoch3(0, 1), WHOLE, event, epoch3(30, 1), WHOLE).header.interval_s == 1.0


def test_an_event_may_have_no_time():
    event = f"{'>':<31}4  1\n" + record("hello", "COMMENT")
    assert only(header3(), epoch3(0, 1), WHOLE, event, epoch3(30, 1), WHOLE).time_100ns.size == 2
    event2 = f"{'':28}4  1\n" + record("hello", "COMMENT")
    row = field(1) + "\n"
    assert only(header2(), epoch2(0, "G01"), row, event2, epoch2(30, "G01"), row).time_100ns.size == 2


def test_a_power_failure_marks_the_next_phase_of_every_signal():
    epochs = [
        epoch3(0, 2), satellite("G01", 1, 2), satellite("G02", 1, 2),
        epoch3(10, 1, flag=1), satellite("G01", 1, 2),
        epoch3(20, 2), satellite("G01", 1, 2), satellite("G02", 1),
        epoch3(30, 2), satellite("G01", 1, 2), satellite("G02", 1, 2),
    ]  # fmt: skip
    part = only(header3(), *epochs)
    assert part.epoch_flag.tolist() == [0, 1, 0, 0]
    assert part.lli[:, 1].tolist() == [-1, -1, 1, -1, -1, -1, 1]


def test_cycle_slip_records_are_no_observations():
    part = only(header3(), GOOD, epoch3(30, 1, flag=6), satellite("G01", 9, 9))
    assert part.time_100ns.size == 1
    assert part.value.tolist() == [[20000000123, 105000000456, -1234500, 45250]]


def test_of_two_different_epochs_of_one_time_the_fuller_is_kept():
    part = only(header3(), epoch3(0, 1), satellite("G01", 1), epoch3(0, 1), satellite("G01", 2, 3))
    assert part.value.tolist() == [[2000, 3000, MISSING, MISSING]]
    assert part.accounting.counts == {Reason.DUPLICATE_EPOCH: 1}


def test_records_of_one_time_with_different_satellites_are_joined():
    part = only(header3(), epoch3(0, 1), satellite("G01", 1), epoch3(0, 1), satellite("G02", 2), epoch3(30, 1), WHOLE)
    assert [part.svs[sv] for sv in part.row_sv] == ["G01", "G02", "G01"]
    assert part.first_row.tolist() == [0, 2, 3]
    assert part.value[:2, 0].tolist() == [1000, 2000]
    assert part.accounting.counts == {Reason.JOINED_EPOCH: 1}
    assert not Reason.JOINED_EPOCH.loses
    assert part.accounting.offence is None


def test_a_satellite_in_two_records_of_one_time_stays_as_the_fuller_says():
    """The others of both records stay; the record that had it too counts as a duplicate."""
    first = epoch3(0, 2) + satellite("G01", 1) + satellite("G02", 1, 2)
    second = epoch3(0, 3) + satellite("G01", 3, 4) + satellite("G02", 5) + satellite("G03", 6)
    for records in ((first, second), (second, first)):
        part = only(header3(), *records, epoch3(30, 1), WHOLE)
        rows = {part.svs[sv]: value[:2].tolist() for sv, value in zip(part.row_sv[:3], part.value, strict=False)}
        assert rows == {"G01": [3000, 4000], "G02": [1000, 2000], "G03": [6000, MISSING]}
        assert part.accounting.counts == {Reason.DUPLICATE_EPOCH: 1}


def test_a_joined_record_keeps_its_own_slips_and_hands_none_on():
    slipped = satellite("G02", 1, 2).rstrip("\n").ljust(33) + "1\n"
    part = only(
        header3(), epoch3(0, 1), satellite("G01", 1, 2), epoch3(0, 1), slipped, epoch3(30, 1), satellite("G02", 1, 2)
    )
    assert part.lli[:, 1].tolist() == [-1, 1, -1]


def test_records_of_one_time_may_lie_apart():
    part = only(header3(), epoch3(0, 1), satellite("G01", 1), epoch3(30, 1), WHOLE, epoch3(0, 1), satellite("G02", 2))
    assert [part.svs[sv] for sv in part.row_sv] == ["G01", "G02", "G01"]
    assert part.accounting.counts == {Reason.JOINED_EPOCH: 1}


def test_of_two_equal_epochs_the_first_is_kept():
    part = only(header3(), epoch3(0, 1), satellite("G01", 1), epoch3(0, 1), satellite("G01", 2))
    assert part.value[0, 0] == 1000


def test_a_lost_lock_of_a_dropped_epoch_goes_to_the_next_phase_of_its_signal():
    slipped = "G02" + field(1) + field(2, "3") + "\n"
    part = only(
        header3(),
        epoch3(0, 2), satellite("G01", 1, 2, 3, 4), satellite("G02", 1, None, 2, 3),
        epoch3(0, 2), "G01" + field(1) + field(2, "1") + "\n", slipped,
        epoch3(30, 2), satellite("G01", 1, 2), satellite("G02", 1),
        epoch3(40, 2), satellite("G01", 1, 2), satellite("G02", 1, 2),
        epoch3(50, 2), satellite("G01", 1, 2), satellite("G02", 1, 2),
    )  # fmt: skip
    assert part.time_100ns.size == 4
    assert part.lli[:, 1].tolist() == [1, -1, -1, -1, -1, 1, -1, -1]
    assert part.lli[:, [0, 2, 3]].max() == -1


def test_the_lost_lock_of_a_dropped_epoch_is_known_though_the_kept_one_stands_before_it():
    part = only(header3(), GOOD, epoch3(30, 1), "G01" + field(1) + field(2, "1") + "\n", epoch3(40, 1), WHOLE)
    assert part.lli[:, 1].tolist() == [1, -1]


def test_the_power_failure_of_a_dropped_epoch_is_that_of_the_kept_one():
    part = only(header3(), GOOD, epoch3(40, 1, flag=1), satellite("G01", 1), epoch3(40, 1), WHOLE, epoch3(50, 1), WHOLE)
    assert part.epoch_flag.tolist() == [0, 1, 0]
    assert part.lli[:, 1].tolist() == [-1, 1, -1]


def test_reversed_epochs_are_kept_and_counted():
    part = only(header3(), GOOD, epoch3(0, 1), WHOLE)
    assert np.diff(part.time_100ns).tolist() == [-30 * 10**7]
    assert part.accounting.counts == {Reason.REVERSED_EPOCH: 1}


def test_an_epoch_without_satellites_is_an_epoch():
    assert only(header3(), epoch3(0, 0), GOOD).first_row.tolist() == [0, 0, 1]


def test_beidou_band_1_of_3_02_is_b1i():
    part = only(header3(types="C    1 C1I", version="3.02"), epoch3(0, 1), satellite("C01", 1))
    assert signals(part) == ("C01|B1I|I",)


def test_signals_are_those_that_carry_a_value():
    part = only(header3(types="G    2 C1C C2W"), epoch3(0, 2), satellite("G02", 1), satellite("G01", 1, 0))
    assert signals(part) == ("G01|L1|C", "G02|L1|C")


def test_dense_leaves_out_what_the_sids_do_not_name():
    part = only(header3(), epoch3(0, 2), WHOLE, satellite("G02", *ROW))
    arrays = dense(part, ("G05|L1|C", "G02|L1|C"))
    assert np.isnan(arrays.snr[0, 0])
    assert (arrays.snr[0, 1], arrays.pseudorange[0, 1], arrays.phase[0, 1], arrays.doppler[0, 1]) == (
        45.25,
        20000000.123,
        105000000.456,
        -1234.5,
    )


def test_a_header_is_read_from_the_first_bytes():
    assert read_header((header3() + GOOD)[: len(header3()) + 5].encode()).marker_name == "TEST"
