"""The journal of an unpublished run, from which a new start resumes.

One folder a run, beside the repository: ``run.json``, ``lease.json``, segments of finished partitions below
``partitions/``, and by start ``structure/<start>``, ``surveyed/<start>`` and ``starts/<start>``. A start never writes
what another has written, so that one that was believed dead can't replace anything of the one that took over. Every
document is sealed: its length and SHA-256 are checked before anything in it is believed, and nothing in it is executed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast

from gnssice_batch.errors import GnssiceError, StoreError
from gnssice_batch.job.lease import Holding, Lease, read_lease, take
from gnssice_batch.job.orphans import orphans
from gnssice_batch.job.sealing import seal, unseal
from gnssice_batch.job.segment_writer import SegmentWriter
from gnssice_batch.job.segments import (
    finished_keys,
    highest_start,
    names_in,
    note_start,
    read_segments,
    record,
)
from gnssice_batch.log import logger
from gnssice_batch.model.values import Done, FileOutcome
from gnssice_batch.records import dump, load
from gnssice_batch.storage.entries import Entry
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.together import together
from gnssice_batch.store.writing.structure import Structure

_STRUCTURE: Final = "structure"
_SURVEYED: Final = "surveyed"
_RECORD: Final = "run.json"
_PATIENCE_S: Final = 30.0
"""How long the end of a run that failed waits for what is not journaled yet."""
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a journal belongs to."""

    run: str
    settings: str
    """Digest of the settings: only a start with the same ones goes on with the run."""
    branch: str
    base: str
    """Snapshot that the run was planned on."""
    started: str
    """ISO 8601."""
    software: str


