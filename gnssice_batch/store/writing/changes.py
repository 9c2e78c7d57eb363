"""The changes of a session or fork, as plain values to compare with the plan."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain

import icechunk
from zarr.core.sync import sync

from gnssice_batch.model.template import Contents, GroupTemplate
from gnssice_batch.model.vod_contents import CONTENTS
from gnssice_batch.wording import several

type Units = Mapping[str, frozenset[tuple[int, ...]]]
"""Array path to the indices of its changed chunks (shards where the array is sharded)."""


def changed_units(session: icechunk.Session) -> Units:
    """The chunks a session has written, moved or reset and not committed; equal indices are one object."""
    chunks = session.status().updated_chunks
    one: dict[tuple[int, ...], tuple[int, ...]] = {}
    units: dict[str, frozenset[tuple[int, ...]]] = {}
    while chunks:
        path, indices = chunks.popitem()
        if indices:
            units[path] = frozenset(one.setdefault(index, index) for index in map(tuple, indices))
    return units


def objects(session: icechunk.Session, units: Units) -> tuple[int, int]:
    """How many of some chunks are objects of their own, and the bytes of these; the others are in manifests."""
    sizes = sync(_sizes(session, [(path, index) for path, indices in units.items() for index in indices]))
    return len(sizes), sum(sizes)


async def _sizes(session: icechunk.Session, chunks: Sequence[tuple[str, tuple[int, ...]]]) -> list[int]:
    """Bytes of those of some chunks that are objects of their own."""
    kinds = await asyncio.gather(*(session.chunk_type_async(path, index) for path, index in chunks))
    mine = [
        f"{path.removeprefix('/')}/c/{'/'.join(map(str, index))}"
        for (path, index), kind in zip(chunks, kinds, strict=True)
        if kind == icechunk.ChunkType.native
    ]
    return await asyncio.gather(*(session.store.getsize(key) for key in mine))


def union(parts: Iterable[Units]) -> Units:
    """All chunks of several changes."""
    merged: dict[str, set[tuple[int, ...]]] = {}
    for part in parts:
        for path, indices in part.items():
            merged.setdefault(path, set()).update(indices)
    return {path: frozenset(indices) for path, indices in merged.items()}


def differences(found: Units, *expected: Units) -> tuple[str, ...]:
    """One sentence for every array whose changed chunks are not the expected ones, all parts of these together."""
    sentences = []
    for path in sorted(found.keys() | set(chain(*expected))):
        here = found.get(path, frozenset())
        wanted = frozenset(chain(*(part.get(path, ()) for part in expected)))
        if here != wanted:
            sentences.append(f"{path}: {_some(here - wanted, 'not planned')}{_some(wanted - here, 'missing')}")
    return tuple(sentences)


def coordinate_differences(
    found: Units, structure: Units, planned: Units, template: GroupTemplate, empty: AbstractSet[int] = frozenset()
) -> tuple[str, ...]:
    """One sentence for every coordinate of a group whose changed chunks are not those of its written units.

    A chunk of nothing but the fill value is not stored, so they have to lie within these units; but in each of them
    some epoch is from a file.

    Parameters
    ----------
    structure
        What the structure writes or moves.
    planned
        The write units, as `unit_chunks` gives them.
    empty
        Those of them that hold nothing any more.
    """
    contents = template.contents
    units = {unit for unit, _ in planned.get(f"/{template.receiver}/{contents.variables[0].name}", ())}
    along_epoch = template.grid.unit // template.grid.read_unit
    sentences = []
    for name in _from_files(contents):
        chunks = along_epoch if name in contents.written else 1
        path = f"/{template.receiver}/{name}"
        here, moved = found.get(path, frozenset()), structure.get(path, frozenset())
        outside = frozenset(index for index in here - moved if index[0] // chunks not in units)
        without = units - empty - {index[0] // chunks for index in here} if name == contents.written[0] else set()
        sentences += [
            f"{path}: {_some(outside, 'outside the written units')}" if outside else "",
            f"{path}: {_some(moved - here, 'missing')}" if moved - here else "",
            f"{path}: no chunk in {len(without)} of the written units, e.g. {min(without)}" if without else "",
        ]
    return tuple(filter(None, sentences))


def without_coordinates(units: Units, receivers: Iterable[str]) -> Units:
    """Chunks of all arrays but the coordinates of these groups that come from files."""
    names = {name for contents in CONTENTS.values() for name in _from_files(contents)}
    paths = {f"/{receiver}/{name}" for receiver in receivers for name in names}
    return {path: indices for path, indices in units.items() if path not in paths}


def _from_files(contents: Contents) -> tuple[str, ...]:
    """The coordinates that are written with the data variables."""
    return (*contents.written, *(spec.name for spec in contents.joined))


def _some(indices: frozenset[tuple[int, ...]], what: str) -> str:
    if not indices:
        return ""
    return f" {len(indices)} chunks {what} ({several([str(index) for index in sorted(indices)])})"
