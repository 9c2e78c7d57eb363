"""A test for each box of docs/rinex-support.md on epochs that no other test file holds."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.rinex import MISSING, read_header
from tests.support.samples import (
    GOOD,
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
    times,
)

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


def with_picoseconds(digits):
    return f"{epoch3(0, 1, clock=' 0.000000000001').rstrip():<57}{digits}\n"


@pytest.mark.parametrize("version", ["4.02", "4.03"])
def test_picoseconds_are_kept(version):
    part = only(header3(version=version), with_picoseconds("54321"), WHOLE)
    assert (part.time_ps.tolist(), part.rx_clock_offset_ps.tolist()) == ([54321], [1])


@pytest.mark.parametrize("version", ["3.00", "3.05", "4.00", "4.01"])
def test_what_stands_in_their_place_in_a_version_without_picoseconds_is_no_time(version):
    part = only(header3(version=version), with_picoseconds("54321"), WHOLE)
    assert (part.time_ps.tolist(), part.rx_clock_offset_ps.tolist()) == ([0], [1])
    assert part.accounting.counts == {Reason.BAD_VALUE: 1}
    assert part.value[0, 0] == 20000000123


@pytest.mark.parametrize("digits", ["5432", "5432x", "543210", " 54321"])
def test_picoseconds_that_are_none_are_counted(digits):
    part = only(header3(version="4.02"), with_picoseconds(digits), WHOLE)
    assert (part.time_ps.tolist(), part.accounting.counts) == ([0], {Reason.BAD_VALUE: 1})


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
