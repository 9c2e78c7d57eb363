"""Damaged lists of observation types: what stands under an uncertain name is lost and counted, never renamed."""

import pytest

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import read
from tests.support.samples import WHOLE, epoch2, epoch3, field, header, header3, only, reading, record

GOOD = epoch3(30, 1) + WHOLE
NINE = ("C1", "L1", "D1", "S1", "P1", "P2", "L2", "D2", "S2")
MORE = ("C5", "L5", "D5", "S5", "C7", "L7", "D7", "S7", "C8")
LAST = ("L8", "D8", "S8")


def listing(count, *lines):
    """The header of a RINEX 2 file with these lines of types, `count` as written."""
    counts = [count, *[""] * len(lines)]
    texts = [
        f"{number:>6}{''.join(f'{code:>6}' for code in line)}" for number, line in zip(counts, lines, strict=False)
    ]
    return header("2.11", *(record(text, "# / TYPES OF OBSERV") for text in texts), system="E")


def values_2(count):
    fields = [field(number) for number in range(1, count + 1)]
    lines = ["".join(fields[at : at + 5]) for at in range(0, count, 5)]
    return epoch2(0, "E01") + "\n".join(line.rstrip() for line in lines) + "\n"


def found(part):
    return {column.code: value // 1000 for column, value in zip(part.columns["E"], part.value[0].tolist(), strict=True)}


def test_a_list_whose_count_can_not_be_read_is_read_as_it_stands():
    part = only(header3(types="G   x4 C1C L1C D1C S1C"), GOOD)
    assert part.value[0, 0] == 20000000123
    assert part.accounting.counts == {Reason.BAD_HEADER_RECORD: 1}
    assert (part.accounting.offence.line, part.accounting.offence.first_bytes[:6]) == (3, b"G   x4")


@pytest.mark.parametrize("count", ["x1", "2x", "-", "999921"])
def test_a_list_of_rinex_2_whose_count_can_not_be_read_shifts_nothing(count):
    text = listing(count, NINE, MORE, LAST)
    part = only(text, values_2(21))
    assert found(part) | {"C1X": 1, "S5X": 13, "S8X": 21} == found(part)
    assert part.accounting.counts[Reason.BAD_HEADER_RECORD] == 1


def test_a_lost_line_of_types_costs_the_names_of_what_follows():
    part = only(listing(21, NINE, LAST), values_2(21))
    assert found(part) == {"C1X": 1, "L1X": 2, "D1X": 3, "S1X": 4}
    assert part.accounting.counts[Reason.UNKNOWN_CODE] == 17


def test_a_double_line_of_types_costs_the_names_of_what_follows():
    part = only(listing(21, NINE, MORE, MORE, LAST), values_2(21))
    assert set(found(part)) == {"C1X", "L1X", "D1X", "S1X"}
    assert part.accounting.counts[Reason.UNKNOWN_CODE] == 17


@pytest.mark.parametrize("text", [header3(types="       C1C L1C") + GOOD, listing("", MORE, LAST) + values_2(12)])
def test_a_list_that_lacks_its_first_line_is_no_list(text):
    with pytest.raises(ReadError) as caught:
        read(text.encode())
    assert caught.value.reason == Reason.NO_OBS_TYPES


ODD = {
    "an interval of letters": record("  thirty", "INTERVAL"),
    "leap seconds of letters": record("   x", "LEAP SECONDS"),
    "a first epoch in month 13": record("  2025    13     1     0     0    0.0000000     GPS", "TIME OF LAST OBS"),
    "an applied flag of letters": record("     y", "RCV CLOCK OFFS APPL"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_in_a_header_and_loses_nothing_is_no_loss(case):
    counts = reading(header3(ODD[case]), GOOD).accounting.counts
    assert counts == {Reason.HEADER_ODDITY: 1}
    assert not Reason.HEADER_ODDITY.loses


def test_codes_in_lower_case_are_read_and_told():
    part = only(header3(types="G    4 c1c L1c D1C S1C"), GOOD)
    assert [column.code for column in part.columns["G"]] == ["C1C", "L1C", "D1C", "S1C"]
    assert part.header.oddities == ("observation types of G in lower case are read as upper case",)


def test_values_of_unknown_codes_are_a_counted_loss_and_those_of_channel_numbers_are_none():
    part = only(header3(types="G    4 C9C X1 D1C I1"), GOOD)
    assert part.accounting.counts == {Reason.UNKNOWN_CODE: 1, Reason.PSEUDO_OBSERVABLE: 2}
    assert part.accounting.offence.reason == Reason.UNKNOWN_CODE


def test_zeros_and_blanks_of_unknown_codes_are_no_loss():
    part = only(header3(types="G    2 C9C L1C"), epoch3(0, 1), "G01" + field(0) + field(5) + "\n")
    assert part.accounting.counts == {}


def test_a_time_system_out_of_its_columns_is_read_and_told():
    line = record("  2025     1     1     0     0    0.0000000     GPS", "TIME OF FIRST OBS")
    part = only(header3().replace(line, line.replace("GPS ", " BDT")), GOOD)
    assert (part.header.time_system, part.accounting.counts) == ("BDT", {Reason.HEADER_ODDITY: 1})


def test_a_time_system_that_nobody_knows_is_told():
    part = only(header3(time_system="UNK"), GOOD)
    assert (part.header.time_system, part.accounting.counts) == ("GPS", {Reason.HEADER_ODDITY: 1})
    assert part.header.time_system_source == "assumed"


def test_records_of_corrections_are_kept_as_they_are_written():
    written = [("G somebody", "SYS / DCBS APPLIED"), (" C1C  -71.940", "GLONASS COD/PHS/BIS")]
    lines = [record(*one) for one in [*written, ("     y", "RCV CLOCK OFFS APPL")]]
    kept = only(header3(*lines), GOOD).header.kept_records
    assert kept == (*(f"{label}: {text}" for text, label in written), "RCV CLOCK OFFS APPL:      y")


def test_more_types_than_declared_are_read_where_none_stands_twice():
    part = only(listing(5, NINE, MORE, LAST), values_2(21))
    assert found(part) | {"C1X": 1, "S5X": 13, "S8X": 21} == found(part)
