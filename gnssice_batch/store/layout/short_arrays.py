"""Arrays of one dimension decoded from their chunks.

Zarr's way to the cells of an array takes milliseconds of the processor, whatever its length, and of a network hundreds
of short ones are read. What is not as this package writes it, or can't be read so, is read by Zarr.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import icechunk
import numpy as np
import zarr
from numcodecs import VLenUTF8, Zstd
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from gnssice_batch.store.layout.damage import UNDECODABLE, cells_of
from gnssice_batch.store.layout.documents import Document, opened

_GRID: Final = "regular"
_KEYS: Final = {"name": "default", "configuration": {"separator": "/"}}
_TEXT: Final = ["vlen-utf8", "zstd"]
_NUMBERS: Final = ["bytes", "zstd"]
_ZSTD: Final = Zstd()
_UTF8: Final = VLenUTF8()
_EVERYTHING: Final = slice(None)


def short_arrays(group: zarr.Group, found: Mapping[str, Document], rows: slice = _EVERYTHING) -> dict[str, list[Any]]:
    """Cells of arrays of a group by name, their chunks asked for together.

    Parameters
    ----------
    found
        Their documents.
    rows
        Which cells; without a step.

    Raises
    ------
    DamagedError
        When a chunk is missing or does not decode.
    """
    plain = {name: document for name, document in found.items() if _is_plain(document)}
    chunks = {name: _chunks(document, rows) for name, document in plain.items()}
    keys = [f"{name}/c/{number}" for name, numbers in chunks.items() for number in numbers]
    try:
        stored = dict(zip(keys, sync(_get(group, keys)), strict=True))
        decoded = {
            name: _cells(document, rows, [stored[f"{name}/c/{number}"] for number in chunks[name]])
            for name, document in plain.items()
        }
    except (icechunk.IcechunkError, *UNDECODABLE):
        decoded = {}
    return {name: decoded[name] if name in decoded else _by_zarr(group, name, found[name], rows) for name in found}


def _by_zarr(group: zarr.Group, name: str, document: Document, rows: slice) -> list[Any]:
    cells: list[Any] = cells_of(opened(group, name, document), rows).tolist()
    return cells


def _is_plain(document: Document) -> bool:
    """Whether its chunks are as this package writes them."""
    named = [codec["name"] for codec in document["codecs"]]
    known = {"string": _TEXT, "int8": _NUMBERS}.get(document["data_type"])
    grid, keys = document["chunk_grid"]["name"], document["chunk_key_encoding"]
    return named == known and (grid, keys) == (_GRID, _KEYS) and len(document["shape"]) == 1


def _length(document: Document) -> int:
    """Cells of a chunk."""
    return int(document["chunk_grid"]["configuration"]["chunk_shape"][0])


def _chunks(document: Document, rows: slice) -> range:
    first, last, _ = rows.indices(document["shape"][0])
    return range(first // _length(document), -(-max(first, last) // _length(document)))


def _cells(document: Document, rows: slice, chunks: Iterable[bytes | None]) -> list[Any]:
    first, last, _ = rows.indices(document["shape"][0])
    length = _length(document)
    cells = [cell for chunk in chunks for cell in _decoded(document, chunk, length)]
    begin = first // length * length
    return cells[first - begin : last - begin]


def _decoded(document: Document, chunk: bytes | None, length: int) -> Sequence[Any]:
    if chunk is None:
        return [document["fill_value"]] * length
    content, kind = _ZSTD.decode(chunk), document["data_type"]
    cells: list[Any] = (_UTF8.decode(content) if kind == "string" else np.frombuffer(content, kind)).tolist()
    if len(cells) != length:
        msg = f"a chunk has {len(cells)} cells, not {length}"
        raise ValueError(msg)
    return cells


async def _get(group: zarr.Group, keys: Iterable[str]) -> list[bytes | None]:
    """What is stored under some keys; None for what is not."""
    prototype = default_buffer_prototype()
    path = group.store_path
    found = await asyncio.gather(*((path / key).get(prototype) for key in keys))
    return [None if each is None else each.to_bytes() for each in found]
