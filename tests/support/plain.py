"""A reading of the plain reader held against one of the main reader, array by array."""

from collections.abc import Iterator

import numpy as np

from gnssice_batch.rinex import MISSING, Observations, Reading
from gnssice_batch.rinex.plain import Series

ALONG_EPOCH = ("time_100ns", "time_ps", "epoch_flag", "rx_clock_offset_ps")


def differences(reading: Reading, series: Series) -> Iterator[str]:
    """Yield a sentence for each epoch coordinate or column of a satellite that is not the same."""
    if len(reading.parts) != 1:
        yield f"{len(reading.parts)} parts"
        return
    (part,) = reading.parts
    for name in ALONG_EPOCH:
        if not np.array_equal(getattr(part, name), getattr(series, name)):
            yield f"{name} differ"
    epoch = np.repeat(np.arange(part.time_100ns.size), np.diff(part.first_row))
    seen = set()
    for block in series.blocks:
        for index, sv in enumerate(block.svs):
            seen.add(sv)
            if sv in part.svs:
                yield from _of_satellite(part, epoch, sv, block, block.sv == index)
            else:
                yield f"{sv} is in one only"
    yield from (f"{sv} is in one only" for sv in set(part.svs) - seen)


def _of_satellite(part: Observations, epoch, sv, block, rows) -> Iterator[str]:
    mine = part.row_sv == part.svs.index(sv)
    if not np.array_equal(epoch[mine], block.epoch[rows]):
        yield f"{sv}: its epochs differ"
        return
    codes = [(column.code, column.scale) for column in part.columns[sv[0]]]
    theirs = [(column.code, scale) for column, scale in zip(block.columns, block.scales, strict=True)]
    if codes != theirs:
        yield f"{sv}: columns {codes}, {theirs}"
        return
    for name in ("value", "lli", "ssi"):
        ours, others = getattr(part, name)[mine][:, : len(codes)].T, getattr(block, name)[:, rows]
        for k, at in np.argwhere(ours != others)[:3]:
            yield f"{sv} {codes[k][0]} {name} in epoch {epoch[mine][at]}: {ours[k, at]}, plain {others[k, at]}"


def values(series: Series) -> int:
    """Number of values in a series."""
    return sum(int((block.value != MISSING).sum()) for block in series.blocks)
