"""The coordinator: the phases of a run, one after the other, from the listing of the archive to the report."""

import time
from dataclasses import dataclass, replace

from gnssice_batch import config, log
from gnssice_batch.cluster.executor import Executor
from gnssice_batch.errors import ConfigError, RunConflictError
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import Execution, execution
from gnssice_batch.job.kept_report import kept
from gnssice_batch.job.prepare import Prepared, prepare
from gnssice_batch.job.proof import Level, prove
from gnssice_batch.job.replanning import MovedError, until_it_fits, while_storage_fails
from gnssice_batch.job.report import RunReport
from gnssice_batch.job.results import file_outcomes, new_ledger_rows, publication_of, report_of, up_to_date_report
from gnssice_batch.job.rewritten import check_read_again
from gnssice_batch.job.rounds import ingest
from gnssice_batch.job.start import start_of, tag_published
from gnssice_batch.job.target import Target, target_of
from gnssice_batch.job.work import Work
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.planning.backlog import find_backlog
from gnssice_batch.planning.changes import warn
from gnssice_batch.planning.rules import Rules, Wish, rules_of
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.store.writing.publish import Publication, publish
from gnssice_batch.store.writing.structure import Structure

BASE_MEMORY_BYTES = 350 << 20
"""A worker with its libraries loaded and nothing to do."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is told."""

    target: Target
    rules: Rules
    proof: Level
    retry: Wish | None
    """Take only what it wants, instead of what is new."""


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
    started = time.monotonic()
    order = Order(target_of(settings, retry), rules_of(settings, retry), settings.run.verify, retry)
    with log.scope(), execution(settings, progress) as workers:
        report = until_it_fits(
            lambda: while_storage_fails(lambda: _phases(order, workers), workers.progress), workers.progress
        )
        workers.note("", TRAFFIC.take())
        workers.progress.settle(report)
        warn(report.changes)
        ended = replace(report, used=dict(workers.used), seconds=time.monotonic() - started)
        return kept(ended, order.target.reports)


def _phases(order: Order, execution: Execution) -> RunReport:
    """One pass through the phases: archive, plan, ingest, proof, publication, report."""
    target, rules = order.target, order.rules
    with start_of(target, execution.stop) as start:
        execution.progress.begin(start.run)
        backlog = find_backlog(rules, start.repository, target.branch, order.retry)
        start.check_tag(backlog.snapshot)
        prepared = prepare(backlog, rules, execution, start.resumed.templates, start.refused)
        execution.stop.raise_if_requested()
        start.check_head(backlog.snapshot)
        if not prepared.plans:
            tagged = start.tag_head(backlog.snapshot)
            return replace(up_to_date_report(prepared, target.url, start.run), tagged=tagged)
        _check_memory(prepared, execution.tasks)
        work = start.begin(prepared)
        structure = _ingested(prepared, work, rules, execution)
        files = file_outcomes(prepared, work)
        check_read_again(backlog, files)
        proof = prove(work, prepared.context, order.proof, execution, rules.strategy, backlog.rewriting)
        news = new_ledger_rows(prepared, files)
        snapshot = None
        if any(news.values()):
            execution.progress.stage("publish", 0)
            snapshot = _published(target, work, publication_of(prepared, work, structure, news))
        tagged = snapshot if target.tag and snapshot else start.tag_head(backlog.snapshot)
    return replace(report_of(prepared, work, files, proof, snapshot), tagged=tagged)


def _ingested(prepared: Prepared, work: Work, rules: Rules, execution: Execution) -> Structure:
    """Do every partition; where one meets damage, the structure is forgotten: it is of the damaged version for ever."""
    try:
        return ingest(prepared, work, rules.limits, execution)
    except DamagedError:
        work.journal.drop_structure()
        work.journal.flush()
        raise


def _published(target: Target, work: Work, publication: Publication) -> str:
    """Publish what the journal holds, as long as the run is this process's."""
    held = work.aside.begin(_held, work)
    try:
        snapshot = publish(work.repository, target.branch, publication, held.result)
    except RunConflictError as conflict:
        held.result()
        raise MovedError(str(conflict), publication.run) from conflict
    tag_published(target, work.repository, snapshot)
    return snapshot


def _held(work: Work) -> None:
    """Wait until the journal has everything; find out whether the run still is this process's."""
    work.journal.flush()
    work.journal.renew()


def _check_memory(prepared: Prepared, tasks: Executor) -> None:
    """Refuse to start what can't fit into a worker.

    Raises
    ------
    ConfigError
        With both numbers, and the settings that change them.
    """
    limit, needed = tasks.memory_bytes(), prepared.totals.task_memory_bytes + BASE_MEMORY_BYTES
    if limit is not None and needed > limit:
        msg = (
            f"a task needs about {needed >> 20} MiB and a worker may use {limit >> 20} MiB: raise cluster.memory_limit,"
            " lower cluster.workers or cluster.threads_per_worker, or lower chunks.epoch (new groups only)"
        )
        raise ConfigError(msg)
