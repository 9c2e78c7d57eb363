"""RINEX 2 never shifts a value: an epoch whose list or lines are not what its record promises is refused whole."""

import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.rinex import MISSING, Observations, Reading
from tests.support.samples import epoch2, field, header2, only, reading, record

TYPES_1 = "     1    C1"
TYPES_7 = "     7    C1    L1    D1    S1    P2    L2    S2"
TYPES_10 = "    10    C1    L1    D1    S1    P2    L2    D2    S2    C5"
MORE_10 = record(f"{'':6}    L5", "# / TYPES OF OBSERV")
COMMENT = record("a comment", "COMMENT")


def svs(count: int) -> list[str]:
    return [f"G{number:02d}" for number in range(1, count + 1)]


def listed(seconds: int, names: list[str], first: int = 12, declared: int | None = None, between: str = "") -> str:
    """Return an epoch record and what goes on with its list: so many satellites in the first line, the others after."""
    start = f" 25  1  1  0  0{seconds:11.7f}  0{len(names) if declared is None else declared:3d}"
    rest = names[first:]
    return f"{start}{''.join(names[:first])}\n" + between + (f"{'':32}{''.join(rest)}\n" if rest else "")


def single(count: int, start: int = 1) -> str:
    """Return the only line of each satellite: its number is its value."""
    return "".join(field(number) + "\n" for number in range(start, start + count))


def double(*numbers: int, types: int = 10) -> list[str]:
    """Return the two lines of each satellite; all values are different."""
    lines = []
    for number in numbers:
        fields = [field(100 * number + k) for k in range(1, types + 1)]
        lines += ["".join(fields[:5]) + "\n", "".join(fields[5:]) + "\n"]
    return lines


def own(part: Observations) -> dict[str, int]:
    """Return the first value of each satellite of the first epoch."""
    rows = range(int(part.first_row[0]), int(part.first_row[1]))
    return {part.svs[part.row_sv[row]]: int(part.value[row, 0]) // 1000 for row in rows}


GOOD = listed(50, svs(1)) + single(1)
SEVEN = header2(types=TYPES_7)
TEN = header2(MORE_10, types=TYPES_10)
ONE = header2(types=TYPES_1)


@pytest.mark.parametrize("first", [12, 13, 7, 1, 24])
@pytest.mark.parametrize("between", ["", COMMENT, COMMENT + COMMENT])
def test_a_list_may_hold_more_or_less_than_twelve_on_a_line(first, between):
    found = reading(ONE, listed(0, svs(25), first, between=between), single(25), listed(50, svs(1)), single(1))
    assert own(found.parts[0]) == {f"G{number:02d}": number for number in range(1, 26)}
    assert found.parts[0].time_100ns.size == 2
    assert set(found.accounting.counts) <= {Reason.COMMENT}
    assert found.accounting.line_counts["epoch"] == 3
    assert found.accounting.lines == sum(found.accounting.line_counts.values())


def test_a_clock_offset_behind_twelve_satellites_is_no_thirteenth():
    first = f" 25  1  1  0  0  0.0000000  0 13{''.join(svs(12))}  .123456789\n"
    part = only(ONE, first, f"{'':32}G13\n", single(13))
    assert part.rx_clock_offset_ps.tolist() == [123_456_789_000]
    assert own(part)["G13"] == 13


def check_refused(found: Reading, line: int, reason: Reason = Reason.LINE_COUNT) -> None:
    """Check that just the epoch of a line was refused, and the one at 50 s is all there is."""
    (part,) = found.parts
    assert part.time_100ns.size == 1
    assert part.value[0, 0] == 1000
    assert found.accounting.counts[reason] == 1
    assert (found.accounting.offence.reason, found.accounting.offence.line) == (reason, line)
    assert reason.loses
    assert found.accounting.lines == sum(found.accounting.line_counts.values())


def good(types: int) -> str:
    """Return a whole epoch of one satellite."""
    return listed(50, svs(1)) + "".join(double(0, types=types))


@pytest.mark.parametrize("lost", range(6))
def test_a_line_lost_in_an_epoch_costs_the_epoch_and_shifts_nothing(lost):
    lines = double(1, 2, 3)
    del lines[lost]
    check_refused(reading(TEN, listed(0, svs(3)), *lines, good(10)), 7)


@pytest.mark.parametrize("doubled", range(6))
def test_a_line_that_stands_there_twice_costs_the_epoch_and_shifts_nothing(doubled):
    lines = double(1, 2, 3)
    lines.insert(doubled, lines[doubled])
    check_refused(reading(TEN, listed(0, svs(3)), *lines, good(10)), 7)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (0, 3), (1, 2), (2, 5)])
