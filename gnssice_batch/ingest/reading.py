"""One source file read: bytes to observations, with its outcome."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np

from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.errors import AccessDeniedError, ArchiveError, ReadError, Reason
from gnssice_batch.ingest.align import Bounds, likely_bounds, out_of_bounds, span, values_per_epoch
from gnssice_batch.ingest.header_facts import Overrides, header_facts, mapping_text
from gnssice_batch.log import logger
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.intervals import interval_of
from gnssice_batch.model.markers import same_marker
from gnssice_batch.model.values import FileFacts, Refusal, SourceFile, Span, Status, Tally, rank
from gnssice_batch.rinex import Observations, Reading, ReadOptions, failures_as_read_errors, read, signals
from gnssice_batch.rinex.observations.indicators import differing_ssi
from gnssice_batch.signals import split_sid
from gnssice_batch.storage.credentials import hold
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.patience import PATIENCE

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What every worker needs to read files."""

    archive: ArchiveAccess
    options: ReadOptions
    bounds: Mapping[str, Bounds]
    """Receiver to what is plausible there."""
    markers: Mapping[str, str] = field(default_factory=dict)
    """Receiver to the only marker its files may have; those that are not in here may have any."""
    overrides: Mapping[str, Overrides] = field(default_factory=dict)
    """Receiver to its own signal overrides, the common ones included, where it has any."""
    store: Location | None = None
    """Where the forks belong to; they carry no credentials, so who opens one has to know how."""
    kept_bytes: int = 256 << 20
    """Memory of the observations that a process keeps of files it has read, to lay them out later."""
    processes: int = 1
    """How many ask archive and store for their tasks."""

    @property
    def store_is_far(self) -> bool:
        """Whether the store is in an object store."""
        return self.store is not None and not self.store.local

    def begin_task(self) -> None:
        """Let this process open forks of the store; take its share of what storages are asked again, and no more."""
        PATIENCE.share(self.processes)
        if self.store is not None:
            hold(self.store.url, self.store.options)

    def of(self, receiver: str) -> "ReadContext":
        """What a worker needs for files of one receiver: a task of a network does not carry what is told of all."""
        return replace(
            self,
            bounds=_only(receiver, self.bounds),
            markers=_only(receiver, self.markers),
            overrides=_only(receiver, self.overrides),
        )

    def options_of(self, receiver: str) -> ReadOptions:
        """How the files of a receiver are read."""
        own = self.overrides.get(receiver)
        return self.options if own is None else replace(self.options, signal_overrides=own)


def _only[V](receiver: str, values: Mapping[str, V]) -> dict[str, V]:
    return {receiver: values[receiver]} if receiver in values else {}


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes of a source file, which may be read more than once."""

    file: SourceFile
    content: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A source file as read; without observations where it was refused."""

    file: SourceFile
    facts: FileFacts
    status: Status
    refusal: Refusal | None
    parts: tuple[Observations, ...] = ()
    sids: frozenset[str] = frozenset()
    """Signals that carry a value."""
    size_bytes: int = 0


def read_file(
    file: SourceFile,
    context: ReadContext,
    interval_ns: int | None = None,
    content_of: Callable[[SourceFile], bytes] | None = None,
) -> ReadFile:
    """Fetch and read a file; whatever is wrong with it becomes its refusal.

    Parameters
    ----------
    interval_ns
        Interval of the grid it is read for; a file sampled faster is refused.
    content_of
        Gives its bytes; None: the archive does.

    Raises
    ------
    AccessDeniedError
        When the archive gives nothing to these credentials.
    """
    if refusal := too_large(file, context):
        return _rejected(file, FileFacts(), refusal)
    try:
        return read_content(fetch(file, context, content_of), context, interval_ns)
    except AccessDeniedError:
        raise
    except ArchiveError as error:
        return _rejected(file, FileFacts(), Refusal(Reason.UNREADABLE, str(error)))
    except MemoryError:
        detail = f"there is not enough memory to fetch its {file.size_bytes:,} bytes"
        return _rejected(file, FileFacts(), Refusal(Reason.UNREADABLE, detail))


