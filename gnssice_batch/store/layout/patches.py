"""Rows of the arrays of a group, exchanged with its store chunk by chunk, all arrays at the same time.

Of a shard the inner chunks that are not written stay the bytes they are. Arrays whose documents say something that
`chunk_codecs` does not know, and chunks that do not decode, are left to Zarr, which tells what is wrong with them.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.store import Store
from zarr.core.buffer import cpu, default_buffer_prototype
from zarr.core.sync import sync

from gnssice_batch.errors import StoreError
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.layout.arrays import array
from gnssice_batch.store.layout.chunk_codecs import ChunkCodec, codec_of
from gnssice_batch.store.layout.damage import UNDECODABLE, cells_of, tells_of_a_chunk, told_of
from gnssice_batch.store.layout.documents import Document, documents
from gnssice_batch.store.layout.shards import inner_chunks, shard_of
from gnssice_batch.store.sending import Sending
from gnssice_batch.store.together import together

type Cells = npt.NDArray[Any]
type Index = tuple[int, ...]
type Chunks = dict[str, bytes | None]
"""By key of a chunk or shard what is stored; None for nothing."""

_MANY_ROWS: Final = 100_000
"""Of all arrays of a call: more than those of a read unit, less than those of a write unit."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the cells of an array are."""

    path: str
    shape: tuple[int, ...]
    codec: ChunkCodec

    @property
    def stored(self) -> tuple[int, ...]:
        """Shape of what is one object: a shard, or a chunk."""
        return self.codec.shard or self.codec.shape

    def key(self, index: Index) -> str:
        return f"{self.path}/c/{'/'.join(map(str, index))}"

    def indices(self, rows: range) -> Iterator[Index]:
        """The objects that rows are in."""
        along = range(rows.start // self.stored[0], -(-rows.stop // self.stored[0]))
        across = (range(-(-size // length)) for size, length in zip(self.shape[1:], self.stored[1:], strict=True))
        return product(along, *across)

    def grid(self) -> tuple[int, ...]:
        """Inner chunks of a shard along each dimension."""
        return tuple(outer // inner for outer, inner in zip(self.stored, self.codec.shape, strict=True))

    def parts(self, index: Index, rows: range) -> Iterator[tuple[int, tuple[slice, ...], tuple[slice, ...]]]:
        """Of the inner chunks of an object in which rows are: number, those cells in the array, and in the chunk."""
        bounds = [(rows.start, rows.stop), *((0, size) for size in self.shape[1:])]
        lengths = zip(index, self.stored, self.codec.shape, bounds, strict=True)
        along = [list(_cuts(at * stored, stored, inner, bound)) for at, stored, inner, bound in lengths]
        grid = self.grid()
        for cuts in product(*along):
            numbers, here, inside = zip(*cuts, strict=True)
            yield int(np.ravel_multi_index(numbers, grid)), here, inside


def _cuts(begin: int, stored: int, inner: int, bound: tuple[int, int]) -> Iterator[tuple[int, slice, slice]]:
    """Of the inner chunks along one dimension of an object that begins there: number, and what of a bound is in each.

    The first slice counts from where the bound begins, the second from where the inner chunk does.
    """
    low, high = max(bound[0], begin), min(bound[1], begin + stored)
    for number in range((low - begin) // inner, -(-(high - begin) // inner)):
        first = begin + number * inner
        cut = max(low, first), min(high, first + inner)
        yield number, slice(cut[0] - bound[0], cut[1] - bound[0]), slice(cut[0] - first, cut[1] - first)


@dataclass(frozen=True, slots=True)
class Patches:
    """Arrays of a group, to read and write whole read units of."""

    group: zarr.Group
    documents: Mapping[str, Document]
    _read: Chunks = field(default_factory=dict)
    """Shards that were read and not written since: their other chunks are needed when they are."""
    _sending: Sending = field(default_factory=Sending, repr=False)

    @classmethod
    def of(cls, group: zarr.Group, names: Iterable[str], optional: Iterable[str] = ()) -> Self:
        """The arrays of these names.

        Raises
        ------
        StoreError
            When one is missing that may not be.
        """
        return cls(group, documents(group, names, optional))

    def read(self, names: Iterable[str], rows: range) -> dict[str, Cells]:
        """Rows of arrays by name, as `read_each` gives them."""
        return self.read_each(dict.fromkeys(names, rows))

    def read_each(self, rows: Mapping[str, range]) -> dict[str, Cells]:
        """Rows of arrays by name; of two dimensions (N, S), signal by signal in memory.

        Raises
        ------
        DamagedError
            When a chunk of theirs is missing or does not decode.
        """
        layouts = {name: self._layout(name) for name in rows}
        known = {name: layout for name, layout in layouts.items() if layout}
        found: dict[str, Cells] = {}
        self.finish()
        try:
            chunks = self._fetched(
                {key for name, one in known.items() for key in map(one.key, one.indices(rows[name]))}
            )
            calls = [partial(_read, layout, rows[name], chunks) for name, layout in known.items()]
            found = dict(zip(known, _all_of(calls, sum(map(len, rows.values()))), strict=True))
        except (StoreError, *UNDECODABLE) as error:
            if not tells_of_a_chunk(_raised(error)):
                raise
        left = [name for name in rows if name not in found]
        by_zarr = together(partial(_read_by_zarr, array(self.group, name), rows[name]) for name in left)
        found |= dict(zip(left, by_zarr, strict=True))
        return {name: found[name] for name in rows}

    def send(self, start: int, arrays: Mapping[str, Cells], *, fresh: bool = False) -> None:
        """Write rows of arrays from a position on, as `write_each` does; chunks go out while the caller goes on.

        What that raises is raised by a later call, by `finish` at the latest.
        """
        self._write({name: (start, cells) for name, cells in arrays.items()}, self._sending.begin, fresh=fresh)

    def finish(self) -> None:
        """Wait until everything is there that was sent."""
        self._sending.finish()

    def write_each(
        self, arrays: Mapping[str, tuple[int, Cells]], *, fresh: bool = False, empties: bool = False
    ) -> None:
        """Write rows of arrays, each from a position on; chunks of nothing but the fill value are not stored.

        Parameters
        ----------
        fresh
            Whether nothing was ever written there: then no chunk is read or removed.
        empties
            Whether chunks of nothing but the fill value are stored all the same.

        Raises
        ------
        DamagedError
            When the other chunks of a shard can't be told.
        """
        self._write(arrays, _at_once, fresh=fresh, empties=empties)

    def _write(
        self,
        arrays: Mapping[str, tuple[int, Cells]],
        begin: Callable[[Callable[[], None]], None],
        *,
        fresh: bool,
        empties: bool = False,
    ) -> None:
        layouts = {name: self._layout(name) for name in arrays}
        known = {name: layout for name, layout in layouts.items() if layout}
        left = [name for name in arrays if name not in known]
        spans = {name: range(start, start + len(cells)) for name, (start, cells) in arrays.items()}
        patched = set() if fresh else {key for name, one in known.items() for key in _patched(one, spans[name])}
        if patched - self._read.keys():
            self.finish()
        try:
            made = self._written(arrays, known, patched, empties=empties)
        except (StoreError, *UNDECODABLE) as error:
            if not tells_of_a_chunk(_raised(error)):
                raise
            made, left = {}, list(arrays)
            self._read.clear()
        if made:
            begin(lambda: _sent(self.group.store, made, fresh=fresh))
        if left:
            self.finish()
        together(partial(_write_by_zarr, array(self.group, name), *arrays[name]) for name in left)

    def _layout(self, name: str) -> _Layout | None:
        document = self.documents.get(name)
        codec = codec_of(document) if document else None
        path = f"{self.group.path}/{name}".removeprefix("/")
        return _Layout(path, tuple(document["shape"]), codec) if document and codec else None

    def _fetched(self, keys: Iterable[str]) -> Chunks:
        """What is stored under keys; shards of other rows are let go."""
        keys = set(keys)
        for key in self._read.keys() - keys:
            del self._read[key]
        missing = sorted(keys - self._read.keys())
        self._read.update(zip(missing, _got(self.group.store, missing), strict=True))
        return self._read

    def _written(
        self,
        arrays: Mapping[str, tuple[int, Cells]],
        known: Mapping[str, _Layout],
        patched: set[str],
        *,
        empties: bool,
    ) -> Chunks:
        """What is to be stored; of objects that are patched, other cells stay."""
        spans = {name: range(start, start + len(cells)) for name, (start, cells) in arrays.items()}
        before = {key: self._read.pop(key) for key in patched & self._read.keys()}
        missing = sorted(patched - before.keys())
        before.update(zip(missing, _got(self.group.store, missing), strict=True))
        calls: dict[str, Callable[[], bytes | None]] = {}
        for name, one in known.items():
            for index in one.indices(spans[name]):
                key = one.key(index)
                calls[key] = partial(_made, one, index, spans[name], arrays[name][1], before.get(key), empties=empties)
                self._read.pop(key, None)
        return dict(zip(calls, _all_of(calls.values(), sum(map(len, spans.values()))), strict=True))


def _all_of[R](calls: Collection[Callable[[], R]], rows: int) -> list[R]:
    """The results of calls that encode or decode; at the same time where there is so much that threads are worth it."""
    return together(calls) if rows > _MANY_ROWS else [call() for call in calls]


def _patched(one: _Layout, rows: range) -> Iterator[str]:
    """The objects of which cells stay that are not among some rows."""
    for index in one.indices(rows):
        first = index[0] * one.stored[0]
        if rows.start > first or rows.stop < min(first + one.stored[0], one.shape[0]):
            yield one.key(index)


def _read(one: _Layout, rows: range, chunks: Chunks) -> Cells:
    cells = np.empty((*one.shape[:0:-1], len(rows)), one.codec.dtype).T
    for index in one.indices(rows):
        inner = _inner(one, chunks[one.key(index)])
        for number, here, inside in one.parts(index, rows):
            chunk = inner[number]
            cells[here] = one.codec.fill if chunk is None else one.codec.decode(chunk)[inside]
    return cells


def _made(
    one: _Layout, index: Index, rows: range, cells: Cells, before: bytes | None, *, empties: bool
) -> bytes | None:
    """What an object is with some rows of it written."""
    inner = _inner(one, before)
    for number, here, inside in one.parts(index, rows):
        block = cells[here]
        if block.shape != one.codec.shape:
            whole = one.codec.decode(inner[number]).copy(order="K")
            whole[inside] = block
            block = whole
        inner[number] = one.codec.encode(block, empties=empties)
    return shard_of(inner) if one.codec.shard else inner[0]


def _inner(one: _Layout, stored: bytes | None) -> list[Any]:
    if one.codec.shard is None:
        return [stored]
    return inner_chunks(stored, int(np.prod(one.grid())), one.path)


@repeatable
def _got(store: Store, keys: Sequence[str]) -> list[bytes | None]:
    return sync(_get(store, keys)) if keys else []


@repeatable
def _sent(store: Store, chunks: Chunks, *, fresh: bool) -> None:
    sync(_put(store, chunks, fresh=fresh))


def _raised(error: Exception) -> Exception:
    """What Icechunk itself has raised, where it was translated."""
    return error.__cause__ if isinstance(error, StoreError) and isinstance(error.__cause__, Exception) else error


def _at_once(call: Callable[[], None]) -> None:
    call()


async def _get(store: Store, keys: Iterable[str]) -> list[bytes | None]:
    prototype = default_buffer_prototype()
    found = await asyncio.gather(*(store.get(key, prototype) for key in keys))
    return [None if buffer is None else buffer.to_bytes() for buffer in found]


async def _put(store: Store, chunks: Chunks, *, fresh: bool) -> None:
    sets = (store.set(key, cpu.Buffer.from_bytes(chunk)) for key, chunk in chunks.items() if chunk is not None)
    deletes = (store.delete(key) for key, chunk in chunks.items() if chunk is None and not fresh)
    ended = await asyncio.gather(*sets, *deletes, return_exceptions=True)
    for error in filter(None, ended):
        raise error


@repeatable
def _read_by_zarr(one: zarr.Array[Any], rows: range) -> Cells:
    return cells_of(one.with_config({"order": "F"}), slice(rows.start, rows.stop))


@repeatable
def _write_by_zarr(one: zarr.Array[Any], start: int, block: Cells) -> None:
    rows = slice(start, start + len(block))
    with told_of(one, rows):
        one[rows] = block
