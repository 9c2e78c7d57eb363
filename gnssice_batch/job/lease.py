"""The lease of a run: who is at work on it, decided by conditional writes where there is no file lock."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.job.sealing import seal, unseal
from gnssice_batch.log import logger
from gnssice_batch.records import dump, load
from gnssice_batch.storage.folder import Folder

NAME: Final = "lease.json"
LEASE_S: Final = 60.0
"""A run on another machine whose lease is older than this is dead."""

_TRIES: Final = 5
_LOOK_S: Final = 2.0
"""How often who waits for a lease looks whether it is renewed."""
_STEP_S: Final = 0.2
_log = logger(__name__)
_mine: Final[set[str]] = set()
"""Tokens of the leases that this process holds, or is about to take: others may read one before its writer is told."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is at work on a run, and when it last said so."""

    host: str
    process: int
    process_started: str
    """What tells this process from a later one of the same number."""
    beat: str
    """ISO 8601."""
    start: int = 1
    """Number of the start: one more than that of the start it has taken the run over from."""
    token: str = ""
    """What no other start has."""
    released: bool = False
    """Whether the start has ended and left the run to whoever comes next."""
    numbering: str = ""
    """In what the number of the process counts: containers of one host name number theirs apart; empty: not known."""

    @property
    def origin(self) -> str:
        """Name of the start; sorted, the names are in the order in which the starts took the run over."""
        return f"{self.start:06d}.{self.token}"

    def mine(self) -> bool:
        """Whether it is this very process."""
        return self.here and self.process == os.getpid()

    @property
    def here(self) -> bool:
        """Whether it is a process of this machine, one that this process can see."""
        return self.host == socket.gethostname() and self.numbering in {"", numbering()}

    @property
    def age_s(self) -> float:
        """Seconds since its process has last said that it is at work."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.beat)).total_seconds()

    def alive(self) -> bool:
        """Whether that process is still at work; of another machine, whether it has said so lately."""
        if self.released:
            return False
        if self.mine():
            return self.token in _mine
        if self.here:
            return process_started(self.process) == self.process_started
        return self.age_s < LEASE_S


class HeldError(RunConflictError):
    """Another process has the run.

    Parameters
    ----------
    lease
        Its lease; None where others were faster again and again.
    """

    def __init__(self, folder: Folder, run: str, lease: Lease | None) -> None:
        self.folder, self.run, self.lease = folder, run, lease
        who = f"{lease.host}, process {lease.process} (last sign of life {lease.beat})" if lease else "another process"
        super().__init__(
            f"run {run} with the same settings is at work on {who}; wait for it, or start again when it is dead"
        )


class Holding:
    """A lease that this process holds, until it is released, or others take it."""

    def __init__(self, folder: Folder, run: str, lease: Lease, version: str) -> None:
        self.lease = lease
        self._folder, self._run, self._version = folder, run, version
        self._one_at_a_time = threading.Lock()
        self._over = False
        self._lost: RunConflictError | None = None

    def renew(self) -> None:
        """Say that this process is at work on the run.

        Raises
        ------
        RunConflictError
            When another has taken it over, or given it up.
        StoreError
            When the lease can't be read or written; it may be held still.
        """
        with self._one_at_a_time:
            if not self._over:
                self._say(released=False)

    def give_back(self) -> None:
        """Say that this process has ended its work on the run: from now on any start may have it.

        Raises
        ------
        RunConflictError, StoreError
            As `renew`; where the lease can't be written it ends by itself, a minute after its last renewal.
        """
        self.forget()
        with self._one_at_a_time:
            if not (self._over or self._lost):
                self._over = True
                self._say(released=True)

    def _say(self, *, released: bool) -> None:
        self.check()
        for _ in range(_TRIES):
            if not self._folder.conditional:
                self._look()
            version = _put(self._folder, replace(self.lease, beat=now(), released=released), self._version)
            if version is not None:
                self._version = version
                return
            self._look()
        msg = f"{self._folder.url}/{NAME}: the lease was not renewed in {_TRIES} tries"
        raise StoreError(msg)

    def check(self) -> None:
        """Check that nobody is known to have taken the run over.

        Raises
        ------
        RunConflictError
            When somebody has.
        """
        if self._lost:
            raise self._lost

    @property
    def lost(self) -> bool:
        """Whether somebody is known to have taken the run over."""
        return self._lost is not None

    def forget(self) -> None:
        """Let other starts of this process have the run."""
        _mine.discard(self.lease.token)

    def _look(self) -> None:
        """Find out whose lease it is now; one that is damaged is nobody else's."""
        found, version = read_lease(self._folder)
        if version is None:
            self._lost = RunConflictError(f"run {self._run} was given up or published by another process")
        elif found and found.token != self.lease.token:
            msg = (
                f"run {self._run} was taken over by {found.host}, process {found.process}, as this process had not"
                f" renewed its lease; nothing was published from here"
            )
            self._lost = RunConflictError(msg)
        else:
            self._version = version
        self.check()


