"""The ledger of a virtual repository: one JSON object a file, in ``metadata/files`` below the root."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from functools import cache
from typing import Any, Final

import numpy as np
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.virtual import NetcdfFile, VirtualRow, VirtualState
from gnssice_batch.store.layout.codecs import encoding
from gnssice_batch.store.layout.damage import cells_of
from gnssice_batch.store.layout.documents import (
    Document,
    document_of,
    documents,
    group_document,
    opened,
    put_documents,
    with_shape,
)

PATH: Final = "metadata/files"
CHUNK_ROWS: Final = 512

_FILE: Final = tuple(item.name for item in fields(NetcdfFile))
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


def read_rows(root: zarr.Group) -> dict[str, VirtualRow]:
    """The rows by URI, in their order; none where there is no ledger yet.

    Raises
    ------
    StoreError
        When a row is not what this program writes.
    """
    stored = documents(root, (), optional=[PATH]).get(PATH)
    if stored is None:
        return {}
    texts = cells_of(opened(root, PATH, stored)).tolist()
    try:
        rows = [_row(json.loads(text)) for text in texts]
    except (ValueError, TypeError, KeyError) as error:
        msg = f"the ledger {PATH} has a row that this program has not written: {error}"
        raise StoreError(msg) from error
    return {row.file.uri: row for row in rows}


def write_rows(root: zarr.Group, before: Mapping[str, VirtualRow], news: Iterable[VirtualRow]) -> frozenset[int]:
    """Put rows in the place of those of the same URI, new ones behind; the numbers of the chunks that are written.

    Parameters
    ----------
    before
        All rows, as `read_rows` gives them.
    """
    rows = dict(before)
    changed = set()
    for row in news:
        if rows.get(row.file.uri) != row:
            changed.add(row.file.uri)
            rows[row.file.uri] = row
    order = list(rows)
    chunks = frozenset(number // CHUNK_ROWS for number, uri in enumerate(order) if uri in changed)
    document = with_shape(documents(root, (), optional=[PATH]).get(PATH) or files_document(), (len(order),))
    if not before:
        put_documents(root, {"metadata": group_document({})})
    put_documents(root, {PATH: document})
    stored = opened(root, PATH, document)
    for chunk in sorted(chunks):
        part = order[chunk * CHUNK_ROWS : (chunk + 1) * CHUNK_ROWS]
        texts = np.array([_text(rows[uri]) for uri in part], np.dtypes.StringDType())
        stored[chunk * CHUNK_ROWS : chunk * CHUNK_ROWS + len(part)] = texts
    return chunks


@cache
def files_document() -> Document:
    """What Zarr makes of the array, of no row."""
    return document_of(
        ("file",),
        encoding("files", "str", profile="default", level=5),
        dtype="str",
        chunks=(CHUNK_ROWS,),
        fill_value="",
        attributes={"long_name": "Where each NetCDF file is referenced, a JSON object each"},
    )


def _text(row: VirtualRow) -> str:
    told = asdict(row)
    told |= told.pop("file")
    return _ENCODER.encode({name: value for name, value in told.items() if value not in ("", 0)})


def _row(told: dict[str, Any]) -> VirtualRow:
    file = NetcdfFile(**{"etag": "", "size_bytes": 0, **{name: told.pop(name) for name in _FILE if name in told}})
    return VirtualRow(file, VirtualState(told.pop("state")), told.pop("group", ""), **told)
