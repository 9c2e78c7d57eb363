"""What the name of a RINEX file promises: a hint only, the content decides.

Known are the short names of RINEX 2, the long names of RINEX 3 and 4, and canvodpy's names, which look like long ones.
"""

import re
from calendar import isleap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

Kind = Literal["observation", "navigation", "meteo", "other"]
Style = Literal["rinex2", "rinex3", "canvodpy"]

_PACKED: Final = re.compile(r"(\.(z|gz|bz2|xz|zst|zip|tar|tgz))+$", re.IGNORECASE)

_SHORT: Final = re.compile(
    r"(?P<station>\w{4})(?P<day>\d{3})(?P<session>[a-z0-9])(?P<minute>[0-5]\d)?\.(?P<year>\d{2})(?P<type>[a-z])",
    re.IGNORECASE | re.ASCII,
)

_LONG: Final = re.compile(
    r"(?P<station>[A-Z0-9]{9})_[RSU]_(?P<year>\d{4})(?P<day>\d{3})(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)"
    r"_(?P<period>\d{2}[A-Z])(_(?P<interval>\d{2}[A-Z]))?_(?P<content>[A-Z]{2})(\.(?P<type>[A-Z0-9]{3}))?",
    re.IGNORECASE | re.ASCII,
)

_OBSERVATIONS: Final = re.compile(r"\.(rnx|crx|obs|\d\d[od])$", re.IGNORECASE | re.ASCII)
_NO_OBSERVATIONS: Final = re.compile(r"\.(nav|met|txt|log|pdf|md|sp3|clk|\d\d[nglhbpqjfim])$|^readme", re.IGNORECASE)

_SHORT_KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        **dict.fromkeys("od", "observation"),
        **dict.fromkeys("nglhbpqjfi", "navigation"),
        "m": "meteo",
    }
)
_LONG_KINDS: Final[Mapping[str, Kind]] = MappingProxyType({"O": "observation", "N": "navigation", "M": "meteo"})
_LONG_SYSTEMS: Final = "GREJCISM"
_CANVODPY_OBSERVATIONS: Final = ("RNX", "CRX")

_HOURS: Final = "abcdefghijklmnopqrstuvwx"
_QUARTERS: Final = (0, 15, 30, 45)
_DAY_S: Final = 86_400
_UNIT_S: Final[Mapping[str, float]] = MappingProxyType({"S": 1, "M": 60, "H": 3600, "D": _DAY_S, "Y": 365 * _DAY_S})
_UNIT_HZ: Final[Mapping[str, float]] = MappingProxyType({"Z": 1, "C": 100})
_GPS_EPOCH: Final = datetime(1980, 1, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NameHint:
    """What a file's name says of its content."""

    station: str
    """Upper case: four characters of a short name, nine of a long one."""
    start_s: int
    """Seconds from 1980-01-06T00:00:00 to the date as written, in whatever time system the file is."""
    period_s: int | None
    """Span of the file; None where the name does not say."""
    interval_s: float | None
    """Time between epochs; None where the name does not say."""
    kind: Kind
    style: Style


def parse_name(path: str) -> NameHint | None:
    """Return what the last part of a path or URL says.

    Parameters
    ----------
    path
        Path, URL or bare name; suffixes of compression and archives are passed over.

    Returns
    -------
    NameHint or None
        None if the name is of no known form, or its date is none.
    """
    name = _PACKED.sub("", re.split(r"[/\\]", path)[-1])
    if short := _SHORT.fullmatch(name):
        return _short(short)
    if long := _LONG.fullmatch(name):
        return _long(long)
    return None


def claims_observations(path: str) -> bool | None:
    """Return whether a file is called an observation file; None where its name tells nothing.

    Hidden files, such as those that macOS puts into a zip beside each other one, claim nothing.
    """
    name = _PACKED.sub("", re.split(r"[/\\]", path)[-1])
    if name.startswith("."):
        return False
    hint = parse_name(path)
    if hint is not None and hint.kind != "other":
        return hint.kind == "observation"
    if _OBSERVATIONS.search(name):
        return True
    return False if _NO_OBSERVATIONS.search(name) else None


def _short(parts: re.Match[str]) -> NameHint | None:
    """Read ``ssssdddf.yyt``, f being 0 for a day, a to x for an hour, or a letter and minutes for part of one."""
    hour = _HOURS.find(parts["session"].lower())
    minute = parts["minute"]
    if minute is not None and hour < 0:
        return None
    year = int(parts["year"])
    start_s = _start_s(year + (1900 if year >= 80 else 2000), int(parts["day"]), max(hour, 0), int(minute or 0))
    if start_s is None:
        return None
    period_s = _short_period_s(parts["session"], hour, None if minute is None else int(minute))
    kind = _SHORT_KINDS.get(parts["type"].lower(), "other")
    return NameHint(parts["station"].upper(), start_s, period_s, None, kind, "rinex2")


def _short_period_s(session: str, hour: int, minute: int | None) -> int | None:
    """Return a day, an hour or a quarter of one; None for sessions that the convention leaves open."""
    if minute is not None:
        return 900 if minute in _QUARTERS else None
    if hour >= 0:
        return 3600
    return _DAY_S if session == "0" else None


def _long(parts: re.Match[str]) -> NameHint | None:
    """Read ``XXXXMRCCC_S_YYYYDDDHHMM_PPU_FFU_TO.rnx``, or canvodpy's names, whose content is no type of RINEX."""
    content, file_type = parts["content"].upper(), (parts["type"] or "RNX").upper()
    style: Style = "rinex3" if content[0] in _LONG_SYSTEMS and content[1] in _LONG_KINDS else "canvodpy"
    if style == "rinex3" and file_type not in _CANVODPY_OBSERVATIONS:
        return None
    start_s = _start_s(int(parts["year"]), int(parts["day"]), int(parts["hour"]), int(parts["minute"]))
    if start_s is None:
        return None
    if style == "rinex3":
        kind = _LONG_KINDS[content[1]]
    else:
        kind = "observation" if file_type in _CANVODPY_OBSERVATIONS else "other"
    period_s = _period_s(parts["period"].upper(), int(parts["year"]))
    interval_s = _seconds((parts["interval"] or "00U").upper())
    return NameHint(parts["station"].upper(), start_s, period_s, interval_s, kind, style)


@lru_cache(maxsize=4096)
def _period_s(text: str, year: int) -> int | None:
    """Return the seconds of a period such as ``15M``; a year has the days of the year it starts in."""
    seconds = _seconds(text)
    if seconds is None:
        return None
    leap_days = sum(isleap(year + n) for n in range(int(text[:2]))) if text.endswith("Y") else 0
    return round(seconds) + leap_days * _DAY_S


@lru_cache(maxsize=4096)
def _seconds(text: str) -> float | None:
    """Return the seconds of ``30S``, ``15M``, ``05Z`` (5 Hz) or ``01C`` (100 Hz); None if unspecified."""
    count, unit = int(text[:2]), text[2]
    if count == 0:
        return None
    if unit in _UNIT_HZ:
        return 1 / (count * _UNIT_HZ[unit])
    return count * _UNIT_S[unit] if unit in _UNIT_S else None


@lru_cache(maxsize=65_536)
def _start_s(year: int, day: int, hour: int, minute: int) -> int | None:
    """Return seconds since 1980-01-06, None for a day that the year has not."""
    if not 1 <= day <= 365 + isleap(year) or year < 1:
        return None
    days = (datetime(year, 1, 1, tzinfo=UTC) - _GPS_EPOCH).days + day - 1
    return days * _DAY_S + hour * 3600 + minute * 60
