"""What the first reader gives is the same as a series: held to the second reader, array by array."""

import numpy as np
import pytest
from hypothesis import assume, given, settings

from gnssice_batch.rinex import read
from gnssice_batch.rinex.plain import DeclinedError, read_plainly
from gnssice_batch.verification.first_reading import series_of
from tests.support import samples, writer
from tests.support.plain import ALONG_EPOCH
from tests.support.strategies import files

LIMIT = 1 << 30


def by_satellite(series):
    """Everything of each satellite; its blocks may be cut in another way."""
    return {
        sv: (block.epoch[rows].tolist(), block.columns, block.scales,
             *(getattr(block, name)[:, rows].tolist() for name in ("value", "lli", "ssi")))
        for block in series.blocks
        for index, sv in enumerate(block.svs)
        for rows in [block.sv == index]
    }  # fmt: skip


@pytest.mark.heavy
@given(files(steady=True))
@settings(max_examples=60)
def test_it_is_the_series_of_the_second_reader(file):
    content = writer.text(file)
    try:
        plain = read_plainly(content, {}, LIMIT)
    except DeclinedError:
        assume(False)
    (part,) = read(content).parts
    series = series_of(part)
    assert all(np.array_equal(getattr(series, name), getattr(plain, name)) for name in ALONG_EPOCH)
    assert by_satellite(series) == by_satellite(plain)


def test_records_are_satellite_by_satellite():
    content = samples.header3() + "".join(
        samples.epoch3(second, 2) + samples.satellite("G02", *samples.ROW) + samples.satellite("G01", second or None)
        for second in (0, 30)
    )
    (block,) = series_of(read(content.encode()).parts[0]).blocks
    assert block.svs == ("G02", "G01")
    assert block.sv.tolist() == [0, 0, 1, 1]
    assert block.epoch.tolist() == [0, 1, 0, 1]
    assert block.observed().tolist() == [[True, True], [True, False], [True, False], [True, False]]
