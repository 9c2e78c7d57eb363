"""The last step of reading a part: second columns, duplicate epochs, reversed epochs, cycle slips settled."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import Reason
from gnssice_batch.rinex.observations.alternatives import drop_alternatives, has_alternatives
from gnssice_batch.rinex.observations.values import MISSING, Observations, Offence, Rows, rows_of
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
    """Keep one epoch of each time, the one with more observations or else the first, and join the others to it.

    A satellite that several of them have stays as the one with more observations says, else the first; what a dropped
    record of it says of lost locks goes on to the kept one, or to the next phase of the signal. Epochs that were joined
    without that are counted as such, others as duplicates.
    """
    owner = _owners(read)
    joined = np.flatnonzero(owner != np.arange(owner.size))
    kept, doubled = read, 0
    if joined.size:
        rows = _rows(read, owner)
        kept = _joined(read, owner, rows)
        doubled = int(np.unique(rows.epoch[rows.several & (owner[rows.epoch] != rows.epoch)]).size)
    reversed_epochs = int((np.diff(kept.time_100ns) < 0).sum())
    counts = {
        Reason.DUPLICATE_EPOCH: doubled,
        Reason.JOINED_EPOCH: joined.size - doubled,
        Reason.REVERSED_EPOCH: reversed_epochs,
    }
    return _counted(kept, counts)


class _RowsOfEpochs(NamedTuple):
    """The R rows of observations of which several epochs are to be one."""

    epoch: Integers
    """(R,) the epoch each stands in."""
    stays: npt.NDArray[np.bool_]
    """(R,) whether it is the fullest of its satellite in the epochs of one time, or the first of those."""
    several: npt.NDArray[np.bool_]
    """(R,) whether there are others of its satellite."""


def _rows(read: Observations, owner: Integers) -> _RowsOfEpochs:
    """Find the rows that stay."""
    epoch = np.repeat(np.arange(owner.size), np.diff(read.first_row))
    into, values = owner[epoch], (read.value != MISSING).sum(axis=1)
    order = np.lexsort((-values, read.row_sv, into))
    same = (np.diff(into[order]) == 0) & (np.diff(read.row_sv[order]) == 0)
    first, last = np.concatenate(([True], ~same)), np.concatenate((~same, [True]))
    stays, several = np.empty(epoch.size, np.bool_), np.empty(epoch.size, np.bool_)
    stays[order], several[order] = first, ~(first & last)
    return _RowsOfEpochs(epoch, stays, several)


def _joined(read: Observations, owner: Integers, rows: _RowsOfEpochs) -> Observations:
    """Return one epoch of each time, with the rows that stay."""
    keep = owner == np.arange(owner.size)
    number = np.cumsum(keep) - 1
    into = number[owner[rows.epoch]]
    order = np.argsort(into, kind="stable")
    chosen, lost = order[rows.stays[order]], order[~rows.stays[order]]
    first_row = np.searchsorted(into[chosen], np.arange(int(keep.sum()) + 1))
    flag, clock = read.epoch_flag.copy(), read.rx_clock_offset_ps.copy()
    np.maximum.at(flag, owner, read.epoch_flag)
    for epoch in np.flatnonzero(~keep & (clock != MISSING)).tolist():
        clock[owner[epoch]] = clock[epoch] if clock[owner[epoch]] == MISSING else clock[owner[epoch]]
    kept = replace(
        read,
        time_100ns=read.time_100ns[keep],
        epoch_flag=flag[keep],
        rx_clock_offset_ps=clock[keep],
        first_row=first_row.astype(np.int64),
        row_sv=read.row_sv[chosen],
        value=read.value[chosen],
        lli=read.lli[chosen],
        ssi=read.ssi[chosen],
        time_ps=read.time_ps[keep],
    )
    _carry(read, kept, lost, np.searchsorted(into[lost], np.arange(first_row.size)))
    return kept


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


def _carry(read: Observations, kept: Observations, lost: Integers, first_lost: Integers) -> None:
    """Hand the lost locks of rows that were dropped on to those that stay."""
    pending = np.where(_phases(read) == 0, 0, -1).astype(np.int8)
    carry_slips(lost, first_lost, rows_of(read), rows_of(kept), pending)


@kernel
def carry_slips(lost: Integers, first_lost: Integers, before: Rows, after: Rows, pending: Indicators) -> None:
    """Set bit 0 of the loss-of-lock indicator of the first phase that follows a dropped one that had it.

    The dropped rows of epoch e of `after` are ``lost[first_lost[e]:first_lost[e + 1]]`` of `before`. `pending` is
    (svs, K): 1 where a lost lock is to be handed on, -1 where a column is no phase.
    """
    for epoch in range(after.first_row.size - 1):
        for at in range(first_lost[epoch], first_lost[epoch + 1]):
            _take_slips(lost[at], before, pending)
        _give_slips(epoch, after, pending)


@kernel
def _take_slips(row: int, rows: Rows, pending: Indicators) -> None:
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


def _counted(read: Observations, more: Mapping[Reason, int]) -> Observations:
    read = _with_loss(read, Reason.DUPLICATE_EPOCH, more[Reason.DUPLICATE_EPOCH])
    harmless = {reason: count for reason, count in more.items() if count and not reason.loses}
    if harmless:
        read = replace(read, accounting=replace(read.accounting, counts={**read.accounting.counts, **harmless}))
    return read


def _with_loss(read: Observations, reason: Reason, count: int) -> Observations:
    """Return the observations with a loss accounted for that has no one line."""
    if not count:
        return read
    accounting = read.accounting
    counts = {**accounting.counts, reason: count}
    offence = accounting.offence or Offence(reason, 0, b"")
    return replace(read, accounting=replace(accounting, counts=counts, offence=offence))
