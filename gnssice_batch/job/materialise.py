"""Materialise: the kind of job that overwrites virtual chunks by native ones."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import cast

from gnssice_batch import config
from gnssice_batch.cluster.executor import Task
from gnssice_batch.errors import StoreError
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.coordinator import coordinate
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import Execution, result_of
from gnssice_batch.job.journal import Journal
from gnssice_batch.job.replanning import MovedError
from gnssice_batch.job.resume import Resumed
from gnssice_batch.job.start import Start
from gnssice_batch.job.target import Target
from gnssice_batch.job.virtual_report import VirtualReport
from gnssice_batch.job.virtualize import check_container, contents_of, virtual_target
from gnssice_batch.job.work import Begun, Work
from gnssice_batch.log import logger
from gnssice_batch.model.values import FileOutcome, PartitionOutcome
from gnssice_batch.model.virtual import StoredSeries, VirtualContents, VirtualRow, VirtualState
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.records import dump, encode, load
from gnssice_batch.storage.credentials import hold
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.store.containers import prefix_of
from gnssice_batch.store.faults import failed_storage
from gnssice_batch.store.forks import fork_bytes
from gnssice_batch.store.layout.telling import UnreadableFileError
from gnssice_batch.store.pointing import pointing_at
from gnssice_batch.store.reading.contents import first_snapshot
from gnssice_batch.store.repository import Repository, open_existing
from gnssice_batch.store.writing.native import native_fork
from gnssice_batch.store.writing.references import Written, with_state
from gnssice_batch.store.writing.structure import Structure
from gnssice_batch.store.writing.virtual_publish import VirtualPublication
from gnssice_batch.virtual.listing import archive_of, virtual_settings
from gnssice_batch.virtual.partitions import finished

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made native."""

    since_ns: int | None = None
    """Only files that hold epochs at this time or later, ns since 1980-01-06; None: all."""

    def takes(self, row: VirtualRow) -> bool:
        """Whether a file is wanted."""
        last_ns = max(row.first_ns, row.last_ns)
        reaches = self.since_ns is None or (row.epochs > 0 and last_ns >= self.since_ns)
        return row.state is VirtualState.VIRTUAL and reaches


def materialise(settings: config.Settings, wanted: Wanted, progress: Progress | None = None) -> VirtualReport:
    """Overwrite the virtual chunks of files by native ones that hold the same, in at most one commit.

    Older versions stay virtual.

    Raises
    ------
    GnssiceError
        When the job stops; nothing of it is visible in the store then.
    """
    return coordinate(_Materialise.of(settings, wanted), settings, progress)


def preview_native(settings: config.Settings, wanted: Wanted) -> VirtualReport:
    """What `materialise` would do; nothing is read or written."""
    kind = _Materialise.of(settings, wanted)
    planned = kind.planned(open_existing(kind.target.location))
    rows = tuple(with_state(planned.rows, VirtualState.NATIVE))
    return replace(planned.up_to_date(""), rows=rows)


@dataclass(frozen=True, slots=True)
class NativeFile:
    """What a worker has made of a file."""

    fork: bytes = b""
    """Empty where the file can't be read."""
    chunks: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    """By array those that are native now."""
    failed: str = ""
    """Why the file can't be read."""


def native_partition(key: str, fork: bytes, row: VirtualRow, series: StoredSeries | None, url: str) -> PartitionOutcome:
    """Make the chunks of a file native in a copy of a fork; a file that can't be read is told, and left as it is."""
    try:
        made, written = native_fork(fork, row, series, url)
        found = NativeFile(made, {path: tuple(indices) for path, indices in written.items()})
    except UnreadableFileError as error:
        if not error.known and failed_storage(error):
            raise
        found = NativeFile(failed=str(error))
    return PartitionOutcome(key, encode(dump(found)), (), bytes_read=row.file.size_bytes, traffic=TRAFFIC.take())


@dataclass(frozen=True, slots=True)
class _Materialise:
    """What the job is told."""

    target: Target
    virtual: config.Virtual
    where: Location
    wanted: Wanted

    @classmethod
    def of(cls, settings: config.Settings, wanted: Wanted) -> "_Materialise":
        where = archive_of(settings)
        hold(prefix_of(where), where.options)
        target = virtual_target(settings, f"materialise since {wanted.since_ns}")
        return cls(target, virtual_settings(settings), where, wanted)

    def resume(self, repository: Repository, branch: str, journal: Journal) -> Resumed:
        """What an earlier start has made native: it holds as long as nothing else was published."""
        head, found = repository.head(branch), journal.take_in()
        held = {key: done for key, done in found.items() if done.axis_digest == head}
        for key in found.keys() - held.keys():
            journal.drop(key)
        return Resumed(done=held)

    def plan(self, start: Start, execution: Execution) -> "_Planned":
        """Find what is virtual and wanted."""
        del execution
        found = self.planned(start.repository)
        start.check_tag(found.contents.snapshot)
        return found

    def planned(self, repository: Repository | None) -> "_Planned":
        """The same, for a repository.

        Raises
        ------
        StoreError
            When there is none.
        """
        if repository is None:
            msg = f"there is no repository at {self.target.url}: run virtualize without --materialise first"
            raise StoreError(msg)
        contents = contents_of(repository, self.target.branch)
        check_container(repository, self.virtual, contents)
        rows = tuple(row for row in contents.rows.values() if self.wanted.takes(row))
        return _Planned(self, contents, rows)

    def ended(self, report: VirtualReport, execution: Execution) -> None:
        """Say which files could not be read."""
        del execution
        for uri, why in report.failed:
            _log.warning("%s stays virtual: %s", uri, why)


