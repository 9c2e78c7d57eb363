"""Metadata documents of arrays, many at a time, as Zarr writes them.

Making, opening and resizing an array by Zarr takes a millisecond or two each; a network's first run makes ten thousand.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import zarr
from zarr.core.array import AsyncArray
from zarr.core.buffer import cpu
from zarr.core.sync import sync
from zarr.storage import MemoryStore

from gnssice_batch.errors import StoreError
from gnssice_batch.store.layout.codecs import ArrayEncoding

type Document = dict[str, Any]
"""``zarr.json`` of an array of Zarr format 3."""

_NAME = "zarr.json"


def document_of(dims: tuple[str, ...], encoded: ArrayEncoding, **words: Any) -> Document:
    """What Zarr makes of an array without cells.

    Parameters
    ----------
    dims
        Names of its dimensions.
    encoded
        Its codecs.
    words
        What else `zarr.Group.create_array` is told.
    """
    group = zarr.create_group(MemoryStore())
    group.create_array(
        "array",
        shape=(0,) * len(dims),
        dimension_names=dims,
        filters=encoded.filters,
        serializer=encoded.serializer,
        compressors=encoded.compressors,
        **words,
    )
    return documents(group, ["array"])["array"]


def group_document(attributes: Mapping[str, object]) -> Document:
    """What Zarr makes of a group with these attributes."""
    return {"attributes": dict(attributes), "zarr_format": 3, "node_type": "group"}


def documents(group: zarr.Group, names: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Document]:
    """The documents of arrays of a group by name.

    Parameters
    ----------
    optional
        Names of arrays that may be missing.

    Raises
    ------
    StoreError
        When there is no array of a name.
    """
    names, optional = list(names), list(optional)
    buffers = dict(zip([*names, *optional], sync(_get_all(group, [*names, *optional])), strict=True))
    missing = next((name for name in names if buffers[name] is None), None)
    if missing is not None:
        msg = f"group {group.path!r} has no array {missing!r}: it was not made by this job, or by an older layout of it"
        raise StoreError(msg)
    return {name: json.loads(buffer.to_bytes()) for name, buffer in buffers.items() if buffer is not None}


def put_documents(group: zarr.Group, found: Mapping[str, Document]) -> None:
    """Write documents of arrays of a group; a new one makes an array, empty."""
    sync(_put_all(group, found))


def with_shape(document: Document, shape: tuple[int, ...]) -> Document:
    """The document with another shape: the chunks of an array stay where they are."""
    return {**document, "shape": list(shape)}


def unit_length(document: Document) -> int:
    """Length of a shard along the first dimension; 0 of an array without shards."""
    sharded = document["codecs"][0]["name"] == "sharding_indexed"
    return int(document["chunk_grid"]["configuration"]["chunk_shape"][0]) if sharded else 0


def opened(group: zarr.Group, name: str, document: Document) -> zarr.Array[Any]:
    """The array of a group that a document tells of."""
    return zarr.Array(AsyncArray(metadata=cast("Any", document), store_path=group.store_path / name))


async def _get_all(group: zarr.Group, names: Iterable[str]) -> list[Any]:
    return await asyncio.gather(*((group.store_path / name / _NAME).get() for name in names))


async def _put_all(group: zarr.Group, found: Mapping[str, Document]) -> None:
    buffers = {name: cpu.Buffer.from_bytes(json.dumps(document).encode()) for name, document in found.items()}
    await asyncio.gather(*((group.store_path / name / _NAME).set(buffer) for name, buffer in buffers.items()))
