"""Cells read so that a chunk that is missing, or does not decode, is told by its place."""

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Final, cast

import icechunk
import numpy as np
import numpy.typing as npt
import zarr
from zarr.core.metadata import ArrayV3Metadata

from gnssice_batch.errors import GnssiceError
from gnssice_batch.model.damage import Damage, DamagedError
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.values import Span
from gnssice_batch.model.vod_contents import CONTENTS
from gnssice_batch.store.layout.axis import grid_of

UNDECODABLE: Final = (ValueError, RuntimeError, EOFError, OSError, zlib.error)
"""What codecs raise of bytes that are not what they wrote; Icechunk's errors are none of these."""
_FIRST: Final = tuple(contents.variables[0].name for contents in CONTENTS.values())
_BESIDE: Final = re.compile(r'path="([^"]*/)?(manifests|snapshots|transactions)/\w+"')
"""Icechunk's own files: what is wrong with these is no chunk's damage."""
_BEYOND: Final = re.compile("requested range was invalid|range not satisfiable|InvalidRange", re.IGNORECASE)
"""What storages say of an object that ends before the bytes that are asked for."""
_EVERYTHING: Final = slice(None)
_IN_GROUP: Final = re.compile(r"(.+?)/(metadata/.+|[^/]+)")
"""Path of an array: that of its group, which may lie in another one, and what the array is called in it."""


def cells_of(one: zarr.Array[Any], rows: slice = _EVERYTHING) -> npt.NDArray[Any]:
    """Rows of an array.

    Raises
    ------
    DamagedError
        When a chunk of theirs is missing or does not decode, with the read units that it is needed for.
    """
    with told_of(one, rows):
        return np.asarray(one[rows])


def tells_of_a_chunk(error: Exception) -> bool:
    """Whether an error of Icechunk, or of a codec, says that a chunk is damaged, and not that a storage has failed."""
    return _why(error) is not None


@contextmanager
def told_of(one: zarr.Array[Any], rows: slice = _EVERYTHING) -> Iterator[None]:
    """Turn what damage makes reading rows of an array raise in this context into `DamagedError`."""
    try:
        yield
    except (icechunk.IcechunkError, *UNDECODABLE) as error:
        found = damage_of(one, rows) if _why(error) else []
        if not found:
            raise
        raise DamagedError(found) from error


def damage_of(one: zarr.Array[Any], rows: slice = _EVERYTHING) -> list[Damage]:
    """What of some rows can't be read, narrowed down to read units; neighbouring ones of a write unit are one."""
    why = _met(one, rows)
    if why is None:
        return []
    grid = _grid(one)
    if grid is None:
        return [_whole(one, why)]
    first, last, _ = rows.indices(grid.size)
    reads = range(first // grid.read_unit, -(-last // grid.read_unit))
    met = ((number, _met(one, _rows(grid, number))) for number in reads)
    bad = [(number, why) for number, why in met if why]
    found = []
    for _, group in groupby(enumerate(bad), lambda each: _run(grid, each[0], *each[1])):
        run = [each for _, each in group]
        found.append(_damage(one, grid, run[0][0], run[-1][0], run[0][1]))
    return found


def _run(grid: Grid, place: int, number: int, why: str) -> tuple[int, int, str]:
    return number * grid.read_unit // grid.unit, number - place, why


def _rows(grid: Grid, number: int) -> slice:
    return slice(number * grid.read_unit, (number + 1) * grid.read_unit)


def _damage(one: zarr.Array[Any], grid: Grid, first: int, last: int, why: str) -> Damage:
    receiver, name = _names(one)
    span = Span(grid.time_ns(first * grid.read_unit), grid.time_ns((last + 1) * grid.read_unit - 1))
    return Damage(receiver, name, first * grid.read_unit // grid.unit, span, why)


def _whole(one: zarr.Array[Any], why: str) -> Damage:
    return Damage(*_names(one), None, None, why)


def _names(one: zarr.Array[Any]) -> tuple[str, str]:
    path = _IN_GROUP.fullmatch(one.path)
    return (path[1], path[2]) if path else ("", one.path)


def _met(one: zarr.Array[Any], rows: slice) -> str | None:
    """What is wrong with the chunks of some rows; None for nothing."""
    try:
        one[rows]
    except (icechunk.IcechunkError, *UNDECODABLE) as error:
        why = _why(error)
        if why is None:
            raise
        return why
    return None


def _why(error: Exception) -> str | None:
    """What an error says of a chunk; None where it says nothing of one, but that the storage does not answer."""
    if isinstance(error, GnssiceError):
        return None
    text = str(error).partition("\n")[0]
    if not isinstance(error, icechunk.IcechunkError):
        return f"a chunk does not decode ({text})"
    if _BESIDE.search(str(error)):
        return None
    if error.kind == icechunk.ErrorKind.OBJECT_NOT_FOUND:
        return "a chunk is missing"
    if error.kind == icechunk.ErrorKind.OBJECT_STORE and _BEYOND.search(text):
        return "a chunk is cut short"
    return None


def _grid(one: zarr.Array[Any]) -> Grid | None:
    """The grid that an array is laid out on; None for one that is not along the epochs, or is in no group of ours."""
    dims = cast("ArrayV3Metadata", one.metadata).dimension_names
    if not dims or dims[0] != "epoch":
        return None
    group = zarr.open_group(one.store, path=_names(one)[0], mode="r")
    first = next((group[name] for name in _FIRST if name in group), None)
    return grid_of(dict(group.attrs), first) if isinstance(first, zarr.Array) else None