@dataclass(frozen=True, slots=True)
class _Planned:
    """The job before anything is written."""

    kind: _Materialise
    contents: VirtualContents
    rows: tuple[VirtualRow, ...]

    @property
    def head(self) -> str | None:
        """Snapshot that it was planned on."""
        return self.contents.snapshot

    @property
    def idle(self) -> bool:
        """Whether nothing that is wanted is virtual."""
        return not self.rows

    @property
    def task_memory_bytes(self) -> int:
        """A chunk at a time: what a whole file takes, unpacked, is enough."""
        return max((8 * row.file.size_bytes for row in self.rows), default=0)

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        """None."""
        return ()

    def base(self, repository: Repository) -> str:
        """Snapshot that it is made on."""
        return self.head or first_snapshot(repository)

    def up_to_date(self, run: str) -> VirtualReport:
        """What there is to say where nothing is to be done."""
        native = sum(row.state is VirtualState.NATIVE for row in self.contents.rows.values())
        return VirtualReport(run=run, url=self.kind.target.url, snapshot=None, up_to_date=native)

    def begin(self, aside: Aside, begun: Future[Begun], resumed: Resumed) -> "_Underway":
        """Begin, from what an earlier start has made."""
        return _Underway(self.kind, self, Work(aside, begun, done=dict(resumed.done), resumed=len(resumed.done)))


@dataclass(slots=True)
class _Underway:
    """The job while it reads and writes."""

    kind: _Materialise
    planned: _Planned
    work: Work
    failed: dict[str, str] = field(default_factory=dict)
    set_aside: list[str] = field(default_factory=list)

    def make(self, execution: Execution) -> Structure:
        """Make every file native, in a fork each."""
        work = self.work
        repository = pointing_at(work.repository, self.kind.virtual.container, self.kind.where)
        session = repository.handle.writable_session(self.kind.target.branch)
        if session.snapshot_id != self.planned.base(work.repository):
            raise MovedError("the branch moved while this was planned", work.journal.record.run)
        fork = fork_bytes(session.fork())
        todo = {_key(row): row for row in self.planned.rows if _key(row) not in work.done}
        execution.progress.stage("materialise", len(todo))
        for done in execution.run(self._calls(todo, fork)):
            if done.killed_workers:
                self.set_aside.append(done.key)
                continue
            self._note(todo[done.key], result_of(done), session.snapshot_id, execution)
        execution.stop.raise_if_requested()
        return Structure(session.snapshot_id, "", fork, b"", {})

    def _calls(self, todo: Mapping[str, VirtualRow], fork: bytes) -> Iterator[Task[PartitionOutcome]]:
        series, url = self.planned.contents.series, self.kind.target.url
        for key, row in todo.items():
            yield Task(key, native_partition, (key, fork, row, series.get(row.group), url))

    def _note(self, row: VirtualRow, outcome: PartitionOutcome, base: str, execution: Execution) -> None:
        execution.progress.finished(outcome.key, outcome.bytes_read)
        found = _native(outcome)
        if found.failed:
            self.failed[row.file.uri] = found.failed
            return
        done = finished([row.file], outcome, base)
        self.work.journal.keep(done)
        self.work.done[outcome.key] = done

    def prove(self, execution: Execution) -> bool:
        """Whether anything became native; what was written was read back and compared by its worker."""
        del execution
        return bool(self._made())

    def _made(self) -> list[VirtualRow]:
        return [row for row in self.planned.rows if _key(row) in self.work.done]

    def change(self, structure: Structure) -> VirtualPublication:
        """Everything that is published."""
        made, written = self._made(), Written({}, {}, set())
        found = [_native(self.work.done[_key(row)].outcome) for row in made]
        for one in found:
            for path, indices in one.chunks.items():
                written.note(written.references, path.removeprefix("/"), indices)
        return VirtualPublication(
            run=self.work.journal.record.run,
            structure=structure,
            written=written,
            rows=tuple(with_state(made, VirtualState.NATIVE)),
            message=f"{len(made)} NetCDF files are native" if len(made) != 1 else "1 NetCDF file is native",
            metadata={"files": len(made), "software": SOFTWARE},
            forks=[one.fork for one in found],
        )

    def report(self, snapshot: str | None) -> VirtualReport:
        """What became of the job."""
        return replace(
            self.planned.up_to_date(self.work.journal.record.run),
            snapshot=snapshot,
            rows=tuple(with_state(self._made(), VirtualState.NATIVE)),
            failed=tuple(sorted(self.failed.items())),
            partitions=len(self.work.done),
            resumed=self.work.resumed,
            set_aside=tuple(self.set_aside),
            bytes_read=sum(done.outcome.bytes_read for done in self.work.done.values()),
        )


def _native(outcome: PartitionOutcome) -> NativeFile:
    found: NativeFile = load(NativeFile, json.loads(cast("bytes", outcome.fork)))
    return found


def _key(row: VirtualRow) -> str:
    return f"{row.group}.{row.file.uri}"