@dataclass(frozen=True, slots=True)
class AtWork:
    """What a start needs to write a journal."""

    holding: Holding
    writer: SegmentWriter


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one run; of a start that works on it, or to look at.

    As a context it writes, at its end, what waits to be written; where an error ends it, any start may have the run.
    """

    folder: Folder
    record: RunRecord
    at_work: AtWork | None = None
    """None for a journal to look at."""

    def keep(self, done: Done) -> None:
        """Hand a finished partition in; it is kept when `flush` comes back. One of an earlier round is replaced.

        Raises
        ------
        StoreError
            When an earlier one could not be written.
        RunConflictError
            When another start has taken the run over.
        """
        self._append(done.partition.key, done)

    def drop(self, key: str) -> None:
        """Forget a partition that does not fit the store any more; likewise."""
        self._append(key, None)

    def flush(self) -> None:
        """Wait until everything handed in is kept.

        Raises
        ------
        StoreError
            When something could not be written; what had been before stands.
        RunConflictError
            When another start has taken the run over.
        """
        at_work = self._at_work()
        at_work.writer.flush()
        at_work.holding.check()

    def keep_structure(self, structure: Structure) -> None:
        """Keep the structure; it extends the one that was kept before, and takes its place.

        Raises
        ------
        StoreError
            When it can't be written.
        """
        self._write_mine(_STRUCTURE, structure)

    def drop_structure(self) -> None:
        """Forget the structure: the store has moved on and it does not fit any more."""
        self._write_mine(_STRUCTURE, None)

    def keep_record(self) -> None:
        """Keep what the journal belongs to: from now on a new start finds it."""
        self._write(_RECORD, self.record)

    def keep_surveyed(self, rejected: tuple[FileOutcome, ...]) -> None:
        """Keep the files that the survey has refused: no partition has them, and a new start makes no survey."""
        self._write_mine(_SURVEYED, rejected)

    def surveyed(self) -> tuple[FileOutcome, ...]:
        """The files that the survey has refused."""
        return tuple(self._latest(tuple[FileOutcome, ...] | None, _SURVEYED) or ())

    def renew(self) -> None:
        """Say that this process is at work on the run, and find out whether it still has it.

        Raises
        ------
        RunConflictError
            When another start has taken the run over, or it was given up.
        StoreError
            When the lease can't be written.
        """
        self._at_work().holding.renew()

    def partitions(self) -> dict[str, Done]:
        """Every finished partition whose record is whole; one whose record is damaged is left out and done again."""
        return read_segments(self.folder).partitions

    def finished(self) -> int:
        """How many partitions are finished."""
        return len(finished_keys(self.folder))

    def take_in(self) -> dict[str, Done]:
        """The partitions that earlier starts have finished; what these write from now on does not count any more.

        Raises
        ------
        StoreError
            When they can't be read.
        """
        found = read_segments(self.folder)
        if found.records:
            note_start(self.folder, self._at_work().holding.lease.origin, found.records)
        return found.partitions

    def structure(self) -> Structure | None:
        """The structure as it was last extended; None where there is none yet, and where it is damaged."""
        structure: Structure | None = self._latest(Structure | None, _STRUCTURE)
        return structure

    def lease(self) -> Lease | None:
        """Who is at work on the run; None where nobody ever said so."""
        return read_lease(self.folder)[0]

    def close(self, patience_s: float | None = None) -> None:
        """Write what waits, and let other starts of this process have the run.

        Parameters
        ----------
        patience_s
            How long it may take at most.

        Raises
        ------
        StoreError
            When it can't be written.
        """
        at_work = self._at_work()
        try:
            left = 0 if at_work.holding.lost else at_work.writer.flush(patience_s)
        finally:
            at_work.writer.stop()
            at_work.holding.forget()
        if left:
            msg = f"{self.folder.url}: {left} records of the journal were not written in {patience_s:g} s"
            raise StoreError(msg)

    def __enter__(self) -> Self:
        """Be at work on the run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close; after an error give the run back, too. What fails then is only said: the error has to be heard."""
        if error is None:
            self.close()
            return
        try:
            self.close(_PATIENCE_S)
        except GnssiceError as other:
            if other is not error:
                _log.warning("%s; what is missing is done again", other, extra={"run": self.record.run})
        self.give_back()

    def give_back(self) -> None:
        """Let starts on any machine have the run at once; where that can't be said they wait for the lease's end."""
        try:
            self._at_work().holding.give_back()
        except GnssiceError as error:
            _log.warning("the lease was not given back: %s", error, extra={"run": self.record.run})

    def remove(self, ready: Callable[[], None] = lambda: None) -> None:
        """Remove the journal: the run is published, or given up.

        The record goes last: without it no start would find what is left. Before that `ready` is called; what it raises
        leaves the record.
        """
        _remove(self.folder, keeping=_RECORD)
        ready()
        _remove(self.folder, _RECORD if self.folder.conditional else "")

    def _at_work(self) -> AtWork:
        if self.at_work is None:
            msg = f"run {self.record.run}: its journal was opened to look at; no start of this process has taken it"
            raise StoreError(msg)
        return self.at_work

    def _append(self, key: str, done: Done | None) -> None:
        at_work = self._at_work()
        at_work.holding.check()
        at_work.writer.append(record(key, done))

    def _write_mine(self, kind: str, content: object) -> None:
        holding = self._at_work().holding
        holding.check()
        self._write(f"{kind}/{holding.lease.origin}", content)

    def _write(self, name: str, content: object) -> None:
        _write(self.folder, name, seal(dump(content)))

    def _latest(self, kind: Any, below: str) -> Any:
        """What the latest start has written of a kind, if it is whole."""
        names = [name for name in names_in(self.folder, below) if not name.endswith(".unfinished")]
        return _read(self.folder, kind, f"{below}/{max(names)}") if names else None


def begin(folder: Folder, record: RunRecord) -> Journal:
    """Open the journal of a new run, with this process at work on it.

    Raises
    ------
    StoreError
        When it can't be written.
    """
    taking = partial(_taken, folder.below(record.run), record, new=True)
    if folder.conditional:  # its server decides, should another start find the record before the lease
        keeping = Journal(folder.below(record.run), record).keep_record
        begun: list[Any] = together([taking, keeping, partial(_remove_orphans, folder)])
        return cast("Journal", begun[0])
    _remove_orphans(folder)
    journal = taking()
    journal.keep_record()
    return journal


def _taken(folder: Folder, record: RunRecord, dead: Lease | None = None, *, new: bool = False) -> Journal:
    """The journal of a run, taken by this process.

    Parameters
    ----------
    new
        Whether nobody can have written to it yet.

    Raises
    ------
    HeldError
        When another has it.
    """
    holding = take(folder, record.run, lambda: highest_start(entries_of(folder)), dead, new=new)

    def write(name: str, content: bytes) -> None:
        holding.check()
        _write(folder, name, content)

    return Journal(folder, record, AtWork(holding, SegmentWriter(write, holding.lease.origin)))


def _remove_orphans(folder: Folder) -> None:
    for run in orphans(folder, entries_of(folder), _RECORD):
        _remove(folder.below(run))


def open_journals(folder: Folder) -> tuple[Journal, ...]:
    """The journals of all runs that were neither published nor given up, oldest first."""
    names = [name.removesuffix(f"/{_RECORD}") for name in entries_of(folder) if name.endswith(f"/{_RECORD}")]
    records = together(partial(_record, folder.below(name)) for name in names)
    journals = (Journal(folder.below(name), record) for name, record in zip(names, records, strict=True) if record)
    return tuple(sorted(journals, key=lambda journal: journal.record.started))


def resumable(folder: Folder, settings: str, branch: str, dead: Lease | None = None) -> Journal | None:
    """The journal that a start with these settings goes on with, taken by this process; None where there is none.

    Of all that try at one time one gets it: in an object store a conditional write decides, on a disk the lock of the
    repository, which the caller holds.

    Parameters
    ----------
    dead
        A lease that is not renewed any more.

    Raises
    ------
    HeldError
        When another is at work on that run.
    """
    for journal in open_journals(folder):
        if (journal.record.settings, journal.record.branch) == (settings, branch):
            return _taken(journal.folder, journal.record, dead)
    return None


def entries_of(folder: Folder) -> dict[str, Entry]:
    """What is in the folder of the journals.

    Raises
    ------
    StoreError
        When it can't be listed.
    """
    try:
        return folder.entries()
    except OSError as error:
        msg = f"the journals at {folder.url} can't be listed: {error}"
        raise StoreError(msg) from error


def _read(folder: Folder, kind: Any, name: str) -> Any:
    try:
        return load(kind, unseal(folder.read(name)))
    except FileNotFoundError:
        return None
    except ValueError as error:
        _log.warning("%s/%s is not used: %s", folder.url, name, error)
        return None
    except OSError as error:
        raise _unreadable(folder, name, error) from error


def _write(folder: Folder, name: str, content: bytes) -> None:
    try:
        folder.write(name, content)
    except OSError as error:
        msg = f"{folder.url}/{name}: the journal can't be written: {error}; what it has already stands"
        raise StoreError(msg) from error


def _remove(folder: Folder, name: str = "", keeping: str = "") -> None:
    try:
        if name:
            folder.remove_file(name)
        else:
            folder.remove(keeping=keeping)
    except OSError as error:
        msg = f"{folder.url}/{name}: the journal can't be removed: {error}; start again to go on"
        raise StoreError(msg) from error


def _unreadable(folder: Folder, name: str, error: OSError) -> StoreError:
    return StoreError(f"{folder.url}/{name}: the journal can't be read: {error}")


def _record(folder: Folder) -> RunRecord | None:
    try:
        record: RunRecord = load(RunRecord, unseal(folder.read(_RECORD)))
    except (ValueError, FileNotFoundError) as error:
        _log.warning("%s is not a journal that this program can use: %s", folder.url, error)
        return None
    except OSError as error:
        raise _unreadable(folder, _RECORD, error) from error
    return record
