"""The rounds of a run: make the structure, submit partitions, learn, plan again, until none is pending."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import zip_longest

from gnssice_batch.archive.kept import KEPT
from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.cluster.executor import Task
from gnssice_batch.errors import GnssiceError, PlanError
from gnssice_batch.ingest.deadly import deadly_files
from gnssice_batch.ingest.opening import Fork, Later
from gnssice_batch.ingest.partition import ingest_partition
from gnssice_batch.ingest.sources import by_first_unit
from gnssice_batch.job.execution import Execution, result_of
from gnssice_batch.job.ingestion import Ingestion
from gnssice_batch.job.making import Making, extending
from gnssice_batch.job.prepare import Prepared, plan_all
from gnssice_batch.log import logger
from gnssice_batch.model.template import GroupTemplate, digest
from gnssice_batch.model.values import Assignment, Done, PartitionOutcome, SourceFile
from gnssice_batch.planning.breaker import Breaker, BreakerLimits
from gnssice_batch.planning.plan import GroupPlan, pending
from gnssice_batch.store.writing.structure import Structure, StructureChange, stage, staging_branch, structure_on

_log = logger(__name__)

_MOST_ROUNDS = 20


def ingest(prepared: Prepared, work: Ingestion, limits: BreakerLimits, execution: Execution) -> Structure:
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
        When the limits do not allow what was refused.
    InterruptedRunError
        When the job was told to stop.
    """
    plans = plan_all(prepared, work.learned, _as_made(work)) if work.done else prepared.plans
    _breaker(prepared, limits)
    for number in range(_MOST_ROUNDS):
        work.implausible = frozenset(uri for plan in plans for uri in plan.implausible)
        _forget_unplanned(work, plans)
        todo = _pending(work, plans)
        making = _structure(work, plans, prepared, here=execution.tasks.here)
        if not todo:
            return making.result()
        execution.progress.plan((one for plan in plans for one in plan.assignments), work.done, work.resumed)
        execution.progress.stage("ingest again" if number else "ingest", len(todo))
        _send_out(todo, prepared, work, _breaker(prepared, limits), execution)
        execution.stop.raise_if_requested()
        plans = plan_all(prepared, work.learned, _as_made(work))
    raise PlanError([f"{assignment.partition.key}: still pending after {_MOST_ROUNDS} rounds" for assignment in todo])


def _as_made(work: Ingestion) -> dict[str, GroupTemplate]:
    """The groups as the structure makes them, with the signals that were met since."""
    return {receiver: work.grown(template) for receiver, template in work.templates.items()}


def _pending(work: Ingestion, plans: tuple[GroupPlan, ...]) -> tuple[Assignment, ...]:
    done = {key: one.files for key, one in work.done.items()}
    wanted = (one for plan in plans for one in plan.assignments if one.partition.key not in work.set_aside)
    return pending(wanted, done)


def _forget_unplanned(work: Ingestion, plans: tuple[GroupPlan, ...]) -> None:
    """A group that turned out to begin earlier has other unit numbers: what was done in it is done again.

    So is what an earlier start has done for files that are no longer there.
    """
    planned = {one.partition.key: one for plan in plans for one in plan.assignments}
    for key, one in list(work.done.items()):
        if key not in planned or not _still_holds(planned[key], one):
            work.forget(one)


def _still_holds(assignment: Assignment, done: Done) -> bool:
    """Whether what was written means on the planned axes what it meant when it was written."""
    same_signals = digest(assignment.axis.sids[: done.axis_length]) == done.axis_digest
    return same_signals and (assignment.partition, assignment.grid.origin_ns) == (done.partition, done.origin_ns)


def _structure(work: Ingestion, plans: tuple[GroupPlan, ...], prepared: Prepared, *, here: bool) -> Making:
    """Make the structure of the first round, and extend it whenever a later plan needs more."""
    changed = [
        plan.template
        for plan in plans
        if plan.changes_structure and not _same_axes(work.templates.get(plan.template.receiver), plan.template)
    ]
    work.templates.update({plan.template.receiver: plan.template for plan in plans})
    if work.making is None or changed:
        work.making = _extended(work, changed, prepared)
    if not (here and _may_lack_signals(work, plans)):
        work.making.begin()
    return work.making


def _may_lack_signals(work: Ingestion, plans: tuple[GroupPlan, ...]) -> bool:
    """Whether what a structure lacks shows when the first files of a new group are read: it is made after that."""
    return not work.sids and not work.done and any(plan.current is None for plan in plans)


def _extended(work: Ingestion, templates: Iterable[GroupTemplate], prepared: Prepared) -> Making:
    wanted = {template.receiver: template for template in templates}
    return extending(work.making, wanted, lambda making: work.aside.begin(_made, work, prepared, making))


def _made(work: Ingestion, prepared: Prepared, making: Making) -> Structure:
    previous = making.extended.result() if making.extended else None
    repository, journal, staged = work.repository, work.journal, work.begun.result().staged
    if previous or staged is None:
        base = previous.base if previous else prepared.backlog.base(repository)
        work.structures += 1
        branch = staging_branch(journal.record.run, work.structures)
        staged = stage(repository, base, branch)
    wanted = StructureChange(tuple(making.templates.values()), prepared.source_format)
    structure = structure_on(repository, staged, wanted, previous)
    journal.keep_structure(structure)
    return structure


