"""Values that mean missing, as the ``zarr.json`` of an array has them."""

import base64
import math
import struct
from collections.abc import Mapping
from typing import Any, Final

_INTEGERS: Final = {
    **{f"int{bits}": 1 - 2 ** (bits - 1) for bits in (8, 16, 32)},
    **{f"uint{bits}": 2**bits - 1 for bits in (8, 16, 32)},
    "int64": 2 - 2**63,
    "uint64": 2**64 - 2,
}
"""What NetCDF fills integers with where nothing else is said: NC_FILL_BYTE and the like of netcdf.h."""
_FLOATS: Final = frozenset({"float16", "float32", "float64"})
_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def missing_numbers(document: Mapping[str, Any]) -> list[int | float]:
    """The stored numbers that attributes of an array of integers or floats declare to be missing."""
    kind, attributes = document["data_type"], document["attributes"]
    if not isinstance(kind, str) or kind not in _FLOATS | _INTEGERS.keys():
        return []
    fill, found = attributes.get("_FillValue"), []
    if isinstance(fill, str) and kind in _FLOATS:
        found.append(struct.unpack("<d", base64.standard_b64decode(fill))[0])
    elif isinstance(fill, int | float):
        found.append(fill)
    others = attributes.get("missing_value", [])
    for other in others if isinstance(others, list) else [others]:
        number = _NOT_FINITE.get(other) if isinstance(other, str) else other
        found += [number] if isinstance(number, int | float) else []
    return found


def fill_of_holes(document: Mapping[str, Any]) -> Any:
    """The fill value that an array needs for what no file gives, as JSON.

    What is declared missing, else not a number, else what NetCDF fills integers of that size with; of other types,
    and of truth values, that of the file.
    """
    kind = document["data_type"]
    if not isinstance(kind, str) or document["attributes"].get("dtype") == "bool":
        return document["fill_value"]
    declared = missing_numbers(document)
    if kind in _FLOATS:
        return _as_json(float(declared[0]) if declared else math.nan)
    if kind in _INTEGERS:
        return int(declared[0]) if declared and math.isfinite(declared[0]) else _INTEGERS[kind]
    return document["fill_value"]


def _as_json(number: float) -> float | str:
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else "Infinity" if number > 0 else "-Infinity"
