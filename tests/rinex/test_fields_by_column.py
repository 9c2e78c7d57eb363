"""Fields are read by their columns, as the format says, and by their value, as Fortran reads them."""

import numpy as np
import pytest

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import MISSING, Observations
from tests.support.samples import (
    WHOLE,
    compact,
    epoch2,
    epoch3,
    field,
    header2,
    header3,
    only,
    reading,
    record,
    satellite,
)

MIDNIGHT_100NS = 1_419_724_800 * 10**7
ROW = field(1) + "\n"


def ticks(part: Observations) -> list[int]:
    """Return the times of a part in 100 ns since midnight."""
    return [time - MIDNIGHT_100NS for time in part.time_100ns.tolist()]


SECONDS = {
    "  0.0000000": 0,
    "   .0000000": 0,
    "   .5      ": 5_000_000,
    "  7.25     ": 72_500_000,
    " 30.        ": 300_000_000,
    " 30        ": 300_000_000,
    "         30": 300_000_000,
    "       30.0": 300_000_000,
    "30.0000000 ": 300_000_000,
    "59.99999990": 599_999_999,
}


@pytest.mark.parametrize("written", SECONDS)
def test_seconds_are_read_by_their_value(written):
    width = written[:11]
    assert ticks(only(header3(), f"> 2025 01 01 00 00{width}  0  1\n", WHOLE)) == [SECONDS[written]]
    assert ticks(only(header2(), f" 25  1  1  0  0{width}  0  1G01\n", ROW)) == [SECONDS[written]]
    row = "\n3&1000\n"
    crinex3 = f"> 2025 01 01 00 00{width}  0  1      G01\n{row}"
    crinex1 = f"&25  1  1  0  0{width}  0  1G01\n{row}"
    assert ticks(only(compact("3.0", header3()), crinex3)) == [SECONDS[written]]
    assert ticks(only(compact("1.0", header2()), crinex1)) == [SECONDS[written]]


@pytest.mark.parametrize(
    "written", ["           ", " 3 0.000000", "3x.0000000 ", " 60.0000000", "-1.0       ", "0.123456789"]
)
def test_what_is_no_number_of_seconds_is_refused(written):
    good = epoch3(40, 1) + WHOLE
    found = reading(header3(), f"> 2025 01 01 00 00{written}  0  1\n", WHOLE, good)
    assert found.accounting.counts == {Reason.BAD_EPOCH_RECORD: 1}


@pytest.mark.parametrize("skipped", ["  ", " 0", "0 ", " 1", "xy", "--", "99"])
def test_the_two_columns_before_the_flag_are_skipped_and_a_blank_flag_is_0(skipped):
    for flag in " 0":
        part = only(header3(), f"> 2025 01 01 00 00  0.0000000{skipped}{flag}  1\n", WHOLE)
        assert (part.epoch_flag.tolist(), part.value[0, 0]) == ([0], 20000000123)
        part = only(header2(), f" 25  1  1  0  0  0.0000000{skipped}{flag}  1G01\n", ROW)
        assert (part.epoch_flag.tolist(), part.value[0, 0]) == ([0], 1000)
        text = f"> 2025 01 01 00 00  0.0000000{skipped}{flag}  1      G01\n\n3&1000\n"
        assert only(compact("3.0", header3()), text).value[0, 0] == 1000


@pytest.mark.parametrize("flag", "23456")
def test_the_flag_of_an_event_one_column_off_makes_no_observations_of_what_follows(flag):
    found = reading(header3(), epoch3(0, 1), WHOLE, f"> 2025 01 01 00 00 30.0000000 {flag}   1\n", WHOLE)
    assert found.parts[0].time_100ns.size == 1
    assert found.accounting.counts == {Reason.BAD_EPOCH_FLAG: 1}
    assert found.accounting.offence.line == 8


def test_a_flag_that_is_no_digit_is_refused():
    with pytest.raises(ReadError):
        reading(header3(), "> 2025 01 01 00 00  0.0000000  x  1\n", WHOLE)


