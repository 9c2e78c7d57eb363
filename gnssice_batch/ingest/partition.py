"""The task of a worker: one partition read, aligned, written into its own fork."""

import resource
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import (
    Block,
    Bounds,
    Placement,
    beside_earlier_parts,
    block_of,
    empty_block,
    empty_slots,
    fill_block,
    later_slots,
    place,
)
from gnssice_batch.ingest.fetching import Fetching
from gnssice_batch.ingest.joining import contested_slots, join_block, nothing_joined, standing
from gnssice_batch.ingest.kept_readings import READINGS
from gnssice_batch.ingest.opening import Fork, Opening
from gnssice_batch.ingest.reading import ReadContext, ReadFile, read_file, too_large
from gnssice_batch.ingest.sources import Sources, by_first_unit
from gnssice_batch.ingest.tallies import Gaps, Given, given_by_source, not_mixed_by_source
from gnssice_batch.log import scope
from gnssice_batch.model.sharing import shared
from gnssice_batch.model.template import JOINED, JOINED_SOURCE, joined_name
from gnssice_batch.model.values import (
    NO_SOURCE,
    Assignment,
    EpochRows,
    FileOutcome,
    PartitionOutcome,
    Rank,
    Tally,
    with_rows,
)
from gnssice_batch.records import dump, encode
from gnssice_batch.rinex.observations.values import MISSING, Observations
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.store.writing.units import (
    WorkFork,
    read_epochs,
    read_joined,
    write_coordinates,
    write_epochs,
)

_KIB = 1024


@dataclass(slots=True)
class _Unit:
    """What one write unit has come to; its cells are written and gone."""

    considered: frozenset[int]
    """Files that were read when the unit was made."""
    written: EpochRows | None = None
    """The rows of the window that was written; None where nothing was."""
    held: Mapping[int, Tally] = field(default_factory=dict)
    """By source: file ``-2 - i`` or ledger row."""
    refused: Mapping[int, Mapping[Reason, Tally]] = field(default_factory=dict)
    """By file of the assignment."""
    displaced: Mapping[int, Tally] = field(default_factory=dict)
    joined: Mapping[int, int] = field(default_factory=dict)
    """By source, epochs that it has a signal in and is not the main source of; of ledger rows, how many more."""
    not_mixed: Mapping[int, int] = field(default_factory=dict)
    """By source, values of it that no file gives: its signal is from another file, which lacks that kind of value."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What every unit of a partition is made with."""

    assignment: Assignment
    opening: Opening
    sources: Sources
    bounds: Bounds

    @property
    def work(self) -> WorkFork:
        """The copy of the work fork that is written to."""
        return self.opening.work

    @property
    def before(self) -> WorkFork:
        """Another copy, never written to, for a unit that is made again: it starts from what the store holds."""
        return self.opening.before


@dataclass(slots=True)
class _UnitState:
    """The block of a unit while files are laid into it."""

    block: Block
    ranks: dict[int, Rank] = field(default_factory=dict)
    before: Given = field(default_factory=lambda: Given({}, Counter()))
    """What stored files gave to it."""
    placed: dict[int, Tally] = field(default_factory=dict)
    refused: dict[int, dict[Reason, Tally]] = field(default_factory=dict)
    offset_ps: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)
    """(N,) by file of several parts: observed minus grid time of the epochs placed so far."""
    duplicates: set[int] = field(default_factory=set)
    """Files whose very content takes part already, under another name or from an earlier run."""
    gaps: dict[int, Gaps] = field(default_factory=dict)
    """By file, what `append` does not take although nobody gives it."""
    changed: bool = False


