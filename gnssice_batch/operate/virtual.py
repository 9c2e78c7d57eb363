"""What a virtual repository holds, held against the archive that its chunks are in."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from gnssice_batch import config
from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.cluster.executor import Task
from gnssice_batch.errors import AccessDeniedError, ArchiveError
from gnssice_batch.job.counting import Progress
from gnssice_batch.job.execution import Execution, execution, result_of
from gnssice_batch.job.virtual_report import counted
from gnssice_batch.job.virtualize import contents_of, virtual_target
from gnssice_batch.model.virtual import NetcdfFile, StoredSeries, VirtualContents, VirtualRow, VirtualState
from gnssice_batch.operate.status import existing_repository
from gnssice_batch.virtual.listing import access_of, archive_of, list_netcdf, virtual_settings
from gnssice_batch.virtual.partitions import in_partitions, key_of

_GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Discrepancies:
    """Files that can't be read as they were referenced, by name."""

    missing: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    """Their tag or time is another, and, as far as it was looked at, nothing else."""
    changed: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    """That the archive does not give."""

    @property
    def number(self) -> int:
        """Of all of them."""
        return len(self.missing) + len(self.touched) + len(self.changed) + len(self.unreadable)


@dataclass(frozen=True, slots=True)
class ReceiverFiles:
    """The files of one receiver."""

    receiver: str
    series: StoredSeries | None
    """Its array over time; None where no two files agree."""
    files: dict[str, int]
    """By state."""
    own_groups: dict[str, int]
    """Files in groups of their own, by reason."""
    rejected: dict[str, int]
    """By reason."""

    @property
    def span(self) -> tuple[str, str] | None:
        """First and last epoch of the array over time."""
        if self.series is None:
            return None
        grid = self.series.grid
        return told_time(grid.origin_ns), told_time(grid.origin_ns + (grid.size - 1) * grid.interval_ns)


@dataclass(frozen=True, slots=True)
class VirtualStatus:
    """What a virtual repository holds, and how the archive stands to it."""

    url: str
    archive: str
    snapshot: str | None
    receivers: tuple[ReceiverFiles, ...]
    new: int
    """Files of the archive that are not referenced yet."""
    found: Discrepancies
    files_read: int = 0
    """Files whose every byte was compared with what the ledger says."""

    def as_json(self) -> dict[str, object]:
        """The status as plain JSON values."""
        return {
            "url": self.url,
            "archive": self.archive,
            "snapshot": self.snapshot,
            "receivers": [_receiver_json(one) for one in self.receivers],
            "new": self.new,
            "files_read": self.files_read,
            **{name: list(names) for name, names in asdict(self.found).items()},
        }


def status(settings: config.Settings) -> VirtualStatus:
    """What is referenced, and which files the archive lacks or lists otherwise; no file is read.

    Raises
    ------
    StoreError
        When there is no such repository.
    ArchiveError
        When the archive can't be listed.
    """
    return _status(settings)[0]


