"""Header records parsed into a header (RINEX 2 table A1; RINEX 3 or 4 table A2)."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from gnssice_batch.rinex.header.draft import Calendar, Draft
from gnssice_batch.rinex.header.lines import LABEL_COLUMN, label_of
from gnssice_batch.rinex.header.scales import scale_record
from gnssice_batch.rinex.header.values import PhaseShift, WavelengthFactor
from gnssice_batch.rinex.primitives.time import (
    DAY_100NS,
    GPS_EPOCH,
    MINUTE_100NS,
    SECOND_100NS,
    TIME_SYSTEMS,
    days_in_month,
    days_since_gps_epoch,
)
from gnssice_batch.signals import SYSTEMS

_TIME_NAMES: Final = {**{name: name for name in TIME_SYSTEMS}, "UTC": "GLO", "BDS": "BDT", "GLN": "GLO"}
_TIME_SYSTEM_COLUMN: Final = 48

_OF_VALUES: Final = re.compile(r"SCALE|\bFACT(OR)?S?\b|\bOBS ?TYPES?\b|\bTYPES? ?OF ?OBS")
"""What a label says of scale factors or observation types; other words may hold FACT, as MANUFACTURER does."""


def add(draft: Draft, line: str) -> bool:
    """Read one header line into the draft; False if its label is unknown."""
    label = label_of(line)
    if label in _HARMLESS_LABELS:
        return True
    record = _RECORDS.get(label) or _LOOSE_RECORDS.get(label.replace(" ", "").upper())
    if record is None:
        draft.unknown_labels[label] = draft.unknown_labels.get(label, 0) + 1
        if _changes_values(label):
            draft.fault(f"{label}: an unknown record that may change values", line)
        return False
    try:
        record(draft, line)
    except ValueError:
        draft.oddities.append(f"{label} can't be read")
        if label in _CORRECTIONS:
            _keep(draft, line)
    return True


def _changes_values(label: str) -> bool:
    """Whether an unknown label sounds like a record without which values are not what they seem."""
    return _OF_VALUES.search(label.upper()) is not None


def _keep(draft: Draft, line: str) -> None:
    """Keep a record as it is written."""
    known: tuple[str, ...] = draft.values.get("kept_records", ())
    draft.values["kept_records"] = (*known, f"{label_of(line)}: {line[:LABEL_COLUMN].rstrip()}")


def add_all(draft: Draft, lines: Iterable[str]) -> Draft:
    """Read header lines into the draft."""
    for line in lines:
        add(draft, line)
    return draft


def _version(draft: Draft, line: str) -> None:
    """Read RINEX VERSION / TYPE; the first one stands, for the format of a file does not change inside it."""
    if "version" in draft.values:
        return
    draft.values["version"] = line[:20].strip()
    letter = line[40:41].strip().upper()
    draft.values["file_system"] = letter if letter in {*SYSTEMS, "M"} else "G"


def _text(name: str, start: int, end: int) -> Callable[[Draft, str], None]:
    def record(draft: Draft, line: str) -> None:
        text = line[start : min(end, LABEL_COLUMN)].strip()
        if text or name not in draft.values:
            draft.values[name] = text

    return record


def _texts(*parts: tuple[str, int, int]) -> Callable[[Draft, str], None]:
    records = [_text(*part) for part in parts]

    def record(draft: Draft, line: str) -> None:
        for one in records:
            one(draft, line)

    return record


def _vector(name: str, *, zero_is_none: bool) -> Callable[[Draft, str], None]:
    def record(draft: Draft, line: str) -> None:
        numbers = [float(word) for word in line[:LABEL_COLUMN].split()[:3]]
        if len(numbers) == 3 and (any(numbers) or not zero_is_none):
            draft.values[name] = tuple(numbers)

    return record


def _interval(draft: Draft, line: str) -> None:
    seconds = float(line[:LABEL_COLUMN].strip().partition(" ")[0] or 0.0)
    if seconds > 0:
        draft.values["interval_s"] = seconds


def _types_2(draft: Draft, line: str) -> None:
    count = line[:6].strip()
    if count:
        draft.begin_types("", count, line)
    elif "" not in draft.obs_types:
        draft.fault("observation types without the line that begins their list", line)
        return
    draft.add_types("", line[6:LABEL_COLUMN].split())


def _types_3(draft: Draft, line: str) -> None:
    if line[0] != " ":
        draft.system = line[0].upper()
        draft.begin_types(draft.system, line[1:6].strip(), line)
    if draft.system:
        draft.add_types(draft.system, line[6:LABEL_COLUMN].split())
    else:
        draft.fault("observation types without the line that begins their list", line)


def _scale_factor_3(draft: Draft, line: str) -> None:
    """Read SYS / SCALE FACTOR: A1, 1X, I4, 2X, I2, then 12 codes a line; no codes means all of the system."""
    begins = line[:10].strip() != ""
    scale_record(draft, line, (line[0].strip().upper() or "?", line[1:6], line[6:10]) if begins else None, 10)


def _scale_factor_2(draft: Draft, line: str) -> None:
    """Read OBS SCALE FACTOR of RINEX 2.20: I6, I6, then ten types a line; no types means all."""
    begins = line[:12].strip() != ""
    scale_record(draft, line, ("", line[:6], line[6:12]) if begins else None, 12)


def _calendar(line: str) -> Calendar:
    """Read a time as five I6 fields and F13.7, in 100 ns of the calendar it is written in.

    A blank stands before each number, so that they are told apart wherever they begin.
    """
    words = line[:LABEL_COLUMN].split()[:6]
    year, month, day, hour, minute = (int(word) for word in words[:5])
    whole, _, fraction = words[5].partition(".") if len(words) > 5 else ("", "", "")
    in_range = 1 <= month <= 12 and 0 <= hour < 24 and 0 <= minute < 60 and GPS_EPOCH.year <= year < 2200
    if not in_range or not 1 <= day <= days_in_month(year, month):
        raise ValueError(line)
    seconds = int(whole or 0) * SECOND_100NS + int((fraction + "0000000")[:7])
    return Calendar(days_since_gps_epoch(year, month, day) * DAY_100NS + (hour * 60 + minute) * MINUTE_100NS + seconds)


def _first_time(draft: Draft, line: str) -> None:
    """Read TIME OF FIRST OBS: the time, 5X, then A3 for the time system, which is told by being a word."""
    word = re.search(r"[A-Z]+", line[:LABEL_COLUMN].upper())
    name = _TIME_NAMES.get(word[0][:3]) if word else None
    if name is not None:
        draft.values["time_system"] = name
        draft.values["time_system_source"] = "header"
    if word and name is None:
        draft.oddities.append(f"time system {line[word.start() : word.end()]!r} is not known")
    elif word and word.start() != _TIME_SYSTEM_COLUMN:
        draft.oddities.append(f"time system {name} stands in column {word.start() + 1}, not {_TIME_SYSTEM_COLUMN + 1}")
    draft.values["time_first_100ns"] = _calendar(line[: word.start()] if word else line)


def _last_time(draft: Draft, line: str) -> None:
    draft.values["time_last_100ns"] = _calendar(line)


def _leap_seconds(draft: Draft, line: str) -> None:
    draft.values["leap_seconds"] = int(line[:6])


def _clock_applied(draft: Draft, line: str) -> None:
    draft.values["rx_clock_offset_applied"] = bool(int(line[:6]))


def _glonass_slots(draft: Draft, line: str) -> None:
    """Read GLONASS SLOT / FRQ #: I3, then eight pairs a line of slot and channel."""
    draft.glonass_fcn.update(_slots(line))