@pytest.mark.parametrize(
    ("line", "name", "odd"),
    [
        ("  2025     1     1     0     0    0.0000000     BDT", "BDT", False),
        ("  2025     1     1     0     0     0.0000000     BDT", "BDT", True),
        ("  2025     1     1     0     0    0.0000000    BDT", "BDT", True),
        ("   2025     1     1     0     0    0.0000000     BDT", "BDT", True),
        ("  2025     1     1     0     0    0.0000000     bdt", "BDT", False),
        ("  2025     1     1     0     0    0.0000000     UTC", "GLO", False),
        ("  2025     1     1     0     0    0.0000000 Unknown", "GPS", True),
        ("  2025     1     1     0     0    0.0000000", "GPS", False),
    ],
)
def test_the_time_system_is_read_wherever_it_stands_and_never_assumed_without_a_word(line, name, odd):
    head = header3().replace(header3().split("\n")[3], record(line, "TIME OF FIRST OBS").rstrip())
    found = reading(head, epoch3(0, 1), WHOLE)
    (part,) = found.parts
    assert part.header.time_system == name
    assert bool(part.header.oddities) == odd
    assert found.accounting.counts == ({Reason.HEADER_ODDITY: 1} if odd else {})
    assert found.accounting.offence is None
    assert part.header.time_first_100ns == part.time_100ns[0]


COMMENT_LIKE_AN_EPOCH = record("> 2025 01 01 00 00 15.0000000  0  1", "COMMENT")


@pytest.mark.parametrize(
    "comment",
    [COMMENT_LIKE_AN_EPOCH, record("> 2025 01 01", "COMMENT"), "> see the log\n", ">\n", record(">", "COMMENT")],
)
def test_the_count_of_an_event_rules_over_a_mark_in_its_records(comment):
    event = epoch3(15, 3, flag=4) + record("G01  20000000.123", "COMMENT") + comment + record("end", "COMMENT")
    found = reading(header3(), epoch3(0, 1), WHOLE, event, epoch3(30, 1), WHOLE)
    assert ticks(found.parts[0]) == [0, 30 * 10**7]
    assert found.accounting.line_counts["header_record"] == 3
    assert found.accounting.offence is None


def test_an_event_that_announces_too_many_records_costs_no_epoch():
    event = epoch3(15, 9, flag=4) + record("end", "COMMENT")
    assert only(header3(), epoch3(0, 1), WHOLE, event, epoch3(30, 1), WHOLE).time_100ns.size == 2
    event = f"{'':28}4  9\n" + record(" 25  1  1  0  0 15.0000000  0  1G01", "COMMENT")
    assert only(header2(), epoch2(0, "G01"), ROW, event, epoch2(30, "G01"), ROW).time_100ns.size == 2


def test_a_comment_that_begins_with_a_mark_is_a_comment_outside_of_events_too():
    found = reading(header3(), epoch3(0, 1), WHOLE, COMMENT_LIKE_AN_EPOCH, epoch3(30, 1), WHOLE)
    assert found.accounting.counts == {Reason.COMMENT: 1}
    assert found.parts[0].time_100ns.size == 2


@pytest.mark.parametrize(
    ("name", "steps_s", "values"),
    [
        ("v2-seconds-without-a-leading-zero.25o", [59], 2),
        ("fewer_decimals_in_seconds.rnx", [30], 8),
        ("v3-flag-one-column-left.rnx", [1], 24),
        ("comment_begins_with_mark.rnx", [30], 8),
        ("epochs_without_satellites.rnx", [30], 0),
        ("v2-time-system-unknown.04o", [30], 2),
        ("time_system_one_column_right.rnx", [], 1),
    ],
)
def test_the_shared_oddities_of_this_kind_cost_nothing(shared_data, name, steps_s, values):
    found = reading((shared_data / "faults" / name).read_text())
    (part,) = found.parts
    assert (np.diff(part.time_100ns) // 10**7).tolist() == steps_s
    assert (part.value != MISSING).sum() == values
    assert found.accounting.offence is None
    assert not any(reason.loses for reason in found.accounting.counts)


def test_a_time_system_one_column_off_is_converted(shared_data):
    part = only((shared_data / "faults" / "time_system_one_column_right.rnx").read_text())
    assert part.time_100ns.tolist() == [(1_388_102_400 + 14) * 10**7]


def test_satellites_of_a_shifted_epoch_record_stand_under_their_names(shared_data):
    part = only((shared_data / "faults" / "v3-flag-one-column-left.rnx").read_text())
    assert part.value[:12, 0].tolist() == [20000000001 + 1000 * number for number in range(12)]
    assert part.svs == tuple(f"G{number:02d}" for number in range(1, 13))


def test_a_satellite_without_a_value_is_no_signal():
    assert only(header3(), epoch3(0, 1), satellite("G01")).value.tolist() == [[MISSING] * 4]
