"""How values of the settings may be written: sizes with units, times, options of storages."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from gnssice_batch.signals import SYSTEMS, columns
from gnssice_batch.storage.options import StorageOptions

_UNIT_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNIT_BYTES |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?b|b?)\s*", re.IGNORECASE)
_TICK_NS = 100


def size_bytes(value: object) -> object:
    """Read ``4GiB`` as a number of bytes; leave everything else to pydantic."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value)
    if match is None:
        message = "should be a number of bytes, or one with a unit such as 512MiB or 4GB"
        raise ValueError(message)
    return int(Decimal(match[1]) * _UNIT_BYTES[match[2].lower()])


def nanoseconds(seconds: float) -> int:
    """Return the exact number of nanoseconds that a decimal number of seconds means."""
    return int((Decimal(repr(seconds)) * 10**9).to_integral_value())


def whole_ticks(seconds: float | None) -> float | None:
    """Refuse what RINEX can't express: its epochs have seven decimals."""
    if seconds is not None and Decimal(repr(seconds)) * 10**9 % _TICK_NS:
        message = "should be a multiple of 0.0000001 s, the resolution of RINEX epochs"
        raise ValueError(message)
    return seconds


def integer(value: object) -> object:
    """Read text from the environment as the integer it holds: pydantic compares literals without converting."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d+", value) else value


def one_as_list(value: object) -> object:
    """Take a single text as a list of one."""
    return (value,) if isinstance(value, str) else value


def lower_case(value: object) -> object:
    """Take a word in any case."""
    return value.lower() if isinstance(value, str) else value


_Written = Annotated[int, Field(gt=0)] | Annotated[str, Field(pattern=r"^\s*\d+(\.\d+)?\s*([kKmMgGtT]?[iI]?[bB])?\s*$")]
Size = Annotated[int, BeforeValidator(size_bytes, json_schema_input_type=_Written), Field(gt=0, le=2**60)]
Options = Annotated[StorageOptions, Field(default_factory=StorageOptions)]
STATIC_KEYS = Field(
    False,  # noqa: FBT003
    description="Allow static keys in storage_options of the settings file; without it they have to come from the "
    "environment or an identity.",
)
Globs = Annotated[tuple[str, ...], BeforeValidator(one_as_list, json_schema_input_type=str | tuple[str, ...])]
Overrides = dict[str, dict[str, str]]


def known_systems(overrides: Overrides) -> Overrides:
    """Refuse what is no system, and no observation code of RINEX 3 that it has."""
    for system, pairs in overrides.items():
        if system not in tuple(SYSTEMS):
            message = f"{system!r} is no system; those are {', '.join(SYSTEMS)}"
            raise ValueError(message)
        columns(system, (), "2.11", {system: pairs})
    return overrides