@lru_cache(maxsize=4096)
def _slots(line: str) -> tuple[tuple[str, int], ...]:
    words = line[4:LABEL_COLUMN].replace("R ", "R0").split()
    pairs = zip(words[::2], words[1::2], strict=False)
    return tuple((f"R{int(slot.lstrip('R')):02d}", int(channel)) for slot, channel in pairs)


def _phase_shift(draft: Draft, line: str) -> None:
    """Read SYS / PHASE SHIFT: A1, 1X, A3, 1X, F8.5, 2X, I2, then ten satellites a line."""
    known: tuple[PhaseShift, ...] = draft.values.get("phase_shifts", ())
    here = _shift(line)
    if here.system != " ":
        draft.shift = here
        draft.values["phase_shifts"] = (*known, here)
    elif draft.shift is not None:
        draft.shift = draft.shift._replace(svs=draft.shift.svs + here.svs)
        draft.values["phase_shifts"] = (*known[:-1], draft.shift)


@lru_cache(maxsize=4096)
def _shift(line: str) -> PhaseShift:
    cycles = line[6:14].strip() if line[0] != " " else ""
    svs = tuple(line[18:LABEL_COLUMN].split())
    return PhaseShift(line[0], line[2:5].strip(), float(cycles) if cycles else None, svs)


