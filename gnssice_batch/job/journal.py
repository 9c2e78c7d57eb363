"""The journal of an unpublished run, from which a new start resumes.

One folder a run, beside the repository: ``run.json``, ``lease.json``, ``structure.json`` and ``partitions/<key>``.
Every file is one line (format, length, SHA-256) and a JSON document; both are checked before anything in it is
believed, and nothing in it is executed.
"""

import hashlib
import json
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.log import logger
from gnssice_batch.model.values import Done, FileOutcome
from gnssice_batch.records import dump, load
from gnssice_batch.storage.entries import Entry
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.writing.structure import Structure

FORMAT: Final = 3
LEASE_S: Final = 60.0
"""A run on another machine whose lease is older than this is dead."""

_PARTITIONS: Final = "partitions"
_STRUCTURE: Final = "structure.json"
_SURVEYED: Final = "surveyed.json"
_RECORD: Final = "run.json"
_LEASE: Final = "lease.json"
_MAGIC: Final = "gnssice-journal"
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
class Lease:
    """Who is at work on a run, and when it last said so."""

    host: str
    process: int
    process_started: str
    """What tells this process from a later one of the same number."""
    beat: str
    """ISO 8601."""

    def mine(self) -> bool:
        """Whether it is this very process."""
        return (self.host, self.process) == (socket.gethostname(), os.getpid())

    def alive(self) -> bool:
        """Whether that process still runs; of another machine, whether it has said so lately."""
        if self.host == socket.gethostname():
            return _process_started(self.process) == self.process_started
        age = datetime.now(UTC) - datetime.fromisoformat(self.beat)
        return age.total_seconds() < LEASE_S


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one run."""

    folder: Folder
    record: RunRecord

    def keep(self, done: Done) -> None:
        """Keep a finished partition; one of an earlier round is replaced.

        Raises
        ------
        StoreError
            When it can't be written.
        """
        self._write(f"{_PARTITIONS}/{done.partition.key}", done)

    def drop(self, key: str) -> None:
        """Forget a partition that does not fit the store any more."""
        _remove(self.folder, f"{_PARTITIONS}/{key}")

    def keep_structure(self, structure: Structure) -> None:
        """Keep the structure; it extends the one that was kept before, and takes its place.

        Raises
        ------
        StoreError
            When it can't be written.
        """
        self._write(_STRUCTURE, structure)

    def drop_structure(self) -> None:
        """Forget the structure: the store has moved on and it does not fit any more."""
        _remove(self.folder, _STRUCTURE)

    def keep_record(self) -> None:
        """Keep what the journal belongs to: from now on a new start finds it."""
        self._write(_RECORD, self.record)

    def keep_surveyed(self, rejected: tuple[FileOutcome, ...]) -> None:
        """Keep the files that the survey has refused: no partition has them, and a new start makes no survey."""
        self._write(_SURVEYED, rejected)

    def surveyed(self) -> tuple[FileOutcome, ...]:
        """The files that the survey has refused."""
        return tuple(self._read(tuple[FileOutcome, ...], _SURVEYED) or ())

    def renew(self) -> None:
        """Say that this process is at work on the run."""
        lease = Lease(socket.gethostname(), os.getpid(), _process_started(os.getpid()), _now())
        self._write(_LEASE, lease)

    def partitions(self) -> dict[str, Done]:
        """Every finished partition whose file is whole; a torn one is left out and done again."""
        names = (name for name in sorted(entries_of(self.folder)) if name.startswith(f"{_PARTITIONS}/"))
        found = (self._read(Done, name) for name in names)
        return {done.partition.key: done for done in found if done is not None}

    def structure(self) -> Structure | None:
        """The structure as it was last extended; None where there is none yet."""
        structure: Structure | None = self._read(Structure, _STRUCTURE)
        return structure

    def lease(self) -> Lease | None:
        """Who is at work on the run; None where nobody ever said so."""
        lease: Lease | None = self._read(Lease, _LEASE)
        return lease

    def remove(self) -> None:
        """Remove the journal: the run is published, or given up.

        The record goes last: without it no start would find what is left.
        """
        for name in (_PARTITIONS, _STRUCTURE, _SURVEYED, _LEASE, _RECORD):
            _remove(self.folder, name)
        _remove(self.folder)

    def _write(self, name: str, content: object) -> None:
        try:
            self.folder.write(name, seal(dump(content)))
        except OSError as error:
            msg = f"{self.folder.url}/{name}: the journal can't be written: {error}; what it has already stands"
            raise StoreError(msg) from error

    def _read(self, kind: type[Any], name: str) -> Any:
        return _read(self.folder, kind, name)


def begin(folder: Folder, record: RunRecord) -> Journal:
    """Open the journal of a new run, with this process at work on it."""
    _remove_orphans(folder)
    journal = Journal(folder.below(record.run), record)
    journal.renew()
    journal.keep_record()
    return journal


def _remove_orphans(folder: Folder) -> None:
    """Remove what starts have left that died between their lease and their record: no other start finds it."""
    names = entries_of(folder)
    runs = {name.removesuffix(f"/{_LEASE}") for name in names if name.endswith(f"/{_LEASE}")}
    for run in sorted(run for run in runs if f"{run}/{_RECORD}" not in names):
        lease: Lease | None = _read(folder.below(run), Lease, _LEASE)
        if lease and not lease.alive():
            _remove(folder.below(run), _LEASE)


def open_journals(folder: Folder) -> tuple[Journal, ...]:
    """The journals of all runs that were neither published nor given up, oldest first."""
    names = [name.removesuffix(f"/{_RECORD}") for name in entries_of(folder) if name.endswith(f"/{_RECORD}")]
    records = {name: _record(folder.below(name)) for name in names}
    journals = (Journal(folder.below(name), record) for name, record in records.items() if record)
    return tuple(sorted(journals, key=lambda journal: journal.record.started))


def resumable(folder: Folder, settings: str, branch: str) -> Journal | None:
    """The journal that a start with these settings goes on with; None where there is none.

    Raises
    ------
    RunConflictError
        When another process is at work on that run.
    """
    for journal in open_journals(folder):
        if (journal.record.settings, journal.record.branch) != (settings, branch):
            continue
        lease = journal.lease()
        if lease and lease.alive() and not lease.mine():
            msg = (
                f"run {journal.record.run} with the same settings is at work on {lease.host}, process {lease.process}"
                f" (last sign of life {lease.beat}); wait for it, or start again when it is dead"
            )
            raise RunConflictError(msg)
        journal.renew()
        return journal
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


def _read(folder: Folder, kind: type[Any], name: str) -> Any:
    try:
        return load(kind, unseal(folder.read(name)))
    except FileNotFoundError:
        return None
    except ValueError as error:
        _log.warning("%s/%s is not used: %s", folder.url, name, error)
        return None
    except OSError as error:
        raise _unreadable(folder, name, error) from error


def _remove(folder: Folder, name: str = "") -> None:
    try:
        folder.remove(name)
    except OSError as error:
        msg = f"{folder.url}/{name}: the journal can't be removed: {error}; start again to go on"
        raise StoreError(msg) from error


def _unreadable(folder: Folder, name: str, error: OSError) -> StoreError:
    return StoreError(f"{folder.url}/{name}: the journal can't be read: {error}")


def seal(document: object) -> bytes:
    """A JSON document under a line that says its format, length and SHA-256."""
    body = json.dumps(document, separators=(",", ":")).encode()
    return f"{_MAGIC} {FORMAT} {len(body)} {hashlib.sha256(body).hexdigest()}\n".encode() + body


def unseal(content: bytes) -> Any:
    """The document of a sealed file.

    Raises
    ------
    ValueError
        When the file is of another format, cut off, or changed.
    """
    head, _, body = content.partition(b"\n")
    words = head.decode("ascii", "replace").split(" ")
    if words[:2] != [_MAGIC, str(FORMAT)]:
        msg = f"not a journal file of format {FORMAT}"
        raise ValueError(msg)
    if words[2:] != [str(len(body)), hashlib.sha256(body).hexdigest()]:
        msg = "cut off or changed since it was written"
        raise ValueError(msg)
    return json.loads(body)


def _record(folder: Folder) -> RunRecord | None:
    try:
        record: RunRecord = load(RunRecord, unseal(folder.read(_RECORD)))
    except (ValueError, FileNotFoundError) as error:
        _log.warning("%s is not a journal that this program can use: %s", folder.url, error)
        return None
    except OSError as error:
        raise _unreadable(folder, _RECORD, error) from error
    return record


def _process_started(process: int) -> str:
    """Start time of a process in clock ticks since boot, empty for one that is not there (Linux)."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
