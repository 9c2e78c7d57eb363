"""Arrays of one dimension decoded from their chunks.

Zarr's way to the cells of an array takes milliseconds of the processor, whatever its length, and of a network hundreds
of short ones are read. What `chunk_codecs` does not know, or can't be read so, is read by Zarr.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import icechunk
import numpy as np
import numpy.typing as npt
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from gnssice_batch.store.layout.chunk_codecs import ChunkCodec, codec_of
from gnssice_batch.store.layout.damage import UNDECODABLE, cells_of
from gnssice_batch.store.layout.documents import Document, documents, opened

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
    codecs = {name: codec for name, document in found.items() if (codec := codec_of(document)) and _is_short(codec)}
    chunks = {name: _chunks(found[name], codec, rows) for name, codec in codecs.items()}
    keys = [f"{name}/c/{number}" for name, numbers in chunks.items() for number in numbers]
    try:
        stored = dict(zip(keys, sync(_get(group, keys)), strict=True))
        decoded = {
            name: _cells(found[name], codec, rows, [stored[f"{name}/c/{number}"] for number in chunks[name]])
            for name, codec in codecs.items()
        }
    except (icechunk.IcechunkError, *UNDECODABLE):
        decoded = {}
    return {name: decoded[name] if name in decoded else _by_zarr(group, name, found[name], rows) for name in found}


def number_cells(group: zarr.Group, name: str, parts: Sequence[range]) -> list[npt.NDArray[Any]]:
    """Parts of an array of numbers of a group, their chunks asked for together.

    Parameters
    ----------
    parts
        Which cells, without a step; none beyond its end.

    Raises
    ------
    StoreError
        When there is no such array.
    DamagedError
        When a chunk is missing or does not decode.
    """
    document = documents(group, [name])[name]
    codec = codec_of(document)
    if codec is None or not _is_short(codec):
        return [cells_of(opened(group, name, document), slice(part.start, part.stop)) for part in parts]
    numbers = [_chunks(document, codec, slice(part.start, part.stop)) for part in parts]
    keys = list(dict.fromkeys(f"{name}/c/{number}" for each in numbers for number in each))
    try:
        stored = dict(zip(keys, sync(_get(group, keys)), strict=True))
        return [
            _numbers(codec, part, [stored[f"{name}/c/{number}"] for number in each])
            for part, each in zip(parts, numbers, strict=True)
        ]
    except (icechunk.IcechunkError, *UNDECODABLE):
        return [cells_of(opened(group, name, document), slice(part.start, part.stop)) for part in parts]


def _numbers(codec: ChunkCodec, part: range, chunks: Iterable[bytes | None]) -> npt.NDArray[Any]:
    begin = part.start // _length(codec) * _length(codec)
    decoded = [codec.decode(chunk) for chunk in chunks]
    return np.concatenate(decoded or [codec.empty()])[part.start - begin : part.stop - begin]


def _by_zarr(group: zarr.Group, name: str, document: Document, rows: slice) -> list[Any]:
    cells: list[Any] = cells_of(opened(group, name, document), rows).tolist()
    return cells


def _is_short(codec: ChunkCodec) -> bool:
    """Whether chunks of one dimension are objects of their own."""
    return len(codec.shape) == 1 and codec.shard is None


def _length(codec: ChunkCodec) -> int:
    """Cells of a chunk."""
    return codec.shape[0]


def _chunks(document: Document, codec: ChunkCodec, rows: slice) -> range:
    first, last, _ = rows.indices(document["shape"][0])
    return range(first // _length(codec), -(-max(first, last) // _length(codec)))


def _cells(document: Document, codec: ChunkCodec, rows: slice, chunks: Iterable[bytes | None]) -> list[Any]:
    first, last, _ = rows.indices(document["shape"][0])
    cells = [cell for chunk in chunks for cell in codec.decode(chunk).tolist()]
    begin = first // _length(codec) * _length(codec)
    return cells[first - begin : last - begin]


async def _get(group: zarr.Group, keys: Iterable[str]) -> list[bytes | None]:
    """What is stored under some keys; None for what is not."""
    prototype = default_buffer_prototype()
    path = group.store_path
    found = await asyncio.gather(*((path / key).get(prototype) for key in keys))
    return [None if each is None else each.to_bytes() for each in found]
