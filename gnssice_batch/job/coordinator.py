"""The coordinator of a job of any kind: its phases, one after the other, from the plan to the report."""

import time
from concurrent.futures import Future
from dataclasses import replace
from typing import Final, Protocol

from gnssice_batch import config, log
from gnssice_batch.cluster.executor import Executor
from gnssice_batch.errors import ConfigError, RunConflictError
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import Execution, execution
from gnssice_batch.job.journal import Journal
from gnssice_batch.job.kept_report import kept
from gnssice_batch.job.replanning import MovedError, until_it_fits, while_storage_fails
from gnssice_batch.job.report import JobReport
from gnssice_batch.job.resume import Resumed
from gnssice_batch.job.start import Start, start_of, tag_published
from gnssice_batch.job.target import Target
from gnssice_batch.job.work import Begun, Work
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.model.values import FileOutcome
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.store.repository import Repository
from gnssice_batch.store.writing.commit import Change, publish
from gnssice_batch.store.writing.structure import Structure

BASE_MEMORY_BYTES: Final = 350 << 20
"""A worker with its libraries loaded and nothing to do."""


class Underway[R: JobReport](Protocol):
    """A job that has begun to make what it has planned."""

    @property
    def work(self) -> Work:
        """What is done so far."""

    def make(self, execution: Execution) -> Structure:
        """Make the structure, then every partition; the structure to publish."""

    def prove(self, execution: Execution) -> bool:
        """Hold what was made against what it was made from; whether there is anything to publish."""

    def change(self, structure: Structure) -> Change:
        """Everything that is published."""

    def report(self, snapshot: str | None) -> R:
        """What became of the job; `snapshot` is what it has published."""


class Plan[R: JobReport](Protocol):
    """What a job has planned, before anything is written."""

    @property
    def head(self) -> str | None:
        """Snapshot of the branch that it was planned on; None for a repository that is not there yet."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""

    @property
    def task_memory_bytes(self) -> int:
        """What a task takes beside `BASE_MEMORY_BYTES`."""

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        """Files that were refused while it was planned: a later start is told."""

    def base(self, repository: Repository) -> str:
        """Snapshot that the structure is made on."""

    def up_to_date(self, run: str) -> R:
        """What a job has to say that had nothing to do."""

    def begin(self, aside: Aside, begun: Future[Begun], resumed: Resumed) -> Underway[R]:
        """Begin, from what an earlier start has left."""


class Kind[R: JobReport](Protocol):
    """What differs between kinds of job: how partitions are planned and made, what is published and told."""

    @property
    def target(self) -> Target:
        """Where it publishes."""

    def resume(self, repository: Repository, branch: str, journal: Journal) -> Resumed:
        """What of a journal still holds at the head of the branch; what does not is dropped from it."""

    def plan(self, start: Start, execution: Execution) -> Plan[R]:
        """Find what is new, and plan it."""

    def ended(self, report: R, execution: Execution) -> None:
        """Tell what the report of a job that is over says."""


def coordinate[R: JobReport](kind: Kind[R], settings: config.Settings, progress: Progress | None = None) -> R:
    """Do a job: at most one commit on its branch.

    One that died is gone on with when it is started again with the same settings; what it had finished is not made
    again.

    Raises
    ------
    GnssiceError
        When the job stops; nothing of it is visible in the store then.
    """
    started = time.monotonic()
    with log.scope(), execution(settings, progress) as workers:
        report = until_it_fits(
            lambda: while_storage_fails(lambda: _phases(kind, workers), workers.progress), workers.progress
        )
        workers.note("", TRAFFIC.take())
        kind.ended(report, workers)
        ended = replace(report, used=dict(workers.used), seconds=time.monotonic() - started)
        return kept(ended, kind.target.reports)


def _phases[R: JobReport](kind: Kind[R], execution: Execution) -> R:
    """One pass through the phases: plan, structure and partitions, proof, publication, report."""
    target = kind.target
    with start_of(target, execution.stop, kind.resume) as start:
        execution.progress.begin(start.run)
        plan = kind.plan(start, execution)
        execution.stop.raise_if_requested()
        start.check_head(plan.head)
        if plan.idle:
            tagged = start.tag_head(plan.head)
            return replace(plan.up_to_date(start.run), tagged=tagged)
        _check_memory(plan.task_memory_bytes, execution.tasks)
        underway = plan.begin(start.aside, start.begin(plan.base, plan.refused), start.resumed)
        structure = _made(underway, execution)
        snapshot = None
        if underway.prove(execution):
            execution.progress.stage("publish", 0)
            snapshot = _published(target, underway.work, underway.change(structure))
        tagged = snapshot if target.tag and snapshot else start.tag_head(plan.head)
    return replace(underway.report(snapshot), tagged=tagged)


def _made(underway: Underway[JobReport], execution: Execution) -> Structure:
    """Do every partition; where one meets damage, the structure is forgotten: it is of the damaged version for ever."""
    try:
        return underway.make(execution)
    except DamagedError:
        underway.work.journal.drop_structure()
        raise


def _published(target: Target, work: Work, change: Change) -> str:
    """Publish what the journal holds, as long as the run is this process's."""
    held = work.aside.begin(_held, work)
    try:
        snapshot = publish(work.repository, target.branch, change, held.result)
    except RunConflictError as conflict:
        held.result()
        raise MovedError(str(conflict), change.run) from conflict
    tag_published(target, work.repository, snapshot)
    return snapshot


def _held(work: Work) -> None:
    """Wait until the journal has everything; find out whether the run still is this process's."""
    work.journal.flush()
    work.journal.renew()


def _check_memory(task_bytes: int, tasks: Executor) -> None:
    """Refuse to start what can't fit into a worker.

    Raises
    ------
    ConfigError
        With both numbers, and the settings that change them.
    """
    limit, needed = tasks.memory_bytes(), task_bytes + BASE_MEMORY_BYTES
    if limit is not None and needed > limit:
        msg = (
            f"a task needs about {needed >> 20} MiB and a worker may use {limit >> 20} MiB: raise cluster.memory_limit,"
            " lower cluster.workers or cluster.threads_per_worker, or lower chunks.epoch (new groups only)"
        )
        raise ConfigError(msg)
