"""The scan of a published store: every chunk read once, without the archive."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt

from gnssice_batch import config
from gnssice_batch.cluster.executor import Task
from gnssice_batch.errors import StoreError
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import Execution, execution, result_of
from gnssice_batch.job.target import Target, target_of
from gnssice_batch.model.damage import Damage, DamagedError
from gnssice_batch.model.grid import gps_datetime
from gnssice_batch.model.values import Status
from gnssice_batch.operate.status import own_repository, receivers_repository
from gnssice_batch.storage.location import Location
from gnssice_batch.store.reading.cells import StoredCells, cells_of_snapshot
from gnssice_batch.store.reading.contents import stored_receivers
from gnssice_batch.store.reading.scanning import chunks_by_unit, damage_beside, damage_in
from gnssice_batch.store.repository import Repository

type Ledger = Mapping[str, npt.NDArray[Any]]
"""Columns of the ledger of a receiver."""

SPANS: Final = ("uri", "status", "first_epoch", "last_epoch")
"""What of the ledger tells which files reach where."""


@dataclass(frozen=True, slots=True)
class Place:
    """A receiver of a published snapshot."""

    where: Location
    snapshot: str
    receiver: str

    def open(self) -> StoredCells:
        """The receiver's cells.

        Raises
        ------
        DamagedError
            When its axes can't be read.
        """
        return cells_of_snapshot(self.where, self.snapshot, self.receiver)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A damage, and the files that reach into it."""

    damage: Damage
    files: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The damage as plain JSON values."""
        one, span = self.damage, self.damage.span
        return {
            "receiver": one.receiver,
            "array": one.array,
            "write_unit": one.unit,
            "first_epoch": str(gps_datetime(span.first_ns)) if span else None,
            "last_epoch": str(gps_datetime(span.last_ns)) if span else None,
            "why": one.why,
            "mendable": one.mendable,
            "files": list(self.files),
        }


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What reading every chunk has come to."""

    url: str
    snapshot: str
    chunks: int
    """Chunks that were read."""
    damaged: tuple[Damaged, ...]

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        return {
            "url": self.url,
            "snapshot": self.snapshot,
            "chunks": self.chunks,
            "damaged": [each.as_json() for each in self.damaged],
        }


@dataclass(frozen=True, slots=True)
class _Scanned:
    """What a task has come to."""

    chunks: int
    damages: tuple[Damage, ...]


def scan_store(
    settings: config.Settings,
    receivers: Sequence[str] = (),
    progress: Progress | None = None,
    target: Target | None = None,
) -> ScanReport:
    """Read every chunk of the store once: those that are missing, or do not match their checksum, are listed.

    Parameters
    ----------
    receivers
        Those to look at; empty: all.
    target
        Another store than that of the settings.

    Raises
    ------
    StoreError
        When there is no store, or no such receiver.
    """
    repository, snapshot, places = places_at_head(target or target_of(settings), receivers)
    with execution(settings, progress) as workers:
        return scanned(repository.url, snapshot, places, workers)


def scanned(url: str, snapshot: str, places: Iterable[Place], workers: Execution) -> ScanReport:
    """The scan of some receivers, write unit by write unit."""
    calls, found, ledgers = list[Task[_Scanned]](), list[Damage](), dict[str, Ledger]()
    for place in places:
        try:
            stored = place.open()
            ledgers[place.receiver] = stored.ledger(SPANS)
        except DamagedError as error:
            found += error.damages
            continue
        calls += _tasks(place, stored)
    workers.progress.stage("scan", len(calls))
    chunks = 0
    for finished in workers.run(calls):
        result = result_of(finished)
        chunks += result.chunks
        found += result.damages
        workers.progress.finished(finished.key, 0)
    workers.stop.raise_if_requested()
    return ScanReport(url, snapshot, chunks, with_files(found, ledgers))


def places_at_head(target: Target, wanted: Sequence[str]) -> tuple[Repository, str, list[Place]]:
    """The repository, the head of its branch, and the receivers there that are to be looked at.

    Raises
    ------
    StoreError
        When there is no store, or no such receiver.
    """
    receivers_repository(target)
    repository = own_repository(target)
    snapshot = repository.head(target.branch)
    there = stored_receivers(repository, target.branch, snapshot)
    unknown = sorted(set(wanted) - set(there))
    if unknown:
        msg = f"the store has no receiver {', '.join(unknown)}; it has {', '.join(there)}"
        raise StoreError(msg)
    places = [Place(repository.location, snapshot, name) for name in there if name in wanted or not wanted]
    return repository, snapshot, places


def with_files(damages: Iterable[Damage], ledgers: Mapping[str, Ledger]) -> tuple[Damaged, ...]:
    """Damages in their order, each once and with the files that reach into it."""
    ordered = sorted(set(damages), key=lambda one: (one.receiver, one.span.first_ns if one.span else 0, one.array))
    return tuple(Damaged(one, tuple(_reaching(one, ledgers.get(one.receiver)))) for one in ordered)


def _reaching(damage: Damage, ledger: Ledger | None) -> Iterator[str]:
    span = damage.span
    if ledger is None or span is None:
        return
    taken = ledger["status"] != str(Status.REJECTED)
    inside = taken & (ledger["first_epoch"] <= span.last_ns) & (ledger["last_epoch"] >= span.first_ns)
    yield from dict.fromkeys(ledger["uri"][inside].tolist())


def _tasks(place: Place, stored: StoredCells) -> Iterator[Task[_Scanned]]:
    yield Task(f"scan/{place.receiver}", _beside, (place,))
    for unit, arrays in sorted(chunks_by_unit(stored).items()):
        yield Task(f"scan/{place.receiver}/{unit}", _unit, (place, unit, arrays))


def _beside(place: Place) -> _Scanned:
    chunks, damages = damage_beside(place.open())
    return _Scanned(chunks, tuple(damages))


def _unit(place: Place, unit: int, arrays: Mapping[str, int]) -> _Scanned:
    return _Scanned(sum(arrays.values()), tuple(damage_in(place.open(), unit, arrays)))
