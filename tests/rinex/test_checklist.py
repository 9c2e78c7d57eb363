"""A test for each box of docs/rinex-support.md on files and observations that no other test file holds."""

from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.rinex import MISSING, dense, read, signals
from tests.support.samples import (
    GOOD,
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
