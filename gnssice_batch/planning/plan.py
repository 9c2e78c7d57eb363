"""The plan: which partition takes which files; pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import PlanError, Reason
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.model.grid import DAY_NS, Grid, gps_datetime
from gnssice_batch.model.template import (
    EPOCH_COORDINATES,
    SID_COORDINATES,
    VARIABLES,
    GroupTemplate,
    grown_axis,
    task_memory_bytes,
)
from gnssice_batch.model.values import BY_RANK, Assignment, Overlap, Partition, Rank, SourceFile, Span
from gnssice_batch.planning.growth import implausible, promised_span, stored_span
from gnssice_batch.store.layout.ledger import Ledger, StoredRefusal

_ROWS_TO_FILE_BYTES = 16
"""Integer rows of a file take up to this many times its compressed size."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What workers found out by reading."""

    spans: Mapping[str, Span | None] = field(default_factory=dict)
    """True span per file, None for a file that has no epoch to give."""
    sids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Signals per receiver that its axis lacked."""
    taken: frozenset[str] = frozenset()
    """Files of which epochs stand in finished partitions."""


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What is to be done for one receiver."""

    template: GroupTemplate
    """The group as it has to be."""
    current: GroupTemplate | None
    """The group as it is; None where there is none."""
    assignments: tuple[Assignment, ...]
    implausible: Mapping[str, Span] = field(default_factory=dict)
    """By URI the true spans of files that lie an absurd distance from the receiver's other data: in no assignment."""

    @property
    def changes_structure(self) -> bool:
        """Whether the group has to be made, lengthened, widened or shifted."""
        return self.current is None or self.current.structure != self.template.structure


