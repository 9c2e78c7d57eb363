"""The coordinator: prepare, go on with what an earlier start has journaled, work, publish once, report."""

import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from gnssice_batch import config
from gnssice_batch.archive.folder import Folder
from gnssice_batch.cluster.executor import Executor, executor
from gnssice_batch.errors import ConfigError, RunConflictError, StoreError
from gnssice_batch.job.interruption import stoppable
from gnssice_batch.job.journal import Journal, RunRecord, begin, resumable
from gnssice_batch.job.prepare import NoProgress, Prepared, Progress, prepare
from gnssice_batch.job.proof import prove
from gnssice_batch.job.report import RunReport
from gnssice_batch.job.results import file_outcomes, new_ledger_rows, publication_of, refused_again, unplanned_outcomes
from gnssice_batch.job.resume import Resumed, resume
from gnssice_batch.job.rounds import Conduct, Work, work_through
from gnssice_batch.log import logger
from gnssice_batch.planning.backlog import SOFTWARE, repository_options, store_url
from gnssice_batch.planning.plan import Retry
from gnssice_batch.store.repository import (
    Repository,
    ensure_branch,
    open_repository,
    repository_exists,
    tag_snapshot,
)
from gnssice_batch.store.writing.publish import Publication, publish, published_snapshot
from gnssice_batch.store.writing.structure import discard_staging

_log = logger(__name__)

_TRIES = 5
_JITTER_S = 0.5
_BEAT_S = 15.0
RETRY: Final = " again: "
"""Between the digest of the settings and what refused files a run takes again, in the record of such a run."""
_BASE_MEMORY_BYTES = 350 << 20
"""A worker with its libraries loaded and nothing to do."""


def run(settings: config.Settings, progress: Progress | None = None, retry: Retry | None = None) -> RunReport:
    """Bring the store up to the archive: at most one commit on the branch, with data, coordinates and ledger together.

    A run that died is gone on with when it is started again with the same settings; what it had finished is not read
    again.

    Parameters
    ----------
    retry
        Take only the refused files that it wants, instead of what is new.

    Raises
    ------
    GnssiceError
        When the run stops; nothing of it is visible in the store then.
    """
    started = time.monotonic()
    progress = progress or NoProgress()
    with ExitStack() as stack:
        stop = stack.enter_context(stoppable(settings.run.grace_s))
        tasks = stack.enter_context(executor(settings.cluster, settings.run.window))
        if tasks.dashboard:
            progress.dashboard(tasks.dashboard)
        report = _until_it_fits(settings, Conduct(settings.run, tasks, progress, stop), retry)
    return replace(report, seconds=time.monotonic() - started)


def journal_folder(settings: config.Settings) -> Folder:
    """Where the journals of unpublished runs are."""
    return Folder(settings.run.journal_url or f"{store_url(settings)}.runs", settings.store.storage_options)


def _until_it_fits(settings: config.Settings, conduct: Conduct, retry: Retry | None) -> RunReport:
    """Plan and publish, again whenever another run was faster and this one's work does not fit any more."""
    for number in range(_TRIES):
        try:
            return _once(settings, conduct, retry)
        except _MovedError as moved:
            _log.warning("planned again: %s", moved, extra={"run": moved.run})
            conduct.progress.stage("planned again, another run was faster", 0)
            time.sleep(random.uniform(0, _JITTER_S * 2**number))  # noqa: S311 - spreads the tries, keeps no secret
            last = moved
    msg = f"other runs were faster {_TRIES} times; nothing of this run was published: start it again. Last: {last}"
    raise RunConflictError(msg)


class _MovedError(RunConflictError):
    """The target branch has moved and the work does not fit; its journal stands."""

    def __init__(self, message: str, run: str) -> None:
        super().__init__(message)
        self.run = run


def _once(settings: config.Settings, conduct: Conduct, retry: Retry | None) -> RunReport:
    identity = settings.identity() + (f"{RETRY}{retry}" if retry else "")
    repository, journal = _adopted(settings, identity)
    resumed = resume(repository, settings.run.branch, journal) if repository and journal else Resumed()
    with _heartbeat(journal):
        refused = journal.surveyed() if journal else ()
        prepared = prepare(settings, conduct.tasks, conduct.progress, resumed.templates, retry, refused)
        conduct.stop.raise_if_requested()
        report = _unstarted(settings, prepared)
    if resumed.head and resumed.head != prepared.backlog.snapshot:
        raise _MovedError("the branch moved again while this run was planned", report.run)
    if not prepared.plans:
        _clear(repository, journal)
        return report
    _check_memory(conduct.tasks, prepared)
    repository = repository or open_repository(store_url(settings), repository_options(settings))
    ensure_branch(repository, settings.run.branch)
    journal = journal or _begin(settings, identity, repository, prepared, report.run)
    with _heartbeat(journal):
        journal.keep_surveyed(prepared.refused)
        report = _worked(settings, prepared, _work(repository, journal, prepared, resumed), conduct, report)
    _clear(repository, journal)
    return report


