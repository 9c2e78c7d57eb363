"""Pages made from templates: HTML without scripts that needs nothing beside it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gnssice_batch.reporting.facts import moment
from gnssice_batch.visible import visible
from gnssice_batch.wording import count, duration, size

SYSTEM_NAMES: Final[Mapping[str, str]] = {
    "G": "GPS",
    "R": "GLONASS",
    "E": "Galileo",
    "C": "BeiDou",
    "J": "QZSS",
    "I": "NavIC",
    "S": "SBAS",
}


def page(template: str, **context: Any) -> str:
    """A page from a template of this package.

    Text in it is escaped, and what would steer the reading of it is written out.
    """
    return _environment().get_template(template).render(**context)


def percent(part: float, whole: float) -> str:
    """``98.2 %``; ``100 %`` only where nothing is missing, ``0 %`` only where all is."""
    if not whole or part in {0, whole}:
        return "100 %" if part and part == whole else "0 %"
    return f"{min(99.9, max(0.1, 100 * part / whole)):.1f} %"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("gnssice_batch.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"count": count, "duration": duration, "size": size, "time": _time, "clock": _clock}
    made.globals |= {"percent": percent, "system_name": lambda system: SYSTEM_NAMES.get(system, system)}
    return made


def _shown(value: object) -> object:
    if isinstance(value, Markup):
        return value
    return visible(value) if isinstance(value, str) else value


def _time(time_ns: int | None) -> str:
    """GPS time as ``2025-01-01 00:00:00``."""
    return "none" if time_ns is None else moment(time_ns).replace("T", " ")


def _clock(text: str) -> str:
    """A time of the world as ``2025-01-01 00:00 UTC``; what is no time stays as it is."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return text
