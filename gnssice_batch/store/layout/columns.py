"""Whole chunks of one-dimensional arrays, written as Zarr would but faster.

A run has hundreds of thousands of chunks along epoch, a few kilobytes each that compress to a few bytes. They are
encoded here in a loop, by the codecs that the array's metadata names, and set many at a time.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, cast

import numcodecs
import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.codec import Codec
from zarr.abc.store import Store
from zarr.codecs import BytesCodec, GzipCodec, ZstdCodec
from zarr.codecs.numcodecs import Delta
from zarr.core.buffer import Buffer, cpu
from zarr.core.metadata import ArrayV3Metadata
from zarr.core.sync import sync

type Step = Callable[[Any], Any]
type Row = tuple[int, Sequence[npt.NDArray[Any]]]
"""Where values begin, and those of each column."""
type Chunk = tuple[str, Buffer | None]
"""Key of a chunk and its bytes as stored; None for nothing but the fill value."""

_AT_ONCE = 16
_ENCODED_AHEAD = 4096


def write_column(column: zarr.Array[Any], start: int, values: npt.NDArray[Any]) -> None:
    """Write values from a position on, as ``column[start:] = values`` does.

    Parameters
    ----------
    column
        Array of one dimension.
    start
        Where they go; that and their number are best multiples of the chunk's length.
    """
    write_columns([column], [(start, [values])])


def write_columns(columns: Sequence[zarr.Array[Any]], rows: Iterable[Row], *, fresh: bool = False) -> None:
    """Write values of several columns at many places, as `write_column` does, each row made when its turn comes.

    Parameters
    ----------
    columns
        Arrays of one dimension, of one store.
    rows
        What goes where; no two may share a chunk.
    fresh
        Whether nothing was ever written there: chunks of nothing but the fill value then need no removal.
    """
    encoders = [_Encoder.of(column) for column in columns]
    left: list[tuple[zarr.Array[Any], int, npt.NDArray[Any]]] = []

    def chunks() -> Iterator[Chunk]:
        for start, values in rows:
            for column, encoder, cells in zip(columns, encoders, values, strict=True):
                if encoder and start % encoder.length == 0 and cells.size % encoder.length == 0:
                    yield from encoder.chunks(start, cells)
                else:
                    left.append((column, start, cells))

    sync(_put_all(columns[0].store_path.store, (chunk for chunk in chunks() if chunk[1] or not fresh)))
    for column, start, cells in left:
        column[start : start + cells.size] = cells


@dataclass(slots=True)
class _Encoder:
    """Makes chunks of one column; one that equals the last is not encoded again."""

    path: str
    dtype: np.dtype[Any]
    length: int
    steps: Sequence[Step]
    empty: bytes
    raw: bytes = b""
    chunk: Buffer | None = None

    @staticmethod
    def of(column: zarr.Array[Any]) -> "_Encoder | None":
        """The encoder of a column; None where only Zarr can write it."""
        codecs = cast("ArrayV3Metadata", column.metadata).inner_codecs
        steps = [step for codec in codecs if (step := _step(codec))]
        if len(steps) < len(codecs) or column.shards is not None:
            return None
        empty = np.full(column.chunks, column.fill_value, column.dtype).tobytes()
        return _Encoder(f"{column.store_path.path}/c", column.dtype, column.chunks[0], steps, empty)

    def chunks(self, start: int, cells: npt.NDArray[Any]) -> Iterator[Chunk]:
        """The chunks of values that begin and end with one."""
        blocks = np.asarray(cells, self.dtype).reshape(-1, self.length)
        for index, block in enumerate(blocks, start // self.length):
            raw = block.tobytes()
            if raw != self.raw:
                self.raw = raw
                self.chunk = None if raw == self.empty else cpu.Buffer.from_bytes(_through(block, self.steps))
            yield f"{self.path}/{index}", self.chunk


async def _put_all(store: Store, chunks: Iterator[Chunk]) -> None:
    """Put all chunks, several at a time; encoding them is not mixed with that, or the store's threads wait for it."""
    for some in batched(chunks, _ENCODED_AHEAD):
        left = iter(some)
        await asyncio.gather(*(_put(store, left) for _ in range(_AT_ONCE)))


async def _put(store: Store, chunks: Iterator[Chunk]) -> None:
    """Set the chunks that are left, and remove those that hold nothing but the fill value."""
    for name, chunk in chunks:
        await (store.set(name, chunk) if chunk else store.delete(name))


def _through(block: npt.NDArray[Any], steps: Sequence[Step]) -> bytes:
    encoded: Any = block
    for step in steps:
        encoded = step(encoded)
    return bytes(encoded)


def _step(codec: Codec) -> Step | None:
    """What a codec does to a chunk; None for one that is not known here."""
    match codec:
        case BytesCodec() if codec.endian in {None, "little"}:
            return _little_endian
        case ZstdCodec(level=level, checksum=checksum):
            return _encoder(numcodecs.Zstd(level=level, checksum=checksum))
        case GzipCodec(level=level):
            return _encoder(numcodecs.GZip(level=level))
        case Delta():
            return _encoder(numcodecs.get_codec({**codec.codec_config, "id": "delta"}))
        case _:
            return None


def _encoder(codec: Any) -> Step:
    encode: Step = codec.encode
    return encode


def _little_endian(block: npt.NDArray[Any]) -> bytes:
    return np.asarray(block, block.dtype.newbyteorder("<")).tobytes()
