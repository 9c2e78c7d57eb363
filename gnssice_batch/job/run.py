"""A run: the kind of job that brings a store up to its archive of observation files."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from gnssice_batch import config
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.coordinator import coordinate
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import Execution
from gnssice_batch.job.ingestion import Ingestion, ingestion_of
from gnssice_batch.job.journal import Journal
from gnssice_batch.job.prepare import Prepared, prepare
from gnssice_batch.job.proof import Level, prove
from gnssice_batch.job.report import Proof, RunReport
from gnssice_batch.job.results import file_outcomes, new_ledger_rows, publication_of, report_of, up_to_date_report
from gnssice_batch.job.resume import Resumed, resume
from gnssice_batch.job.rewritten import check_read_again
from gnssice_batch.job.rounds import ingest
from gnssice_batch.job.start import Start
from gnssice_batch.job.target import Target, target_of
from gnssice_batch.job.work import Begun
from gnssice_batch.model.values import FileOutcome
from gnssice_batch.planning.backlog import find_backlog
from gnssice_batch.planning.changes import warn
from gnssice_batch.planning.rules import Rules, Wish, rules_of
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.publish import Publication
from gnssice_batch.store.writing.structure import Structure


def run(settings: config.Settings, progress: Progress | None = None, retry: Wish | None = None) -> RunReport:
    """Bring the store up to the archive: at most one commit on the branch, with data, coordinates and ledger together.

    A run that died is gone on with when it is started again with the same settings; what it had finished is not read
    again.

    Parameters
    ----------
    retry
        Take only what it wants, instead of what is new.

    Raises
    ------
    GnssiceError
        When the run stops; nothing of it is visible in the store then.
    """
    kind = _Run(target_of(settings, retry), rules_of(settings, retry), settings.run.verify, retry)
    return coordinate(kind, settings, progress)


@dataclass(frozen=True, slots=True)
class _Run:
    """What a run is told."""

    target: Target
    rules: Rules
    proof: Level
    retry: Wish | None
    """Take only what it wants, instead of what is new."""

    def resume(self, repository: Repository, branch: str, journal: Journal) -> Resumed:
        """What an earlier start has read and written that still holds."""
        return resume(repository, branch, journal)

    def plan(self, start: Start, execution: Execution) -> "_Planned":
        """List the archive, survey what is new, and plan it."""
        backlog = find_backlog(self.rules, start.repository, self.target.branch, self.retry)
        start.check_tag(backlog.snapshot)
        return _Planned(self, prepare(backlog, self.rules, execution, start.resumed.templates, start.refused))

    def ended(self, report: RunReport, execution: Execution) -> None:
        """Count what the report says; warn of what has changed at the stations."""
        execution.progress.settle(report.files, report.bytes_read)
        warn(report.changes)


@dataclass(frozen=True, slots=True)
class _Planned:
    """A run before anything is written."""

    kind: _Run
    prepared: Prepared

    @property
    def head(self) -> str | None:
        """Snapshot that it was planned on."""
        return self.prepared.backlog.snapshot

    @property
    def idle(self) -> bool:
        """Whether no partition is planned."""
        return not self.prepared.plans

    @property
    def task_memory_bytes(self) -> int:
        """What a partition takes at most."""
        return self.prepared.totals.task_memory_bytes

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        """Files that the survey has refused."""
        return self.prepared.refused

    def base(self, repository: Repository) -> str:
        """Snapshot that the structure is made on."""
        return self.prepared.backlog.base(repository)

    def up_to_date(self, run: str) -> RunReport:
        """What a run has to say that had nothing to do."""
        return up_to_date_report(self.prepared, self.kind.target.url, run)

    def begin(self, aside: Aside, begun: Future[Begun], resumed: Resumed) -> "_Ingesting":
        """Begin, from what an earlier start has left."""
        return _Ingesting(self.kind, self.prepared, ingestion_of(aside, begun, self.prepared, resumed))


@dataclass(slots=True)
class _Ingesting:
    """A run that reads and writes."""

    kind: _Run
    prepared: Prepared
    work: Ingestion
    files: Mapping[str, tuple[FileOutcome, ...]] = field(default_factory=dict)
    """What became of each file, once all partitions are done."""
    proof: Proof = field(default_factory=Proof)

    def make(self, execution: Execution) -> Structure:
        """Do every partition, and again what reading the files showed to be planned wrongly."""
        return ingest(self.prepared, self.work, self.kind.rules.limits, execution)

    def prove(self, execution: Execution) -> bool:
        """Compare what was written with a fresh reading of the files; whether any ledger gets a row."""
        prepared, rules = self.prepared, self.kind.rules
        self.files = file_outcomes(prepared, self.work)
        check_read_again(prepared.backlog, self.files)
        rewriting = prepared.backlog.rewriting
        self.proof = prove(self.work, prepared.context, self.kind.proof, execution, rules.strategy, rewriting)
        return any(new_ledger_rows(prepared, self.files).values())

    def change(self, structure: Structure) -> Publication:
        """Everything that is published."""
        return publication_of(self.prepared, self.work, structure, new_ledger_rows(self.prepared, self.files))

    def report(self, snapshot: str | None) -> RunReport:
        """What became of the run."""
        return report_of(self.prepared, self.work, self.files, self.proof, snapshot)
