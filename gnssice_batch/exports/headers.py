"""The header of a RINEX file."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Final

from gnssice_batch.exports.columns import Observable, scaled
from gnssice_batch.exports.times import calendar_of
from gnssice_batch.exports.types2 import VERSION as VERSION_2
from gnssice_batch.exports.values import Origin
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.values import HeaderFacts

VERSION_3: Final = "3.05"
_PROGRAM: Final = f"gnssice-batch {version('gnssice-batch')}"
_PROGRAM_LABEL: Final = "PGM / RUN BY / DATE"
_RECEIVER: Final = re.compile(r"Receiver (?P<receiver>.+?), version [0-9A-Z]{20} ")
"""First of the comments, as `_provenance` writes them."""
_LABEL_AT: Final = 60
_CODES_A_LINE: Final = 13
_TYPES_A_LINE: Final = 9
_SCALED_A_LINE: Final = 12
_SVS_A_LINE: Final = 10
_FACTORS_A_LINE: Final = 7
_CHANNELS_A_LINE: Final = 8
_MOST_TOLD: Final = 50
"""So many sentences of a kind are in a header."""
_KEPT_3: Final = frozenset(
    {"GLONASS COD/PHS/BIS", "SYS / DCBS APPLIED", "SYS / PCVS APPLIED", "ANTENNA: DELTA X/Y/Z", "ANTENNA: PHASECENTER"}
)
_SYSTEM_NAMES: Final = {"G": "GPS", "R": "GLONASS", "E": "Galileo", "C": "BDS", "J": "QZSS", "I": "NavIC", "S": "SBAS"}
_FACTOR: Final = re.compile(r"(?P<l1>\d+) (?P<l2>\d+)(?P<svs>( \w+)*)")

type Record = tuple[str, str]
"""Content and label."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a header says of the epochs below it."""

    first_100ns: int
    last_100ns: int
    interval_ns: int
    systems: str
    channels: Mapping[str, int]
    """GLONASS frequency channels by satellite."""


def header3(origin: Origin, content: Content, of_system: Mapping[str, Sequence[Observable]]) -> bytes:
    """The header of RINEX 3.05."""
    records = [
        (_version(VERSION_3, content.systems), "RINEX VERSION / TYPE"),
        *_provenance(origin),
        *_station(origin.facts),
        *_codes(of_system),
        *_scale_factors(of_system),
        *_texts(origin.facts.signal_strength_unit, "SIGNAL STRENGTH UNIT"),
        *_times(content),
        *_clock_applied(origin.facts),
        *_phase_shifts(origin.facts.phase_shifts),
        *_channels(content.channels),
        *_kept(origin.facts.kept_records),
        ("", "END OF HEADER"),
    ]
    return _text(records)


def header2(origin: Origin, content: Content, types: Sequence[str]) -> bytes:
    """The header of RINEX 2.11."""
    records = [
        (_version(VERSION_2, content.systems), "RINEX VERSION / TYPE"),
        *_provenance(origin),
        *_station(origin.facts),
        *_factors(origin.facts.wavelength_factors),
        *_listed([f"{one:>6}" for one in types], _TYPES_A_LINE, f"{len(types):6d}", "# / TYPES OF OBSERV"),
        *_times(content),
        *_clock_applied(origin.facts),
        *_without_record(origin.facts),
        ("", "END OF HEADER"),
    ]
    return _text(records)


def comments(text: str) -> Iterator[Record]:
    """A text as comments, cut where it is too long."""
    plain = text.encode("ascii", "replace").decode("ascii")
    for start in range(0, len(plain), _LABEL_AT):
        yield plain[start : start + _LABEL_AT], "COMMENT"


def receiver_of(header: bytes) -> str:
    """The receiver that a header of this program names.

    Raises
    ------
    ValueError
        When another program has written it.
    """
    lines = header.partition(b"END OF HEADER")[0].decode("ascii", "replace").splitlines()
    by_label = [(line[:_LABEL_AT], line[_LABEL_AT:].strip()) for line in lines]
    ours = any(label == _PROGRAM_LABEL and text.startswith("gnssice-batch ") for text, label in by_label)
    found = _RECEIVER.match("".join(text for text, label in by_label if label == "COMMENT"))
    if not (ours and found):
        message = "not written by this program"
        raise ValueError(message)
    return found["receiver"]


def _version(release: str, systems: str) -> str:
    name = f"{systems}: {_SYSTEM_NAMES[systems]}" if len(systems) == 1 else "M: Mixed"
    return f"{release:>9}{'':11}{'OBSERVATION DATA':20}{name:20}"


def _provenance(origin: Origin) -> Iterator[Record]:
    """Program and time of the version, so that the same version is the same file; what the values are from."""
    written = datetime.fromisoformat(origin.written_at)
    yield f"{_PROGRAM:20}{'':20}{f'{written:%Y%m%d %H%M%S} UTC':20}", _PROGRAM_LABEL
    yield from comments(f"Receiver {origin.receiver}, version {origin.snapshot}")
    yield from comments("Times are GPS time, as in the store, whatever the files had.")
    if origin.facts.rinex2_names:
        yield from comments(f"RINEX 2 types read as: {', '.join(origin.facts.rinex2_names)}")
    for said, what in ((origin.changes, "changes"), (origin.guests, "headers of joined files")):
        more = (f"and {len(said) - _MOST_TOLD} more {what}",) if len(said) > _MOST_TOLD else ()
        for sentence in (*said[:_MOST_TOLD], *more):
            yield from comments(sentence)