def _worked(
    settings: config.Settings, prepared: Prepared, work: Work, conduct: Conduct, report: RunReport
) -> RunReport:
    structure = work_through(prepared, work, conduct)
    files = file_outcomes(prepared, work)
    news = new_ledger_rows(prepared, files)
    proof = prove(work, prepared.context, conduct)
    snapshot = None
    if any(news.values()):
        conduct.progress.stage("publish", 0)
        snapshot = _published(settings, work, publication_of(prepared, work, structure, news))
    outcomes = [done.outcome for done in work.done.values()]
    return replace(
        report,
        run=work.journal.record.run,
        snapshot=snapshot,
        files={**report.files, **{receiver: outcomes for receiver, outcomes in news.items() if outcomes}},
        refused_again=refused_again(prepared, files),
        partitions=len(outcomes),
        resumed=work.resumed,
        set_aside=tuple(work.set_aside),
        bytes_read=sum(outcome.bytes_read for outcome in outcomes),
        peak_memory_bytes=max((outcome.peak_memory_bytes for outcome in outcomes), default=0),
        proof=proof,
    )


def _published(settings: config.Settings, work: Work, publication: Publication) -> str:
    try:
        snapshot = publish(work.repository, settings.run.branch, publication)
    except RunConflictError as conflict:
        raise _MovedError(str(conflict), publication.run) from conflict
    _tag(settings, work.repository, snapshot)
    return snapshot


def _tag(settings: config.Settings, repository: Repository, snapshot: str) -> None:
    if settings.run.tag:
        tag_snapshot(repository, settings.run.tag, snapshot)


def _unstarted(settings: config.Settings, prepared: Prepared) -> RunReport:
    backlog = prepared.backlog
    return RunReport(
        run=f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
        url=store_url(settings),
        snapshot=None,
        files=unplanned_outcomes(prepared),
        up_to_date=backlog.up_to_date,
        skipped=len(backlog.listing.skipped),
    )


def _adopted(settings: config.Settings, identity: str) -> tuple[Repository | None, Journal | None]:
    """The repository, if there is one, and the journal of an earlier start with the same settings, if it left one."""
    url, branch = store_url(settings), settings.run.branch
    if not repository_exists(url):
        return None, None
    repository = open_repository(url, repository_options(settings))
    with repository.lock:
        journal = resumable(journal_folder(settings), identity, branch, settings.journal_secrets())
    if journal and (snapshot := published_snapshot(repository, branch, journal.record.run)):
        _tag(settings, repository, snapshot)
        _clear(repository, journal)
        journal = None
    return repository, journal


def _begin(
    settings: config.Settings, identity: str, repository: Repository, prepared: Prepared, run_id: str
) -> Journal:
    base, started = prepared.backlog.base(repository), datetime.now(UTC).isoformat(timespec="seconds")
    record = RunRecord(run_id, identity, settings.run.branch, base, started, SOFTWARE)
    return begin(journal_folder(settings), record, settings.journal_secrets())


def _work(repository: Repository, journal: Journal, prepared: Prepared, resumed: Resumed) -> Work:
    """The work as an earlier start has left it, its findings learned again."""
    work = Work(
        repository,
        journal,
        dict(prepared.learned.spans),
        done=dict(resumed.done),
        templates=dict(resumed.templates),
        structure=resumed.structure,
        resumed=len(resumed.done),
    )
    for done in resumed.done.values():
        work.learn(done.partition.receiver, done.outcome)
    return work


def _check_memory(tasks: Executor, prepared: Prepared) -> None:
    """Refuse to start what can't fit into a worker.

    Raises
    ------
    ConfigError
        With both numbers, and the settings that change them.
    """
    limit, needed = tasks.memory_bytes(), prepared.totals.task_memory_bytes + _BASE_MEMORY_BYTES
    if limit is not None and needed > limit:
        msg = (
            f"a task needs about {needed >> 20} MiB and a worker may use {limit >> 20} MiB: raise cluster.memory_limit,"
            " lower cluster.workers or cluster.threads_per_worker, or lower chunks.epoch (new groups only)"
        )
        raise ConfigError(msg)


@contextmanager
def _heartbeat(journal: Journal | None) -> Iterator[None]:
    """Renew the lease of a run for as long as the context lasts."""
    over = threading.Event()

    def beat(kept: Journal) -> None:
        while not over.wait(_BEAT_S):
            try:
                kept.renew()
            except StoreError as error:
                _log.warning("no sign of life: %s", error, extra={"run": kept.record.run})

    thread = threading.Thread(target=beat, args=(journal,), daemon=True) if journal else None
    if thread:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if thread:
            thread.join()


def _clear(repository: Repository | None, journal: Journal | None) -> None:
    """Remove what a run has left beside the store: the staging branches first, the journal last."""
    if repository and journal:
        discard_staging(repository, journal.record.run)
        journal.remove()
