"""Metadata documents of groups, of arrays many at a time, as Zarr writes them.

Making, opening and resizing an array by Zarr takes a millisecond or two each; a network's first run makes ten thousand.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import zarr
from zarr.abc.store import Store
from zarr.core.array import AsyncArray
from zarr.core.buffer import cpu
from zarr.core.group import AsyncGroup, GroupMetadata
from zarr.core.sync import sync
from zarr.storage import MemoryStore, StorePath

from gnssice_batch.errors import StoreError
from gnssice_batch.store.layout.codecs import ArrayEncoding

type Document = dict[str, Any]
"""``zarr.json`` of an array of Zarr format 3."""

_NAME = "zarr.json"


@dataclass(frozen=True, slots=True)
class Cutting:
    """How the cells of an array are cut up, in the words of `zarr.Array`."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None


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


def top_of(store: Store) -> zarr.Group:
    """The root group of a store, there or not, to reach what is below it."""
    return zarr.Group(AsyncGroup(GroupMetadata(), store_path=StorePath(store)))


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


def groups_in(group: zarr.Group) -> dict[str, zarr.Group]:
    """The groups directly in a group by name."""
    return members_in(group)[0]


def members_in(group: zarr.Group) -> tuple[dict[str, zarr.Group], tuple[str, ...]]:
    """The groups directly in a group by name, and the names of the arrays there."""
    names = sync(_names_in(group))
    found = dict(zip(names, sync(_get_all(group, names)), strict=True))
    read = {name: json.loads(buffer.to_bytes()) for name, buffer in found.items() if buffer is not None}
    groups = {name: _group(group, name, each) for name, each in read.items() if each["node_type"] == "group"}
    return groups, tuple(sorted(read.keys() - groups))


def _group(parent: zarr.Group, name: str, document: Document) -> zarr.Group:
    attributes = document.get("attributes", {})
    return zarr.Group(AsyncGroup(GroupMetadata(attributes), store_path=parent.store_path / name))


def cutting(document: Document) -> Cutting:
    """How an array's document says that it is cut up; opening an array for this takes Zarr most of a millisecond."""
    outer, first = tuple(document["chunk_grid"]["configuration"].get("chunk_shape", ())), document["codecs"][0]
    sharded = first["name"] == "sharding_indexed"
    inner = tuple(first["configuration"]["chunk_shape"]) if sharded else outer
    return Cutting(tuple(document["shape"]), inner, outer if sharded else None)


def put_documents(group: zarr.Group, found: Mapping[str, Document]) -> None:
    """Write documents of arrays of a group; a new one makes an array, empty."""
    sync(_put_documents(group.store_path, found))


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


async def _names_in(group: zarr.Group) -> list[str]:
    return [name async for name in group.store.list_dir(group.path) if name != _NAME]


async def _get_all(group: zarr.Group, names: Iterable[str]) -> list[Any]:
    return await asyncio.gather(*((group.store_path / name / _NAME).get() for name in names))


async def _put_documents(where: StorePath, found: Mapping[str, Document]) -> None:
    buffers = {name: cpu.Buffer.from_bytes(json.dumps(document).encode()) for name, document in found.items()}
    await asyncio.gather(*((where / name / _NAME).set(buffer) for name, buffer in buffers.items()))