def _station(facts: HeaderFacts) -> Iterator[Record]:
    yield facts.marker, "MARKER NAME"
    yield from _texts(facts.marker_number, "MARKER NUMBER")
    yield "", "OBSERVER / AGENCY"
    receiver = (facts.receiver_number, facts.receiver_type, facts.receiver_version)
    yield "".join(f"{part[:20]:20}" for part in receiver), "REC # / TYPE / VERS"
    yield f"{facts.antenna_number[:20]:20}{facts.antenna_type[:20]:20}", "ANT # / TYPE"
    yield from _vector(facts.position_xyz_m, "APPROX POSITION XYZ")
    yield from _vector(facts.antenna_delta_hen_m, "ANTENNA: DELTA H/E/N")


def _texts(text: str, label: str) -> Iterator[Record]:
    if text:
        yield text, label


def _vector(numbers: Iterable[float], label: str) -> Iterator[Record]:
    if numbers:
        yield "".join(f"{number:14.4f}" for number in numbers), label


def _codes(of_system: Mapping[str, Sequence[Observable]]) -> Iterator[Record]:
    for system, columns in of_system.items():
        begin = f"{system}  {len(columns):3d}"
        yield from _listed([f" {one.code}" for one in columns], _CODES_A_LINE, begin, "SYS / # / OBS TYPES")


def _scale_factors(of_system: Mapping[str, Sequence[Observable]]) -> Iterator[Record]:
    for (system, level), codes in scaled(of_system).items():
        begin = f"{system} {10**level:4d}  {len(codes):2d}"
        yield from _listed([f" {code}" for code in codes], _SCALED_A_LINE, begin, "SYS / SCALE FACTOR")


def _times(content: Content) -> Iterator[Record]:
    yield f"{content.interval_ns / SECOND_NS:10.3f}", "INTERVAL"
    for time_100ns, label in ((content.first_100ns, "TIME OF FIRST OBS"), (content.last_100ns, "TIME OF LAST OBS")):
        year, month, day, hour, minute, rest = calendar_of(time_100ns)
        date = "".join(f"{part:6d}" for part in (year, month, day, hour, minute))
        yield f"{date}{rest // 10**7:5d}.{rest % 10**7:07d}     GPS", label


def _clock_applied(facts: HeaderFacts) -> Iterator[Record]:
    if facts.rx_clock_offset_applied is not None:
        yield f"{int(facts.rx_clock_offset_applied):6d}", "RCV CLOCK OFFS APPL"


def _phase_shifts(shifts: Iterable[str]) -> Iterator[Record]:
    """Records from ``G L2X -0.25 G01 G02``, of which all after the system may be missing."""
    for shift in shifts:
        system, _, rest = shift.partition(" ")
        code, _, rest = rest.partition(" ")
        words = rest.split()
        cycles = f"{float(words.pop(0)):8.5f}" if words and not words[0][0].isalpha() else ""
        begin = f"{system:1} {code:3} {cycles:8}" + (f"  {len(words):2d}" if words else "")
        indent = " " * 18
        yield from _listed([f" {sv}" for sv in words], _SVS_A_LINE, begin, "SYS / PHASE SHIFT", indent)


def _factors(factors: Iterable[str]) -> Iterator[Record]:
    for factor in factors:
        found = _FACTOR.fullmatch(factor)
        if found is None:
            continue
        svs = found["svs"].split()
        for start in range(0, max(len(svs), 1), _FACTORS_A_LINE):
            part = svs[start : start + _FACTORS_A_LINE]
            named = f"{len(part):6d}" + "".join(f"   {sv}" for sv in part) if part else ""
            yield f"{int(found['l1']):6d}{int(found['l2']):6d}{named}", "WAVELENGTH FACT L1/2"


def halved(factors: Iterable[str]) -> bool:
    """Whether any wavelength factor is 2: phases of squaring receivers count half wavelengths."""
    return any("2" in (found["l1"], found["l2"]) for found in map(_FACTOR.fullmatch, factors) if found)


def _without_record(facts: HeaderFacts) -> Iterator[Record]:
    """What RINEX 2 has no record for, as comments."""
    for shift in facts.phase_shifts:
        yield from comments(f"SYS / PHASE SHIFT: {shift}")
    if facts.signal_strength_unit:
        yield from comments(f"SIGNAL STRENGTH UNIT: {facts.signal_strength_unit}")
    for record in facts.kept_records:
        yield from comments(record)


def _channels(channels: Mapping[str, int]) -> Iterator[Record]:
    known = [f"{sv} {channel:2d} " for sv, channel in sorted(channels.items())]
    if known:
        yield from _listed(known, _CHANNELS_A_LINE, f"{len(known):3d} ", "GLONASS SLOT / FRQ #", " " * 4)


def _kept(records: Iterable[str]) -> Iterator[Record]:
    """Records of corrections as they were written; of labels that RINEX 3 does not know as comments."""
    for record in records:
        label, _, content = record.partition(": ") if not record.startswith("ANTENNA") else _antenna(record)
        if label.rstrip("#") in _KEPT_3:
            yield content, label.rstrip("#")
        else:
            yield from comments(record)


def _antenna(record: str) -> tuple[str, str, str]:
    """Label and content of a record whose label has a colon itself."""
    first, _, rest = record.partition(": ")
    second, _, content = rest.partition(": ")
    return f"{first}: {second}", ": ", content


def _listed(words: Sequence[str], a_line: int, begin: str, label: str, indent: str | None = None) -> Iterator[Record]:
    """Words behind a beginning, so many a line; further lines are indented as far."""
    for start in range(0, max(len(words), 1), a_line):
        lead = begin if start == 0 else (" " * len(begin) if indent is None else indent)
        yield lead + "".join(words[start : start + a_line]), label


def _text(records: Iterable[Record]) -> bytes:
    lines = (f"{content[:_LABEL_AT]:{_LABEL_AT}}{label}\n" for content, label in records)
    return "".join(lines).encode("ascii", "replace")