def ingest_partition(assignment: Assignment, fork: Fork, context: ReadContext) -> PartitionOutcome:
    """Do one partition: what a cluster's worker runs, and the in-process executor too.

    Parameters
    ----------
    assignment
        The partition, its grid and signal axis, its files.
    fork
        The work fork as bytes, or what gives them once there is one; this attempt makes a copy of its own.
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
    context.begin_task()
    interval_ns = assignment.grid.interval_ns
    wanted = [file for file in by_first_unit(assignment) if not too_large(file, context)]
    kept = READINGS.take(context, wanted, interval_ns)
    sources = Sources(
        assignment, lambda file: read_file(file, context, interval_ns, files.fetch), kept, READINGS.room(context)
    )
    with (
        scope(partition=assignment.partition.key),
        Fetching(context.archive, wanted, kept, sources.shared()) as files,
        Opening(fork, assignment, ahead=context.store_is_far) as opening,
    ):
        outcome = _written(assignment, opening, context, sources)
        files.keep(None if outcome.unknown_sids else sources.shared())
        if outcome.unknown_sids:
            READINGS.put(context, sources.read_in_vain())
        elif context.store_is_far:
            written, size_bytes = opening.work.objects()
            TRAFFIC.note("PUT", written, sent_bytes=size_bytes)
    peak_memory_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    seconds = time.monotonic() - started
    outcome = replace(outcome, seconds=seconds, peak_memory_bytes=peak_memory_bytes, traffic=TRAFFIC.take())
    outcome = replace(outcome, files=shared(outcome.files))
    return outcome if outcome.unknown_sids else replace(outcome, document=encode(dump(outcome)))


def _written(assignment: Assignment, opening: Opening, context: ReadContext, sources: Sources) -> PartitionOutcome:
    task = _Task(assignment, opening, sources, context.bounds[assignment.partition.receiver])
    units = _make_units(task)
    unknown = tuple(sorted(sources.unknown))
    return PartitionOutcome(
        key=assignment.partition.key,
        fork=None if unknown else task.work.as_bytes(),
        files=tuple(_file_outcome(index, task, units.values()) for index in range(len(assignment.files))),
        epochs=() if unknown else tuple(unit.written for unit in units.values() if unit.written is not None),
        written_units=() if unknown else tuple(sorted(n for n, unit in units.items() if unit.written is not None)),
        displaced={} if unknown else _sums(unit.displaced for unit in units.values()),
        joined={} if unknown else _of_rows(unit.joined for unit in units.values()),
        not_mixed={} if unknown else _of_rows(unit.not_mixed for unit in units.values()),
        unknown_sids=unknown,
        bytes_read=sources.bytes_read,
    )


def _make_units(task: _Task) -> dict[int, _Unit]:
    """Make every unit of the partition, and again those that a file turned out to reach whose name did not say so."""
    partition, sources = task.assignment.partition, task.sources
    units: dict[int, _Unit] = {}
    pending = list(range(partition.first_unit, partition.first_unit + partition.units))
    while pending and not sources.unknown:
        unit = pending.pop(0)
        units[unit] = _make_unit(task, unit, pending, again=unit in units)
        if not pending:
            sources.read_all()
            pending = [n for n, made in units.items() if not made.considered.issuperset(sources.reaching(n))]
    sources.read_all()
    return units


def _make_unit(task: _Task, unit: int, pending: Collection[int], *, again: bool) -> _Unit:
    """Align the files of a unit and write it; over again if reading a file showed epochs outside the window.

    Parameters
    ----------
    again
        Whether the unit was made before.
    """
    files = task.sources.reaching(unit)
    state = _aligned(task, unit, pending, again=again)
    if state and not _covers(state.block, task.sources.window(unit)):
        state = _aligned(task, unit, pending, again=again)
    if state is None:
        return _Unit(considered=frozenset(files))
    block, before = state.block, state.before
    given, not_mixed = given_by_source(block), not_mixed_by_source(block)
    rows = EpochRows.of(block.start, block.source, joined=bool(given.joined))
    lost = {source: tally - given.tallies.get(source, Tally()) for source, tally in before.tallies.items()}
    displaced = {source: tally for source, tally in lost.items() if tally != Tally()}
    if state.changed:
        _write(task, unit, block, again=again)
    given.joined.subtract(before.joined)
    refused = _refused(state, given.tallies, not_mixed)
    written = rows if state.changed else None
    return _Unit(frozenset(files), written, given.tallies, refused, displaced, given.joined, not_mixed)


def _aligned(task: _Task, unit: int, pending: Collection[int], *, again: bool) -> _UnitState | None:
    """Lay the files of a unit into a block; None where none reaches it, or a signal is not on the axis.

    A unit that is made again from nothing is a block though none reaches it.
    """
    assignment = task.assignment
    anyway = assignment.rewritten is not None and not assignment.leaves(unit)
    state = _start(task, unit, again=again) if anyway else None
    for index in task.sources.reaching(unit):
        task.sources.get(index)
        if task.sources.unknown:
            state = None
        elif task.sources.reaches(index, unit):
            state = state or _start(task, unit, again=again)
            _fill_from(task, state, index)
        task.sources.drop_unless_reaching(index, pending)
    return None if task.sources.unknown else state


def _may_be_stored(task: _Task, unit: int) -> bool:
    """Whether a unit is made on what the store holds: files of earlier runs reach it, and the axis does."""
    return bool(task.assignment.stored) and unit >= 0 and task.assignment.rewritten is None


def _covers(block: Block, window: range) -> bool:
    return block.start <= window.start and window.stop <= block.start + len(block.source)


def _write(task: _Task, unit: int, block: Block, *, again: bool) -> None:
    """Write a unit, over what an earlier making of it has written where there was one."""
    coordinates: dict[str, npt.NDArray[Any]] = {
        "source_file": with_rows(block.source, task.assignment.rows),
        "epoch_flag": block.epoch_flag,
        "rx_clock_offset": block.rx_clock_offset,
        "epoch_offset": block.epoch_offset,
    }
    write_epochs(task.work, block.start, block.arrays)
    if not block.joined and again and read_joined(task.work, block.start, len(block.source)):
        block.joined.update(nothing_joined(block))
    if block.joined:
        write_epochs(task.work, block.start, _joined_arrays(task, block))
    fresh = not again and not _may_be_stored(task, unit)
    write_coordinates(task.work, block.start, coordinates, fresh=fresh)


def _start(task: _Task, unit: int, *, again: bool) -> _UnitState:
    """The window of a unit that its files reach: as the store has it where files of earlier runs may, else empty."""
    window, assignment = task.sources.window(unit), task.assignment
    ranks = assignment.standing(unit)
    if not _may_be_stored(task, unit):
        block = empty_block(window.start, len(window), len(assignment.axis.sids))
        return _UnitState(block, ranks, changed=bool(assignment.rewritten) and not assignment.leaves(unit))
    fork = task.before if again else task.work
    joined = read_joined(fork, window.start, len(window))
    block = block_of(window.start, *read_epochs(fork, window.start, len(window)), joined)
    return _UnitState(block, ranks, given_by_source(block))


def _fill_from(task: _Task, state: _UnitState, index: int) -> None:
    result, grid = task.sources.get(index), task.assignment.grid
    if result.facts.rank is None or result.facts.span is None:
        return
    bounds = task.bounds.within(result.facts.span)
    block, overlap = state.block, task.assignment.overlap
    if any(result.facts.rank.same_content(other) for other in state.ranks.values()):
        state.duplicates.add(index)
    for part in result.parts:
        placement = place(part, grid, block.start, len(block.source), bounds)
        if len(result.parts) > 1:
            nowhere = np.full(len(block.source), MISSING)
            placement = beside_earlier_parts(placement, state.offset_ps.setdefault(index, nowhere))
        state.placed[index] = state.placed.get(index, Tally()) + placement.placed
        _add(state.refused.setdefault(index, {}), placement.refused)
        state.ranks[-2 - index] = result.facts.rank
        if task.assignment.leaves(block.start // grid.unit):
            continue
        wanted = later_slots(placement.slot, grid, block.start, overlap)
        _note_gaps(state, index, placement, wanted)
        _lay(task, state, part, placement, wanted, index)


def _lay(
    task: _Task,
    state: _UnitState,
    part: Observations,
    placement: Placement,
    wanted: npt.NDArray[np.int64],
    index: int,
) -> None:
    """Lay epochs of a file where no other file has them, and join them to what others have."""
    block, strategy = state.block, task.assignment.overlap.strategy
    empty, contested = empty_slots(block, wanted), contested_slots(block, wanted, strategy)
    state.changed |= bool((empty >= 0).any())
    source, places = -2 - index, task.sources.places(index)
    fill_block(block, part, placement, empty, source, places)
    if (contested >= 0).any():
        its = standing(source, state.ranks, strategy)
        state.changed |= join_block(block, part, placement, contested, its, places)


def _note_gaps(state: _UnitState, index: int, placement: Placement, wanted: npt.NDArray[np.int64]) -> None:
    """Note the epochs of a file that the overlap rule leaves to earlier runs, and that none of these has."""
    slot = placement.slot
    gap = (slot >= 0) & (wanted < 0) & (state.block.source[slot] == NO_SOURCE)
    if gap.any():
        nowhere = Gaps(np.zeros(state.block.source.size, np.bool_))
        state.gaps.setdefault(index, nowhere).add(slot[gap], placement.values[gap])


def _refused(
    state: _UnitState, held: Mapping[int, Tally], not_mixed: Mapping[int, int]
) -> dict[int, Mapping[Reason, Tally]]:
    """What each file lost in a unit: off the grid, twice at one slot, to its own content, or to a better file."""
    refused: dict[int, Mapping[Reason, Tally]] = {}
    for index, placed in state.placed.items():
        source = -2 - index
        lost = {Reason.SUPERSEDED: placed - held.get(source, Tally())}
        if index in state.duplicates:
            lost = {Reason.DUPLICATE_CONTENT: lost[Reason.SUPERSEDED]}
        else:
            lost[Reason.NOT_MIXED] = Tally(0, not_mixed.get(source, 0))
            lost[Reason.NOT_APPENDED] = state.gaps[index].tally if index in state.gaps else Tally()
            lost[Reason.SUPERSEDED] -= lost[Reason.NOT_MIXED] + lost[Reason.NOT_APPENDED]
        refused[index] = {
            **state.refused[index],
            **{reason: tally for reason, tally in lost.items() if tally != Tally()},
        }
    return refused


def _file_outcome(index: int, task: _Task, units: Collection[_Unit]) -> FileOutcome:
    result: ReadFile = task.sources.results[index]
    refused: dict[Reason, Tally] = {}
    written = Tally()
    for unit in units:
        written += unit.held.get(-2 - index, Tally())
        _add(refused, unit.refused.get(index, {}))
    key = task.assignment.partition.key
    joined = sum(unit.joined.get(-2 - index, 0) for unit in units)
    return FileOutcome(result.file, result.status, result.facts, result.refusal, written, refused, (key,), joined)


def _of_rows(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The sums of counts by source, those of ledger rows alone."""
    total = Counter[int]()
    for part in parts:
        total.update(part)
    return {source: count for source, count in total.items() if source >= 0 and count}


def _joined_arrays(task: _Task, block: Block) -> dict[str, npt.NDArray[Any]]:
    arrays = {spec.name: block.joined[joined_name(spec.name)] for spec in JOINED}
    return {**arrays, JOINED_SOURCE: with_rows(arrays[JOINED_SOURCE], task.assignment.rows)}


def _sums[K](parts: Iterable[Mapping[K, Tally]]) -> dict[K, Tally]:
    total: dict[K, Tally] = {}
    for part in parts:
        _add(total, part)
    return total


def _add[K](total: dict[K, Tally], more: Mapping[K, Tally]) -> None:
    for key, tally in more.items():
        total[key] = total.get(key, Tally()) + tally
