"""Phases that a reader of a file marks as slipped because a power failure stands before them in the file."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnssice_batch.exports.cells import PHASE
from gnssice_batch.exports.values import Records

_LLI = 4
_FAILURE = 1


@dataclass(slots=True)
class ImpliedSlips:
    """Counts them, epoch by epoch of a file."""

    waiting: npt.NDArray[np.bool_]
    """(S,) which signals have had no phase since the last power failure."""
    count: int = 0
    """First phases so far whose indicator does not say what the power failure does."""

    def follow(self, records: Records) -> None:
        """Go on with more epochs of the file."""
        failures = np.flatnonzero(records.flag == _FAILURE).tolist()
        if not failures and not self.waiting.any():
            return
        starts = [0, *failures]
        for start, end in zip(starts, [*failures, records.size], strict=True):
            if start in failures:
                self.waiting[:] = True
            self._first_phases(records, start, end)

    def _first_phases(self, records: Records, start: int, end: int) -> None:
        signals = np.flatnonzero(self.waiting)
        there = ~np.isnan(records.arrays[PHASE][start:end][:, signals])
        seen = there.any(axis=0)
        if not seen.any():
            return
        met, first = signals[seen], start + there[:, seen].argmax(axis=0)
        lli = records.arrays[_LLI][first, met]
        self.count += int(((lli < 0) | (lli % 2 == 0)).sum())
        self.waiting[met] = False
