"""Virtualize: the kind of job that references an archive of NetCDF files."""

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from gnssice_batch import config
from gnssice_batch.cluster.executor import Task
from gnssice_batch.errors import ConfigError
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.coordinator import coordinate
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import Execution, execution, result_of
from gnssice_batch.job.journal import Journal
from gnssice_batch.job.replanning import MovedError
from gnssice_batch.job.resume import Resumed
from gnssice_batch.job.start import Start
from gnssice_batch.job.target import VIRTUAL, Target, target_of
from gnssice_batch.job.virtual_report import SeriesTold, VirtualReport
from gnssice_batch.job.work import Begun, Work
from gnssice_batch.log import logger
from gnssice_batch.model.values import FileOutcome, PartitionOutcome
from gnssice_batch.model.virtual import NetcdfFacts, NetcdfFile, VirtualContents
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.storage.credentials import hold
from gnssice_batch.storage.location import Location
from gnssice_batch.store.containers import TAGGED, prefix_of
from gnssice_batch.store.forks import fork_bytes
from gnssice_batch.store.pointing import point_at, pointed_at
from gnssice_batch.store.reading.contents import branch_head, first_snapshot
from gnssice_batch.store.reading.virtual import virtual_contents
from gnssice_batch.store.repository import MAIN, Repository, open_existing
from gnssice_batch.store.writing.changes import Units, changed_units
from gnssice_batch.store.writing.references import (
    Archive,
    Written,
    place_in_series,
    remove_rows,
    write_file,
    write_series,
)
from gnssice_batch.store.writing.structure import Structure
from gnssice_batch.store.writing.virtual_publish import VirtualPublication
from gnssice_batch.virtual.listing import NetcdfListing, access_of, archive_of, list_netcdf, virtual_settings
from gnssice_batch.virtual.parsing import check_installed
from gnssice_batch.virtual.partitions import facts_in, finished, in_partitions, key_of, parse_partition, with_shared
from gnssice_batch.virtual.planning import Backlog, VirtualPlan, backlog_of, plan_files, promoted, rows_of

_log = logger(__name__)


def virtualize(settings: config.Settings, progress: Progress | None = None) -> VirtualReport:
    """Reference what is new in an archive of NetCDF files, in at most one commit.

    Raises
    ------
    GnssiceError
        When the job stops; nothing of it is visible in the store then.
    """
    check_installed()
    return coordinate(_Virtualize.of(settings), settings, progress)


def preview(settings: config.Settings, progress: Progress | None = None) -> VirtualReport:
    """What `virtualize` would do: new files are parsed, nothing is written.

    Raises
    ------
    GnssiceError
        When it can't be found out.
    """
    check_installed()
    kind = _Virtualize.of(settings)
    repository = open_existing(kind.target.location)
    with execution(settings, progress) as workers:
        planned = kind.planned(repository)
        underway = _Underway(kind, planned, None)
        facts = underway.parsed(planned.backlog.wanted, workers, {})
        facts += underway.parsed(promoted(planned.contents, facts), workers, {})
        underway.plan = plan_files(planned.contents, facts)
        return underway.report(None)


def virtual_target(settings: config.Settings, mode: str = "") -> Target:
    """Where a job on the virtual repository publishes.

    Parameters
    ----------
    mode
        What kind of job it is: starts of another kind are other runs.
    """
    virtual = virtual_settings(settings)
    told = virtual.model_dump_json(exclude={"storage_options", "allow_static_credentials"})
    digest = hashlib.sha256(told.encode()).hexdigest()
    target = target_of(settings, product=VIRTUAL)
    return replace(target, identity=f"{target.identity} {VIRTUAL} {digest} {mode}".strip())


def contents_of(repository: Repository | None, branch: str) -> VirtualContents:
    """What a virtual repository holds on a branch, or on ``main`` where there is no such branch yet."""
    if repository is None:
        return VirtualContents()
    there = branch_head(repository, branch) is not None
    return virtual_contents(repository, branch if there else MAIN)


def check_container(repository: Repository | None, virtual: config.Virtual, contents: VirtualContents) -> None:
    """Refuse another name of the archive than the references have.

    Raises
    ------
    ConfigError
        When it is another.
    """
    if repository is not None and contents.rows and pointed_at(repository, virtual.container) is None:
        msg = (
            f"virtual.container is {virtual.container!r}, and the references in {repository.url} name their archive"
            " otherwise: set it back"
        )
        raise ConfigError(msg)


