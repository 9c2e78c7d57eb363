"""Unpublished runs, which have left a journal."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from gnssice_batch import config
from gnssice_batch.errors import ConfigError, RunConflictError, StoreError
from gnssice_batch.job.journal import Journal, RunRecord, entries_of, open_journals
from gnssice_batch.job.lease import Lease
from gnssice_batch.job.target import RETRY, RINEX, VIRTUAL, Target, target_of
from gnssice_batch.planning.part import options_of_part
from gnssice_batch.planning.rewriting import is_rewrite
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.reading.contents import branch_head, not_for_writing, stored_receivers
from gnssice_batch.store.reading.virtual import not_virtual
from gnssice_batch.store.repository import MAIN, Repository, open_existing, open_repository
from gnssice_batch.store.together import together
from gnssice_batch.store.versions import versions
from gnssice_batch.store.writing.commit import published_snapshot
from gnssice_batch.store.writing.structure import discard_staging, staged_runs

CLOCKS: Final = timedelta(minutes=10)
"""How far the clocks of machines and storage may differ."""
UNKNOWN: Final = datetime.min.replace(tzinfo=UTC) + CLOCKS
"""What began nobody knows when is older than anything."""
_STAMP: Final = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that left a journal."""

    run: str
    record: RunRecord | None
    """None where it can't be read."""
    lease: Lease | None
    at_work: bool
    """Whether a process other than this one works on it."""
    same_settings: bool
    """Whether a start with the settings given goes on with it."""
    retry: bool
    """Whether it takes refused files again."""
    goes_on_with: str
    """The command that goes on with it."""
    snapshot: str | None
    """Where it was published and only the journal is left; the next start removes that."""
    partitions: int
    """Finished ones."""
    size_bytes: int
    """Of its journal."""

    @property
    def age(self) -> timedelta | None:
        """Time since it began; None where neither its record nor its name tells."""
        since = began(self.run, self.record)
        return None if since == UNKNOWN else datetime.now(UTC) - since


def open_runs(settings: config.Settings, product: str = RINEX) -> tuple[OpenRun, ...]:
    """The runs with a journal where these settings keep theirs, oldest first.

    Parameters
    ----------
    product
        What the runs make.

    Raises
    ------
    ArchiveError, StoreError
        When the folder of the journals, or the repository, can't be read.
    """
    return open_runs_at(target_of(settings, product=product))


def open_runs_at(target: Target) -> tuple[OpenRun, ...]:
    """The runs with a journal beside a target's repository, oldest first."""
    folder, repository = target.journals, open_existing(target.location)
    entries = entries_of(folder)
    records = {journal.record.run: journal.record for journal in open_journals(folder)}
    names = {name.partition("/")[0] for name in entries if "/" in name}
    sizes = Counter[str]()
    for name, entry in entries.items():
        sizes[name.partition("/")[0]] += entry.size_bytes
    journals = [journal_of(folder, run, records.get(run)) for run in names]
    found = together(partial(_open_run, target, repository, one, sizes[one.record.run]) for one in journals)
    return tuple(sorted(found, key=lambda one: began(one.run, one.record)))


def open_run(settings: config.Settings, run: str, product: str = RINEX) -> OpenRun:
    """One of `open_runs`.

    Raises
    ------
    ConfigError
        When there is no such run.
    """
    return _open_run_at(target_of(settings, product=product), run)


def _open_run_at(target: Target, run: str) -> OpenRun:
    runs = open_runs_at(target)
    for found in runs:
        if found.run == run:
            return found
    known = ", ".join(found.run for found in runs) or "none"
    message = f"{target.journals.url} has no run {run!r}; there are: {known}"
    raise ConfigError(message)


def finished_partitions(settings: config.Settings, run: str, product: str = RINEX) -> dict[str, tuple[int, int]]:
    """Per partition that a run has finished: its files, and the epochs it has written."""
    partitions = journal_of(target_of(settings, product=product).journals, run, None).partitions()
    return {
        key: (len(done.files), sum(outcome.written.epochs for outcome in done.outcome.files))
        for key, done in partitions.items()
    }


def abandon(settings: config.Settings, run: str, *, force: bool = False, product: str = RINEX) -> None:
    """Give a run up: remove its staging branches and its journal; what it has written is garbage from then on.

    Parameters
    ----------
    force
        Though a process works on it: it stops when it next renews its lease, before it publishes at the latest.
    product
        What the run makes.

    Raises
    ------
    ConfigError
        When there is neither a journal nor a staging branch of such a run.
    RunConflictError
        When a process works on it.
    """
    target = target_of(settings, product=product)
    repository = for_moving(target)
    if repository is None:
        _remove(target, _open_run_at(target, run), None, force=force)
        return
    with repository.lock:
        staged_only = run in staged_runs(repository) and run not in {found.run for found in open_runs_at(target)}
        if staged_only:
            discard_staging(repository, run)
        else:
            _remove(target, _open_run_at(target, run), repository, force=force)