def test_a_line_of_more_fields_than_are_left_was_exchanged(one, other):
    lines = double(1, 2, 3, types=7)
    lines[one], lines[other] = lines[other], lines[one]
    check_refused(reading(SEVEN, listed(0, svs(3)), *lines, good(7)), 6)


def test_a_lost_epoch_record_costs_the_epoch_before_it_too():
    check_refused(reading(ONE, listed(0, svs(2)), single(2), single(1), listed(50, svs(1)), single(1)), 6)
    _, more = listed(0, svs(13)).splitlines(keepends=True)
    check_refused(reading(ONE, listed(0, svs(2)), single(2), more, single(13), GOOD), 6)


def test_a_continuation_of_the_list_that_is_lost_or_stands_elsewhere_costs_the_epoch():
    first, more = listed(0, svs(14)).splitlines(keepends=True)
    lines = single(14).splitlines(keepends=True)
    check_refused(reading(ONE, first, *lines, GOOD), 6)
    check_refused(reading(ONE, first, lines[0], more, *lines[1:], GOOD), 6)
    check_refused(reading(ONE, first, lines[11], *lines[:11], more, *lines[12:], GOOD), 6)
    check_refused(reading(ONE, first, " hello\n", more, *lines, GOOD), 6)
    check_refused(reading(ONE, first, more, more, *lines, GOOD), 6)
    check_refused(reading(ONE, first, more, more, *lines[1:], GOOD), 6)


def test_a_list_that_the_lines_bear_out_rules_over_the_count():
    found = reading(ONE, listed(0, svs(12), declared=13), single(12), GOOD)
    assert own(found.parts[0]) == {f"G{number:02d}": number for number in range(1, 13)}
    assert found.accounting.counts == {Reason.SATELLITE_COUNT: 1}
    found = reading(ONE, listed(0, svs(3), declared=2), single(3), GOOD)
    assert own(found.parts[0]) == {"G01": 1, "G02": 2, "G03": 3}
    assert found.accounting.counts == {Reason.SATELLITE_COUNT: 1}


def test_such_a_list_is_not_believed_behind_lines_that_may_be_its_own():
    first, more = listed(0, svs(13)).splitlines(keepends=True)
    lines = single(13).splitlines(keepends=True)
    found = reading(ONE, lines[0], more, first, *lines[1:], GOOD)
    assert own(found.parts[0]) == {"G01": 1}
    assert found.accounting.counts == {Reason.BAD_EPOCH_RECORD: 1, Reason.LINE_COUNT: 1}


def test_a_list_that_the_lines_do_not_bear_out_costs_the_epoch():
    check_refused(reading(ONE, listed(0, svs(3), declared=2), single(2), GOOD), 6)
    check_refused(reading(ONE, listed(0, svs(3), declared=5), single(5), GOOD), 6)


def test_an_unreadable_name_keeps_its_place():
    part = only(ONE, listed(0, ["G01", "X02", "G03"]), single(3), GOOD)
    assert own(part) == {"G01": 1, "G03": 3}
    part = only(ONE, listed(0, ["G01", "   ", "G03"]), single(3), GOOD)
    assert own(part) == {"G01": 1, "G03": 3}