def too_large(file: SourceFile, context: ReadContext) -> Refusal | None:
    """The refusal of a file that the archive lists as larger than it may be unpacked; None where it does not."""
    if file.size_bytes <= context.options.max_unpacked_bytes:
        return None
    most = context.options.max_unpacked_bytes
    return Refusal(Reason.UNPACK_LIMIT, f"{file.size_bytes:,} bytes; reader.max_unpacked_bytes allows {most:,}")


def fetch(file: SourceFile, context: ReadContext, content_of: Callable[[SourceFile], bytes] | None = None) -> Fetched:
    """The bytes of a file, and their hash.

    Raises
    ------
    ArchiveError
        When the archive does not give it.
    """
    content = content_of(file) if content_of else context.archive.fetch(file.uri)
    return Fetched(file, content, hashlib.sha256(content).hexdigest())


def read_content(fetched: Fetched, context: ReadContext, interval_ns: int | None = None) -> ReadFile:
    """Read a file that was fetched; whatever is wrong with it becomes its refusal.

    Parameters
    ----------
    interval_ns
        Interval of the grid it is read for; a file sampled faster is refused.
    """
    file, sha256 = fetched.file, fetched.sha256
    try:
        with failures_as_read_errors():
            reading = read(fetched.content, context.options_of(file.receiver))
            return _checked(_accepted(file, reading, sha256, context, len(fetched.content)), context, interval_ns)
    except ReadError as error:
        if error.reason is Reason.READER_FAILED:
            _log.error("%s: %s", file.uri, error.detail, exc_info=error.__cause__)
        facts = FileFacts(sha256=sha256, lines=error.lines, skipped=error.counts)
        return _rejected(file, facts, Refusal.of(error))


def observations_bytes(result: ReadFile) -> int:
    """Memory of the observations of a file, with the buffers that its arrays are views of."""
    found: dict[int, int] = {}
    for part in result.parts:
        for item in fields(part):
            array = getattr(part, item.name)
            if isinstance(array, np.ndarray):
                whole = array.base if isinstance(array.base, np.ndarray) else array
                found[id(whole)] = whole.nbytes
    return sum(found.values())


def other_marker(facts: FileFacts, wanted: str) -> Refusal | None:
    """The refusal of a file whose header names another station than the wanted one; None where it does not."""
    if same_marker(facts.marker, wanted):
        return None
    detail = f"marker {facts.marker}; the receiver's other files have {wanted}, and archive.one_marker allows one"
    return Refusal(Reason.OTHER_MARKER, detail)


def too_fast(facts: FileFacts, interval_ns: int) -> Refusal | None:
    """The refusal of a file sampled faster than the grid it is for; None where it is not."""
    if not is_faster(round(facts.interval_s * SECOND_NS), interval_ns):
        return None
    grid_s = interval_ns / SECOND_NS
    detail = f"sampled every {facts.interval_s:g} s, the group's grid has {grid_s:g} s: give it its own group"
    return Refusal(Reason.FASTER_THAN_GRID, detail)


def is_faster(step_ns: int, interval_ns: int) -> bool:
    """Whether epochs so far apart come too fast for a grid of that interval; no step at all (0) does not."""
    return 0 < 10 * step_ns < 9 * interval_ns


def _accepted(file: SourceFile, reading: Reading, sha256: str, context: ReadContext, size_bytes: int) -> ReadFile:
    bounds, marker = context.bounds[file.receiver], _marker(reading, context.markers.get(file.receiver, ""))
    parts = tuple(part for part in reading.parts if same_marker(part.header.marker_name, marker))
    foreign = [part for part in reading.parts if not same_marker(part.header.marker_name, marker)]
    sids = frozenset(signal for part in parts for signal in signals(part))
    facts = _facts(reading, parts, sha256, bounds, sids, foreign)
    overrides = context.options_of(file.receiver).signal_overrides
    facts = replace(facts, header=header_facts(parts, overrides), mapping=mapping_text(overrides))
    offence = reading.accounting.offence
    refusal = Refusal(offence.reason, offence.detail, offence.line, offence.first_bytes) if offence else None
    if refusal is None and facts.refused:
        refusal = Refusal(next(iter(facts.refused)))
    lost = any(reason.loses for reason in facts.skipped) or bool(facts.refused)
    status = Status.PARTIAL if lost else Status.OK
    return ReadFile(file, facts, status, refusal if lost else None, parts, sids, size_bytes)


