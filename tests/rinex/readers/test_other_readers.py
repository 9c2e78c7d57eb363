"""What ``reader="georinex"`` and ``decoder="hatanaka"`` can and can't give."""

import hatanaka
import pytest

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import MISSING, Observations, ReadOptions, read
from tests.support.samples import ROW, WHOLE, compact, epoch3, header3, satellite

GEORINEX = ReadOptions(reader="georinex")
FIRST = epoch3(0, 2, clock=" 0.000000123456") + WHOLE + satellite("G02", *ROW)
SECOND = epoch3(30, 2, flag=1, clock="-0.000000000001") + WHOLE + satellite("G02", *ROW)
LATER = epoch3(40, 2) + WHOLE + satellite("G02", *ROW)


def georinex(*parts: str) -> Observations:
    return read("".join((header3(), *parts)).encode(), GEORINEX).parts[0]


def test_georinex_gives_values_and_clock_offsets_but_no_flags():
    part, ours = georinex(FIRST, SECOND), read((header3() + FIRST + SECOND).encode()).parts[0]
    assert part.value.tolist() == ours.value.tolist()
    assert part.time_100ns.tolist() == ours.time_100ns.tolist()
    assert part.rx_clock_offset_ps.tolist() == ours.rx_clock_offset_ps.tolist() == [123456, -1]
    assert (part.epoch_flag.tolist(), ours.epoch_flag.tolist()) == ([0, 0], [0, 1])


@pytest.mark.parametrize("epochs", [(FIRST, SECOND, LATER), (SECOND, FIRST)], ids=["one without", "out of order"])
def test_clock_offsets_of_which_georinex_does_not_say_the_epoch_are_missing(epochs):
    assert set(georinex(*epochs).rx_clock_offset_ps.tolist()) == {MISSING}


@pytest.mark.parametrize("packed", [False, True])
def test_the_lines_of_a_georinex_reading_add_up(packed):
    text = (header3() + FIRST + SECOND).encode()
    content = bytes(hatanaka.rnx2crx(text)) if packed else text
    accounting = read(content, GEORINEX).accounting
    assert accounting.lines == sum(accounting.line_counts.values()) == content.count(b"\n")


CRINEX_3_1 = (
    compact("3.1", header3(version="4.02"))
    + "> 2025 01 01 00 00 00.0000000  0  1      G01\n3&1000 54321\n3&1000    77\n"
)


@pytest.mark.parametrize("options", [ReadOptions(decoder="hatanaka"), GEORINEX])
def test_crinex_3_1_is_refused_by_what_goes_through_crx2rnx(options):
    with pytest.raises(ReadError, match="does not know CRINEX") as caught:
        read(CRINEX_3_1.encode(), options)
    assert caught.value.reason == Reason.READER_FAILED


def test_crinex_3_1_is_read_by_the_native_decoder():
    part = read(CRINEX_3_1.encode()).parts[0]
    assert (part.value[0, 0], part.rx_clock_offset_ps[0], part.time_ps[0]) == (1000, 1000, 54321)


def test_hatanaka_as_the_decoder_gives_the_same():
    packed = bytes(hatanaka.rnx2crx((header3() + FIRST + SECOND).encode()))
    ours, theirs = (read(packed, options).parts[0] for options in (ReadOptions(), ReadOptions(decoder="hatanaka")))
    assert ours.value.tolist() == theirs.value.tolist()
    assert ours.rx_clock_offset_ps.tolist() == theirs.rx_clock_offset_ps.tolist()
    assert ours.epoch_flag.tolist() == theirs.epoch_flag.tolist()