@dataclass(frozen=True, slots=True)
class _Virtualize:
    """What the job is told."""

    target: Target
    virtual: config.Virtual
    where: Location

    @classmethod
    def of(cls, settings: config.Settings) -> "_Virtualize":
        where = archive_of(settings)
        hold(prefix_of(where), where.options)
        return cls(virtual_target(settings), virtual_settings(settings), where)

    @property
    def archive(self) -> Archive:
        """How references name their files."""
        return Archive(self.virtual.container, self.where.place.kind in TAGGED)

    def resume(self, repository: Repository, branch: str, journal: Journal) -> Resumed:
        """What an earlier start has parsed: it holds whatever has been published since."""
        del repository, branch
        return Resumed(done=journal.take_in())

    def plan(self, start: Start, execution: Execution) -> "_Planned":
        """List the archive, and compare it with the ledger; where it has moved, say so to the repository."""
        del execution
        found = self.planned(start.repository)
        start.check_tag(found.contents.snapshot)
        if start.repository is not None and found.repointed:
            point_at(start.repository, self.virtual.container, self.where)
        return found

    def planned(self, repository: Repository | None) -> "_Planned":
        """The same without changing anything."""
        contents = contents_of(repository, self.target.branch)
        check_container(repository, self.virtual, contents)
        listing = list_netcdf(self.virtual, self.where)
        before = pointed_at(repository, self.virtual.container) if repository else None
        repointed = before if before not in {None, prefix_of(self.where)} else None
        return _Planned(self, contents, listing, backlog_of(contents, listing.files), repointed)

    def ended(self, report: VirtualReport, execution: Execution) -> None:
        """Say which files were rejected."""
        del execution
        for row in report.rejected:
            _log.warning("%s: rejected, %s: %s", row.file.uri, row.reason, row.detail)


@dataclass(frozen=True, slots=True)
class _Planned:
    """The job before anything is written."""

    kind: _Virtualize
    contents: VirtualContents
    listing: NetcdfListing
    backlog: Backlog
    repointed: str | None

    @property
    def head(self) -> str | None:
        """Snapshot that it was planned on."""
        return self.contents.snapshot

    @property
    def idle(self) -> bool:
        """Whether every file is referenced."""
        return not self.backlog.wanted

    @property
    def task_memory_bytes(self) -> int:
        """What a partition takes at most: its files, one of them twice."""
        parts = in_partitions(self.backlog.wanted)
        return max((2 * sum(file.size_bytes for file in part) for part in parts), default=0)

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        """None: what can't be referenced is found out by parsing."""
        return ()

    def base(self, repository: Repository) -> str:
        """Snapshot that references are laid out on."""
        return self.head or first_snapshot(repository)

    def up_to_date(self, run: str) -> VirtualReport:
        """What there is to say where nothing is to be done."""
        return VirtualReport(
            run=run,
            url=self.kind.target.url,
            snapshot=None,
            up_to_date=self.backlog.up_to_date,
            missing=tuple(row.file.uri for row in self.backlog.missing),
            skipped=self.listing.skipped,
            repointed=self.repointed,
        )

    def begin(self, aside: Aside, begun: Future[Begun], resumed: Resumed) -> "_Underway":
        """Begin, from what an earlier start has parsed."""
        return _Underway(self.kind, self, Work(aside, begun, done=dict(resumed.done), resumed=len(resumed.done)))


