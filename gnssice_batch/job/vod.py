"""Vod: the kind of job that brings the analyses of a site up to its observations."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gnssice_batch import config
from gnssice_batch.canopy.orbit_files import digest_of_all
from gnssice_batch.canopy.plan import VodPlan, memory_bytes
from gnssice_batch.canopy.planning import Earlier, VodPlans, plan_all
from gnssice_batch.canopy.recomputing import Recomputed, recompute
from gnssice_batch.canopy.unit import make_unit
from gnssice_batch.cluster.executor import Task
from gnssice_batch.errors import StoreError
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.coordinator import coordinate
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import Execution, result_of
from gnssice_batch.job.journal import Journal
from gnssice_batch.job.making import Making, extending, made_before
from gnssice_batch.job.proof import Level, sample_of
from gnssice_batch.job.resume import Resumed, resume
from gnssice_batch.job.start import Start
from gnssice_batch.job.target import Target, target_of
from gnssice_batch.job.vod_report import AnalysisReport, VodProof, VodReport
from gnssice_batch.job.work import Begun, Work
from gnssice_batch.log import logger
from gnssice_batch.model.template import GroupTemplate, unit_chunks
from gnssice_batch.model.values import Done, FileOutcome, PartitionOutcome
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.model.vod_values import OrbitFacts, VodAssignment, VodMade
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.records import load
from gnssice_batch.store.layout.vod_ledger import POSITION
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.changes import Units, union
from gnssice_batch.store.writing.structure import Structure, StructureChange, stage, staging_branch, structure_on
from gnssice_batch.store.writing.vod_publish import MadeRow, VodGroupChange, VodPublication

_MESSAGE_LENGTH = 200
_log = logger(__name__)


def vod(
    settings: config.Settings,
    progress: Progress | None = None,
    *,
    analyses: Iterable[str] = (),
    everything: bool = False,
) -> VodReport:
    """Bring the vod repository up to the observations and orbit files: at most one commit.

    A run that died is gone on with when it is started again with the same settings; what it had finished is not made
    again.

    Parameters
    ----------
    analyses
        Names of analyses; empty: all.
    everything
        Make all units again.

    Raises
    ------
    GnssiceError
        When the run stops; nothing of it is visible in the store then.
    """
    chosen = tuple(sorted(analyses))
    target = target_of(settings, product=VOD.product)
    target = replace(target, identity=_identity(target.identity, chosen, everything=everything))
    return coordinate(_Vod(target, settings, chosen, everything), settings, progress)


def _identity(settings: str, analyses: tuple[str, ...], *, everything: bool) -> str:
    """Starts that are told the same go on with one run."""
    return " ".join([settings, *analyses, *(["--full"] if everything else [])])


@dataclass(frozen=True, slots=True)
class _Vod:
    """What a vod run is told."""

    target: Target
    settings: config.Settings
    only: tuple[str, ...]
    everything: bool

    @property
    def level(self) -> Level:
        """How much is proven."""
        return self.settings.run.verify

    def resume(self, repository: Repository, branch: str, journal: Journal) -> Resumed:
        """What an earlier start has made that still holds."""
        return resume(repository, branch, journal)

    def plan(self, start: Start, execution: Execution) -> "_Planned":
        """Hold observations and orbit files against what is made."""
        execution.progress.stage("plan", 0)
        earlier = _earlier(start.resumed)
        found = plan_all(
            self.settings,
            start.repository,
            self.target.branch,
            earlier,
            only=self.only,
            everything=self.everything,
        )
        start.check_tag(found.head)
        return _Planned(self, found)

    def ended(self, report: VodReport, execution: Execution) -> None:
        """Count what the report says."""
        execution.progress.settle({}, report.bytes_read)


def _earlier(resumed: Resumed) -> Earlier:
    """What an earlier start has decided that what is to be made now has to agree with."""
    snapshots = {made_of(done.outcome).snapshot for done in resumed.done.values()}
    orbits = {(file, row) for done in resumed.done.values() for file, row in zip(done.files, done.rows, strict=True)}
    ordered = tuple(sorted(orbits, key=lambda each: (each[1], each[0].uri)))
    return Earlier(min(snapshots, default=""), ordered, resumed.templates)


def made_of(outcome: PartitionOutcome) -> VodMade:
    """What making a unit told, as its outcome keeps it."""
    made: VodMade = load(VodMade, json.loads(outcome.kept))
    return made


@dataclass(frozen=True, slots=True)
class _Planned:
    """A vod run before anything is written."""

    kind: _Vod
    found: VodPlans
    refused: tuple[FileOutcome, ...] = ()

    @property
    def head(self) -> str | None:
        """Snapshot that it was planned on."""
        return self.found.head

    @property
    def idle(self) -> bool:
        """Whether no unit is to be made."""
        return self.found.idle

    @property
    def task_memory_bytes(self) -> int:
        """What a unit takes at most."""
        return memory_bytes(self.found.plans)

    def base(self, repository: Repository) -> str:
        """Snapshot that the structure is made on."""
        return self.found.head or repository.head()

    def up_to_date(self, run: str) -> VodReport:
        """What a run has to say that had nothing to do."""
        return VodReport(
            run=run,
            url=self.kind.target.url,
            snapshot=None,
            rinex_snapshot=self.found.observed.snapshot,
            analyses={plan.pair.analysis.name: _planned_report(plan) for plan in self.found.plans},
            orbit_files=len(self.found.orbits.files),
        )

    def begin(self, aside: Aside, begun: Future[Begun], resumed: Resumed) -> "_Making":
        """Begin, from what an earlier start has left."""
        work = Work(
            aside,
            begun,
            done=dict(resumed.done),
            making=made_before(resumed.structure) if resumed.structure else None,
            resumed=len(resumed.done),
        )
        return _Making(self, work, dict(resumed.templates))


def _planned_report(plan: VodPlan) -> AnalysisReport:
    analysis, backlog = plan.pair.analysis, plan.backlog
    return AnalysisReport(
        analysis.canopy,
        analysis.reference,
        up_to_date=backlog.up_to_date,
        without_orbits=tuple(plan.key(start_ns) for start_ns in sorted(backlog.waiting)),
        everything=backlog.everything,
    )


@dataclass(slots=True)
class _Making:
    """A vod run that computes and writes."""

    planned: _Planned
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
        return tuple(plan for plan in self.planned.found.plans if plan.current or plan.assignments)

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
        level = self.planned.kind.level
        self.proof = VodProof(level, len(written))
        if level == "units" or not written:
            return bool(written)
        chosen = written if level == "full" else sample_of(written, self.work.journal.record.run)
        compared = list(self._recomputed(chosen, execution))
        _refuse_differences(compared, self.work)
        self.proof = replace(self.proof, recomputed=len(compared), cells=sum(one.cells for one in compared))
        return True

    def change(self, structure: Structure) -> VodPublication:
        """Everything that is published."""
        record, found = self.work.journal.record, self.planned.found
        written = [done for done in self.work.done.values() if done.outcome.written_units]
        digests = sorted(self.made[done.outcome.key].orbits_digest for done in written)
        names = ", ".join(plan.pair.analysis.name for plan in self.plans)
        return VodPublication(
            run=record.run,
            structure=structure,
            forks=[done.outcome.fork for done in written if done.outcome.fork],
            groups={plan.name: self._group_change(plan) for plan in self.plans},
            planned=self._planned_units(written),
            message=f"vod: {len(written)} units, {names}"[:_MESSAGE_LENGTH],
            metadata={
                "rinex_snapshot": found.observed.snapshot,
                "orbits_digest": digest_of_all(digests),
                "partitions": len(self.work.done),
                "software": SOFTWARE,
            },
            written_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def report(self, snapshot: str | None) -> VodReport:
        """What became of the run."""
        outcomes = [done.outcome for done in self.work.done.values()]
        report = self.planned.up_to_date(self.work.journal.record.run)
        faults = {one.uri: one.fault for made in self.made.values() for one in made.orbits if one.fault}
        return replace(
            report,
            url=self.work.repository.url,
            snapshot=snapshot,
            partitions=len(outcomes),
            resumed=self.work.resumed,
            set_aside=tuple(sorted(self.killed)),
            bytes_read=sum(outcome.bytes_read for outcome in outcomes),
            peak_memory_bytes=max((outcome.peak_memory_bytes for outcome in outcomes), default=0),
            analyses={**report.analyses, **{plan.pair.analysis.name: self._analysis(plan) for plan in self.plans}},
            unreadable=dict(sorted(faults.items())),
            proof=self.proof,
        )

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
            base = previous.base if previous else self.planned.base(repository)
            staged = stage(repository, base, staging_branch(journal.record.run, work.structures))
        structure = structure_on(repository, staged, StructureChange(tuple(making.templates.values()), ""), previous)
        journal.keep_structure(structure)
        return structure

    def _send_out(self, todo: Iterable[VodAssignment], structure: Structure, execution: Execution) -> None:
        sent = {one.partition.key: one for one in todo}
        context = self.planned.found.context
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
        axis = assignment.axis
        done = Done(
            assignment.partition,
            assignment.grid.origin_ns,
            len(axis.sids),
            axis.digest,
            assignment.orbits,
            assignment.rows,
            outcome,
        )
        self.work.journal.keep(done)
        self.work.done[outcome.key] = replace(done, outcome=replace(outcome, document=b""))
        self.made[outcome.key] = made_of(outcome)
        if not outcome.written_units:
            _log.warning("no orbits are known: the unit is left as it is", extra={"partition": outcome.key})

    def _recomputed(self, chosen: list[Done], execution: Execution) -> Iterator[Recomputed]:
        assignments, context = self.assignments, self.planned.found.context
        calls = (
            Task(f"verify/{done.outcome.key}", recompute, (assignments[done.outcome.key], done.outcome.fork, context))
            for done in chosen
        )
        execution.progress.stage("verify", len(chosen))
        for finished in execution.run(calls):
            yield result_of(finished)
            execution.progress.finished(finished.key, 0)
        execution.stop.raise_if_requested()

    def _planned_units(self, written: Iterable[Done]) -> Units:
        """The write units that were written, all variables and all signals wide.

        Raises
        ------
        StoreError
            When a worker wrote outside its own.
        """
        templates = {plan.name: plan.template for plan in self.plans}
        planned = []
        for done in written:
            partition = done.partition
            if tuple(partition.stored_units) != done.outcome.written_units:
                msg = f"{partition.key}: wrote outside its own unit; nothing was published: please report this"
                raise StoreError(msg)
            planned.append(unit_chunks(templates[partition.receiver], done.outcome.written_units, done.axis_length))
        return union(planned)

    def _group_change(self, plan: VodPlan) -> VodGroupChange:
        mine = [self.work.done[one.partition.key] for one in plan.assignments if one.partition.key in self.work.done]
        ledger = plan.current.ledger if plan.current else None
        rows = ledger.rows if ledger else 0
        template = plan.template
        units = [
            MadeRow(
                done.partition.first_unit,
                start_ns := template.grid.origin_ns + done.partition.first_unit * template.grid.unit_ns,
                start_ns + template.grid.unit_ns,
                bool(ledger and start_ns in ledger.units),
                self.made[done.outcome.key],
            )
            for done in mine
            if done.outcome.written_units
        ]
        return VodGroupChange(
            template=template,
            current=plan.current.template if plan.current else None,
            rows=rows,
            orbits=self._new_orbits(plan, rows),
            units=units,
            rinex_snapshot=self.planned.found.observed.snapshot,
            waiting=sorted(self._waiting(plan)),
            attributes={
                "orbits": self.planned.found.orbits.source,
                POSITION: list(plan.pair.position_m),
                "position_from": plan.pair.position_from,
            },
        )

    def _waiting(self, plan: VodPlan) -> set[int]:
        """Starts of units that are left as they are, and have to be made when they can be."""
        grid, done = plan.template.grid, self.work.done
        left = [
            one
            for one in plan.assignments
            if one.partition.key not in done or not done[one.partition.key].outcome.written_units
        ]
        return {*plan.backlog.waiting, *(grid.origin_ns + one.unit * grid.unit_ns for one in left)}

    def _new_orbits(self, plan: VodPlan, rows: int) -> list[OrbitFacts | None]:
        """What the new rows of the orbit files say, in their order."""
        told = {
            (one.uri, one.etag): one
            for each in plan.assignments
            if each.partition.key in self.made
            for one in self.made[each.partition.key].orbits
        }
        facts = {row: told.get(file) for file, row in plan.numbers.items() if row >= rows}
        last = max((row for row, one in facts.items() if one), default=rows - 1)
        return [facts.get(row) for row in range(rows, last + 1)]

    def _analysis(self, plan: VodPlan) -> AnalysisReport:
        made = [self.made[one.partition.key] for one in plan.assignments if one.partition.key in self.made]
        change = self._group_change(plan)
        lost: dict[str, int] = {}
        for one in made:
            for system, count in one.without_orbits.items():
                lost[system] = lost.get(system, 0) + count
        without = [start_ns for start_ns in change.waiting if plan.key(start_ns) not in self.killed]
        return replace(
            _planned_report(plan),
            made=len(change.units),
            again=sum(row.again for row in change.units),
            without_orbits=tuple(map(plan.key, without)),
            pairs=sum(row.made.pairs for row in change.units),
            values=sum(row.made.values for row in change.units),
            satellites_without_orbits=dict(sorted(lost.items())),
        )


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
