"""The rounds of a run: plan, make the structure, send partitions out, learn, journal; until nothing is pending."""

from dataclasses import dataclass, field, replace
from itertools import takewhile

from gnssice_batch import config
from gnssice_batch.cluster.executor import Executor, Task, with_retries
from gnssice_batch.errors import PlanError
from gnssice_batch.ingest.partition import ingest_partition
from gnssice_batch.job.interruption import Stop
from gnssice_batch.job.journal import Journal
from gnssice_batch.job.prepare import Prepared, Progress, plan_all, result_of
from gnssice_batch.log import logger
from gnssice_batch.model.template import GroupTemplate, digest, grown_axis
from gnssice_batch.model.values import Assignment, Done, FileOutcome, PartitionOutcome, Span, Status
from gnssice_batch.planning.breaker import Breaker
from gnssice_batch.planning.plan import GroupPlan, Learned, pending
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.structure import Structure, StructureChange, make_structure, staging_branch

_log = logger(__name__)

_MOST_ROUNDS = 20


@dataclass(slots=True)
class Work:
    """What the rounds of a run have come to."""

    repository: Repository
    journal: Journal
    spans: dict[str, Span | None]
    """True span per file that was read."""
    sids: dict[str, frozenset[str]] = field(default_factory=dict)
    """Per receiver the signals that its axis lacked."""
    channels: dict[str, dict[str, int]] = field(default_factory=dict)
    """Per receiver the GLONASS channels that the headers of its files give."""
    done: dict[str, Done] = field(default_factory=dict)
    """Partition key to what was done last; partitions that met unknown signals are not in here."""
    templates: dict[str, GroupTemplate] = field(default_factory=dict)
    """Receiver to its group as it is planned, and as the structure makes it where that is needed."""
    structure: Structure | None = None
    """The latest; each extends the one before, so it holds everything."""
    set_aside: dict[str, Assignment] = field(default_factory=dict)
    """Partitions that killed their workers."""
    rejected: dict[str, dict[str, FileOutcome]] = field(default_factory=dict)
    """By partition and URI the files that were refused in it; no later plan has them."""
    structures: int = 0
    """How many structures this start has made."""
    resumed: int = 0
    """Partitions that an earlier start had finished."""

    def learn(self, receiver: str, outcome: PartitionOutcome) -> None:
        """Take down what reading the files of a partition has shown."""
        self.spans.update({part.file.uri: part.facts.span for part in outcome.files})
        self.sids[receiver] = self.sids.get(receiver, frozenset()).union(outcome.unknown_sids)
        channels = self.channels.setdefault(receiver, {})
        for part in outcome.files:
            channels.update(part.facts.channels)

    def note_rejected(self, outcome: PartitionOutcome) -> None:
        """Take down the files that were refused in a partition, whatever becomes of it."""
        rejected = {part.file.uri: part for part in outcome.files if part.status is Status.REJECTED}
        if rejected:
            self.rejected.setdefault(outcome.key, {}).update(rejected)

    def with_rejected(self, outcome: PartitionOutcome) -> PartitionOutcome:
        """The outcome with the files that an earlier round refused, so that the journal has them result_of too."""
        met = {part.file.uri for part in outcome.files}
        earlier = (part for uri, part in self.rejected.get(outcome.key, {}).items() if uri not in met)
        return replace(outcome, files=(*outcome.files, *earlier))

    def grown(self, template: GroupTemplate) -> GroupTemplate:
        """A group with the signals it lacked; GLONASS channels that it has stored stay as they are."""
        axis = grown_axis(template.axis, self.sids.get(template.receiver, frozenset()))
        return replace(template, axis=axis, channels={**self.channels.get(template.receiver, {}), **template.channels})


@dataclass(frozen=True, slots=True)
class Conduct:
    """Who does the work, who is told, and who may stop it."""

    settings: config.Run
    tasks: Executor
    progress: Progress
    stop: Stop


def work_through(prepared: Prepared, work: Work, conduct: Conduct) -> Structure:
    """Do every partition, and again what reading the files showed to be planned wrongly.

    Parameters
    ----------
    work
        What an earlier start has left; filled in place.

    Returns
    -------
    Structure
        The one to publish.

    Raises
    ------
    GnssiceError
        When a task dies of anything but one file's fault.
    PlanError
        When the plan does not settle.
    RefusedError
        When the settings do not allow what was refused.
    """
    plans = prepared.plans
    _breaker(prepared, conduct.settings)
    for number in range(_MOST_ROUNDS):
        _forget_unplanned(work, plans)
        todo = _pending(work, plans)
        structure = _structure(work, plans, prepared)
        if not todo:
            return structure
        conduct.progress.stage("ingest again" if number else "ingest", len(todo))
        _send_out(todo, prepared, work, conduct)
        conduct.stop.raise_if_requested()
        made = {receiver: work.grown(template) for receiver, template in work.templates.items()}
        plans = plan_all(prepared, Learned(work.spans, work.sids), made)
    raise PlanError([f"{assignment.partition.key}: still pending after {_MOST_ROUNDS} rounds" for assignment in todo])