def as_json(found: OpenRun) -> dict[str, object]:
    """An open run as plain JSON values."""
    return {**asdict(found), "age_s": None if found.age is None else round(found.age.total_seconds())}


def _open_run(target: Target, repository: Repository | None, journal: Journal, size_bytes: int) -> OpenRun:
    lease, record = journal.lease(), journal.record
    whole = bool(record.branch)
    identity, retry, wish = record.settings.partition(RETRY)
    repairs, part = is_rewrite(wish), options_of_part(wish)
    again = "repair" if repairs else "quarantine retry" if retry and part is None else f"run {part or ''}".strip()
    again = again if target.product == RINEX else "the command that has begun it"
    return OpenRun(
        run=record.run,
        record=record if whole else None,
        lease=lease,
        at_work=bool(lease and lease.alive() and not lease.mine()),
        same_settings=(identity, record.branch) == (target.identity, target.branch),
        retry=again == "quarantine retry",
        goes_on_with=again,
        snapshot=published_snapshot(repository, record.branch, record.run) if repository and whole else None,
        partitions=journal.finished(),
        size_bytes=size_bytes,
    )


def journal_of(folder: Folder, run: str, record: RunRecord | None) -> Journal:
    """The journal of a run, its record left empty where none can be read."""
    return Journal(folder.below(run), record or RunRecord(run, "", "", "", "", ""))


def _remove(target: Target, found: OpenRun, repository: Repository | None, *, force: bool) -> None:
    if found.at_work and found.lease and not force:
        message = (
            f"run {found.run} is at work on {found.lease.host}, process {found.lease.process}"
            f" (last sign of life {found.lease.beat}); stop that first, or say --force"
        )
        raise RunConflictError(message)
    if repository:
        discard_staging(repository, found.run)
    journal_of(target.journals, found.run, found.record).remove()


def began(run: str, record: RunRecord | None) -> datetime:
    """When a run began: by its record, else by its name; the earliest time there is where neither tells."""
    try:
        if record:
            return datetime.fromisoformat(record.started)
        return datetime.strptime(run.partition("-")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return UNKNOWN


def check_none_open(target: Target, repository: Repository, why: str, done: str) -> None:
    """Refuse what can't be done while a run is open that is not published yet.

    Parameters
    ----------
    why
        What the run is or was, so that it can't.
    done
        What was not done then.

    Raises
    ------
    StoreError
        When there is one.
    """
    journaled = {found.run: found for found in open_runs_at(target)}
    unpublished = {run for run, found in journaled.items() if found.snapshot is None}
    runs = sorted(unpublished | (staged_runs(repository) - journaled.keys()))
    if runs:
        message = (
            f"run {runs[0]} is open and {why}: finish it by starting it again, or give it up (runs abandon {runs[0]});"
            f" nothing was {done}"
        )
        raise StoreError(message)


def for_writing(target: Target) -> Repository | None:
    """The repository with its lock; None where there is none, as none is made for this.

    Raises
    ------
    StoreError
        When another program or a later version of this one made what its branch holds.
    """
    there = open_existing(target.location)
    if there is None:
        return None
    if why := _not_for_writing(target, there):
        raise StoreError(why)
    return open_repository(target.location, target.options)


def for_moving(target: Target) -> Repository | None:
    """The repository with its lock, to move and name its versions; None where there is none.

    Also where the newest version is damaged, or another program's: an earlier one is what helps then.

    Raises
    ------
    StoreError
        When no version is this program's, or a later version of it made the newest.
    """
    there = open_existing(target.location)
    if there is None:
        return None
    if why := _not_for_moving(target, there):
        raise StoreError(why)
    return open_repository(target.location, target.options)


def _not_for_writing(target: Target, repository: Repository) -> str:
    branch = _branch_of(target, repository)
    return not_virtual(repository, branch) if target.product == VIRTUAL else not_for_writing(repository, branch)


def _not_for_moving(target: Target, repository: Repository) -> str:
    branch = _branch_of(target, repository)
    try:
        why = _not_for_writing(target, repository)
    except StoreError:
        return ""
    if not why or stored_receivers(repository, branch):
        return why
    earlier = (stored_receivers(repository, branch, version.id) for version in reversed(versions(repository, branch)))
    return "" if any(earlier) else why


def _branch_of(target: Target, repository: Repository) -> str:
    return target.branch if branch_head(repository, target.branch) else MAIN
