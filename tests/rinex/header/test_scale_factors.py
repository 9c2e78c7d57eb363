"""Scale factors divide what is stored; where one is in doubt, values are a counted loss and never of another scale."""

import numpy as np
import pytest

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import MISSING, dense, read
from tests.support.samples import WHOLE, epoch2, epoch3, field, header2, header3, only, record

GOOD = epoch3(30, 1) + WHOLE
SCALED_2 = epoch2(0, "G01") + field(467614.701) + field(24554538.880) + field(4676147.130) + field(3000) + "\n"
TYPES_2 = "     4    L1    P1    LA    S1"


def loss(part):
    return {str(reason): count for reason, count in part.accounting.counts.items() if reason.loses}


def physical(part):
    """By code the values of the only epoch and satellite."""
    values = zip(part.columns["G"], part.value[0].tolist(), strict=True)
    return {column.code: value / 1000 / column.scale for column, value in values if value != MISSING}


def test_factors_of_rinex_2_20_divide_the_types_they_list():
    factors = record("    10     1    LA", "OBS SCALE FACTOR"), record("   100     1    S1", "OBS SCALE FACTOR")
    part = only(header2(*factors, version="2.20", types=TYPES_2), SCALED_2)
    assert physical(part) == {"L1W": 467614.701, "C1W": 24554538.88, "L1C": 467614.713, "S1W": 30.0}
    assert dense(part).snr[0, 1] == 30.0
    assert loss(part) == {}


@pytest.mark.parametrize("label", ["OBS SCALE FACTOR", "OBS SCALE  FACTOR", "OBS SCALEFACTOR"])
def test_a_factor_without_types_is_of_all_types(label):
    part = only(header2(record("   100", label), version="2.20", types=TYPES_2), SCALED_2)
    assert {column.scale for column in part.columns["G"]} == {100}


def test_the_factor_of_2_20_holds_for_every_system():
    types = "     1    L1"
    text = header2(record("    10", "OBS SCALE FACTOR"), version="2.20", types=types, system="M")
    part = only(text, epoch2(0, "G01R01"), field(10) + "\n", field(20) + "\n")
    assert dense(part).phase.tolist() == [[1.0, 2.0]]


IN_DOUBT = {
    "a factor that is none": ("G   7   1 L1C", ["C1C", "D1C", "S1C"]),
    "a factor of letters": ("G  1x0   1 L1C", ["C1C", "D1C", "S1C"]),
    "a blank factor": ("G       1 L1C", ["C1C", "D1C", "S1C"]),
    "a factor of letters for all": ("G  1x0", []),
    "a system that is none": ("X   10   1 L1C", ["C1C", "D1C", "S1C"]),
    "a blank system": ("    10   1 L1C", ["C1C", "D1C", "S1C"]),
    "a system that is none, for all": ("X   10", []),
    "fewer codes than said": ("G   10   3 L1C", ["L1C"]),
    "a code that is not declared": ("G   10   2 L1C L#C", ["L1C"]),
}


@pytest.mark.parametrize("case", IN_DOUBT)
def test_values_whose_factor_is_in_doubt_are_a_counted_loss(case):
    written, certain = IN_DOUBT[case]
    part = only(header3(record(f"{written}", "SYS / SCALE FACTOR")), GOOD)
    assert sorted(column.code for column in part.columns["G"]) == sorted(certain)
    assert loss(part)[Reason.UNKNOWN_SCALE] == 4 - len(certain)
    assert loss(part)[Reason.BAD_HEADER_RECORD] == 1
    assert part.header.fault_place is not None
    assert part.header.fault_place.first_bytes.startswith(written.encode())


def test_a_factor_of_another_system_that_has_types_costs_nothing():
    part = only(
        header3(record("T    1 C1C", "SYS / # / OBS TYPES"), record("T  10   1 C1C", "SYS / SCALE FACTOR")), GOOD
    )
    assert {column.scale for column in part.columns["G"]} == {1}
    assert loss(part) == {}


def test_a_factor_of_one_is_never_in_doubt():
    part = only(header3(record("X    1   1 L1C", "SYS / SCALE FACTOR")), GOOD)
    assert (len(part.columns["G"]), Reason.UNKNOWN_SCALE in part.accounting.counts) == (4, False)


def test_factors_that_go_on_without_a_beginning_are_in_doubt():
    part = only(header3(record("           L1C", "SYS / SCALE FACTOR")), GOOD)
    assert loss(part) == {Reason.BAD_HEADER_RECORD: 1, Reason.UNKNOWN_SCALE: 1}


BLANK = record("", "SYS / SCALE FACTOR")


@pytest.mark.parametrize("lines", [1, 2])
def test_a_blank_line_of_factors_says_nothing(lines):
    part = only(header3(*[BLANK] * lines), GOOD)
    assert {column.code: column.scale for column in part.columns["G"]} == dict.fromkeys(("C1C", "L1C", "D1C", "S1C"), 1)
    assert (loss(part), part.header.faults) == ({}, ())
    blank = record("", "OBS SCALE FACTOR")
    assert physical(only(header2(*[blank] * lines, version="2.20", types=TYPES_2), SCALED_2))["S1W"] == 3000.0


