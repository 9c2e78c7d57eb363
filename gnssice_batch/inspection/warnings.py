"""Warnings about one file: its name against its content, its header against its body; pure."""

from collections.abc import Iterator
from typing import Final

from gnssice_batch.errors import Reason
from gnssice_batch.inspection.facts import Inspection, Part
from gnssice_batch.inspection.moments import moment
from gnssice_batch.model.values import Status
from gnssice_batch.rinex.names import NameHint, parse_name

_TICKS_PER_S: Final = 10_000_000
_TICKS_PER_MINUTE: Final = 60 * _TICKS_PER_S
_KNOWN_VERSIONS: Final = frozenset(
    {
        "1.00",
        "2.00",
        "2.10",
        "2.11",
        "2.12",
        "2.20",
        "3.00",
        "3.01",
        "3.02",
        "3.03",
        "3.04",
        "3.05",
        "4.00",
        "4.01",
        "4.02",
    }
)
_SUFFIXES: Final = {
    "gzip": (".gz", ".tgz"),
    "compress": (".z",),
    "bzip2": (".bz2",),
    "xz": (".xz",),
    "zstd": (".zst",),
    "zip": (".zip",),
    "tar": (".tar",),
}
_COMPACT_SUFFIX: Final = ".crx"
_TIME_SYSTEMS_APART_S: Final = 30
"""A name gives its date in the file's own time system, which may lie a leap-second count off GPS time."""
_FIRST_GPS_DAY: Final = "1994"
_FREE_CLOCK_S: Final = 1e-6
_LARGE_CLOCK_OFFSET_S: Final = 1e-3
_SAME_INTERVAL: Final = 0.01
_FULL: Final = 0.9


def warnings_of(seen: Inspection) -> tuple[str, ...]:
    """One sentence for everything about a file that an operator may want to know before trusting it."""
    return tuple(
        dict.fromkeys(
            [
                *_of_packing(seen),
                *_of_status(seen),
                *(sentence for part in seen.parts for sentence in _of_part(part)),
                *_of_name(seen),
                *_of_stations(seen),
            ]
        )
    )


def interval(seconds: float) -> str:
    """An interval as ``30 s``, ``0.2 s``."""
    return f"{seconds:g} s"


def _of_packing(seen: Inspection) -> Iterator[str]:
    name = seen.name.lower()
    claimed = next((kind for kind, suffixes in _SUFFIXES.items() if name.endswith(suffixes)), None)
    if claimed != seen.container and not (claimed is None and seen.container is None):
        yield f"the name says {claimed or 'not packed'}, the content is {seen.container or 'not packed'}"
    if _COMPACT_SUFFIX in name and not seen.compact and seen.parts:
        yield "the name says compact RINEX, the content is plain text"
    elif ".rnx" in name and seen.compact:
        yield "the name says plain text, the content is compact RINEX"
    if seen.others:
        yield f"files in it that are no observations are passed over: {', '.join(seen.others)}"
    if seen.skipped.get(Reason.TRAILING_BYTES):
        yield "something follows its compressed content and is passed over"


def _of_status(seen: Inspection) -> Iterator[str]:
    if seen.status is Status.REJECTED:
        return
    for reason, count in seen.skipped.items():
        if reason.loses:
            yield f"observations are lost: {count} x {reason}"
    if seen.skipped.get(Reason.REVERSED_EPOCH):
        yield "the epochs are not in order of time"


def _of_stations(seen: Inspection) -> Iterator[str]:
    markers = list(dict.fromkeys(part.header.marker_name for part in seen.parts))
    if len(markers) > 1:
        yield f"several stations in one file: {', '.join(marker or '(unnamed)' for marker in markers)}"


def _of_name(seen: Inspection) -> Iterator[str]:
    hint = parse_name(seen.name)
    if hint is None:
        yield "the name has none of the known forms and says nothing"
    if hint is None or not seen.parts:
        return
    part = seen.parts[0]
    if hint.kind != "observation":
        yield f"the name says {hint.kind}, the content is observations"
    marker = part.header.marker_name
    if marker and marker[:4].upper() != hint.station[:4]:
        yield f"the name says station {hint.station}, the header {marker}"
    if hint.interval_s and part.interval_s and not _same(hint.interval_s, part.interval_s):
        yield f"the name says an interval of {interval(hint.interval_s)}, the epochs have {interval(part.interval_s)}"
    if (hint.style == "rinex2") != (part.header.major < 3):
        style = "2" if hint.style == "rinex2" else "3"
        yield f"a name in the style of RINEX {style} holds version {part.header.version}"
    yield from _of_promised_span(seen, hint)


