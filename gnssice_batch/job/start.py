"""The lifetime of one start of a run, from the journal it adopts to the journal it removes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from gnssice_batch.errors import PlanError, RunConflictError, StoreError
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.interruption import Stop
from gnssice_batch.job.journal import Journal, RunRecord, begin, resumable
from gnssice_batch.job.lease import HeldError, Lease, wait_for
from gnssice_batch.job.orphans import new_name
from gnssice_batch.job.replanning import MovedError
from gnssice_batch.job.resume import Resumed
from gnssice_batch.job.target import Target, check_place
from gnssice_batch.job.work import Begun
from gnssice_batch.log import logger
from gnssice_batch.model.values import FileOutcome
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.store.conditional_writes import prove as prove_server
from gnssice_batch.store.reading.contents import branch_head, not_for_writing
from gnssice_batch.store.repository import MAIN, Repository, ensure_branch, open_repository, repository_exists
from gnssice_batch.store.tags import check_tag, tag_snapshot
from gnssice_batch.store.writing.commit import published_snapshot
from gnssice_batch.store.writing.structure import discard_staging, stage, staging_branch

_log = logger(__name__)

_BEAT_S = 15.0

type Resume = Callable[[Repository, str, Journal], Resumed]
"""Holds a journal against the head of a branch; drops from it what does not fit any more."""


@dataclass(slots=True)
class Start:
    """One start of a run."""

    target: Target
    run: str
    """Name of the run: that of the adopted journal, else a new one."""
    at_work: ExitStack
    """Holds the journal, and its heartbeat."""
    aside: Aside
    """Opens and makes what is written to, while files are read."""
    proving: Future[None] | None = None
    """Tries the server of a repository that is not there yet."""
    repository: Repository | None = None
    journal: Journal | None = None
    resumed: Resumed = field(default_factory=Resumed)
    """What of an earlier start still holds."""

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        """Files that the survey of an earlier start has refused."""
        return self.journal.surveyed() if self.journal else ()

    def check_head(self, snapshot: str | None) -> None:
        """Check that the plan was made on the very head that earlier work was compared with.

        Raises
        ------
        MovedError
            When the branch has moved in between.
        """
        if self.resumed.head and self.resumed.head != snapshot:
            raise MovedError("the branch moved again while this run was planned", self.run)

    def check_tag(self, head: str | None) -> None:
        """Check that no version but the head of the branch has the tag that is wanted.

        Raises
        ------
        StoreError
            When another one has it.
        """
        if self.target.tag and self.repository:
            check_tag(self.repository, self.target.tag, head)

    def tag_head(self, head: str | None) -> str | None:
        """Give the tag that is wanted to the head of the branch, where there is nothing to publish; the version, if so.

        Raises
        ------
        StoreError
            When it can't be given.
        """
        if not (self.target.tag and self.repository and head):
            return None
        tag_snapshot(self.repository, self.target.tag, head)
        _log.info("nothing to publish: the tag %s was given to %s", self.target.tag, head, extra={"run": self.run})
        return head

    def begin(self, base: Callable[[Repository], str], refused: tuple[FileOutcome, ...]) -> Future[Begun]:
        """Begin to open the repository and the journal, to make both where they are not there yet.

        What is wrong with them is raised where the work first needs them: a `StoreError` where they can't be written.

        Parameters
        ----------
        base
            The snapshot that the structure is made on.
        refused
            Files that were refused while the job was planned.

        Raises
        ------
        StoreError
            When a version has the tag that is wanted.
        """
        self.check_tag(None)
        return self.aside.begin(self._begun, base, refused)

    def _begun(self, base_of: Callable[[Repository], str], refused: tuple[FileOutcome, ...]) -> Begun:
        if self.repository is None:
            proven = self.proving is not None and not isinstance(self.proving.exception(), OSError)
            if self.proving and proven:
                self.proving.result()
            self.repository = open_repository(self.target.location, self.target.options, proven=proven)
        ensure_branch(self.repository, self.target.branch)
        adopted, base = self.journal is not None, base_of(self.repository)
        if self.journal is None:
            self.journal = _begin(self.target, self.run, base)
            _be_at_work(self.at_work, self.journal)
        if adopted or refused:
            self.journal.keep_surveyed(refused)
        staged = None
        if self.resumed.structure is None:
            staged = stage(self.repository, base, staging_branch(self.run, 0))
        return Begun(self.repository, self.journal, staged)


@contextmanager
def start_of(target: Target, stop: Stop, resume: Resume) -> Iterator[Start]:
    """Start a run, or go on with the one that an earlier start with the same settings has left.

    At a good end nothing is left beside the store; where an exception ends it, the journal stands and is anybody's.

    Raises
    ------
    RunConflictError
        When another process is at work on that run.
    InterruptedRunError
        When the job was told to stop while it waited for a process that may be dead.
    """
    with ExitStack() as at_work, Aside() as aside:
        repository, journal = _adopted(target, at_work, stop)
        start = Start(target, journal.record.run if journal else new_name(), at_work, aside)
        start.repository, start.journal = repository, journal
        if repository is None and not target.location.local:
            start.proving = aside.begin(prove_server, target.location)
        if repository and journal:
            start.resumed = resume(repository, target.branch, journal)
        yield start
    if start.repository and start.journal:
        _clear(start.repository, start.journal)


def tag_published(target: Target, repository: Repository, snapshot: str) -> None:
    """Tag what a run has published, where the settings want that."""
    if target.tag:
        tag_snapshot(repository, target.tag, snapshot)


def _adopted(target: Target, at_work: ExitStack, stop: Stop) -> tuple[Repository | None, Journal | None]:
    """The repository, if there is one, and the journal of an earlier start with the same settings, if it left one.

    The journal is this process's as long as the context lasts.
    """
    if not repository_exists(target.location):
        check_place(target)
        return None, None
    repository = open_repository(target.location, target.options, check=partial(_check_ours, target.branch))
    journal = _resumable(target, repository, stop)
    if journal:
        _be_at_work(at_work, journal)
    if journal and (snapshot := published_snapshot(repository, target.branch, journal.record.run)):
        tag_published(target, repository, snapshot)
        at_work.close()
        _clear(repository, journal)
        journal = None
    return repository, journal


def _check_ours(branch: str, repository: Repository) -> None:
    """Refuse a repository of another program, before the proof that its server is fit for runs is kept in it.

    Raises
    ------
    PlanError
        With what it holds.
    """
    snapshot = branch_head(repository, branch) or branch_head(repository, MAIN)
    if snapshot and (why := not_for_writing(repository, snapshot=snapshot)):
        raise PlanError([why])


def _resumable(target: Target, repository: Repository, stop: Stop) -> Journal | None:
    """The journal to go on with; where a process of another machine may be dead, that is waited for without the lock.

    Raises
    ------
    RunConflictError
        When another process is at work on that run.
    """
    dead: Lease | None = None
    while True:
        try:
            with repository.lock:
                return resumable(target.journals, target.identity, target.branch, dead)
        except HeldError as held:
            dead = wait_for(held, stop.raise_if_requested)


def _begin(target: Target, run: str, base: str) -> Journal:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    record = RunRecord(run, target.identity, target.branch, base, started, SOFTWARE)
    return begin(target.journals, record)


def _be_at_work(at_work: ExitStack, journal: Journal) -> None:
    """Hold a journal, its lease renewed until the last of it is written, as long as a context lasts."""
    at_work.enter_context(_heartbeat(journal))
    at_work.enter_context(journal)


@contextmanager
def _heartbeat(journal: Journal) -> Iterator[None]:
    """Renew the lease of a run for as long as the context lasts, or until another has taken it.

    The journal knows then, and refuses what it is asked to keep or to publish.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT_S):
            try:
                journal.renew()
            except RunConflictError as error:
                _log.error("%s", error, extra={"run": journal.record.run})
                return
            except StoreError as error:
                _log.warning("the lease was not renewed: %s", error, extra={"run": journal.record.run})

    thread = threading.Thread(target=copy_context().run, args=(beat,), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _clear(repository: Repository, journal: Journal) -> None:
    """Remove what a run has left beside the store: the staging branches first, the record of the journal last."""
    try:
        with Aside() as aside:
            discarding = aside.begin(discard_staging, repository, journal.record.run)
            journal.remove(discarding.result)
    except BaseException:
        journal.give_back()
        raise