@pytest.mark.parametrize(
    "lines", [("G  100   2 C1C L1C", ""), ("", "G  100   2 C1C L1C"), ("G  100   2 C1C", "", f"{'':10} L1C")]
)
def test_a_blank_line_changes_nothing_about_the_record_around_it(lines):
    part = only(header3(*(record(line, "SYS / SCALE FACTOR") for line in lines)), GOOD)
    assert {column.code: column.scale for column in part.columns["G"]} == {"C1C": 100, "L1C": 100, "D1C": 1, "S1C": 1}
    assert loss(part) == {}


@pytest.mark.parametrize("lines", [("    10     2    L1    P1", ""), ("    10     2    L1", "", f"{'':12}    P1")])
def test_a_blank_line_of_2_20_changes_nothing_about_the_record_around_it(lines):
    factors = (record(line, "OBS SCALE FACTOR") for line in lines)
    part = only(header2(*factors, version="2.20", types=TYPES_2), SCALED_2)
    assert {column.code: column.scale for column in part.columns["G"]} == {"L1C": 1, "L1W": 10, "C1W": 10, "S1W": 1}
    assert loss(part) == {}


UNCERTAIN = {
    "a list that does not come": (["G  100   2", ""], 1, 4),
    "no list, and an unreadable number": (["G  100   x"], 2, 4),
    "a list that nothing begins, and a blank line": ([f"{'':10} L1C", ""], 1, 1),
    "a blank line, and a list that nothing begins": (["", f"{'':10} L1C D1C"], 1, 2),
}


@pytest.mark.parametrize("case", UNCERTAIN)
def test_no_list_is_of_all_types_only_where_a_line_says_so(case):
    lines, faults, lost = UNCERTAIN[case]
    part = only(header3(*(record(line, "SYS / SCALE FACTOR") for line in lines)), GOOD)
    assert {column.scale for column in part.columns["G"]} <= {1}
    assert loss(part) == {Reason.BAD_HEADER_RECORD: faults, Reason.UNKNOWN_SCALE: lost}


def test_a_list_behind_a_factor_of_all_leaves_only_its_own_codes_certain():
    lines = (record(line, "SYS / SCALE FACTOR") for line in ("G  100", f"{'':10} L1C"))
    part = only(header3(*lines), GOOD)
    assert [(column.code, column.scale) for column in part.columns["G"]] == [("L1C", 100)]
    assert loss(part) == {Reason.BAD_HEADER_RECORD: 1, Reason.UNKNOWN_SCALE: 3}


def test_a_list_behind_a_factor_of_one_for_all_costs_nothing():
    lines = (record(line, "SYS / SCALE FACTOR") for line in ("G    1", f"{'':10} L1C"))
    assert loss(only(header3(*lines), GOOD)) == {}


VALUE_LABELS = (
    *("SYS / SCALE FACTER", "SYS/SCALEFACTER", "Scale Factor 2", "SCALED BY", "PHASE FACTOR", "FACT / PHASE"),
    *("WAVELENGTH FACTORS", "SYS / OBS TYPES", "SYS/OBSTYPES", "OBS TYPE", "TYPES OF OBSERVATION", "TYPESOFOBS"),
)
OTHER_LABELS = ("MANUFACTURER", "ANT MANUFACTURER", "MANUFACTURED", "FACTORY", "ARTIFACTS", "SATISFACTION",
                "MARKER TYPES", "OBSERVATORY", "JOBS TYPES")  # fmt: skip


@pytest.mark.parametrize("label", OTHER_LABELS)
def test_an_unknown_label_that_says_nothing_of_values_is_a_harmless_one(label):
    part = only(header3(record("G  100   1 L1C", label)), GOOD)
    assert part.accounting.counts == {Reason.UNKNOWN_LABEL: 1}


@pytest.mark.parametrize("label", VALUE_LABELS)
def test_an_unknown_label_that_may_change_values_is_no_harmless_one(label):
    part = only(header3(record("G  100   1 L1C", label)), GOOD)
    assert loss(part) == {Reason.BAD_HEADER_RECORD: 1}
    assert part.accounting.offence.reason == Reason.BAD_HEADER_RECORD
    assert (part.accounting.offence.line, part.accounting.offence.first_bytes[:3]) == (4, b"G  ")


@pytest.mark.parametrize("name", ["scale_factor_unknown_system.rnx", "obs_types_count_unreadable.rnx"])
def test_every_damage_of_one_byte_in_these_records_is_an_outcome(shared_data, name):
    content = (shared_data / "faults" / name).read_bytes()
    at = [i for i in range(len(content) // 2) if not content[i : i + 1].isspace()]
    for place in at:
        for byte in b"x 9":
            damaged = content[:place] + bytes([byte]) + content[place + 1 :]
            try:
                parts = read(damaged).parts
            except ReadError:
                continue
            found = [dense(part).pseudorange for part in parts]
            assert all((np.isnan(values) | (values == 20000000.0)).all() for values in found)
