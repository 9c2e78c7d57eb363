"""One partition on one worker: read its files, align them unit by unit, write whole units into the attempt's own fork."""

import resource
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from gnssice_batch.align import (
    Block,
    Bounds,
    block_of,
    contest,
    empty_block,
    holders,
    lay,
    place,
    present_columns,
)
from gnssice_batch.errors import Reason
from gnssice_batch.model import Assignment, EpochRows, FileOutcome, PartitionOutcome, Rank, Tally
from gnssice_batch.reading import ReadContext, ReadFile, read_file
from gnssice_batch.sources import Sources
from gnssice_batch.store.units import WorkFork, open_work_fork, read_unit, write_unit

_KIB = 1024


@dataclass(slots=True)
class _Unit:
    """What one write unit has come to; its data variables are written and gone."""

    rows: EpochRows
    considered: frozenset[int]
    """Files that were read when the unit was made."""
    chunks: Mapping[str, frozenset[tuple[int, ...]]]
    written: Mapping[int, Tally]
    """By source: file ``-2 - i`` or ledger row."""
    refused: Mapping[int, Mapping[Reason, Tally]]
    """By file of the assignment."""
    displaced: Mapping[int, Tally]


@dataclass(frozen=True, slots=True)
class _Task:
    """What every unit of a partition is made with."""

    assignment: Assignment
    work: WorkFork
    sources: Sources
    bounds: Bounds
    sids: Mapping[str, int]


@dataclass(slots=True)
class _Contest:
    """The block of a unit while files are laid into it."""

    block: Block
    ranks: dict[int, Rank]
    placed: dict[int, Tally] = field(default_factory=dict)
    refused: dict[int, dict[Reason, Tally]] = field(default_factory=dict)
    changed: bool = False


def ingest_partition(assignment: Assignment, fork: bytes, context: ReadContext) -> PartitionOutcome:
    """Do one partition: what a cluster's worker runs, and the in-process executor too.

    Parameters
    ----------
    assignment
        The partition, its grid and signal axis, its files.
    fork
        The pickled work fork; this attempt unpickles a copy of its own.
    context
        How to read files.

    Returns
    -------
    PartitionOutcome
        With the fork to merge; or, where the files hold signals the axis lacks, with these instead and nothing written.

    Raises
    ------
    StoreError
        When the store is not the one the partition was planned for.
    """
    started = time.monotonic()
    partition, interval_ns = assignment.partition, assignment.grid.interval_ns
    sources = Sources(assignment, lambda file: read_file(file, context, interval_ns))
    sids = {sid: index for index, sid in enumerate(assignment.axis.sids)}
    work = open_work_fork(fork, assignment)
    task = _Task(assignment, work, sources, context.bounds[partition.receiver], sids)
    units = _make_units(task)
    unknown = tuple(sorted(sources.unknown))
    return PartitionOutcome(
        key=partition.key,
        fork=None if unknown else work.pickled(),
        files=tuple(_file_outcome(index, task, units.values()) for index in range(len(assignment.files))),
        epochs=None if unknown else _joined_rows(units),
        chunks={} if unknown else _joined_chunks(units.values()),
        displaced={} if unknown else _sums(unit.displaced for unit in units.values()),
        unknown_sids=unknown,
        bytes_read=sources.bytes_read,
        seconds=time.monotonic() - started,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB,
    )


def _make_units(task: _Task) -> dict[int, _Unit]:
    """Make every unit of the partition, and again those that a file turned out to reach whose name did not say so."""
    partition, sources = task.assignment.partition, task.sources
    units: dict[int, _Unit] = {}
    pending = list(range(partition.first_unit, partition.first_unit + partition.units))
    while pending and not sources.unknown:
        unit = pending.pop(0)
        units[unit] = _make_unit(task, unit, pending)
        if not pending:
            sources.read_all()
            pending = [n for n, made in units.items() if not made.considered.issuperset(sources.reaching(n))]
    sources.read_all()
    return units


