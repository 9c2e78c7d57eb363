"""The rows of ``metadata/files``: one JSON object a file, in an array of strings.

One array, so that a commit of a few rows is a manifest and one short chunk. Values that say nothing are left out of a
row. Stores of layout 1 have an array for each column instead; they read as the same rows, and the first publication
that adds any replaces these arrays.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.store.layout.arrays import array
from gnssice_batch.store.layout.codecs import encoding
from gnssice_batch.store.layout.damage import cells_of
from gnssice_batch.store.layout.documents import (
    Document,
    document_of,
    documents,
    opened,
    put_documents,
    with_shape,
)
from gnssice_batch.store.layout.short_arrays import short_arrays
from gnssice_batch.store.together import together

PATH: Final = "metadata/files"
FILE_CHUNK_ROWS: Final = 128
"""What one appended row costs to encode again, about 6 kB at most."""
NO_TIME: Final = int(np.iinfo(np.int64).min)

FILE_COLUMNS: Final[Mapping[str, str]] = {
    "uri": "str",
    "size_bytes": "int64",
    "etag": "str",
    "sha256": "str",
    "status": "str",
    "reason": "str",
    "detail": "str",
    "line": "int64",
    "first_bytes": "str",
    "version": "str",
    "marker": "str",
    "receiver_type": "str",
    "antenna_type": "str",
    "time_system": "str",
    "interval_s": "float64",
    "first_epoch": "int64",
    "last_epoch": "int64",
    "lines": "int64",
    "epochs_read": "int64",
    "epochs_written": "int64",
    "observations_read": "int64",
    "observations_written": "int64",
    "epochs_joined": "int64",
    "signals": "int64",
    "skipped": "json",
    "refused": "json",
    "partitions": "str",
    "reader": "str",
    "mapping": "str",
    "run": "str",
    "read_at": "str",
    "header": "json",
}
"""Values of a row, in their order. Times are nanoseconds since 1980-01-06, in GPS time; `skipped` and `refused` are
counts by reason, `header` is what the file's `HeaderFacts` say, without what is empty."""

TIME_COLUMNS: Final = frozenset({"first_epoch", "last_epoch"})

type Row = dict[str, Any]
"""What is told of one file; values of ``json`` as Python has them."""
type Columns = dict[str, npt.NDArray[Any]]
"""By name one value a file: numbers, and objects for text; ``json`` as text, empty for nothing."""

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), default=np.generic.item)
_ROWS_AT_ONCE: Final = 64 * FILE_CHUNK_ROWS
_NUMBER: Final = re.compile(r"\s*(-?\d+)")
_UNIQUE: Final = frozenset({"uri", "etag", "sha256"})
"""Text that hardly two rows share."""


def create_rows(group: zarr.Group, rows: int = 0) -> zarr.Array[Any]:
    """Make the array in a receiver's group, with room for so many rows."""
    document = with_shape(files_document(), (rows,))
    put_documents(group, {PATH: document})
    return opened(group, PATH, document)


@cache
def files_document() -> Document:
    """What Zarr makes of the array, of no row."""
    return document_of(
        ("file",),
        encoding("files", "str", profile="default", level=5),
        dtype="str",
        chunks=(FILE_CHUNK_ROWS,),
        fill_value="",
        attributes={"long_name": "What became of each file, a JSON object each", "columns": dict(FILE_COLUMNS)},
    )


def row_count(group: zarr.Group) -> int:
    """Rows of ``metadata/files`` of a receiver's group."""
    stored = _stored(group)
    return int((stored["shape"] if _is_array(stored) else array(_table(group), "uri").shape)[0])


def is_of_columns(group: zarr.Group) -> bool:
    """Whether the ledger is that of layout 1, an array for each column."""
    return not _is_array(_stored(group))


