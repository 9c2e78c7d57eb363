"""RINEX 3 satellite lines that were wrapped at 80 columns."""

import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.rinex import MISSING
from tests.support.samples import ROW, WHOLE, epoch3, field, header3, only, reading, satellite

SIX = "G    6 C1C L1C D1C S1C C2W L2W"


@pytest.mark.parametrize("indentation", [3, 0])
def test_rinex_3_lines_wrapped_at_80_columns_are_joined(indentation):
    rest = " " * indentation + field(2e7) + field(1e8, "1", "7")
    text = (header3(types=SIX), epoch3(0, 2), WHOLE, rest.rstrip() + "\n", satellite("G02", 5), rest, "\n")
    part = only(*text)
    assert part.value[:, 4:].tolist() == [[20_000_000_000, 100_000_000_000]] * 2
    assert part.value[1, :4].tolist() == [5000, MISSING, MISSING, MISSING]
    assert (part.lli[0, 5], part.ssi[0, 5]) == (1, 7)
    assert part.accounting.counts == {}
    assert part.accounting.line_counts["observation"] == 4


def test_a_line_wrapped_twice_and_a_blank_line_of_it_keep_their_places():
    types = "G   13 C1C L1C D1C S1C C2W L2W D2W S2W C5Q L5Q D5Q S5Q C1P"
    last = f"   {field(9)}\n"
    rest = f"   {field(5)}{field(6)}{field(7)}{field(8)}\n"
    text = (header3(types=types), epoch3(0, 2), WHOLE, rest, last, satellite("G02", 1), "\n", last)
    assert only(*text).value[0, 4:10].tolist() == [5000, 6000, 7000, 8000, 9000, MISSING]
    assert only(*text).value[1, 4:10].tolist() == [MISSING, MISSING, MISSING, MISSING, 9000, MISSING]


def test_the_rest_of_a_line_that_can_not_be_placed_is_refused():
    rest = f"   {field(5)}\n"
    for text in (
        (header3(), epoch3(0, 2), WHOLE, rest, satellite("G02", 1)),
        (header3(types=SIX), epoch3(0, 2), WHOLE, f"  {rest}", satellite("G02", 1)),
        (header3(types=SIX), epoch3(0, 3), satellite("G02", *ROW, 1, 2), WHOLE, rest),
        (header3(types=SIX), epoch3(0, 3), WHOLE, WHOLE, rest),
        (header3(types=SIX), epoch3(0, 2), rest, satellite("G02", 1)),
    ):
        found = reading(*text, epoch3(30, 0))
        assert (found.parts[0].value[:, 4:] <= 2000).all()
        assert found.accounting.counts[Reason.BAD_SATELLITE] >= 1
        assert found.accounting.lines == "".join(text).count("\n") + 1


def test_a_file_that_ends_in_a_wrapped_line_loses_that_epoch_only():
    rest = f"   {field(5)}\n"
    text = (header3(types=SIX), epoch3(0, 1), WHOLE, rest, epoch3(30, 1), WHOLE, rest[:-5])
    found = reading(*text)
    assert found.parts[0].value[:, 4].tolist() == [5000]
    assert found.accounting.line_counts["truncated"] == 3
