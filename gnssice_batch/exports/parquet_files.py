"""One Parquet file of a stored receiver: a row for each signal of each epoch."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.exports.tables import Held, missing, values_of, write_table
from gnssice_batch.exports.values import Arrays, Choice, Exported, Origin, Piece
from gnssice_batch.model.grid import Grid, gps_datetime
from gnssice_batch.model.template import EPOCH_COORDINATES, OBSERVED_COORDINATES, VALUES, VARIABLES, ArraySpec
from gnssice_batch.model.values import NO_SOURCE
from gnssice_batch.store.reading.cells import StoredCells

_EPOCHS_A_GROUP: Final = 1_440
"""Of a row group at most: with 60 signals an epoch 86,400 rows."""
_NO_SIGNAL: Final = -1
_SPECS: Final = {spec.name: spec for spec in (*EPOCH_COORDINATES, *VARIABLES)}


def write_parquet(
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
    arrow, parquet = _libraries()

    def fill(unfinished: Path, held: Held) -> int:
        schema = _schema(arrow, stored, origin)
        with parquet.ParquetWriter(unfinished, schema, compression="zstd") as file:
            return sum(_write(arrow, file, held, span, part_done) for span in held.parts)

    return write_table(path, piece, stored, origin, choice, fill)


def _write(arrow: Any, file: Any, held: Held, span: range, part_done: Callable[[], None]) -> int:
    """Write the epochs of a read unit; return the number of values."""
    template, values = held.stored.template, 0
    sids = arrow.array(list(template.axis.sids), arrow.string())
    for start, cells in _groups(held.stored, span):
        filled = np.flatnonzero(cells["source_file"] != NO_SOURCE)
        if filled.size:
            file.write_table(_table(arrow, file.schema, sids, _rows(cells, template.grid, start, filled)))
        values += values_of(cells)
    part_done()
    return values


def _libraries() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - only who asks for it needs it
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise missing("Parquet", "pyarrow") from error
    return pa, parquet


def _schema(arrow: Any, stored: StoredCells, origin: Origin) -> Any:
    """The columns; what is missing is null. The attributes of the group are in the metadata, as JSON."""
    kinds = {"float32": arrow.float32(), "float64": arrow.float64(), "int8": arrow.int8(), "int32": arrow.int32()}
    numbers = [*VARIABLES, *(_SPECS[name] for name in OBSERVED_COORDINATES)]
    columns = [
        arrow.field("epoch", arrow.timestamp("ns"), metadata={"comment": "GPS time on the grid"}),
        arrow.field("sid", arrow.dictionary(arrow.int32(), arrow.string()), metadata={"comment": "null: no signal"}),
        *(arrow.field(spec.name, kinds[spec.dtype], metadata=_told(spec)) for spec in numbers),
    ]
    source = {"url": origin.url, "receiver": origin.receiver, "version": origin.snapshot}
    told = json.dumps({"source": source, "attributes": dict(stored.template.attributes)}, default=str)
    return arrow.schema(columns, metadata={"gnssice_batch": told})


def _told(spec: ArraySpec) -> dict[str, str]:
    return {name: str(value) for name, value in spec.attributes.items() if name in {"long_name", "units", "comment"}}


def _groups(stored: StoredCells, span: range) -> Iterator[tuple[int, Arrays]]:
    """The epochs of a read unit in pieces, with the first epoch of each; joined cells by ``joined`` and their name."""
    cells = stored.read(span) | {f"joined {name}": found for name, found in stored.joined(span).items()}
    for start in range(0, len(span), _EPOCHS_A_GROUP):
        rows = slice(start, start + _EPOCHS_A_GROUP)
        yield span.start + start, {name: found[rows] for name, found in cells.items()}


def _rows(cells: Arrays, grid: Grid, start: int, held: npt.NDArray[np.intp]) -> dict[str, npt.NDArray[Any]]:
    """Columns of numbers: one row for each signal of the epochs that are held, one without a signal where none is."""
    there = np.zeros(cells["SNR"].shape, np.bool_)
    for spec in VARIABLES:
        there |= ~np.isnan(cells[spec.name]) if spec.name in VALUES else cells[spec.name] >= 0
    empty = held[~there[held].any(axis=1)]
    epoch, signal = np.nonzero(there)
    epoch = np.concatenate([epoch, empty])
    signal = np.concatenate([signal, np.full(empty.size, _NO_SIGNAL)])
    order = np.lexsort((signal, epoch))
    epoch, signal = epoch[order], signal[order]
    times = gps_datetime(grid.time_ns(start)) + (epoch * grid.interval_ns).astype("m8[ns]")
    found = {"epoch": times, "sid": signal}
    for spec in VARIABLES:
        found[spec.name] = np.where(signal >= 0, cells[spec.name][epoch, signal], np.array(spec.fill, spec.dtype))
    for name in OBSERVED_COORDINATES:
        found[name] = _as_told(cells, name, epoch, signal)
    return found


def _as_told(cells: Arrays, name: str, epoch: npt.NDArray[np.intp], signal: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """A coordinate along the epochs, as the file that a signal is from says it."""
    along: npt.NDArray[Any] = cells[name][epoch]
    if "joined source_file" not in cells:
        return along
    guest = (cells["joined source_file"][epoch, signal] != NO_SOURCE) & (signal >= 0)
    return np.where(guest, cells[f"joined {name}"][epoch, signal], along)


def _table(arrow: Any, schema: Any, sids: Any, rows: dict[str, npt.NDArray[Any]]) -> Any:
    columns = [arrow.array(rows["epoch"]), _named(arrow, sids, rows["sid"])]
    for name in schema.names[len(columns) :]:
        cells = rows[name]
        missing = np.isnan(cells) if cells.dtype.kind == "f" else cells == _SPECS[name].fill
        columns.append(arrow.array(cells, mask=missing if name != "epoch_offset" else None))
    return arrow.Table.from_arrays(columns, schema=schema)


def _named(arrow: Any, sids: Any, signal: npt.NDArray[np.intp]) -> Any:
    numbers = arrow.array(signal.astype(np.int32), mask=signal == _NO_SIGNAL)
    return arrow.DictionaryArray.from_arrays(numbers, sids)