def read_files(group: zarr.Group, columns: Collection[str] = FILE_COLUMNS.keys()) -> Columns:
    """Columns of ``metadata/files``; one that a row of an older program lacks is empty there.

    Raises
    ------
    StoreError
        When a row is no JSON object, or there is no ledger.
    """
    stored = _stored(group)
    if not _is_array(stored):
        table = _table(group)
        found = together(partial(_column, table, name) for name in columns)
        return dict(zip(columns, found, strict=True))
    parts: dict[str, list[Any]] = {name: [] for name in columns}
    known: dict[Any, Any] = {}
    for rows in _rows(group, stored):
        for name, values in parts.items():
            values.extend(_values(rows, name, known))
    return {name: _array(values, FILE_COLUMNS[name]) for name, values in parts.items()}


def sums_of(group: zarr.Group, columns: Collection[str]) -> dict[str, int]:
    """The sums of columns of whole numbers over all rows, taken from the text of the rows: a quarter of reading them.

    Raises
    ------
    StoreError
        When there is no ledger.
    """
    stored = _stored(group)
    if not _is_array(stored):
        return {name: int(column.sum()) for name, column in read_files(group, columns).items()}
    sums = dict.fromkeys(columns, 0)
    for first in range(0, stored["shape"][0], _ROWS_AT_ONCE):
        text = "".join(_texts(group, stored, first, first + _ROWS_AT_ONCE))
        for name in columns:
            sums[name] += _sum(text, name)
    return sums


def _sum(text: str, name: str) -> int:
    """That of a column; where a value of another one has quotes, each is behind a backslash."""
    numbers = map(_NUMBER.match, text.split(f'"{name}":')[1:])
    return sum(int(number[1]) for number in numbers if number)


def read_files_in(group: zarr.Group, columns: Collection[str], chunks: Iterable[int]) -> tuple[list[int], Columns]:
    """The numbers of the rows in some chunks of ``metadata/files``, and columns of these rows; not of layout 1.

    Raises
    ------
    StoreError
        When a row is no JSON object, or there is no ledger.
    """
    stored, numbers = _stored(group), list[int]()
    parts: dict[str, list[Any]] = {name: [] for name in columns}
    for chunk in sorted(chunks):
        first = chunk * FILE_CHUNK_ROWS
        rows = _stored_rows(group, stored, first, first + FILE_CHUNK_ROWS)
        numbers += range(first, first + len(rows))
        for name, values in parts.items():
            values.extend(_values(rows, name, {}))
    return numbers, {name: _array(values, FILE_COLUMNS[name]) for name, values in parts.items()}


def read_row(group: zarr.Group, number: int) -> Row:
    """One row; without the values that say nothing.

    Raises
    ------
    StoreError
        When it is no JSON object.
    """
    stored = _stored(group)
    if _is_array(stored):
        return _stored_rows(group, stored, number, number + 1)[0]
    table = _table(group)
    return next(rows_of_columns({name: _cell(table, name, number) for name in FILE_COLUMNS}))


def rows_of_columns(columns: Mapping[str, npt.NDArray[Any]]) -> Iterator[Row]:
    """The rows that columns stand for."""
    lists = {name: column.tolist() for name, column in columns.items()}
    for values in zip(*lists.values(), strict=True):
        row = dict(zip(lists, values, strict=True))
        yield {name: _told(value, FILE_COLUMNS[name]) for name, value in row.items() if not _says_nothing(name, value)}


def put_rows(rows: zarr.Array[Any], first: int, values: Sequence[Row]) -> None:
    """Write rows from a position on; the array has room for them."""
    texts = texts_of(values)
    rows[first : first + len(texts)] = np.array(texts, np.dtypes.StringDType())


def texts_of(rows: Iterable[Row]) -> list[str]:
    """Rows as they are stored."""
    return [_ENCODER.encode(_without_nothing(row)) for row in rows]