def take(
    folder: Folder,
    run: str,
    least: Callable[[], int] = lambda: 0,
    dead: Lease | None = None,
    *,
    new: bool = False,
) -> Holding:
    """Take the lease of a run that nobody works on: of all that try, one gets it.

    In an object store a conditional write decides; on a disk the caller holds the lock of the repository.

    Parameters
    ----------
    least
        The highest number that a start is known to have had, where the lease does not tell.
    dead
        A lease that is not renewed any more, as `wait_for` has found.
    new
        Whether the run is new, so that there is no lease to be looked at.

    Raises
    ------
    HeldError
        When another is at work on the run; it says who.
    StoreError
        When the lease can't be read or written.
    """
    token = secrets.token_hex(4)
    _mine.add(token)
    try:
        return _take(folder, run, (lambda: 0) if new else least, token, dead, new=new)
    except BaseException:
        _mine.discard(token)
        raise


def _take(folder: Folder, run: str, least: Callable[[], int], token: str, dead: Lease | None, *, new: bool) -> Holding:
    found = version = None
    for number in range(_TRIES):
        if number or not new:
            found, version = read_lease(folder)
        if found and found.token == token:
            return Holding(folder, run, found, version or "")
        if found and found != dead and found.alive():
            break
        before = found.start if found else least()
        lease = _own(before + 1, token)
        taken = _put(folder, lease, version)
        if taken is not None:
            return Holding(folder, run, lease, taken)
    raise HeldError(folder, run, found)


def _own(start: int, token: str) -> Lease:
    process = os.getpid()
    started, counted = process_started(process), numbering()
    return Lease(socket.gethostname(), process, started, now(), start, token, numbering=counted)


def wait_for(held: HeldError, stop: Callable[[], None]) -> Lease | None:
    """Wait until another machine's lease is given back or must be a dead process's, for `LEASE_S` at most.

    A process that lives renews its lease several times in that time.

    Parameters
    ----------
    held
        What has kept this start from its run.
    stop
        Called now and then; raises when the wait shall end.

    Returns
    -------
    Lease or None
        The lease that was not renewed; None where it was given back, or removed.

    Raises
    ------
    RunConflictError
        When its process lives, or is one of this machine.
    StoreError
        When the lease can't be read.
    """
    if held.lease is None or held.lease.here:
        raise held
    left_s = min(LEASE_S, LEASE_S - held.lease.age_s)
    _log.info("%s; waiting for it, %.0f s at most", held, max(left_s, 0), extra={"run": held.run})
    until = time.monotonic() + left_s
    while time.monotonic() < until:
        _pause(min(_LOOK_S, left_s), stop)
        found, _ = read_lease(held.folder)
        if found is None or found.released:
            return None
        if found != held.lease:
            raise HeldError(held.folder, held.run, found)
    return held.lease


def _pause(seconds: float, stop: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (left_s := until - time.monotonic()) > 0:
        stop()
        time.sleep(min(left_s, _STEP_S))
    stop()


def read_lease(folder: Folder) -> tuple[Lease | None, str | None]:
    """The lease of a run, None where it is damaged, and its version, None where there is no lease.

    Raises
    ------
    StoreError
        When it can't be read.
    """
    try:
        content, version = folder.read_version(NAME)
    except FileNotFoundError:
        return None, None
    except OSError as error:
        msg = f"{folder.url}/{NAME}: the lease can't be read: {error}"
        raise StoreError(msg) from error
    try:
        return _lease(content), version
    except ValueError as error:
        _log.warning("%s/%s is not used: %s", folder.url, NAME, error)
        return None, version


def _lease(content: bytes) -> Lease:
    found: Any = load(Lease, {"released": False, "numbering": ""} | unseal(content))
    lease: Lease = found
    return lease


def _put(folder: Folder, lease: Lease, version: str | None) -> str | None:
    try:
        return folder.write_version(NAME, seal(dump(lease)), version)
    except OSError as error:
        msg = f"{folder.url}/{NAME}: the journal can't be written: {error}; what it has already stands"
        raise StoreError(msg) from error


def numbering() -> str:
    """What the numbers of processes count in, the same for all that see one another; empty where it is not told."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def process_started(process: int) -> str:
    """Start time of a process in clock ticks since boot, empty for one that is not there (Linux)."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def now() -> str:
    """The time, as leases have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
