"""The last step of reading a part: second columns, duplicate epochs, reversed epochs, cycle slips settled."""

from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import Reason
from gnssice_batch.rinex.observations.alternatives import drop_alternatives, has_alternatives
from gnssice_batch.rinex.observations.values import MISSING, Observations, Offence
from gnssice_batch.rinex.primitives.jit import kernel

type Integers = npt.NDArray[np.int64]
type Indicators = npt.NDArray[np.int8]


def clean(read: Observations) -> Observations:
    """Return observations whose epochs are all different, with slips marked where a power failure caused them."""
    if has_alternatives(read.columns):
        read = _with_loss(read, Reason.SECOND_COLUMN, drop_alternatives(read))
    if (read.time_100ns[1:] <= read.time_100ns[:-1]).any():
        read = _without_duplicates(read)
    if read.epoch_flag.any():
        mark_slips(read.epoch_flag, read.first_row, read.row_sv, read.value, read.lli, _phases(read))
    return read


def _phases(read: Observations) -> Integers:
    """Return (svs, K) zeros where a column of a satellite is a phase, else the greatest integer."""
    phases = np.full((len(read.svs), read.value.shape[1]), np.iinfo(np.int64).max)
    for index, sv in enumerate(read.svs):
        for k, column in enumerate(read.columns.get(sv[0], ())):
            if column.kind == "L":
                phases[index, k] = 0
    return phases


@kernel
def mark_slips(
    epoch_flag: Indicators,
    first_row: Integers,
    row_sv: npt.NDArray[np.int16],
    value: Integers,
    lli: Indicators,
    marked: Integers,
) -> None:
    """Set bit 0 of the loss-of-lock indicator of the first phase of every signal after a power failure (flag 1).

    `marked` is (svs, K): the number of the power failure that was marked last, 0 where a column is a phase, and the
    greatest integer elsewhere.
    """
    failures = 0
    for epoch in range(epoch_flag.size):
        failures += epoch_flag[epoch] == 1
        if failures == 0:
            continue
        for row in range(first_row[epoch], first_row[epoch + 1]):
            sv = row_sv[row]
            for k in range(marked.shape[1]):
                if value[row, k] != MISSING and marked[sv, k] < failures:
                    marked[sv, k] = failures
                    lli[row, k] = max(lli[row, k], 0) | 1


def _without_duplicates(read: Observations) -> Observations:
    """Keep one epoch of each time, the one with more observations or else the first; count what was dropped.

    What a dropped epoch says of lost locks goes on to the kept one, or to the next phase of the signal.
    """
    owner = _owners(read)
    keep = owner == np.arange(owner.size)
    kept = read
    if not keep.all():
        _carry(read, owner)
        kept = _select(read, keep)
    reversed_epochs = int((np.diff(kept.time_100ns) < 0).sum())
    return _counted(kept, int((~keep).sum()), reversed_epochs)


def _owners(read: Observations) -> Integers:
    """Return (E,) the epoch that is kept of those of one time: its own number where it is that one."""
    order = np.lexsort((read.time_ps, read.time_100ns))
    times, below = read.time_100ns[order], read.time_ps[order]
    starts = np.flatnonzero(np.concatenate(([True], (np.diff(times) != 0) | (np.diff(below) != 0))))
    owner = np.arange(times.size)
    for begin, end in pairwise([*starts.tolist(), times.size]):
        if end - begin > 1:
            same = order[begin:end]
            owner[same] = same[int(np.argmax([_count(read, int(epoch)) for epoch in same]))]
    return owner


def _carry(read: Observations, owner: Integers) -> None:
    """Hand power failures and lost locks of epochs that will be dropped on to those that stay."""
    np.maximum.at(read.epoch_flag, owner, read.epoch_flag.copy())
    dropped = np.flatnonzero(owner != np.arange(owner.size))
    dropped = dropped[np.argsort(owner[dropped], kind="stable")]
    pending = np.where(_phases(read) == 0, 0, -1).astype(np.int8)
    carry_slips(owner, dropped, Rows(read.first_row, read.row_sv, read.value, read.lli), pending)


class Rows(NamedTuple):
    """The arrays of observations that `carry_slips` works on."""

    first_row: Integers
    row_sv: npt.NDArray[np.int16]
    value: Integers
    lli: Indicators


@kernel
def carry_slips(owner: Integers, dropped: Integers, rows: Rows, pending: Indicators) -> None:
    """Set bit 0 of the loss-of-lock indicator of the first phase that follows a dropped one that had it.

    `dropped` is sorted by owner. `pending` is (svs, K): 1 where a lost lock is to be handed on, -1 where a column is no
    phase.
    """
    at = 0
    for epoch in range(owner.size):
        if owner[epoch] != epoch:
            continue
        while at < dropped.size and owner[dropped[at]] == epoch:
            _take_slips(dropped[at], rows, pending)
            at += 1
        _give_slips(epoch, rows, pending)


@kernel
def _take_slips(epoch: int, rows: Rows, pending: Indicators) -> None:
    for row in range(rows.first_row[epoch], rows.first_row[epoch + 1]):
        sv = rows.row_sv[row]
        for k in range(pending.shape[1]):
            if pending[sv, k] == 0 and rows.lli[row, k] > 0 and rows.lli[row, k] & 1:
                pending[sv, k] = 1


@kernel
def _give_slips(epoch: int, rows: Rows, pending: Indicators) -> None:
    for row in range(rows.first_row[epoch], rows.first_row[epoch + 1]):
        sv = rows.row_sv[row]
        for k in range(pending.shape[1]):
            if pending[sv, k] == 1 and rows.value[row, k] != MISSING:
                pending[sv, k] = 0
                rows.lli[row, k] = max(rows.lli[row, k], 0) | 1


def _count(read: Observations, epoch: int) -> int:
    """Return the number of observations of an epoch."""
    rows = slice(int(read.first_row[epoch]), int(read.first_row[epoch + 1]))
    return int((read.value[rows] != MISSING).sum())


def _select(read: Observations, keep: npt.NDArray[np.bool_]) -> Observations:
    """Return the observations with only the epochs that are kept."""
    sizes = np.diff(read.first_row)
    rows = np.repeat(keep, sizes)
    return replace(
        read,
        time_100ns=read.time_100ns[keep],
        epoch_flag=read.epoch_flag[keep],
        rx_clock_offset_ps=read.rx_clock_offset_ps[keep],
        first_row=np.concatenate(([0], np.cumsum(sizes[keep]))).astype(np.int64),
        row_sv=read.row_sv[rows],
        value=read.value[rows],
        lli=read.lli[rows],
        ssi=read.ssi[rows],
        time_ps=read.time_ps[keep],
    )


def _counted(read: Observations, duplicates: int, reversed_epochs: int) -> Observations:
    read = _with_loss(read, Reason.DUPLICATE_EPOCH, duplicates)
    if reversed_epochs:
        counts = {**read.accounting.counts, Reason.REVERSED_EPOCH: reversed_epochs}
        read = replace(read, accounting=replace(read.accounting, counts=counts))
    return read


def _with_loss(read: Observations, reason: Reason, count: int) -> Observations:
    """Return the observations with a loss accounted for that has no one line."""
    if not count:
        return read
    accounting = read.accounting
    counts = {**accounting.counts, reason: count}
    offence = accounting.offence or Offence(reason, 0, b"")
    return replace(read, accounting=replace(accounting, counts=counts, offence=offence))
