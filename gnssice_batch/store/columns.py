"""Whole chunks of one-dimensional arrays: what Zarr would write, without its half a millisecond for each.

A run has hundreds of thousands of chunks along epoch, a few kilobytes each that compress to a few bytes. They are
encoded here in a loop, by the codecs that the array's metadata names, and set many at a time.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numcodecs
import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.codec import Codec
from zarr.abc.store import Store
from zarr.codecs import BytesCodec, GzipCodec, ZstdCodec
from zarr.codecs.numcodecs import Delta
from zarr.core.buffer import cpu
from zarr.core.metadata import ArrayV3Metadata
from zarr.core.sync import sync

type Step = Callable[[Any], Any]

_AT_ONCE = 16


def write_column(column: zarr.Array[Any], start: int, values: npt.NDArray[Any], *, fresh: bool = False) -> None:
    """Write values from a position on, as ``column[start:] = values`` does.

    Parameters
    ----------
    column
        Array of one dimension without shards.
    start
        Where they go; that and their number are best multiples of the chunk's length.
    fresh
        Whether nothing was ever written there: chunks of nothing but the fill value then need no removal.
    """
    length = column.chunks[0]
    steps = [_step(codec) for codec in cast("ArrayV3Metadata", column.metadata).inner_codecs]
    if None in steps or start % length or values.size % length or column.shards is not None:
        column[start : start + values.size] = values
        return
    blocks = values.astype(column.dtype, copy=False).reshape(-1, length)
    chunks = _encoded(blocks, column.fill_value, [step for step in steps if step])
    path = f"{column.store_path.path}/c"
    named = ((f"{path}/{index}", chunk) for index, chunk in enumerate(chunks, start // length) if chunk or not fresh)
    sync(_put_all(column.store_path.store, named))


async def _put_all(store: Store, chunks: Iterator[tuple[str, bytes | None]]) -> None:
    """Put all chunks, several at a time."""
    await asyncio.gather(*(_put(store, chunks) for _ in range(_AT_ONCE)))


async def _put(store: Store, chunks: Iterator[tuple[str, bytes | None]]) -> None:
    """Set the chunks that are left, and remove those that hold nothing but the fill value."""
    for name, chunk in chunks:
        await (store.set(name, cpu.Buffer.from_bytes(chunk)) if chunk else store.delete(name))


def _encoded(blocks: npt.NDArray[Any], fill: Any, steps: Sequence[Step]) -> Iterator[bytes | None]:
    """Chunks as they are stored, None for nothing but the fill value; one that equals the last is not encoded again."""
    empty = np.full(blocks.shape[1], fill, blocks.dtype).tobytes()
    last: tuple[bytes, bytes] | None = None
    for block in blocks:
        raw = block.tobytes()
        if raw == empty:
            yield None
            continue
        if last is None or last[0] != raw:
            last = raw, _through(block, steps)
        yield last[1]


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
    return block.astype(block.dtype.newbyteorder("<"), copy=False).tobytes()
