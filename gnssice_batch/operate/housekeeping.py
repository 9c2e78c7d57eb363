"""Runs that were not published: listed, given up; and garbage, collected without harm to them."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gnssice_batch import config
from gnssice_batch.archive.folder import Folder
from gnssice_batch.errors import ConfigError, RunConflictError, StoreError
from gnssice_batch.job.journal import Journal, Lease, RunRecord, open_journals
from gnssice_batch.job.run import RETRY, journal_folder
from gnssice_batch.operate.status import existing_repository
from gnssice_batch.planning.backlog import repository_options, store_url
from gnssice_batch.store.repository import Repository, open_existing, open_repository
from gnssice_batch.store.writing.garbage import Collected, collect, expirable
from gnssice_batch.store.writing.publish import published_snapshot
from gnssice_batch.store.writing.structure import discard_staging, staged_runs

_CLOCKS: Final = timedelta(minutes=10)
"""How far the clocks of machines and storage may differ."""
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
    """Whether it takes refused files again; then ``quarantine retry`` goes on with it."""
    snapshot: str | None
    """Where it was published and only the journal is left; the next start removes that."""
    partitions: int
    """Finished ones."""
    size_bytes: int
    """Of its journal."""

    @property
    def age(self) -> timedelta:
        """Time since it began."""
        return datetime.now(UTC) - _began(self.run, self.record)


def open_runs(settings: config.Settings) -> tuple[OpenRun, ...]:
    """The runs with a journal where these settings keep theirs, oldest first.

    Raises
    ------
    ArchiveError, StoreError
        When the folder of the journals, or the repository, can't be read.
    """
    folder, repository = journal_folder(settings), open_existing(store_url(settings))
    entries = folder.entries()
    records = {journal.record.run: journal.record for journal in open_journals(folder)}
    names = {name.partition("/")[0] for name in entries if "/" in name}
    found = []
    for run in names:
        mine = {name: entry for name, entry in entries.items() if name.startswith(f"{run}/")}
        size_bytes = sum(int(entry["size"] or 0) for entry in mine.values())
        partitions = sum(name.startswith(f"{run}/partitions/") for name in mine)
        found.append(_open_run(settings, repository, _journal(folder, run, records.get(run)), partitions, size_bytes))
    return tuple(sorted(found, key=lambda one: one.age, reverse=True))


def open_run(settings: config.Settings, run: str) -> OpenRun:
    """One of `open_runs`.

    Raises
    ------
    ConfigError
        When there is no such run.
    """
    runs = open_runs(settings)
    for found in runs:
        if found.run == run:
            return found
    known = ", ".join(found.run for found in runs) or "none"
    message = f"{journal_folder(settings).url} has no run {run!r}; there are: {known}"
    raise ConfigError(message)


def finished_partitions(settings: config.Settings, run: str) -> dict[str, tuple[int, int]]:
    """Per partition that a run has finished: its files, and the epochs it has written."""
    partitions = _journal(journal_folder(settings), run, None).partitions()
    return {
        key: (len(done.files), sum(outcome.written.epochs for outcome in done.outcome.files))
        for key, done in partitions.items()
    }


def abandon(settings: config.Settings, run: str, *, force: bool = False) -> None:
    """Give a run up: remove its staging branches and its journal; what it has written is garbage from then on.

    Parameters
    ----------
    force
        Though a process works on it; that one is not stopped, and may yet publish.

    Raises
    ------
    ConfigError
        When there is neither a journal nor a staging branch of such a run.
    RunConflictError
        When a process works on it.
    """
    repository = _for_writing(settings)
    if repository is None:
        _remove(settings, open_run(settings, run), None, force=force)
        return
    with repository.lock:
        staged_only = run in staged_runs(repository) and run not in {found.run for found in open_runs(settings)}
        if staged_only:
            discard_staging(repository, run)
        else:
            _remove(settings, open_run(settings, run), repository, force=force)


def collect_garbage(settings: config.Settings, older_than: timedelta, *, dry_run: bool = True) -> Collected:
    """Expire versions older than so much, and delete what nothing refers to.

    Raises
    ------
    StoreError
        When there is no repository, when storage fails, or when it would take from an open run what it has written.
    """
    existing_repository(settings)
    repository, cutoff = _for_writing(settings), datetime.now(UTC) - older_than
    if repository is None:
        message = f"there is no repository at {store_url(settings)}"
        raise StoreError(message)
    with repository.lock:
        _check_open_runs(settings, repository, cutoff)
        return collect(repository, cutoff, dry_run=dry_run)


def as_json(found: OpenRun) -> dict[str, object]:
    """An open run as plain JSON values."""
    return {**asdict(found), "age_s": round(found.age.total_seconds())}


def _open_run(
    settings: config.Settings, repository: Repository | None, journal: Journal, partitions: int, size_bytes: int
) -> OpenRun:
    lease, record = journal.lease(), journal.record
    whole = bool(record.branch)
    identity, retry, _ = record.settings.partition(RETRY)
    return OpenRun(
        run=record.run,
        record=record if whole else None,
        lease=lease,
        at_work=bool(lease and lease.alive() and not lease.mine()),
        same_settings=(identity, record.branch) == (settings.identity(), settings.run.branch),
        retry=bool(retry),
        snapshot=published_snapshot(repository, record.branch, record.run) if repository and whole else None,
        partitions=partitions,
        size_bytes=size_bytes,
    )


def _journal(folder: Folder, run: str, record: RunRecord | None) -> Journal:
    """The journal of a run, its record left empty where none can be read."""
    return Journal(folder.below(run), record or RunRecord(run, "", "", "", "", ""))


def _remove(settings: config.Settings, found: OpenRun, repository: Repository | None, *, force: bool) -> None:
    if found.at_work and found.lease and not force:
        message = (
            f"run {found.run} is at work on {found.lease.host}, process {found.lease.process}"
            f" (last sign of life {found.lease.beat}); stop that first, or say --force"
        )
        raise RunConflictError(message)
    if repository:
        discard_staging(repository, found.run)
    _journal(journal_folder(settings), found.run, found.record).remove()


def _check_open_runs(settings: config.Settings, repository: Repository, cutoff: datetime) -> None:
    """Refuse what would take chunks or versions from a run that has a journal, or a staging branch."""
    runs = {found.run: found.record for found in open_runs(settings)}
    runs = dict.fromkeys(staged_runs(repository)) | runs
    old = expirable(repository, cutoff)
    for run, record in runs.items():
        began = _began(run, record)
        if cutoff > began - _CLOCKS or _bases(settings, run, record) & old:
            message = (
                f"run {run} is open since {began.isoformat(timespec='seconds')} and needs what would be deleted:"
                f" finish it by starting it again, or give it up (runs abandon {run}), or name a longer time"
            )
            raise StoreError(message)


def _bases(settings: config.Settings, run: str, record: RunRecord | None) -> set[str]:
    """The snapshots that a run's work is held against when it goes on."""
    structure = _journal(journal_folder(settings), run, record).structure()
    return {record.base if record else "", structure.base if structure else ""}


def _began(run: str, record: RunRecord | None) -> datetime:
    """When a run began: by its record, else by its name; the earliest time there is where neither tells."""
    try:
        if record:
            return datetime.fromisoformat(record.started)
        return datetime.strptime(run.partition("-")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC) + _CLOCKS


def _for_writing(settings: config.Settings) -> Repository | None:
    """The repository with its lock; None where there is none, as none is made for this."""
    if open_existing(store_url(settings)) is None:
        return None
    return open_repository(store_url(settings), repository_options(settings))
