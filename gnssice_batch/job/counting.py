"""How far a run is: files, partitions, bytes, workers, counted while it goes on."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from gnssice_batch import log
from gnssice_batch.errors import Reason
from gnssice_batch.model.values import Done, FileOutcome, Partition, PartitionOutcome, SourceFile, Status
from gnssice_batch.storage.traffic import Traffic

WORKER_S: Final = 600.0
"""A worker that has returned nothing for so long is not counted any more."""
_SEVERITY: Final = (Status.OK, Status.PARTIAL, Status.REJECTED)


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a run is."""

    run: str = ""
    """Name of the run; empty until it has one."""
    files_planned: int = 0
    files: Mapping[str, int] = field(default_factory=dict)
    """Files that were read, by status."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Those that were rejected, by reason."""
    partitions_planned: int = 0
    partitions: Mapping[str, int] = field(default_factory=dict)
    """Those ``finished``, of these the ones that an earlier start had ``resumed``, and those ``set_aside``."""
    bytes_planned: int = 0
    """Size of the planned files."""
    bytes_read: int = 0
    traffic: Traffic = field(default_factory=Traffic)
    """What coordinator and workers have asked of object stores, as far as they have told."""
    workers: int = 0
    """Workers that have returned a result lately, this process among them."""

    @property
    def files_done(self) -> int:
        """Files that were read."""
        return sum(self.files.values())


class Progress(Protocol):
    """Callbacks that receive the progress of a run."""

    def stage(self, name: str, tasks: int) -> None:
        """A stage of so many tasks begins."""

    def finished(self, key: str, size_bytes: int) -> None:
        """A task of the stage is over, having read so many bytes."""

    def counted(self, counts: Counts) -> None:
        """How far the run is, whenever that has changed."""

    def dashboard(self, url: str) -> None:
        """Where the Dask dashboard is."""


class Planned(Protocol):
    """A partition that a plan has."""

    @property
    def partition(self) -> Partition:
        """The partition."""

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Files that it takes."""


class Counting:
    """Counts what a run does, and tells it to a `Progress`; the log learns from it which run and stage it is of."""

    def __init__(self, told: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._told, self._clock = told, clock
        self._run = ""
        self._planned: tuple[int, int, int] = 0, 0, 0
        self._status: dict[str, Status] = {}
        self._statuses = Counter[str]()
        self._rejected = Counter[str]()
        self._partitions = Counter[str]()
        self._bytes_read = 0
        self._traffic = Traffic()
        self._workers = OrderedDict[str, float]()

    def begin(self, run: str) -> None:
        """The run has a name."""
        self._run = run
        log.note(run=run, phase="list")
        self._told.counted(self.counts())

    def plan(self, assignments: Iterable[Planned], finished: Mapping[str, Done], resumed: int) -> None:
        """The run has a plan, perhaps another one than before.

        Parameters
        ----------
        finished
            By key the partitions of it that are done.
        resumed
            How many of these an earlier start had done.
        """
        assignments = tuple(assignments)
        files = {file.uri: file.size_bytes for one in assignments for file in one.files}
        self._planned = len(files), sum(files.values()), len(assignments)
        self._partitions["finished"] = sum(one.partition.key in finished for one in assignments)
        self._partitions["resumed"] = resumed
        for done in finished.values():
            self._note_all(done.outcome.files)
        self._told.counted(self.counts())

    def add(self, outcome: PartitionOutcome) -> None:
        """A partition is over; one that met unknown signals comes again."""
        self._bytes_read += outcome.bytes_read
        self._partitions["finished"] += not outcome.unknown_sids
        self._note_all(outcome.files)
        self._told.counted(self.counts())

    def set_aside(self) -> None:
        """A partition has killed its workers."""
        self._partitions["set_aside"] += 1
        self._told.counted(self.counts())

    def settle(self, files: Mapping[str, tuple[FileOutcome, ...]], bytes_read: int) -> None:
        """The run is over: what its report says of files, by receiver, is what counts."""
        for counted in (self._status, self._statuses, self._rejected):
            counted.clear()
        for outcomes in files.values():
            self._note_all(outcomes)
        self._bytes_read = bytes_read
        self._told.counted(self.counts())

    def asked(self, traffic: Traffic) -> None:
        """A process has asked this of object stores."""
        self._traffic += traffic
        self._told.counted(self.counts())

    def returned(self, worker: str) -> None:
        """A worker has returned a result; an empty name is this process."""
        self._workers[worker] = self._clock()
        self._workers.move_to_end(worker)

    def stage(self, name: str, tasks: int) -> None:
        """A stage of so many tasks begins."""
        log.note(phase=name)
        self._told.stage(name, tasks)

    def finished(self, key: str, size_bytes: int) -> None:
        """A task of the stage is over, having read so many bytes."""
        self._told.finished(key, size_bytes)

    def counted(self, counts: Counts) -> None:
        """How far the run is."""
        self._told.counted(counts)

    def dashboard(self, url: str) -> None:
        """Where the Dask dashboard is."""
        self._told.dashboard(url)

    def counts(self) -> Counts:
        """How far the run is now."""
        files, size_bytes, partitions = self._planned
        since = self._clock() - WORKER_S
        while self._workers and next(iter(self._workers.values())) < since:
            self._workers.popitem(last=False)
        return Counts(
            run=self._run,
            files_planned=files,
            files={str(status): self._statuses[status] for status in Status},
            rejected=dict(self._rejected),
            partitions_planned=partitions,
            partitions=dict(self._partitions),
            bytes_planned=size_bytes,
            bytes_read=self._bytes_read,
            traffic=self._traffic,
            workers=len(self._workers),
        )

    def _note_all(self, parts: Iterable[FileOutcome]) -> None:
        """Take down the status of files; one that is in several partitions has the worst of them."""
        for part in parts:
            before = self._status.get(part.file.uri)
            status = part.status if before is None else max(part.status, before, key=_SEVERITY.index)
            if status is before:
                continue
            self._status[part.file.uri] = status
            self._statuses[status] += 1
            if before is not None:
                self._statuses[before] -= 1
            if status is Status.REJECTED:
                self._rejected[str(part.refusal.reason if part.refusal else Reason.UNREADABLE)] += 1