def _marker(reading: Reading, wanted: str) -> str:
    """The station that is taken from a file with several: the wanted one if it is there, else the first."""
    markers = [part.header.marker_name for part in reading.parts if part.header.marker_name]
    return next((marker for marker in markers if wanted and same_marker(marker, wanted)), markers[0] if markers else "")


def _facts(
    reading: Reading,
    parts: tuple[Observations, ...],
    sha256: str,
    bounds: Bounds,
    sids: frozenset[str],
    foreign: list[Observations],
) -> FileFacts:
    header = parts[0].header
    lost = any(reason.loses for reason in reading.accounting.counts)
    everything = [_total(part) for part in reading.parts]
    total = sum(everything, Tally())
    kinds = {(sid[0], *split_sid(sid)[1:]) for sid in sids}
    outside = sum((out_of_bounds(part, bounds) for part in parts), Tally())
    likely = likely_bounds(parts, bounds)
    refused = {
        Reason.OTHER_MARKER: sum((_total(part) for part in foreign), Tally()),
        Reason.OUT_OF_BOUNDS: outside,
        Reason.IMPLAUSIBLE_DATE: sum((out_of_bounds(part, likely) for part in parts), Tally()) - outside,
    }
    return FileFacts(
        sha256=sha256,
        version=header.version,
        marker=next((part.header.marker_name for part in parts if part.header.marker_name), ""),
        receiver_type=header.receiver_type,
        antenna_type=header.antenna_type,
        time_system=header.time_system,
        interval_s=interval_of(np.concatenate([part.time_100ns for part in parts]) * 100) / SECOND_NS,
        span=_span(parts, likely),
        rank=rank(len(kinds), header.version, total.epochs, sha256, intact=not lost),
        epochs=total.epochs,
        observations=total.observations,
        lines=reading.accounting.lines,
        skipped=_skipped(reading),
        refused={reason: tally for reason, tally in refused.items() if tally.epochs},
        channels=dict(header.glonass_fcn),
    )


def _skipped(reading: Reading) -> dict[Reason, int]:
    """What the reader has skipped, and the signal strength indicators that have no place in the store."""
    counts = dict(reading.accounting.counts)
    differing = sum(differing_ssi(part) for part in reading.parts)
    return counts | ({Reason.SSI_DIFFERS: differing} if differing else {})


def _total(part: Observations) -> Tally:
    return Tally(part.time_100ns.size, int(values_per_epoch(part).sum()))


def _span(parts: tuple[Observations, ...], bounds: Bounds) -> Span | None:
    spans = [found for part in parts if (found := span(part, bounds))]
    return Span(min(s.first_ns for s in spans), max(s.last_ns for s in spans)) if spans else None


def _checked(result: ReadFile, context: ReadContext, interval_ns: int | None) -> ReadFile:
    """Refuse a file of another station, one without a plausible epoch, one sampled faster than the grid it is for."""
    facts = result.facts
    if refusal := other_marker(facts, context.markers.get(result.file.receiver, "")):
        return _rejected(result.file, facts, refusal)
    if facts.span is None:
        refusal = Refusal(Reason.OUT_OF_BOUNDS, "no epoch within grid.earliest and grid.latest")
        return _rejected(result.file, facts, refusal)
    return for_interval(result, interval_ns) if interval_ns else result


def for_interval(result: ReadFile, interval_ns: int) -> ReadFile:
    """A file that was read, refused if it is sampled faster than a grid of that interval."""
    refusal = too_fast(result.facts, interval_ns)
    return _rejected(result.file, result.facts, refusal) if refusal else result


def _rejected(file: SourceFile, facts: FileFacts, refusal: Refusal) -> ReadFile:
    """A file that gives nothing; what was read of it counts as refused."""
    everything = {refusal.reason: Tally(facts.epochs, facts.observations)} if facts.epochs else {}
    return ReadFile(file, replace(facts, refused=everything), Status.REJECTED, refusal)