def test_comments_between_the_lines_of_an_epoch_are_passed_over():
    lines = double(1, 2)
    found = reading(TEN, listed(0, svs(2)), COMMENT, *(line + COMMENT for line in lines), good(10))
    assert own(found.parts[0]) == {"G01": 101, "G02": 201}
    assert found.accounting.counts == {Reason.COMMENT: 5}


def test_blank_lines_are_observations_that_are_missing():
    lines = ["\n", double(1)[1], double(2)[0], "\n", "\n", "\n"]
    part = only(TEN, listed(0, svs(3)), *lines, good(10))
    assert part.value[0].tolist() == [MISSING] * 5 + [106000, 107000, 108000, 109000, 110000]
    assert part.value[1].tolist() == [201000, 202000, 203000, 204000, 205000] + [MISSING] * 5
    assert (part.value[2] == MISSING).all()


def test_a_blank_line_behind_an_epoch_is_nothing_where_no_line_before_it_can_be_too_many():
    found = reading(ONE, listed(0, svs(2)), single(2), "\n", GOOD, "\n", "\n")
    assert found.parts[0].time_100ns.size == 2
    assert found.accounting.counts == {Reason.BLANK_LINE: 3}
    found = reading(TEN, listed(0, svs(2)), double(1)[0], "\n", "\n", double(2)[0], "\n", good(10))
    check_refused(found, 7)
    lines = double(1, 2)
    found = reading(TEN, listed(0, svs(2)), lines[0], lines[0], lines[1], lines[2], "\n", good(10))
    check_refused(found, 7)


def test_what_is_no_line_of_observations_costs_nothing_behind_an_epoch():
    found = reading(ONE, listed(0, svs(2)), single(2), " hello\n", GOOD)
    assert found.parts[0].time_100ns.size == 2
    assert found.accounting.counts == {Reason.BAD_EPOCH_RECORD: 1}
    found = reading(ONE, listed(0, svs(2)), single(2), " 25  1  1  0  x 30.0000000  0  1G01\n", single(1), GOOD)
    assert found.parts[0].time_100ns.size == 2
    assert own(found.parts[0]) == {"G01": 1, "G02": 2}


def test_a_header_record_or_an_event_inside_an_epoch_costs_it():
    interval = record("     1.000", "INTERVAL")
    check_refused(reading(ONE, listed(0, svs(2)), single(1), interval, single(1), GOOD), 6)
    check_refused(reading(ONE, listed(0, svs(2)), single(1), f"{'':28}4  1\n", COMMENT, single(1), GOOD), 6)
    found = reading(ONE, listed(0, svs(2)), single(2), interval, GOOD)
    assert found.parts[0].time_100ns.size == 2
    assert found.accounting.offence is None


def test_a_file_that_ends_inside_an_epoch_keeps_those_before():
    check_refused(reading(ONE, GOOD, listed(55, svs(14))), 8, Reason.TRUNCATED)
    check_refused(reading(ONE, GOOD, epoch2(55, "G01G02"), single(1)), 8, Reason.TRUNCATED)
    check_refused(reading(ONE, GOOD, epoch2(55, "G01G02"), single(1), "      20000"), 8, Reason.TRUNCATED)


def test_the_shared_files_of_this_kind(shared_data):
    faults = shared_data / "faults"
    thirteen = only((faults / "v2-thirteen-on-a-continuation-line.19o").read_text())
    assert thirteen.first_row.tolist() == [0, 25, 50]
    assert thirteen.value[:, 0].tolist() == [20_000_000_000 + 1_000_000 * number for number in range(25)] * 2
    twelve = only((faults / "v2-count-13-list-of-12.19o").read_text())
    assert twelve.value[:12, 0].tolist() == [20_000_000_000 + 1_000_000 * number for number in range(12)]
    assert set(twelve.accounting.counts) == {Reason.SATELLITE_COUNT}
    lost = reading((faults / "v2_line_lost_in_epoch.04o").read_text())
    assert lost.accounting.counts == {Reason.LINE_COUNT: 1}
    assert lost.accounting.offence.line == 10
    assert lost.parts[0].value[:, 0].tolist() == [2_100_000, 2_200_000, 2_300_000]
