"""The units of a vod run: structure, tasks, journal, proof."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from gnssice_batch.canopy.plan import VodPlan
from gnssice_batch.canopy.planning import VodPlans
from gnssice_batch.canopy.recomputing import Recomputed, recompute
from gnssice_batch.canopy.unit import make_unit
from gnssice_batch.cluster.executor import Task
from gnssice_batch.errors import StoreError
from gnssice_batch.job.execution import Execution, result_of
from gnssice_batch.job.making import Making, extending
from gnssice_batch.job.proof import Level, sample_of
from gnssice_batch.job.vod_report import VodProof
from gnssice_batch.job.work import Work
from gnssice_batch.log import logger
from gnssice_batch.model.template import GroupTemplate
from gnssice_batch.model.values import Done, PartitionOutcome
from gnssice_batch.model.vod_values import VodAssignment, VodMade
from gnssice_batch.records import load
from gnssice_batch.store.writing.structure import Structure, StructureChange, stage, staging_branch, structure_on

_log = logger(__name__)


def made_of(outcome: PartitionOutcome) -> VodMade:
    """What making a unit told, as its outcome keeps it."""
    made: VodMade = load(VodMade, json.loads(outcome.kept))
    return made


@dataclass(slots=True)
class VodUnits:
    """A vod run that computes and writes."""

    found: VodPlans
    level: Level
    """How much is proven."""
    work: Work
    templates: dict[str, GroupTemplate]
    """Groups as the structure makes them."""
    killed: set[str] = field(default_factory=set)
    """Keys of units that killed their workers."""
    made: dict[str, VodMade] = field(default_factory=dict)
    """By key what making a unit told."""
    proof: VodProof = field(default_factory=VodProof)

    @property
    def plans(self) -> tuple[VodPlan, ...]:
        """The plans of the analyses that have anything to make, or to be told of."""
        return tuple(plan for plan in self.found.plans if plan.current or plan.assignments)

    @property
    def assignments(self) -> dict[str, VodAssignment]:
        """All units that are to be made, by key."""
        return {one.partition.key: one for plan in self.plans for one in plan.assignments}

    def make(self, execution: Execution) -> Structure:
        """Make the structure, then every unit."""
        assignments = self.assignments
        for key, done in list(self.work.done.items()):
            if key not in assignments or not _still_holds(assignments[key], done):
                del self.work.done[key]
                self.work.journal.drop(key)
        self.work.resumed = len(self.work.done)
        self.made = {key: made_of(done.outcome) for key, done in self.work.done.items()}
        making = self._structure()
        todo = [one for key, one in assignments.items() if key not in self.work.done]
        execution.progress.plan(assignments.values(), self.work.done, self.work.resumed)
        execution.progress.stage("vod", len(todo))
        structure = making.result()
        self._send_out(todo, structure, execution)
        execution.stop.raise_if_requested()
        return structure

    def prove(self, execution: Execution) -> bool:
        """Compute again as many units as were asked for; whether any was written."""
        written = [done for done in self.work.done.values() if done.outcome.written_units]
        level = self.level
        self.proof = VodProof(level, len(written))
        if level == "units" or not written:
            return bool(written)
        chosen = written if level == "full" else sample_of(written, self.work.journal.record.run)
        compared = list(self._recomputed(chosen, execution))
        _refuse_differences(compared, self.work)
        self.proof = replace(self.proof, recomputed=len(compared), cells=sum(one.cells for one in compared))
        return True

    def _structure(self) -> Making:
        changed = {
            plan.name: plan.template
            for plan in self.plans
            if plan.changes_structure and not _same_axes(self.templates.get(plan.name), plan.template)
        }
        self.templates.update(changed)
        if self.work.making is None or changed:
            self.work.making = extending(
                self.work.making, changed, lambda making: self.work.aside.begin(self._made, making)
            )
        self.work.making.begin()
        return self.work.making

    def _made(self, making: Making) -> Structure:
        work = self.work
        previous = making.extended.result() if making.extended else None
        repository, journal, staged = work.repository, work.journal, work.begun.result().staged
        if previous or staged is None:
            work.structures += 1
            base = previous.base if previous else self.found.head or repository.head()
            staged = stage(repository, base, staging_branch(journal.record.run, work.structures))
        structure = structure_on(repository, staged, StructureChange(tuple(making.templates.values()), ""), previous)
        journal.keep_structure(structure)
        return structure

    def _send_out(self, todo: Iterable[VodAssignment], structure: Structure, execution: Execution) -> None:
        sent = {one.partition.key: one for one in todo}
        context = self.found.context
        calls = (Task(key, make_unit, (one, structure.work_fork, context)) for key, one in sent.items())
        for finished in execution.run(calls):
            if finished.killed_workers:
                self.killed.add(finished.key)
                execution.progress.set_aside()
                _log.error(
                    "unit set aside: it killed its workers: %s", finished.error, extra={"partition": finished.key}
                )
                continue
            outcome = result_of(finished)
            self._keep(sent[finished.key], outcome)
            execution.progress.add(outcome)
            execution.progress.finished(outcome.key, outcome.bytes_read)

    def _keep(self, assignment: VodAssignment, outcome: PartitionOutcome) -> None:
        """Journal a unit that was made, or that has no orbits, and keep it."""
        done = finished_unit(assignment, outcome)
        self.work.journal.keep(done)
        self.work.done[outcome.key] = replace(done, outcome=replace(outcome, document=b""))
        self.made[outcome.key] = made_of(outcome)
        if not outcome.written_units:
            _log.warning("orbits are missing: the unit is left as it is", extra={"partition": outcome.key})

    def _recomputed(self, chosen: list[Done], execution: Execution) -> Iterator[Recomputed]:
        assignments, context = self.assignments, self.found.context
        calls = (
            Task(f"verify/{done.outcome.key}", recompute, (assignments[done.outcome.key], done.outcome.fork, context))
            for done in chosen
        )
        execution.progress.stage("verify", len(chosen))
        for finished in execution.run(calls):
            yield result_of(finished)
            execution.progress.finished(finished.key, 0)
        execution.stop.raise_if_requested()


def finished_unit(assignment: VodAssignment, outcome: PartitionOutcome) -> Done:
    """What is kept of a unit that is finished."""
    axis, origin_ns = assignment.axis, assignment.grid.origin_ns
    of_orbits = assignment.orbits, assignment.rows
    return Done(assignment.partition, origin_ns, len(axis.sids), axis.digest, *of_orbits, outcome)


def _still_holds(assignment: VodAssignment, done: Done) -> bool:
    """Whether what was made is what would be made now."""
    made = made_of(done.outcome)
    mine = (assignment.snapshot, assignment.orbits_digest, assignment.partition, assignment.grid.origin_ns)
    same = mine == (made.snapshot, made.orbits_digest, done.partition, done.origin_ns)
    return same and (assignment.axis.digest, assignment.rows) == (done.axis_digest, done.rows)


def _same_axes(one: GroupTemplate | None, other: GroupTemplate) -> bool:
    return one is not None and one.structure == other.structure


def _refuse_differences(compared: Iterable[Recomputed], work: Work) -> None:
    """Refuse to publish units that are not what is computed again; a new start makes them anew.

    Raises
    ------
    StoreError
        When there are any.
    """
    wrong = [one for one in compared if one.differences]
    for one in wrong:
        work.journal.drop(one.key)
    if wrong:
        work.journal.flush()
        listed = "\n".join(sentence for one in wrong for sentence in one.differences)
        raise StoreError(f"nothing was published: units differ from what they are made from:\n{listed}")