@dataclass(slots=True)
class _Underway:
    """The job while it parses and refers."""

    kind: _Virtualize
    planned: _Planned
    started: Work | None
    """None for a preview, which writes nothing."""
    plan: VirtualPlan = field(default_factory=lambda: VirtualPlan(None))
    written: Written = field(default_factory=lambda: Written({}, {}, set()))
    moved: Units = field(default_factory=dict)
    partitions: int = 0
    bytes_read: int = 0
    set_aside: list[str] = field(default_factory=list)
    shared: dict[Hashable, Any] = field(default_factory=dict)
    """What is equal in many files."""

    @property
    def work(self) -> Work:
        """What is done so far."""
        assert self.started is not None, "a preview has no work"  # noqa: S101 - of this module alone
        return self.started

    def make(self, execution: Execution) -> Structure:
        """Parse every file, and refer to all of them in one fork."""
        parsed = (one for done in self.work.done.values() for one in facts_in(done.outcome))
        known = {one.file: with_shared(one, self.shared) for one in parsed}
        facts = self.parsed(self.planned.backlog.wanted, execution, known)
        facts += self.parsed(promoted(self.planned.contents, facts), execution, known)
        execution.stop.raise_if_requested()
        self.plan = plan_files(self.planned.contents, facts)
        return self._structure()

    def parsed(
        self, files: Sequence[NetcdfFile], execution: Execution, known: dict[NetcdfFile, NetcdfFacts]
    ) -> tuple[NetcdfFacts, ...]:
        """What is in some files; those that are known already are not parsed again."""
        found = [known[file] for file in files if file in known]
        parts = {key_of(part): part for part in in_partitions([file for file in files if file not in known])}
        execution.progress.stage("parse", len(parts))
        for outcome in self._outcomes(parts, execution):
            found += [with_shared(one, self.shared) for one in facts_in(outcome)]
        return tuple(found)

    def _outcomes(self, parts: dict[str, tuple[NetcdfFile, ...]], execution: Execution) -> Iterator[PartitionOutcome]:
        access = access_of(self.kind.where)
        killing: list[tuple[NetcdfFile, ...]] = []
        calls = (Task(key, parse_partition, (key, part, access)) for key, part in parts.items())
        for done in execution.run(calls):
            if done.killed_workers:
                killing.append(parts[done.key])
                continue
            outcome = result_of(done)
            self._note(parts[done.key], outcome, execution)
            yield outcome
        execution.stop.raise_if_requested()
        alone: dict[str, tuple[NetcdfFile, ...]] = {key_of((file,)): (file,) for part in killing for file in part}
        if any(len(part) > 1 for part in killing):
            yield from self._outcomes(alone, execution)
        elif killing:
            self.set_aside += [part[0].uri for part in killing]
            _log.error("set aside, parsing killed its workers: %s", ", ".join(self.set_aside))

    def _note(self, part: Iterable[NetcdfFile], outcome: PartitionOutcome, execution: Execution) -> None:
        self.partitions += 1
        self.bytes_read += outcome.bytes_read
        if self.started is not None:
            self.started.journal.keep(finished(part, outcome))
        execution.progress.finished(outcome.key, outcome.bytes_read)

    def _structure(self) -> Structure:
        """Write all references into a fork of the head."""
        work, plan, archive = self.work, self.plan, self.kind.archive
        point_at(work.repository, self.kind.virtual.container, self.kind.where)
        session = work.repository.handle.writable_session(self.kind.target.branch)
        if session.snapshot_id != self.planned.base(work.repository):
            raise MovedError("the branch moved while files were parsed", work.journal.record.run)
        fork = session.fork()
        self.written, self.moved = remove_rows(fork, plan.removed, self.planned.contents.series), {}
        for receiver, change in plan.series.items():
            mine = [one.facts for one in plan.placements if one.in_series and one.group == receiver]
            self.moved |= write_series(fork, change.current, change.wanted, mine, self.written)
            for facts in mine:
                place_in_series(fork, change.wanted, facts, archive, self.written)
        for one in plan.placements:
            if one.group and not one.in_series:
                write_file(fork, one.group, one.facts, archive, self.written)
        return Structure(session.snapshot_id, "", fork_bytes(fork), b"", changed_units(fork))

    def prove(self, execution: Execution) -> bool:
        """Whether the ledger gets a row; what was written is held against the plan when it is merged."""
        del execution
        return bool(self.plan.placements)

    def change(self, structure: Structure) -> VirtualPublication:
        """Everything that is published."""
        run, rows = self.work.journal.record.run, rows_of(self.plan, self.work.journal.record.run)
        referenced = sum(1 for row in rows if row.group)
        return VirtualPublication(
            run=run,
            structure=structure,
            written=self.written,
            rows=rows,
            message=f"References to {referenced} NetCDF files" if referenced != 1 else "References to 1 NetCDF file",
            metadata={"files": len(rows), "software": SOFTWARE},
            moved=self.moved,
        )

    def report(self, snapshot: str | None) -> VirtualReport:
        """What became of the job."""
        run = self.started.journal.record.run if self.started else ""
        counts = {
            name: sum(one.in_series and one.group == name for one in self.plan.placements) for name in self.plan.series
        }
        series = tuple(SeriesTold(name, one.wanted.grid, counts[name]) for name, one in self.plan.series.items())
        return replace(
            self.planned.up_to_date(run),
            snapshot=snapshot,
            rows=rows_of(self.plan, run),
            series=series,
            partitions=self.partitions,
            bytes_read=self.bytes_read,
            resumed=self.started.resumed if self.started else 0,
            set_aside=tuple(self.set_aside),
        )