def _make_unit(task: _Task, unit: int, pending: Collection[int]) -> _Unit:
    grid, sources = task.assignment.grid, task.sources
    contested = _start(task, unit)
    before = holders(contested.block)
    files = sources.reaching(unit)
    for index in files:
        _lay_file(task, contested, unit, index)
        sources.drop_unless_reaching(index, pending)
    block = contested.block
    rows = EpochRows(unit * grid.unit, block.source, block.epoch_flag, block.rx_clock_offset, block.epoch_offset)
    after = holders(block)
    lost = {source: tally - after.get(source, Tally()) for source, tally in before.items()}
    displaced = {source: tally for source, tally in lost.items() if tally.epochs}
    chunks = _written(task, contested, unit)
    return _Unit(rows, frozenset(files), chunks, after, _refused(contested, after), displaced)


def _written(task: _Task, contested: _Contest, unit: int) -> dict[str, frozenset[tuple[int, ...]]]:
    """Write a unit that has changed; the shards it makes, counted from its values and not from what was written."""
    if not contested.changed or task.sources.unknown:
        return {}
    write_unit(task.work, unit, contested.block.arrays)
    receiver, arrays = task.assignment.partition.receiver, contested.block.arrays
    present = {name: present_columns(arrays[name], task.work.shard_sids) for name in arrays}
    return {f"/{receiver}/{name}": frozenset((unit, n) for n in columns) for name, columns in present.items() if columns}


def _start(task: _Task, unit: int) -> _Contest:
    """The unit as it stands in the store, where the ledger says that files have epochs in it."""
    grid, stored = task.assignment.grid, task.assignment.stored
    if not stored:
        return _Contest(empty_block(grid.unit, len(task.sids)), {})
    variables, coordinates = read_unit(task.work, unit, grid.unit)
    return _Contest(block_of(variables, coordinates), dict(stored))


def _lay_file(task: _Task, contested: _Contest, unit: int, index: int) -> None:
    result, grid, source = task.sources.get(index), task.assignment.grid, -2 - index
    if result.facts.rank is None or task.sources.unknown:
        return
    for part in result.parts:
        placement = place(part, grid, unit * grid.unit, grid.unit, task.bounds)
        contested.placed[index] = contested.placed.get(index, Tally()) + placement.placed
        _add(contested.refused.setdefault(index, {}), placement.refused)
        contested.ranks[source] = result.facts.rank
        taken = contest(contested.block, placement.slot, result.facts.rank, contested.ranks)
        contested.changed |= bool((taken >= 0).any())
        lay(contested.block, part, taken, placement.offset_ns, source, task.sids)


def _refused(contested: _Contest, after: Mapping[int, Tally]) -> dict[int, Mapping[Reason, Tally]]:
    """What each file lost in a unit: off the grid, twice at one slot, or to a better file."""
    refused: dict[int, Mapping[Reason, Tally]] = {}
    for index, placed in contested.placed.items():
        superseded = placed - after.get(-2 - index, Tally())
        lost = {Reason.SUPERSEDED: superseded} if superseded.epochs else {}
        refused[index] = {**contested.refused[index], **lost}
    return refused


def _file_outcome(index: int, task: _Task, units: Iterable[_Unit]) -> FileOutcome:
    result: ReadFile = task.sources.results[index]
    refused: dict[Reason, Tally] = {}
    written = Tally()
    for unit in units:
        written += unit.written.get(-2 - index, Tally())
        _add(refused, unit.refused.get(index, {}))
    key = task.assignment.partition.key
    return FileOutcome(result.file, result.status, result.facts, result.refusal, written, refused, (key,))


def _joined_rows(units: Mapping[int, _Unit]) -> EpochRows:
    rows = [units[unit].rows for unit in sorted(units)]
    return EpochRows(
        rows[0].start,
        np.concatenate([row.source for row in rows]),
        np.concatenate([row.epoch_flag for row in rows]),
        np.concatenate([row.rx_clock_offset for row in rows]),
        np.concatenate([row.epoch_offset for row in rows]),
    )


def _joined_chunks(units: Iterable[_Unit]) -> dict[str, frozenset[tuple[int, ...]]]:
    joined: dict[str, frozenset[tuple[int, ...]]] = {}
    for unit in units:
        for path, chunks in unit.chunks.items():
            joined[path] = joined.get(path, frozenset()) | chunks
    return joined


def _sums[K](parts: Iterable[Mapping[K, Tally]]) -> dict[K, Tally]:
    total: dict[K, Tally] = {}
    for part in parts:
        _add(total, part)
    return total


def _add[K](total: dict[K, Tally], more: Mapping[K, Tally]) -> None:
    for key, tally in more.items():
        total[key] = total.get(key, Tally()) + tally
