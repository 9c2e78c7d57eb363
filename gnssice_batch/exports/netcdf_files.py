"""One NetCDF4 file of a stored receiver: the same dataset as `open_dataset` gives."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.exports.tables import Held, missing, values_of, write_table
from gnssice_batch.exports.values import Choice, Exported, Origin, Piece
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.template import (
    EPOCH_COORDINATES,
    NON_INDEX_COORDINATES,
    SID_COORDINATES,
    SID_READ_UNIT,
    VALUES,
    VARIABLES,
    ArraySpec,
    signal_columns,
)
from gnssice_batch.store.layout.coverage import coverage_attributes
from gnssice_batch.store.reading.cells import StoredCells

if TYPE_CHECKING:
    from netCDF4 import Dataset

_LEVEL: Final = 4
_EMPTY_AT_ONCE: Final = 1 << 14
_LEFT_OUT: Final = frozenset({"_FillValue", "dtype"})


def write_netcdf(
    path: Path, stored: StoredCells, piece: Piece, origin: Origin, choice: Choice, part_done: Callable[[], None]
) -> Exported:
    """Write a file; nothing stands at its path before it is whole.

    Raises
    ------
    ConfigError
        When the library for it is not installed.
    WithheldError
        When a file is there that may not be replaced.
    """

    def fill(unfinished: Path, held: Held) -> int:
        with _failures_of_the_disk(), _new(unfinished) as file:
            _define(file, held)
            return _fill(file, held, part_done)

    return write_table(path, piece, stored, origin, choice, fill)


@contextmanager
def _failures_of_the_disk() -> Iterator[None]:
    """Raise as `OSError` what the library says of a file that can't be written."""
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("NetCDF:"):
            raise
        raise OSError(str(error)) from error


def _new(path: Path) -> "Dataset":
    try:
        import netCDF4  # noqa: PLC0415 - only who asks for it needs it
    except ImportError as error:
        raise missing("NetCDF", "netCDF4") from error
    return netCDF4.Dataset(path, "w", format="NETCDF4")


def _define(file: "Dataset", held: Held) -> None:
    template, origin = held.stored.template, held.origin
    file.createDimension("epoch", len(held.epochs))
    file.createDimension("sid", len(template.axis.sids))
    told = {**template.attributes, **coverage_attributes(held.span)}
    told |= {"source_store": origin.url, "source_receiver": origin.receiver, "source_version": origin.snapshot}
    file.setncatts({name: _plain(value) for name, value in told.items()})
    columns = signal_columns(template.axis.sids, template.channels)
    for spec in SID_COORDINATES:
        made = _variable(file, spec, template.grid)
        made[:] = columns[spec.name].astype(object) if spec.dtype == "str" else columns[spec.name]
    for spec in (*EPOCH_COORDINATES, *VARIABLES):
        _variable(file, spec, template.grid)


def _variable(file: "Dataset", spec: ArraySpec, grid: Grid) -> Any:
    sizes = {"epoch": min(grid.read_unit, len(file.dimensions["epoch"])), "sid": SID_READ_UNIT}
    chunks = [min(sizes[dim], max(1, len(file.dimensions[dim]))) for dim in spec.dims]
    if spec.dtype == "str":
        made = file.createVariable(spec.name, str, spec.dims)
    else:
        packing: dict[str, Any] = {"compression": "zlib", "complevel": _LEVEL, "shuffle": True, "chunksizes": chunks}
        fill: dict[str, Any] = {"fill_value": spec.fill} if spec.name in VALUES else {}
        made = file.createVariable(spec.name, spec.dtype, spec.dims, **packing, **fill)
    made.setncatts({name: _plain(value) for name, value in spec.attributes.items() if name not in _LEFT_OUT})
    if len(spec.dims) > 1:
        made.coordinates = " ".join(NON_INDEX_COORDINATES)
    made.set_auto_maskandscale(False)
    return made


def _fill(file: "Dataset", held: Held, part_done: Callable[[], None]) -> int:
    """Write the epochs part by part, also those that hold nothing; return the number of values."""
    values = 0
    for part, is_held in _all_parts(held):
        cells = held.stored.read(part) if is_held else _nothing(held.stored, part)
        rows = slice(part.start - held.epochs.start, part.stop - held.epochs.start)
        for spec in (*EPOCH_COORDINATES, *VARIABLES):
            file[spec.name][rows] = cells[spec.name]
        if is_held:
            values += values_of(cells)
            part_done()
    return values


def _all_parts(held: Held) -> Iterator[tuple[range, bool]]:
    """The parts that hold anything, and what lies between them in pieces of bounded size."""
    at = held.epochs.start
    for one in held.parts:
        part = range(max(one.start, at), min(one.stop, held.epochs.stop))
        for start in range(at, part.start, _EMPTY_AT_ONCE):
            yield range(start, min(start + _EMPTY_AT_ONCE, part.start)), False
        yield part, True
        at = part.stop


def _nothing(stored: StoredCells, part: range) -> dict[str, npt.NDArray[Any]]:
    grid, sizes = stored.template.grid, {"epoch": len(part), "sid": len(stored.template.axis.sids)}
    cells: dict[str, npt.NDArray[Any]] = {
        spec.name: np.broadcast_to(np.array(spec.fill, spec.dtype), [sizes[dim] for dim in spec.dims])
        for spec in (*EPOCH_COORDINATES, *VARIABLES)
    }
    cells["epoch"] = grid.time_ns(part.start) + np.arange(len(part)) * grid.interval_ns
    return cells


def _plain(value: object) -> object:
    """An attribute as NetCDF takes it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (list, tuple)):
        return _row(list(value))
    return value if isinstance(value, (str, int, float)) else str(value)


def _row(values: list[Any]) -> object:
    if all(isinstance(one, str) for one in values):
        return values
    return np.array(values)
