"""Observations are whole: every array is given, and those along the epochs are of one length."""

from dataclasses import MISSING as NONE
from dataclasses import fields

import pytest

from gnssice_batch.rinex import Observations, ReadOptions, read
from tests.support.samples import WHOLE, compact, epoch3, header3

ALONG_EPOCH = ("time_100ns", "time_ps", "epoch_flag", "rx_clock_offset_ps")
TEXT = header3() + epoch3(0, 1) + WHOLE + epoch3(30, 1) + WHOLE
COMPACT = compact("3.0", header3()) + "> 2025 01 01 00 00 00.0000000  0  1      G01\n\n3&5\n" + f"{'':19}3\n\n1\n"


def test_nothing_of_observations_has_a_default_that_may_be_of_another_length():
    assert [one.name for one in fields(Observations) if (one.default, one.default_factory) != (NONE, NONE)] == []


@pytest.mark.parametrize("options", [ReadOptions(), ReadOptions(reader="georinex"), ReadOptions(decoder="hatanaka")])
@pytest.mark.parametrize("text", [TEXT, COMPACT, TEXT.replace(" 30.0", "  0.0")])
def test_arrays_along_the_epochs_are_of_one_length(text, options):
    for part in read(text.encode(), options).parts:
        sizes = {getattr(part, name).size for name in ALONG_EPOCH}
        assert sizes == {part.first_row.size - 1} != {0}
