"""0.000 is a missing value, as a blank is: whatever the observable, in every form of a file."""

import pytest

from gnssice_batch.rinex import MISSING, dense
from tests.support.samples import compact, epoch2, epoch3, field, header2, header3, only, satellite


@pytest.mark.parametrize("zero", ["0.000", ".000", "-0.000", "-.000"])
def test_zero_is_missing_whatever_the_observable_and_its_indicators_stay(zero):
    fields = f"{zero:>14}17" * 4
    part = only(header3(), epoch3(0, 2), f"G01{fields}\n", satellite("G02", 1.0, 2.0, 0.0, 3.0))
    assert part.value.tolist() == [[MISSING] * 4, [1000, 2000, MISSING, 3000]]
    assert part.lli[0].tolist() == [1] * 4
    assert part.ssi[0].tolist() == [7] * 4
    assert part.accounting.counts == {}


def test_zero_is_missing_in_rinex_2():
    row = field(1) + field(2) + field(0) + field(0) + "\n"
    assert only(header2(), epoch2(0, "G01"), row).value.tolist() == [[1000, 2000, MISSING, MISSING]]


def test_zero_is_missing_in_crinex_and_goes_on_as_the_number_that_differences_refer_to():
    first = "&25  1  1  0  0  0.0000000  0  1G01\n\n3&1000 3&2000 3&0 3&5\n"
    later = f"{'':17}1\n\n0 0 7 -5\n"
    part = only(compact("1.0", header2()), first, later)
    assert part.value.tolist() == [[1000, 2000, MISSING, 5], [1000, 2000, 7, MISSING]]


def test_a_signal_of_zeros_alone_is_no_signal():
    part = only(header3(), epoch3(0, 1), satellite("G01", 0.0, 0.0, 0.0, 0.0))
    assert dense(part).sids == ()


def test_the_shared_file_of_zero_dopplers_holds_none(shared_data):
    part = only((shared_data / "faults" / "zero_doppler.rnx").read_text())
    assert (part.value[:, 2] == MISSING).all()
    assert (part.value[:, :2] != MISSING).all()
    assert part.accounting.counts == {}
