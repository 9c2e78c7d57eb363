"""Chunks that are not the same in two versions of a group, counted without reading any."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Final, Self

import icechunk
from zarr.core.sync import sync

type Index = tuple[int, ...]

_ONE_BY_ONE: Final = 256
"""So many chunks of an array are asked for their sizes each; of more the array's chunks are listed."""
_AT_ONCE: Final = 1024


@dataclass(frozen=True, slots=True)
class Change:
    """How many of something a version has more, others, or less than an earlier one."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __add__(self, other: "Change") -> "Change":
        return Change(self.added + other.added, self.changed + other.changed, self.removed + other.removed)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


NOTHING: Final = Change()


@dataclass(frozen=True, slots=True)
class ChunkChange:
    """The chunks of some arrays, earlier and later."""

    chunks: Change = NOTHING
    size_bytes: Change = NOTHING
    """Of these chunks; of the changed ones, later."""
    changed_before: int = 0
    """Size of the changed ones, earlier."""
    moved: int = 0
    """Chunks that only have another place, because the axis begins elsewhere."""

    def __add__(self, other: "ChunkChange") -> "ChunkChange":
        return ChunkChange(
            self.chunks + other.chunks,
            self.size_bytes + other.size_bytes,
            self.changed_before + other.changed_before,
            self.moved + other.moved,
        )

    def reversed(self) -> Self:
        """The same, seen from the later version."""
        chunks, size = self.chunks, self.size_bytes
        return type(self)(
            Change(chunks.removed, chunks.changed, chunks.added),
            Change(size.removed, self.changed_before, size.added),
            size.changed,
            self.moved,
        )


@dataclass(frozen=True, slots=True)
class Shift:
    """How the chunks of an array have moved from the earlier version to the later one."""

    by: Index
    """What is added to the index of a chunk."""
    written: Callable[[Index], bool]
    """Whether the chunk with such an index in the later version was also written."""


def array_change(
    before: icechunk.Session,
    after: icechunk.Session,
    path: str,
    listed: Iterable[Index],
    shift: Shift | None = None,
) -> ChunkChange:
    """The chunks of an array of both versions that are not the same in them.

    Parameters
    ----------
    listed
        Chunks that Icechunk says were changed in between, by their index in any of the two.
    shift
        None where the array has not moved.
    """
    candidates = {tuple(index) for index in listed}
    if shift:
        candidates |= {_plus(index, shift.by) for index in candidates}
        candidates |= {_plus(index, shift.by) for index in _listed(before, path)}
    places = {index: _plus(index, shift.by, -1) if shift else index for index in candidates}
    if len(candidates) <= _ONE_BY_ONE:
        return _few(before, after, path, places, shift)
    return _many(before, after, path, places, shift)


def all_added(session: icechunk.Session, paths: Iterable[str]) -> ChunkChange:
    """All chunks of arrays that only the later version has, or has anew."""

    async def found() -> list[tuple[int, int]]:
        both = (asyncio.gather(_count(session, path), _weight(session, path)) for path in paths)
        return [(number, size) for number, size in await asyncio.gather(*both)]

    counted = sync(found())
    return ChunkChange(Change(sum(number for number, _ in counted)), Change(sum(size for _, size in counted)))


def _few(
    before: icechunk.Session, after: icechunk.Session, path: str, places: dict[Index, Index], shift: Shift | None
) -> ChunkChange:
    old = _sizes(before, path, places.values())
    new = _sizes(after, path, places)
    found = ChunkChange()
    for index, earlier, later in zip(places, old, new, strict=True):
        if shift and earlier == later > 0 and not shift.written(index):
            found += ChunkChange(moved=int(any(shift.by)))
        else:
            found += _one(earlier, later)
    return found


def _one(earlier: int, later: int) -> ChunkChange:
    if earlier and later:
        return ChunkChange(Change(changed=1), Change(changed=later), earlier)
    return ChunkChange(Change(added=int(later > 0), removed=int(earlier > 0)), Change(added=later, removed=earlier))


def _many(
    before: icechunk.Session, after: icechunk.Session, path: str, places: dict[Index, Index], shift: Shift | None
) -> ChunkChange:
    """Likewise; what was added is weighed together, as what the array has become heavier beside all else."""
    was, now = _listed(before, path), _listed(after, path)
    both = [index for index, earlier in places.items() if index in now and earlier in was]
    added = [index for index, earlier in places.items() if index in now and earlier not in was]
    removed = [earlier for index, earlier in places.items() if index not in now and earlier in was]
    changed = [index for index in both if not shift or shift.written(index)]
    changed_before = sum(_sizes(before, path, [places[index] for index in changed]))
    changed_after, removed_bytes = sum(_sizes(after, path, changed)), sum(_sizes(before, path, removed))
    heavier = _total(after, path) - _total(before, path)
    added_bytes = heavier - changed_after + changed_before + removed_bytes
    if shift and added_bytes != sum(_sizes(after, path, added)):
        return _few(before, after, path, places, shift)
    return ChunkChange(
        Change(len(added), len(changed), len(removed)),
        Change(added_bytes if added else 0, changed_after, removed_bytes),
        changed_before,
        len(both) - len(changed) if shift and any(shift.by) else 0,
    )


def _plus(index: Index, by: Index, times: int = 1) -> Index:
    return tuple(one + times * other for one, other in zip(index, by, strict=True))


def _listed(session: icechunk.Session, path: str) -> frozenset[Index]:
    async def found() -> frozenset[Index]:
        return frozenset([tuple(index) async for index in session.chunk_coordinates(path)])

    return sync(found())


async def _count(session: icechunk.Session, path: str) -> int:
    number = 0
    async for _ in session.chunk_coordinates(path, _AT_ONCE):
        number += 1
    return number


def _total(session: icechunk.Session, path: str) -> int:
    return sync(_weight(session, path))


async def _weight(session: icechunk.Session, path: str) -> int:
    """The size of all chunks of an array together."""
    name, store = path.lstrip("/"), session.store
    return int(await store.getsize_prefix(name) - await store.getsize(f"{name}/zarr.json"))


def _sizes(session: icechunk.Session, path: str, indices: Collection[Index]) -> list[int]:
    """Sizes of chunks, 0 of those that are not there."""

    async def found(part: Sequence[Index]) -> list[int]:
        return await asyncio.gather(*(_size(session, path, index) for index in part))

    return [size for part in batched(indices, _AT_ONCE) for size in sync(found(part))]


async def _size(session: icechunk.Session, path: str, index: Index) -> int:
    if any(place < 0 for place in index):
        return 0
    return int(await session.store.getsize("/".join([path.lstrip("/"), "c", *map(str, index)])))