def _same_axes(one: GroupTemplate | None, other: GroupTemplate) -> bool:
    return one is not None and one.structure == other.structure


def _send_out(
    todo: tuple[Assignment, ...], prepared: Prepared, work: Ingestion, breaker: Breaker, execution: Execution
) -> None:
    sent: dict[str, Assignment] = {}
    killing: list[Assignment] = []
    calls = (_call(assignment, prepared, work, sent, here=execution.tasks.here) for assignment in todo)
    asking = _asking_ahead(calls, todo, prepared.context.archive) if execution.tasks.here else calls
    for finished in execution.run(asking):
        if isinstance(finished.error, _NotMadeError) and work.making:
            work.making.result()
        assignment = sent.pop(finished.key)
        if finished.killed_workers:
            killing.append(assignment)
            _log.error("partition killed its workers: %s", finished.error, extra={"partition": finished.key})
            continue
        outcome = result_of(finished)
        _learn(work, assignment, outcome, finished.worker)
        breaker.check(outcome.files)
        execution.progress.add(outcome)
        execution.progress.finished(outcome.key, outcome.bytes_read)

    for assignment in killing:
        _without_deadly(assignment, prepared, work, execution)


def _without_deadly(assignment: Assignment, prepared: Prepared, work: Ingestion, execution: Execution) -> None:
    """Refuse those files of a partition that kill whoever reads them; where it did not die of these, set it aside."""
    key = assignment.partition.key
    arguments = (assignment.files, prepared.context, execution.tasks.memory_bytes())
    deadly = set[SourceFile]()
    for finished in execution.run([Task(f"{key}/files", deadly_files, arguments, execution.tasks.renewed())]):
        deadly.update(finished.result or ())
        if finished.error:
            _log.warning("its files could not be looked at one by one: %s", finished.error, extra={"partition": key})
    if 0 < len(deadly) < len(assignment.files):
        work.note_deadly(key, deadly)
        named = ", ".join(sorted(file.uri for file in deadly))
        _log.warning("done again without what killed its workers: %s", named, extra={"partition": key})
        return
    work.set_aside[key] = assignment
    execution.progress.set_aside()
    _log.error("partition set aside: it killed its workers", extra={"partition": key})


def _asking_ahead[R](
    calls: Iterator[Task[R]], todo: tuple[Assignment, ...], archive: ArchiveAccess
) -> Iterator[Task[R]]:
    """The calls, the files of the next one asked for while each is made."""
    for call, following in zip_longest(calls, todo[1:]):
        if following is not None:
            KEPT.ask(archive, by_first_unit(following))
        if call is not None:
            yield call


def _breaker(prepared: Prepared, limits: BreakerLimits) -> Breaker:
    """A breaker that has seen what the survey has read."""
    breaker = limits.work(prepared.backlog.refused.keys())
    breaker.check(survey.outcome for survey in prepared.surveys)
    return breaker


def _call(
    assignment: Assignment, prepared: Prepared, work: Ingestion, sent: dict[str, Assignment], *, here: bool
) -> Task[PartitionOutcome]:
    """The task of a partition as it is submitted: with the signals that others have met since it was planned.

    So a new signal costs the partitions under way a second reading, and not all that are still to come. In this process
    it begins while its structure is made.
    """
    template = work.templates[assignment.partition.receiver]
    grown = work.grown(template)
    if grown.axis != template.axis:
        work.templates[template.receiver] = grown
        work.making = _extended(work, [grown], prepared)
        work.making.begin()
    sent[assignment.partition.key] = current = replace(assignment, axis=grown.axis)
    making = work.making
    fork: Fork = making.result().work_fork if making and not here else b""
    if making and here:
        fork = Later(partial(_work_fork, making), at_once=making.made is not None)
    near = Counter(filter(None, (work.readers.pop(file.uri, "") for file in current.files))).most_common(1)
    arguments = (current, fork, prepared.context.of(template.receiver))
    return Task(assignment.partition.key, ingest_partition, arguments, near[0][0] if near else "")


def _work_fork(making: Making) -> bytes:
    """The fork that tasks start from, once it is made."""
    try:
        return making.result().work_fork
    except (GnssiceError, OSError) as error:
        raise _NotMadeError(str(error)) from error


class _NotMadeError(GnssiceError):
    """The structure that a task writes to could not be made; trying the task again does not help."""


def _learn(work: Ingestion, assignment: Assignment, outcome: PartitionOutcome, worker: str) -> None:
    if outcome.unknown_sids:
        work.readers.update({file.uri: worker for file in assignment.files})
        _log.info("%d new signals are added to the axis", len(outcome.unknown_sids), extra={"partition": outcome.key})
        work.read.update({part.file.uri: part for part in outcome.files})
    else:
        work.note_done(assignment, outcome)
    work.learn(assignment.partition.receiver, outcome)
    work.note_rejected(outcome)