def _of_promised_span(seen: Inspection, hint: NameHint) -> Iterator[str]:
    first = min(part.first_100ns for part in seen.parts)
    last = max(part.last_100ns for part in seen.parts)
    start = hint.start_s * _TICKS_PER_S
    slack = _TIME_SYSTEMS_APART_S * _TICKS_PER_S
    if hint.period_s is None:
        if first < start - slack:
            yield f"the name says {moment(start)}, the first epoch is {moment(first)}"
        return
    end = start + hint.period_s * _TICKS_PER_S
    if last < start - slack or first >= end + slack:
        yield f"the name says {moment(start)}, the epochs are from {moment(first)} to {moment(last)}"
    elif first < start - slack or last >= end + slack:
        yield f"epochs from {moment(first)} to {moment(last)} reach beyond what the name promises"
    elif last == end:
        yield f"the last epoch, {moment(last)}, is the first of the next file"
    elif last - first < _FULL * (hint.period_s * _TICKS_PER_S) - seen.parts[0].interval_s * _TICKS_PER_S:
        covered, promised = (last - first) // _TICKS_PER_MINUTE, hint.period_s // 60
        yield f"the epochs cover {covered} of the {promised} minutes that the name promises"


def _of_part(part: Part) -> Iterator[str]:
    yield from _of_header(part)
    yield from _of_systems(part)
    yield from _of_times(part)
    yield from _of_clock(part)


def _of_header(part: Part) -> Iterator[str]:
    header = part.header
    if header.version not in _KNOWN_VERSIONS:
        yield f"version {header.version} was never published, or is written unusually"
    for what, value in (("marker name", header.marker_name), ("receiver type", header.receiver_type)):
        if not value:
            yield f"the header gives no {what}"
    if header.position_xyz_m is None:
        yield "the header gives no approximate position"
    if header.time_system_source == "assumed":
        yield "the header names no time system; GPS is assumed"
    elif header.time_system != "GPS":
        yield f"the epochs are written in {header.time_system} time and were converted to GPS time"
    yield from (*header.faults, *header.oddities)
    if header.unknown_labels:
        labels = ", ".join(sorted(header.unknown_labels)[:3])
        yield f"{_counted(sum(header.unknown_labels.values()), 'header line')} passed over, label unknown: {labels}"


def _of_systems(part: Part) -> Iterator[str]:
    observed = {sv[0] for sv in part.satellites}
    declared = {system for system, codes in part.header.obs_types.items() if system and codes}
    if declared - observed:
        yield f"declared and never observed: systems {' '.join(sorted(declared - observed))}"
    if "R" in observed and not part.header.glonass_fcn and part.header.major > 2:
        yield "no GLONASS SLOT / FRQ #: frequency channels come from the table of slots"
    if any(factor != 1 for codes in part.header.scale_factors.values() for factor in codes.values()):
        yield "values are scaled (SCALE FACTOR) and were scaled back"


def _of_times(part: Part) -> Iterator[str]:
    header = part.header
    if header.interval_s and part.interval_s and not _same(header.interval_s, part.interval_s):
        yield f"INTERVAL says {interval(header.interval_s)}, the epochs have {interval(part.interval_s)}"
    if header.time_first_100ns is not None and abs(header.time_first_100ns - part.first_100ns) >= _TICKS_PER_S:
        yield f"TIME OF FIRST OBS says {moment(header.time_first_100ns)}, the first epoch is {moment(part.first_100ns)}"
    if moment(part.first_100ns) < _FIRST_GPS_DAY:
        yield f"epochs of {moment(part.first_100ns)[:4]}: a clock that was never set, or a week rollover"
    if part.gaps:
        longest = max(part.gaps, key=lambda gap: gap.missing)
        missing = sum(gap.missing for gap in part.gaps)
        yield f"{_counted(len(part.gaps), 'gap')}, {missing} epochs missing, most after {moment(longest.after_100ns)}"
    if part.power_failures:
        yield f"{_counted(part.power_failures, 'power failure')} (flag 1)"


def _of_clock(part: Part) -> Iterator[str]:
    if part.jitter_s > _FREE_CLOCK_S:
        yield f"the receiver clock runs freely: epochs lie up to {part.jitter_s * 1e3:.5g} ms off their marks"
    if abs(part.phase_s) > _FREE_CLOCK_S:
        yield f"epochs lie {part.phase_s:g} s off whole intervals of GPS time"
    if part.clock_offset_s and max(map(abs, part.clock_offset_s)) > _LARGE_CLOCK_OFFSET_S:
        low, high = part.clock_offset_s
        yield f"receiver clock offsets reach from {low * 1e3:.5g} ms to {high * 1e3:.5g} ms"
    if part.header.rx_clock_offset_applied:
        yield "epochs and observations are corrected for the receiver clock offset already"


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _SAME_INTERVAL * max(one, other)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("s" if count != 1 else "")
