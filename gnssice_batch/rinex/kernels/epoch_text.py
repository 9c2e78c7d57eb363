"""The time of an epoch record in the two layouts of RINEX (kernels)."""

from gnssice_batch.rinex.kernels.buffers import Tables
from gnssice_batch.rinex.kernels.epoch import NO_TIME, State, gps_time
from gnssice_batch.rinex.primitives.fields import Bytes, cardinal
from gnssice_batch.rinex.primitives.jit import kernel


@kernel
def epoch_time3(buffer: Bytes, start: int, stop: int, state: State, tables: Tables) -> int:
    """Read the time of an epoch record; `NO_TIME` if it has none."""
    if stop - start < 29:
        return NO_TIME
    year = cardinal(buffer, start + 2, start + 6)
    return gps_time(year, buffer, start + 6, stop, state, tables)


@kernel
def epoch_time2(buffer: Bytes, start: int, stop: int, state: State, tables: Tables) -> int:
    """Read the time of a RINEX 2 epoch record, years 80 to 99 in the last century; `NO_TIME` if it has none."""
    if stop - start < 26:
        return NO_TIME
    year = cardinal(buffer, start + 1, start + 3)
    if year < 0:
        return NO_TIME
    return gps_time(year + (1900 if year >= 80 else 2000), buffer, start + 3, stop, state, tables)