def _pending(work: Work, plans: tuple[GroupPlan, ...]) -> tuple[Assignment, ...]:
    done = {key: one.files for key, one in work.done.items()}
    wanted = (one for plan in plans for one in plan.assignments if one.partition.key not in work.set_aside)
    return pending(wanted, done)


def _forget_unplanned(work: Work, plans: tuple[GroupPlan, ...]) -> None:
    """A group that turned out to begin earlier has other unit numbers: what was done in it is done again.

    So is what an earlier start has done for files that are no longer there.
    """
    planned = {one.partition.key: one for plan in plans for one in plan.assignments}
    for key, one in list(work.done.items()):
        if key not in planned or not _still_holds(planned[key], one):
            work.note_rejected(one.outcome)
            del work.done[key]
            work.journal.drop(key)


def _still_holds(assignment: Assignment, done: Done) -> bool:
    """Whether what was written means on the planned axes what it meant when it was written."""
    same_signals = digest(assignment.axis.sids[: done.axis_length]) == done.axis_digest
    return same_signals and (assignment.partition, assignment.grid.origin_ns) == (done.partition, done.origin_ns)


def _structure(work: Work, plans: tuple[GroupPlan, ...], prepared: Prepared) -> Structure:
    """Make the structure of the first round, and extend it whenever a later plan needs more."""
    changed = [
        plan.template
        for plan in plans
        if plan.changes_structure and not _same_axes(work.templates.get(plan.template.receiver), plan.template)
    ]
    work.templates.update({plan.template.receiver: plan.template for plan in plans})
    return work.structure if work.structure and not changed else _extended(work, changed, prepared)


def _extended(work: Work, templates: list[GroupTemplate], prepared: Prepared) -> Structure:
    base = work.structure.base if work.structure else prepared.backlog.base(work.repository)
    work.structures += 1
    wanted = StructureChange(templates, prepared.source_format)
    staging = staging_branch(work.journal.record.run, work.structures)
    work.structure = make_structure(work.repository, base, staging, wanted, work.structure)
    work.journal.keep_structure(work.structure)
    return work.structure


def _same_axes(one: GroupTemplate | None, other: GroupTemplate) -> bool:
    return one is not None and (one.grid, one.axis) == (other.grid, other.axis)


def _send_out(todo: tuple[Assignment, ...], prepared: Prepared, work: Work, conduct: Conduct) -> None:
    settings = conduct.settings
    sent: dict[str, Assignment] = {}
    breaker = _breaker(prepared, settings)
    wanted = takewhile(lambda _: not conduct.stop.requested, todo)
    calls = (_call(assignment, prepared, work, sent) for assignment in wanted)
    for finished in with_retries(conduct.tasks, calls, settings.task_tries):
        assignment = sent[finished.key]
        if finished.killed_workers:
            work.set_aside[finished.key] = assignment
            _log.error("set aside: %s", finished.error, extra={"partition": finished.key})
            continue
        outcome = result_of(finished)
        _learn(work, assignment, outcome)
        breaker.check(outcome.files)
        conduct.progress.finished(outcome.key, outcome.bytes_read)


def _breaker(prepared: Prepared, settings: config.Run) -> Breaker:
    """A breaker that has seen what the survey has read."""
    known = prepared.backlog.refused.keys()
    breaker = Breaker(settings.breaker_files, settings.breaker_fraction, settings.on_error == "fail", known)
    breaker.check(survey.outcome for survey in prepared.surveys)
    return breaker


def _call(
    assignment: Assignment, prepared: Prepared, work: Work, sent: dict[str, Assignment]
) -> Task[PartitionOutcome]:
    """The task of a partition as it is submitted: with the signals that others have met since it was planned.

    So a new signal costs the partitions under way a second reading, and not all that are still to come.
    """
    template = work.templates[assignment.partition.receiver]
    grown = work.grown(template)
    if grown.axis != template.axis:
        work.templates[template.receiver] = grown
        _extended(work, [grown], prepared)
    sent[assignment.partition.key] = current = replace(assignment, axis=grown.axis)
    fork = work.structure.work_fork if work.structure else b""
    return Task(assignment.partition.key, ingest_partition, (current, fork, prepared.context))


def _learn(work: Work, assignment: Assignment, outcome: PartitionOutcome) -> None:
    receiver = assignment.partition.receiver
    if outcome.unknown_sids:
        _log.info("%d unknown signals, the axis grows", len(outcome.unknown_sids), extra={"partition": outcome.key})
    else:
        done = finished_partition(assignment, work.with_rejected(outcome))
        work.journal.keep(done)
        work.done[outcome.key] = done
    work.learn(receiver, outcome)
    work.note_rejected(outcome)


def finished_partition(assignment: Assignment, outcome: PartitionOutcome) -> Done:
    """What is kept of a partition that was written."""
    axis = assignment.axis
    named = set(assignment.files)
    files = (*assignment.files, *(part.file for part in outcome.files if part.file not in named))
    origin_ns, rows = assignment.grid.origin_ns, assignment.rows
    return Done(assignment.partition, origin_ns, len(axis.sids), axis.digest, files, rows, outcome)
