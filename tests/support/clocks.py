"""Epochs of receivers whose clocks are steered, rounded, or run freely."""

import numpy as np
import numpy.typing as npt

from gnssice_batch.model.grid import SECOND_NS

START_S = 15_000 * 86_400


def ns(times_s: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """GPS time in nanoseconds of seconds of a day, in steps of 100 ns."""
    return np.round(np.asarray(times_s, float) * 1e7).astype(np.int64) * 100 + START_S * SECOND_NS


def drifting(
    interval_s: float, epochs: int, per_epoch_s: float, reset_s: float, start_s: float = 0.0
) -> npt.NDArray[np.float64]:
    """Tags of a clock that gains so much an epoch, and is set back by `reset_s` once it is that far off."""
    return np.arange(epochs) * interval_s + (start_s + np.arange(epochs) * per_epoch_s) % reset_s