@dataclass(frozen=True, slots=True)
class Totals:
    """The cost of a plan."""

    files: int
    size_bytes: int
    partitions: int
    write_units: int
    references: int
    """Chunk references the commit adds at most."""
    task_memory_bytes: int
    """Largest memory of a task: the block of one write unit, the rows of a file, and those that are kept of others."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Refused files that are to be read again, and nothing else with them."""

    reasons: frozenset[str] = frozenset()
    """Those refused for one of these; empty: for any."""
    receivers: frozenset[str] = frozenset()
    """Those of these receivers; empty: of all."""
    unless_reader: str | None = None
    """Those that another reader than this refused; None: whichever did."""

    def __str__(self) -> str:
        """Return the same words for the same wish, in any process."""
        parts = (" ".join(sorted(self.reasons)), " ".join(sorted(self.receivers)), self.unless_reader or "")
        return "; ".join(parts)

    def wants(self, receiver: str, refusal: StoredRefusal) -> bool:
        """Whether a refused file is one of them."""
        return (
            (not self.reasons or refusal.reason in self.reasons)
            and (not self.receivers or receiver in self.receivers)
            and refusal.reader != self.unless_reader
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The files of a receiver that a run takes."""

    files: tuple[SourceFile, ...] = ()
    refused: Mapping[str, StoredRefusal] = field(default_factory=dict)
    """By URI, those among them that the ledger says were refused, and that have not changed since."""
    left: int = 0
    """Files that are not taken although the ledger does not know them as they are."""


def select(files: Iterable[SourceFile], ledger: Ledger, retry: Retry | None = None) -> Selection:
    """The files that the ledger does not know as they are, and those that the archive did not give when they were read.

    Parameters
    ----------
    retry
        Take only the refused files that it wants, changed since or not.
    """
    latest = {uri: row for row, uri in enumerate(ledger.uri.tolist())}
    seen = list(zip(ledger.size_bytes.tolist(), ledger.etag.tolist(), strict=True))
    taken: list[SourceFile] = []
    refused: dict[str, StoredRefusal] = {}
    left = 0
    for file in files:
        row = latest.get(file.uri, -1)
        known = row >= 0 and seen[row] == (file.size_bytes, file.etag)
        refusal = ledger.refusals.get(row)
        if _eligible(file.receiver, refusal, retry, known=known):
            taken.append(file)
            if known and refusal:
                refused[file.uri] = refusal
        else:
            left += not known
    return Selection(tuple(taken), refused, left)


def _eligible(receiver: str, refusal: StoredRefusal | None, retry: Retry | None, *, known: bool) -> bool:
    if retry is not None:
        return refusal is not None and retry.wants(receiver, refusal)
    return not known or (refusal is not None and refusal.reason == Reason.UNREADABLE)


def plan_group(  # noqa: PLR0913 - seven facts of different kinds, no two belong together
    template: GroupTemplate,
    current: GroupTemplate | None,
    files: Sequence[SourceFile],
    ledger: Ledger,
    learned: Learned,
    *,
    bounds: Bounds,
    partition_units: int,
    overlap: Overlap = BY_RANK,
    rewritten: Callable[[Grid], frozenset[int]] | None = None,
) -> GroupPlan:
    """Plan one receiver: extend its grid and axis, cut it into partitions, give each its files.

    Parameters
    ----------
    template
        The group so far; for a new one an empty grid and the signals of the sample.
    files
        What is to be taken; their names are hints, `learned` is truth.
    bounds
        Spans outside are not planned for.
    partition_units
        Write units of a partition, the same in every round of a run.
    overlap
        What may be done to the epochs that are there.
    rewritten
        The write units of a grid that are made again from nothing, where nothing else is to be made.

    Raises
    ------
    PlanError
        When two partitions would own one write unit.
    """
    spans = {file.uri: _span(file, template.grid.interval_ns, learned, bounds) for file in files}
    far = implausible(spans, learned.spans.keys(), stored_span(ledger), bounds.gap_ns)
    strays = {uri: span for uri, span in far.items() if uri not in learned.taken}
    spans |= dict.fromkeys(strays)
    grid = _covering(template.grid, [span for span in spans.values() if span], overlap.after_ns)
    axis = grown_axis(template.axis, learned.sids.get(template.receiver, frozenset()))
    target = replace(template, grid=grid, axis=axis, joins=True)
    units = rewritten(grid) if rewritten else None
    owners = _files_by_partition(target, files, spans, partition_units, units or ())
    replaced = {file.uri for file in files}
    stored = _stored_ranks(ledger, grid, list(owners), replaced)
    rows = _foreseen_rows(files, ledger)
    assignments = tuple(
        Assignment(
            partition,
            grid,
            axis,
            tuple(taken),
            tuple(span for file in taken if (span := spans[file.uri])),
            tuple(rows[file.uri] for file in taken),
            stored.get(partition, {}),
            overlap,
            units,
        )
        for partition, taken in owners.items()
    )
    prove_single_owners([assignment.partition for assignment in assignments])
    return GroupPlan(target, current, assignments, strays)


def units_of_a_partition(template: GroupTemplate, files: Iterable[SourceFile], bounds: Bounds) -> int:
    """One write unit where each file lies in one; else so many that a day, and so a daily file, is in one partition."""
    grid = template.grid
    spans = [promised_span(file, grid.interval_ns, bounds) for file in files]
    units = {(grid.slot(s.first_ns) // grid.unit, grid.slot(s.last_ns) // grid.unit) for s in spans if s}
    return 1 if all(first == last for first, last in units) else max(1, DAY_NS // grid.unit_ns)


def prove_single_owners(partitions: Iterable[Partition]) -> None:
    """Hold that no write unit belongs to two partitions: the last of two writers would win silently.

    Raises
    ------
    PlanError
        Naming every unit with two owners.
    """
    owners: dict[tuple[str, int], str] = {}
    conflicts = []
    for partition in partitions:
        for unit in partition.stored_units:
            owner = owners.setdefault((partition.receiver, unit), partition.key)
            if owner != partition.key:
                conflicts.append(f"write unit {unit} of {partition.receiver} belongs to {owner} and to {partition.key}")
    if conflicts:
        raise PlanError(conflicts)


def pending(assignments: Iterable[Assignment], done: Mapping[str, Collection[SourceFile]]) -> tuple[Assignment, ...]:
    """The assignments that are not done, or were done without a file they now have, or with an older one.

    Parameters
    ----------
    done
        Partition key to the files it was done with.
    """
    return tuple(
        assignment
        for assignment in assignments
        if (key := assignment.partition.key) not in done or not set(assignment.files) <= set(done[key])
    )


def totals(plans: Sequence[GroupPlan], kept_bytes: int = 0) -> Totals:
    """What these plans cost, before anything is run.

    Parameters
    ----------
    kept_bytes
        Memory of the observations that a process keeps of files it has read.
    """
    assignments = [(plan.template, assignment) for plan in plans for assignment in plan.assignments]
    files = {file.uri: file.size_bytes for _, assignment in assignments for file in assignment.files}
    return Totals(
        files=len(files),
        size_bytes=sum(files.values()),
        partitions=len(assignments),
        write_units=sum(len(assignment.partition.stored_units) for _, assignment in assignments),
        references=sum(_references(plan) for plan in plans),
        task_memory_bytes=max((_memory_bytes(*item, kept_bytes) for item in assignments), default=0),
    )


def partition_key(receiver: str, start_ns: int) -> str:
    """Receiver and start of a partition, e.g. ``canopy_01.2025001T000000``, GPS time."""
    start = gps_datetime(start_ns).astype("datetime64[s]").item()
    return f"{receiver}.{start:%Y%jT%H%M%S}"


def _span(file: SourceFile, interval_ns: int, learned: Learned, bounds: Bounds) -> Span | None:
    """The true span of a file where it was read, else what its name promises."""
    return learned.spans[file.uri] if file.uri in learned.spans else promised_span(file, interval_ns, bounds)


def _covering(grid: Grid, spans: Sequence[Span], after_ns: int | None) -> Grid:
    """The grid that holds these spans; where only later epochs than some are taken, their part after those."""
    if after_ns is not None:
        spans = [Span(max(span.first_ns, after_ns), span.last_ns) for span in spans if span.last_ns > after_ns]
    if not spans:
        return grid
    return grid.covering(min(span.first_ns for span in spans), max(span.last_ns for span in spans) + 1)


def _files_by_partition(
    template: GroupTemplate,
    files: Sequence[SourceFile],
    spans: Mapping[str, Span | None],
    units: int,
    anyway: Iterable[int],
) -> dict[Partition, list[SourceFile]]:
    """Partitions in their order, cut at absolute times, so that a later run with an earlier origin cuts alike.

    They reach before the axis where files do that the grid was not extended for: what they hold there is counted.
    """
    grid = template.grid
    shift = grid.origin_ns // grid.unit_ns % units
    owners: dict[int, list[SourceFile]] = {(unit + shift) // units: [] for unit in anyway}
    lowest = 0
    for file in files:
        span = spans[file.uri]
        if span is None:
            continue
        first, last = grid.slot(span.first_ns) // grid.unit, grid.slot(span.last_ns) // grid.unit
        lowest = min(lowest, first)
        for number in range((first + shift) // units, (last + shift) // units + 1):
            owners.setdefault(number, []).append(file)
    return {_partition(template, number * units - shift, units, lowest): owners[number] for number in sorted(owners)}


def _partition(template: GroupTemplate, first: int, units: int, lowest: int) -> Partition:
    """The partition of these units, cut off at the end of the axis and below the lowest unit that any file reaches."""
    grid = template.grid
    key = partition_key(template.receiver, grid.origin_ns + first * grid.unit_ns)
    start, stop = max(first, lowest), min(first + units, grid.units)
    return Partition(key, template.receiver, start, stop - start)


def _foreseen_rows(files: Iterable[SourceFile], ledger: Ledger) -> dict[str, int]:
    """By URI the ledger row of every file of a run, each of which gets one, in the order of their URIs."""
    return {uri: row for row, uri in enumerate(sorted(file.uri for file in files), len(ledger))}


def _stored_ranks(
    ledger: Ledger, grid: Grid, partitions: Sequence[Partition], replaced: Collection[str]
) -> dict[Partition, dict[int, Rank]]:
    """Ledger row to rank, of the taken files that reach each of these partitions, which are in their order.

    Rows of content that the archive has replaced rank below all others: their epochs stay where no file has any now.
    """
    current = current_rows(ledger, replaced)
    taken = np.flatnonzero(ledger.status != "rejected")
    starts = np.array([partition.first_unit for partition in partitions], np.int64)
    stops = starts + np.array([partition.units for partition in partitions], np.int64)
    first = np.searchsorted(stops, grid.slots(ledger.first_ns[taken]) // grid.unit, "right")
    end = np.searchsorted(starts, grid.slots(ledger.last_ns[taken]) // grid.unit, "right")
    reaching = first < end
    stored: dict[Partition, dict[int, Rank]] = {}
    for row, one, other in zip(taken[reaching].tolist(), first[reaching], end[reaching], strict=True):
        rank = ledger.rank(row, current=bool(current[row]))
        for partition in partitions[one:other]:
            stored.setdefault(partition, {})[row] = rank
    return stored


def current_rows(ledger: Ledger, replaced: Collection[str]) -> npt.NDArray[np.bool_]:
    """(L,) whether the content of a taken row is, for all the ledger knows, still that of a file of the archive.

    It is that of the row's file where no later row tells of that file and it is not replaced in this run; else it may
    be that of another file, or of a later row where the file was only touched.
    """
    taken = ledger.status != "rejected"
    gone = _repeated(ledger.uri) | np.fromiter((uri in replaced for uri in ledger.uri), np.bool_, len(ledger))
    current: npt.NDArray[np.bool_] = taken & ~gone
    lost = set(ledger.sha256[taken & gone])
    if lost:
        held = {sha256 for sha256 in ledger.sha256[current] if sha256 in lost}
        current |= taken & np.fromiter((sha256 in held for sha256 in ledger.sha256), np.bool_, len(ledger))
    return current


def _repeated(uris: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """(L,) whether a later row has the same URI; only those whose hashes meet are compared."""
    _, group, counts = np.unique(
        np.fromiter(map(hash, uris), np.int64, uris.size), return_inverse=True, return_counts=True
    )
    met = np.flatnonzero(counts[group] > 1)
    latest = dict(zip(uris[met], met.tolist(), strict=True))
    retold = np.zeros(uris.size, np.bool_)
    retold[met] = [latest[uris[row]] != row for row in met.tolist()]
    return retold


def _references(plan: GroupPlan) -> int:
    template = plan.template
    columns = -(-len(template.axis.sids) // template.shard_sids)
    units = sum(len(assignment.partition.stored_units) for assignment in plan.assignments)
    inner = units * (template.grid.unit // template.grid.read_unit)
    axis = len(SID_COORDINATES) if plan.changes_structure else 0
    return units * columns * len(VARIABLES) + inner * len(EPOCH_COORDINATES) + axis


def _memory_bytes(template: GroupTemplate, assignment: Assignment, kept_bytes: int) -> int:
    sizes = [_ROWS_TO_FILE_BYTES * file.size_bytes for file in assignment.files]
    largest = max(sizes, default=0)
    joins = bool(assignment.stored) or _overlap(assignment.spans)
    block = task_memory_bytes(template.grid, len(template.axis.sids), joins=joins)
    return block + largest + min(kept_bytes, sum(sizes) - largest)


def _overlap(spans: Iterable[Span]) -> bool:
    """Whether any two spans have an epoch in common."""
    ordered = sorted((span.first_ns, span.last_ns) for span in spans)
    return any(other[0] <= one[1] for one, other in pairwise(ordered))