def _wavelength_factor(draft: Draft, line: str) -> None:
    """Read WAVELENGTH FACT L1/2: 2 I6, I6 satellites, then up to seven of them."""
    known: tuple[WavelengthFactor, ...] = draft.values.get("wavelength_factors", ())
    svs = tuple(line[18:LABEL_COLUMN].split())
    if line[:12].strip():
        factor = WavelengthFactor(int(line[:6]), int(line[6:12].strip() or 0), svs)
        draft.values["wavelength_factors"] = (*known, factor)


_RECORDS: Final[dict[str, Callable[[Draft, str], None]]] = {
    "RINEX VERSION / TYPE": _version,
    "MARKER NAME": _text("marker_name", 0, 60),
    "MARKER NUMBER": _text("marker_number", 0, 20),
    "OBSERVER / AGENCY": _texts(("observer", 0, 20), ("agency", 20, 60)),
    "REC # / TYPE / VERS": _texts(("receiver_number", 0, 20), ("receiver_type", 20, 40), ("receiver_version", 40, 60)),
    "ANT # / TYPE": _texts(("antenna_number", 0, 20), ("antenna_type", 20, 40)),
    "APPROX POSITION XYZ": _vector("position_xyz_m", zero_is_none=True),
    "ANTENNA: DELTA H/E/N": _vector("antenna_delta_hen_m", zero_is_none=False),
    "WAVELENGTH FACT L1/2": _wavelength_factor,
    "# / TYPES OF OBSERV": _types_2,
    "SYS / # / OBS TYPES": _types_3,
    "SYS / SCALE FACTOR": _scale_factor_3,
    "OBS SCALE FACTOR": _scale_factor_2,
    "SYS / PHASE SHIFT": _phase_shift,
    "SYS / PHASE SHIFTS": _phase_shift,
    "INTERVAL": _interval,
    "TIME OF FIRST OBS": _first_time,
    "TIME OF LAST OBS": _last_time,
    "LEAP SECONDS": _leap_seconds,
    "SIGNAL STRENGTH UNIT": _text("signal_strength_unit", 0, 20),
    "RCV CLOCK OFFS APPL": _clock_applied,
    "GLONASS SLOT / FRQ #": _glonass_slots,
    "GLONASS COD/PHS/BIS": _keep,
    "GLONASS COD/PHS/BIS#": _keep,
    "SYS / DCBS APPLIED": _keep,
    "SYS / PCVS APPLIED": _keep,
    "ANTENNA: DELTA X/Y/Z": _keep,
    "ANTENNA: PHASECENTER": _keep,
}

_LOOSE_RECORDS: Final = {label.replace(" ", ""): record for label, record in _RECORDS.items()}
"""By labels without blanks, for writers that set them otherwise."""

_CORRECTIONS: Final = frozenset(
    {"SYS / PHASE SHIFT", "SYS / PHASE SHIFTS", "WAVELENGTH FACT L1/2", "RCV CLOCK OFFS APPL", "SIGNAL STRENGTH UNIT"}
)
"""Records without which values can't be used: kept as written where they can't be read."""

_HARMLESS_LABELS: Final = frozenset(
    {
        "COMMENT",
        "END OF HEADER",
        "PGM / RUN BY / DATE",
        "MARKER TYPE",
        "# OF SATELLITES",
        "PRN / # OF OBS",
        "ANTENNA: B.SIGHT XYZ",
        "ANTENNA: ZERODIR AZI",
        "ANTENNA: ZERODIR XYZ",
        "CENTER OF MASS: XYZ",
        "DOI",
        "LICENSE OF USE",
        "STATION INFORMATION",
        "CRINEX VERS   / TYPE",
        "CRINEX PROG / DATE",
    }
)


def is_known(label: str) -> bool:
    """Whether a label is one of a header record, with or without its blanks."""
    return label in _HARMLESS_LABELS or label.replace(" ", "").upper() in _LOOSE_RECORDS
