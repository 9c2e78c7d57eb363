"""Two declared types of one signal: whichever has a value gives it, satellite by satellite, in any order of types."""

from itertools import permutations

import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.rinex import dense
from tests.support.samples import compact, epoch2, epoch3, field, header2, header3, only, record, satellite


def cells(part):
    """Pseudoranges and phases by sid, of the first epoch."""
    found = dense(part)
    pairs = zip(found.pseudorange[0].tolist(), found.phase[0].tolist(), strict=True)
    return dict(zip(found.sids, pairs, strict=True))


@pytest.mark.parametrize("order", list(permutations(["C1", "C2", "L2"])))
def test_the_column_with_a_value_gives_it_for_each_satellite(order):
    types = f"     3{''.join(f'{code:>6}' for code in order)}"
    c05 = {"C1": 38.0, "C2": None, "L2": 198.0}
    c06 = {"C1": None, "C2": 39.0, "L2": 199.0}
    rows = ["".join(field(values[code]) for code in order).rstrip() + "\n" for values in (c05, c06)]
    part = only(header2(version="2.12", types=types, system="C", time_system="GPS"), epoch2(0, "C05C06"), *rows)
    assert cells(part) == {"C05|B1I|I": (38.0, 198.0), "C06|B1I|I": (39.0, 199.0)}
    assert dict(part.accounting.counts) == {}


@pytest.mark.parametrize("order", list(permutations(["C1I", "C2I", "L2I"])))
@pytest.mark.parametrize(("second", "lost"), [(20.0, 0), (21.0, 1)])
def test_of_two_values_the_preferred_one_stays_and_another_is_a_loss(order, second, lost):
    values = {"C2I": 20.0, "C1I": second, "L2I": 5.0}
    text = header3(version="3.02", types=f"C    3 {' '.join(order)}", time_system="GPS")
    part = only(text, epoch3(0, 1), satellite("C05", *(values[code] for code in order)))
    assert cells(part) == {"C05|B1I|I": (20.0, 5.0)}
    assert part.accounting.counts.get(Reason.SECOND_COLUMN, 0) == lost
    assert Reason.SECOND_COLUMN.loses


def test_a_code_listed_twice_is_no_loss_where_both_say_the_same():
    part = only(
        header3(types="G    3 C1C L1C C1C"), epoch3(0, 2), satellite("G01", 1, 2, 1), satellite("G02", None, 2, 3)
    )
    assert cells(part) == {"G01|L1|C": (1.0, 2.0), "G02|L1|C": (3.0, 2.0)}
    assert dict(part.accounting.counts) == {Reason.HEADER_ODDITY: 1}


def test_a_code_listed_twice_in_crinex_keeps_both_arcs_apart():
    lines = "> 2025 01 01 00 00  0.0000000  0  1      G01\n\n3&1000 3&2000 3&1500 7\n"
    part = only(compact("3.0", header3(types="G    3 C1C L1C C1C")), lines, "                   3\n\n1 2 3\n")
    assert dense(part).pseudorange[:, 0].tolist() == [1.0, 1.001]
    assert part.accounting.counts[Reason.SECOND_COLUMN] == 2


def test_indicators_go_with_the_value():
    row = "C05" + field(None, "1", "3") + field(20.0, "2", "8") + "\n"
    part = only(header3(version="3.02", types="C    2 L2I L1I", time_system="GPS"), epoch3(0, 1), row)
    found = dense(part)
    assert (found.phase[0, 0], found.lli[0, 0], found.ssi[0, 0]) == (20.0, 2, 8)


def test_values_of_different_scales_are_compared_and_kept_as_what_they_are():
    scale = record("    10     1    CA", "OBS SCALE FACTOR")
    text = header2(scale, version="2.20", types="     2    C1    CA")
    part = only(text, epoch2(0, "G01G02"), field(2.0) + field(20.0) + "\n", field(None) + field(30.0) + "\n")
    assert dense(part).pseudorange.tolist() == [[2.0, 3.0]]
    assert dict(part.accounting.counts) == {}