def verify(settings: config.Settings, progress: Progress | None = None, sample: int | None = None) -> VirtualStatus:
    """The same, with every virtual file read and compared with the hash that the ledger has of it.

    Parameters
    ----------
    sample
        Read so many files at most, spread over all; None reads all.

    Raises
    ------
    StoreError
        When there is no such repository.
    ArchiveError
        When the archive can't be listed.
    """
    told, contents = _status(settings)
    rows = [row for row in contents.rows.values() if row.state is VirtualState.VIRTUAL]
    rows = [row for row in rows if row.file.uri not in told.found.missing]
    step = max(-(-len(rows) // sample), 1) if sample else 1
    with execution(settings, progress) as workers:
        found = dict(_hashes(rows[::step], access_of(archive_of(settings)), workers))
    return _with_hashes(told, contents, found)


def told_time(time_ns: int) -> str:
    """A time in ns since 1980-01-06 as ISO 8601."""
    return f"{_GPS_EPOCH + timedelta(microseconds=time_ns // 1000):%Y-%m-%d %H:%M:%S}"


def _status(settings: config.Settings) -> tuple[VirtualStatus, VirtualContents]:
    target, where = virtual_target(settings), archive_of(settings)
    contents = contents_of(existing_repository(target), target.branch)
    listed = {file.uri: file for file in list_netcdf(virtual_settings(settings), where).files}
    receivers = sorted({row.file.receiver for row in contents.rows.values()})
    found = _listed_otherwise(contents, listed)
    new = len(listed.keys() - contents.rows.keys())
    told = tuple(_receiver(name, contents) for name in receivers)
    return VirtualStatus(target.url, where.url, contents.snapshot, told, new, found), contents


def _listed_otherwise(contents: VirtualContents, listed: dict[str, NetcdfFile]) -> Discrepancies:
    virtual = [row.file for row in contents.rows.values() if row.state is VirtualState.VIRTUAL]
    missing = [file.uri for file in virtual if file.uri not in listed]
    there = [(file, listed[file.uri]) for file in virtual if file.uri in listed]
    changed = [file.uri for file, now in there if file.size_bytes != now.size_bytes]
    touched = [file.uri for file, now in there if file.size_bytes == now.size_bytes and file.etag != now.etag]
    return Discrepancies(*(tuple(sorted(names)) for names in (missing, touched, changed)))


def _receiver(name: str, contents: VirtualContents) -> ReceiverFiles:
    rows = [row for row in contents.rows.values() if row.file.receiver == name]
    own = Counter(row.reason for row in rows if row.group and row.reason)
    rejected = Counter(row.reason for row in rows if row.state is VirtualState.REJECTED)
    return ReceiverFiles(name, contents.series.get(name), counted(rows), dict(own), dict(rejected))


def _hashes(rows: Iterable[VirtualRow], access: ArchiveAccess, workers: Execution) -> Iterator[tuple[str, str]]:
    parts = {f"{key_of(part)}.hash": part for part in in_partitions([row.file for row in rows])}
    workers.progress.stage("verify", len(parts))
    for done in workers.run(Task(key, hashes_of, (part, access)) for key, part in parts.items()):
        workers.progress.finished(done.key, sum(file.size_bytes for file in parts[done.key]))
        yield from result_of(done).items()
    workers.stop.raise_if_requested()


def hashes_of(files: tuple[NetcdfFile, ...], access: ArchiveAccess) -> dict[str, str]:
    """SHA-256 of files by name; empty where the archive does not give them."""
    return {file.uri: _hash(file, access) for file in files}


def _hash(file: NetcdfFile, access: ArchiveAccess) -> str:
    try:
        return hashlib.sha256(access.fetch(file.uri)).hexdigest()
    except AccessDeniedError:
        raise
    except ArchiveError:
        return ""


def _with_hashes(told: VirtualStatus, contents: VirtualContents, found: dict[str, str]) -> VirtualStatus:
    unreadable = {uri for uri, now in found.items() if not now}
    other = {uri for uri, now in found.items() if now and now != contents.rows[uri].sha256}
    changed = (set(told.found.changed) | other) - unreadable
    touched = set(told.found.touched) - changed - unreadable
    sets = (set(told.found.missing), touched, changed, unreadable)
    listed = Discrepancies(*(tuple(sorted(names)) for names in sets))
    kept = (told.url, told.archive, told.snapshot, told.receivers, told.new)
    return VirtualStatus(*kept, listed, len(found) - len(unreadable))


def _receiver_json(one: ReceiverFiles) -> dict[str, object]:
    return {
        "receiver": one.receiver,
        "span": one.span,
        "interval_s": one.series.grid.interval_ns / 1e9 if one.series else None,
        "epochs": one.series.grid.size if one.series else 0,
        "files": one.files,
        "own_groups": one.own_groups,
        "rejected": one.rejected,
    }
