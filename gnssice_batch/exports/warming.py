"""Compiles the kernels that write RINEX ahead of time, into numba's cache on disk."""

import numpy as np

from gnssice_batch.exports import text2, text3
from gnssice_batch.exports.columns import in_kernel, layout, observables
from gnssice_batch.exports.rinex_files import told_of
from gnssice_batch.exports.survey import look_at, nothing_found
from gnssice_batch.exports.values import NO_CLOCK, Records
from gnssice_batch.model.template import VARIABLES, signal_axis

_SIDS = ("G01|L1|C", "G02|L1|C")
_EPOCHS = 2
"""Two of each are the fewest that lie in memory as many do."""


def warm_export() -> None:
    """Write two epochs without anything, in each layout."""
    arrays = tuple(np.full((_EPOCHS, len(_SIDS)), spec.fill, spec.dtype, order="F") for spec in VARIABLES)
    times, flags = np.arange(_EPOCHS), np.zeros(_EPOCHS, np.int8)
    records = Records(times, flags, np.full(_EPOCHS, NO_CLOCK), arrays)
    axis, found = signal_axis(_SIDS), nothing_found(len(_SIDS))
    look_at(records, found)
    made = in_kernel(layout(axis, found, observables(axis, found)))
    buffer = np.empty(1 << 12, np.uint8)
    for write in (text2.write_epochs, text3.write_epochs):
        write(buffer, 0, _EPOCHS, told_of(records), made, arrays)