def change_rows(rows: zarr.Array[Any], numbers: Iterable[int], change: Callable[[int, Row], None]) -> frozenset[int]:
    """Change some rows in place, their chunks at the same time; return the numbers of these chunks.

    Parameters
    ----------
    change
        Told the number of a row and the row.
    """
    by_chunk: dict[int, list[int]] = {}
    for number in sorted(numbers):
        by_chunk.setdefault(number // FILE_CHUNK_ROWS, []).append(number)

    def changed(chunk: int) -> None:
        first = chunk * FILE_CHUNK_ROWS
        found = _read(rows, first, first + FILE_CHUNK_ROWS)
        for number in by_chunk[chunk]:
            change(number, found[number - first])
        put_rows(rows, first, found)

    together(partial(changed, chunk) for chunk in by_chunk)
    return frozenset(by_chunk)


def _stored(group: zarr.Group) -> Document:
    """The document of the array, or of the group of columns that it is in layout 1."""
    stored = documents(group, (), optional=[PATH]).get(PATH)
    if stored is None:
        msg = f"group {group.path!r} has no ledger {PATH}: it was not made by this job"
        raise StoreError(msg)
    return stored


def _is_array(stored: Document) -> bool:
    return bool(stored["node_type"] == "array")


def _table(group: zarr.Group) -> zarr.Group:
    """The columns of layout 1."""
    return cast("zarr.Group", group[PATH])


def _rows(group: zarr.Group, stored: Document) -> Iterator[list[Row]]:
    for first in range(0, stored["shape"][0], _ROWS_AT_ONCE):
        yield _stored_rows(group, stored, first, first + _ROWS_AT_ONCE)


def _stored_rows(group: zarr.Group, stored: Document, first: int, end: int) -> list[Row]:
    return _parsed(_texts(group, stored, first, end), (group.store_path / PATH).path, first)


def _texts(group: zarr.Group, stored: Document, first: int, end: int) -> list[str]:
    return short_arrays(group, {PATH: stored}, slice(first, end))[PATH]


def _read(stored: zarr.Array[Any], first: int, end: int) -> list[Row]:
    return _parsed(cells_of(stored, slice(first, end)).tolist(), stored.path, first)


def _parsed(texts: Sequence[str], path: str, first: int) -> list[Row]:
    try:
        rows: list[Row] = json.loads(f"[{','.join(texts)}]")
    except ValueError as error:
        msg = f"rows {first} to {first + len(texts) - 1} of {path} are no JSON objects: {error}"
        raise StoreError(msg) from error
    return rows


def _values(rows: Sequence[Row], name: str, known: dict[Any, Any]) -> list[Any]:
    """The values of a column; equal texts are one object."""
    kind = FILE_COLUMNS[name]
    nothing = _nothing(name)
    values = [row.get(name, nothing) for row in rows]
    if kind == "json":
        values = [json.dumps(value) if value else nothing for value in values]
    shared = kind in {"str", "json"} and name not in _UNIQUE
    return [known.setdefault(value, value) for value in values] if shared else values


def _array(values: Sequence[Any], kind: str) -> npt.NDArray[Any]:
    if kind not in {"str", "json"}:
        return np.array(values, kind)
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _nothing(name: str) -> Any:
    """What a column holds where a row says nothing."""
    return _NOTHINGS[name][1]


def _nothings(name: str) -> tuple[Any, ...]:
    """The values of a column that say nothing."""
    if name in TIME_COLUMNS:
        return None, NO_TIME
    match FILE_COLUMNS[name]:
        case "json":
            return None, "", "{}", {}
        case "str":
            return None, ""
        case _:
            return None, 0


_NOTHINGS: Final = {name: _nothings(name) for name in FILE_COLUMNS}


def _says_nothing(name: str, value: Any) -> bool:
    return value in _NOTHINGS.get(name, ())


def _without_nothing(row: Row) -> Row:
    return {name: value for name, value in row.items() if value not in _NOTHINGS.get(name, ())}


def _told(value: Any, kind: str) -> Any:
    return json.loads(value) if kind == "json" else value


def _column(table: zarr.Group, name: str) -> npt.NDArray[Any]:
    """A column of layout 1."""
    found, kind = table.get(name), FILE_COLUMNS[name]
    is_text = kind in {"str", "json"}
    if not isinstance(found, zarr.Array):
        rows = array(table, "uri").shape[0]
        return np.full(rows, _nothing(name), object if is_text else kind)
    column = cells_of(found)
    return column.astype(object) if is_text else column


def _cell(table: zarr.Group, name: str, number: int) -> npt.NDArray[Any]:
    found = table.get(name)
    return np.asarray(found[number : number + 1]) if isinstance(found, zarr.Array) else np.array([_nothing(name)])
