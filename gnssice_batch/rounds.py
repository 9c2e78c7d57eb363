"""The rounds of a run: plan, make the structure, send partitions out, learn; until nothing is pending."""

from dataclasses import dataclass, field

from gnssice_batch.cluster import Executor, Task
from gnssice_batch.errors import PlanError
from gnssice_batch.ingest import ingest_partition
from gnssice_batch.log import logger
from gnssice_batch.model import Assignment, PartitionOutcome
from gnssice_batch.plan import GroupPlan, Learned, pending
from gnssice_batch.prepare import Prepared, Progress, answered, plan_all
from gnssice_batch.store.repository import MAIN, Repository
from gnssice_batch.store.structure import Structure, StructureChange, make_structure
from gnssice_batch.template import GroupTemplate

_log = logger(__name__)

_MOST_ROUNDS = 20


@dataclass(slots=True)
class Work:
    """What the rounds of a run have come to."""

    learned: Learned
    done: dict[str, tuple[Assignment, PartitionOutcome]] = field(default_factory=dict)
    """Partition key to what was done last; partitions that met unknown signals are not in here."""
    templates: dict[str, GroupTemplate] = field(default_factory=dict)
    """Receiver to its group as it is planned, and as the structure makes it where that is needed."""
    structures: list[Structure] = field(default_factory=list)
    """One per round that changed it, each extending the one before; the last one holds everything."""

    @property
    def structure(self) -> Structure:
        """The structure to publish."""
        return self.structures[-1]


def work_through(
    prepared: Prepared,
    repository: Repository,
    run_id: str,
    tasks: Executor,
    progress: Progress,
    work: Work,
) -> None:
    """Do every partition, and again what reading the files showed to be planned wrongly.

    Parameters
    ----------
    work
        Filled in place, so that the structures made so far are known whatever happens.

    Raises
    ------
    GnssiceError
        When a task dies of anything but one file's fault.
    PlanError
        When the plan does not settle.
    """
    plans = prepared.plans
    for number in range(_MOST_ROUNDS):
        _forget_shifted(work, plans)
        todo = _pending(work, plans)
        _make_structure(repository, f"{run_id}-{number}", plans, work, prepared.source_format)
        if not todo:
            return
        progress.stage("ingest" if number == 0 else f"ingest again ({number})", len(todo))
        _send_out(todo, prepared, tasks, progress, work)
        plans = plan_all(prepared, work.learned)
    left = [f"{assignment.partition.key}: still pending after {_MOST_ROUNDS} rounds" for assignment in todo]
    raise PlanError(left)


def _pending(work: Work, plans: tuple[GroupPlan, ...]) -> tuple[Assignment, ...]:
    done = {key: {file.uri for file in assignment.files} for key, (assignment, _) in work.done.items()}
    return pending((assignment for plan in plans for assignment in plan.assignments), done)


def _forget_shifted(work: Work, plans: tuple[GroupPlan, ...]) -> None:
    """A group that turned out to begin earlier has other unit numbers: what was done in it is done again."""
    origins = {plan.template.receiver: plan.template.grid.origin_ns for plan in plans}
    for key, (assignment, _) in list(work.done.items()):
        if assignment.grid.origin_ns != origins[assignment.partition.receiver]:
            del work.done[key]


def _make_structure(
    repository: Repository, staging: str, plans: tuple[GroupPlan, ...], work: Work, source_format: str
) -> None:
    """Make the structure of the first round, and extend it whenever a later plan needs more."""
    changed = [
        plan.template
        for plan in plans
        if plan.changes_structure and not _same_axes(work.templates.get(plan.template.receiver), plan.template)
    ]
    if work.structures and not changed:
        return
    previous = work.structure if work.structures else None
    work.structures.append(make_structure(repository, MAIN, staging, StructureChange(changed, source_format), previous))
    work.templates.update({plan.template.receiver: plan.template for plan in plans})


def _same_axes(one: GroupTemplate | None, other: GroupTemplate) -> bool:
    return one is not None and (one.grid, one.axis) == (other.grid, other.axis)


def _send_out(
    todo: tuple[Assignment, ...], prepared: Prepared, tasks: Executor, progress: Progress, work: Work
) -> None:
    by_key = {assignment.partition.key: assignment for assignment in todo}
    fork = work.structure.work_fork
    calls = (Task(key, ingest_partition, (one, fork, prepared.context)) for key, one in by_key.items())
    for finished in tasks.run(calls):
        outcome = answered(finished)
        _learn(work, by_key[outcome.key], outcome)
        progress.finished(outcome.key, outcome.bytes_read)


def _learn(work: Work, assignment: Assignment, outcome: PartitionOutcome) -> None:
    receiver = assignment.partition.receiver
    spans = {part.file.uri: part.facts.span for part in outcome.files}
    sids = {**work.learned.sids}
    if outcome.unknown_sids:
        sids[receiver] = sids.get(receiver, frozenset()).union(outcome.unknown_sids)
        _log.info("%d unknown signals, the axis grows", len(outcome.unknown_sids), extra={"partition": outcome.key})
    else:
        work.done[outcome.key] = (assignment, outcome)
    work.learned = Learned({**work.learned.spans, **spans}, sids)
