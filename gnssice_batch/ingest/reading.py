"""One source file: from its bytes to observations, the facts the ledger keeps, and why it was refused if it was."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.errors import ArchiveError, ReadError, Reason
from gnssice_batch.ingest.align import Bounds, likely_bounds, out_of_bounds, span, values_per_epoch
from gnssice_batch.ingest.header_facts import Overrides, header_facts, mapping_text
from gnssice_batch.model.values import FileFacts, Refusal, SourceFile, Span, Status, Tally, rank
from gnssice_batch.rinex import Observations, Reading, ReadOptions, read, signals
from gnssice_batch.rinex.observations.indicators import differing_ssi
from gnssice_batch.signals import split_sid

_TICKS_PER_S = 10_000_000


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What every worker needs to read files."""

    archive: ArchiveAccess
    options: ReadOptions
    bounds: Mapping[str, Bounds]
    """Receiver to what is plausible there."""
    overrides: Mapping[str, Overrides] = field(default_factory=dict)
    """Receiver to its own signal overrides, the common ones included, where it has any."""

    def options_of(self, receiver: str) -> ReadOptions:
        """How the files of a receiver are read."""
        own = self.overrides.get(receiver)
        return self.options if own is None else replace(self.options, signal_overrides=own)


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


def read_file(file: SourceFile, context: ReadContext, interval_ns: int | None = None) -> ReadFile:
    """Fetch and read a file; whatever is wrong with it becomes its refusal.

    Parameters
    ----------
    interval_ns
        Interval of the grid it is read for; a file sampled faster is refused.
    """
    try:
        content = context.archive.fetch(file.uri)
    except ArchiveError as error:
        return _rejected(file, FileFacts(), Refusal(Reason.UNREADABLE, str(error)))
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        reading = read(content, context.options_of(file.receiver))
    except ReadError as error:
        refusal = Refusal(error.reason, error.detail, error.line, error.first_bytes)
        return _rejected(file, FileFacts(sha256=sha256), refusal)
    result = _accepted(file, reading, sha256, context, len(content))
    return _checked_against_grid(result, interval_ns)


def interval_100ns(parts: tuple[Observations, ...]) -> int:
    """Most frequent step between epochs, in units of 100 ns; 0 for fewer than two epochs."""
    steps = np.concatenate([np.diff(part.time_100ns) for part in parts])
    values, counts = np.unique(steps[steps > 0], return_counts=True)
    return int(values[np.argmax(counts)]) if values.size else 0


def _accepted(file: SourceFile, reading: Reading, sha256: str, context: ReadContext, size_bytes: int) -> ReadFile:
    marker = reading.parts[0].header.marker_name
    parts = tuple(part for part in reading.parts if part.header.marker_name == marker)
    foreign = [part for part in reading.parts if part.header.marker_name != marker]
    sids = frozenset(signal for part in parts for signal in signals(part))
    facts = _facts(reading, parts, sha256, context.bounds[file.receiver], sids, foreign)
    overrides = context.options_of(file.receiver).signal_overrides
    facts = replace(facts, header=header_facts(parts, overrides), mapping=mapping_text(overrides))
    offence = reading.accounting.offence
    refusal = Refusal(offence.reason, "", offence.line, offence.first_bytes) if offence else None
    if refusal is None and facts.refused:
        refusal = Refusal(next(iter(facts.refused)))
    lost = any(reason.loses for reason in facts.skipped) or bool(facts.refused)
    status = Status.PARTIAL if lost else Status.OK
    return ReadFile(file, facts, status, refusal if lost else None, parts, sids, size_bytes)


def _facts(
    reading: Reading,
    parts: tuple[Observations, ...],
    sha256: str,
    bounds: Bounds,
    sids: frozenset[str],
    foreign: list[Observations],
) -> FileFacts:
    header = parts[0].header
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
        marker=header.marker_name or "",
        receiver_type=header.receiver_type or "",
        antenna_type=header.antenna_type or "",
        time_system=header.time_system,
        interval_s=interval_100ns(parts) / _TICKS_PER_S,
        span=_span(parts, likely),
        rank=rank(len(kinds), header.version, total.epochs, sha256),
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


def _checked_against_grid(result: ReadFile, interval_ns: int | None) -> ReadFile:
    """Refuse a file without a plausible epoch, and one sampled faster than the grid it is read for."""
    facts = result.facts
    if facts.span is None:
        refusal = Refusal(Reason.OUT_OF_BOUNDS, "no epoch within grid.earliest and grid.latest")
        return _rejected(result.file, facts, refusal)
    step_ns = interval_100ns(result.parts) * 100
    if interval_ns and 0 < 10 * step_ns < 9 * interval_ns:
        detail = (
            f"sampled every {step_ns / 1e9:g} s, the group's grid has {interval_ns / 1e9:g} s: give it its own group"
        )
        return _rejected(result.file, facts, Refusal(Reason.FASTER_THAN_GRID, detail))
    return result


def _rejected(file: SourceFile, facts: FileFacts, refusal: Refusal) -> ReadFile:
    """A file that gives nothing; what was read of it counts as refused."""
    everything = {refusal.reason: Tally(facts.epochs, facts.observations)} if facts.epochs else {}
    return ReadFile(file, replace(facts, refused=everything), Status.REJECTED, refusal)
