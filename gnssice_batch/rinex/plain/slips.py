"""Slips that a power failure causes: the first phase of every signal after it has bit 0 of its indicator set."""

import numpy as np

from gnssice_batch.rinex.plain.values import MISSING, Block, Series


def mark_power_failures(series: Series) -> Series:
    """Set the bit in the blocks of a series, whose arrays are its own; epochs with flag 1 are the failures."""
    failures = np.flatnonzero(series.epoch_flag == 1)
    if failures.size:
        for block in series.blocks:
            for k, column in enumerate(block.columns):
                if column.kind == "L":
                    _mark(block, k, failures)
    return series


def _mark(block: Block, k: int, failures: np.ndarray) -> None:
    """Mark the phases of one column."""
    there = np.flatnonzero(block.value[k] != MISSING)
    behind = np.searchsorted(failures, block.epoch[there], side="right")
    sv = block.sv[there]
    first = np.diff(sv, prepend=-1) != 0
    anew = np.concatenate(([False], np.diff(behind) > 0))[: there.size]
    marked = there[np.where(first, behind > 0, anew)]
    block.lli[k, marked] = np.maximum(block.lli[k, marked], 0) | 1
