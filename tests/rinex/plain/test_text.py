"""Lines of text that end early, be their system's types as many as they may."""

import pytest

from gnssice_batch.rinex import read
from gnssice_batch.rinex.plain import read_plainly
from tests.support import samples
from tests.support.plain import differences

LIMIT = 1 << 30
BANDS = ("1C", "1W", "1L", "2W", "2L", "5Q", "5I", "5X")
CODES = [kind + band for band in BANDS for kind in "CLDS"]


@pytest.mark.parametrize("last", ["G01", f"G01{'20000000.123':>14}", f"G01{'':14} 5"])
def test_the_last_line_of_many_types_may_be_short(last):
    first, rest = CODES[:13], CODES[13:]
    lines = [f"G  {len(CODES):3d} " + " ".join(first), *(f"{'':6} " + " ".join(rest[at : at + 13]) for at in (0, 13))]
    header = samples.header3(*(samples.record(line, "SYS / # / OBS TYPES") for line in lines[1:]), types=lines[0])
    content = (header + samples.epoch3(0, 1) + last + "\n").encode()
    series = read_plainly(content, {}, LIMIT)
    assert len(series.blocks[0].columns) == len(CODES)
    assert list(differences(read(content), series)) == []
