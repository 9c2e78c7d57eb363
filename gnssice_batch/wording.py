"""Names, numbers in sentences, as an operator reads them."""

from collections.abc import Sequence
from typing import Final

_BYTES_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_DURATIONS_S: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def several(names: Sequence[str], most: int = 3, by: str = ", ") -> str:
    """The first few of some names, and how many more there are: ``a, b, c and 1,200 more``."""
    more = len(names) - most
    return by.join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def size(size_bytes: float) -> str:
    """``16.4 MB``."""
    unit = 0
    while size_bytes >= 999.5 and unit < len(_BYTES_UNITS) - 1:
        size_bytes, unit = size_bytes / 1000, unit + 1
    return f"{size_bytes:.0f} B" if unit == 0 else f"{size_bytes:.3g} {_BYTES_UNITS[unit]}"


def duration(seconds: float) -> str:
    """``2 h``, ``1.5 d``, ``4.2 s``, ``3,650 d``."""
    for length, unit in _DURATIONS_S:
        if seconds >= length:
            number = seconds / length
            return f"{number:.3g} {unit}" if number < 999.5 else f"{number:,.0f} {unit}"
    return f"{seconds:.3g} s"


def count(number: int, noun: str) -> str:
    """``1 file``, ``1,200 files``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
