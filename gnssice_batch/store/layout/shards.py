"""The inner chunks of stored arrays as they are encoded, to tell without decoding which of them are the same."""

from collections.abc import Sequence
from typing import Any, Final

import google_crc32c
import numpy as np
import zarr
from zarr.core.sync import sync

from gnssice_batch.errors import StoreError
from gnssice_batch.store.layout.damage import told_of

_ENTRY_BYTES: Final = 16
"""Offset and length of an inner chunk, 64 bits each."""
_CHECKSUM_BYTES: Final = 4
_ABSENT: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def encoded_rows(one: zarr.Array[Any], unit: int, unit_length: int) -> list[tuple[bytes, ...]]:
    """The inner chunks of one unit along the first dimension, by their place along it; absent ones are empty.

    Shards have their index at the end: offset and length of every inner chunk in C order, then its CRC32C ("Sharding
    codec", Zarr v3). Arrays without shards have chunks of their own in a unit.

    Parameters
    ----------
    unit
        Number of the unit.
    unit_length
        Its cells along the first dimension: the length of a shard, or of several chunks.
    """
    across = tuple(
        -(-size // length) for size, length in zip(one.shape[1:], (one.shards or one.chunks)[1:], strict=True)
    )
    rows = unit_length // one.chunks[0]
    if one.shards is None:
        return [tuple(_stored(one, (unit * rows + row, *at)) for at in np.ndindex(*across)) for row in range(rows)]
    columns = [_inner_chunks(_stored(one, (unit, *at)), one) for at in np.ndindex(*across)]
    per_row = len(columns[0]) // rows
    return [
        tuple(chunk for column in columns for chunk in column[row * per_row : (row + 1) * per_row])
        for row in range(rows)
    ]


def _stored(one: zarr.Array[Any], index: tuple[int, ...]) -> bytes:
    length = (one.shards or one.chunks)[0]
    with told_of(one, slice(index[0] * length, (index[0] + 1) * length)):
        found = sync((one.store_path / one.metadata.encode_chunk_key(index)).get())
    return found.to_bytes() if found else b""


def inner_chunks(shard: bytes | None, count: int, path: str) -> list[memoryview | bytes | None]:
    """Every inner chunk of a shard in C order, as it is encoded; None for one that is not stored.

    Parameters
    ----------
    count
        How many there are.
    path
        Of the array.

    Raises
    ------
    ValueError
        When the shard is too short to have an index, or that is damaged.
    """
    if shard is None:
        return [None] * count
    begin = len(shard) - count * _ENTRY_BYTES - _CHECKSUM_BYTES
    whole = memoryview(shard)
    if begin < 0 or google_crc32c.value(shard[begin:-_CHECKSUM_BYTES]) != int.from_bytes(
        shard[-_CHECKSUM_BYTES:], "little"
    ):
        msg = f"the index of a shard of {path} is damaged"
        raise ValueError(msg)
    index = np.frombuffer(shard, "<u8", 2 * count, begin).reshape(-1, 2).tolist()
    return [None if offset == _ABSENT else whole[offset : offset + length] for offset, length in index]


def shard_of(chunks: Sequence[memoryview | bytes | None]) -> bytes | None:
    """The shard of inner chunks in C order; None where none is stored."""
    if all(chunk is None for chunk in chunks):
        return None
    index, offset = np.full((len(chunks), 2), _ABSENT), 0
    for number, chunk in enumerate(chunks):
        if chunk is not None:
            index[number] = offset, len(chunk)
            offset += len(chunk)
    entries = index.astype("<u8").tobytes()
    checksum = google_crc32c.value(entries).to_bytes(_CHECKSUM_BYTES, "little")
    return b"".join((*(chunk for chunk in chunks if chunk is not None), entries, checksum))


def _inner_chunks(shard: bytes, one: zarr.Array[Any]) -> list[bytes]:
    """Every inner chunk of a shard in C order; absent ones are empty.

    Raises
    ------
    StoreError
        When the shard is too short to have an index, or that is damaged.
    """
    lengths = zip(one.shards or (), one.chunks, strict=True)
    count = int(np.prod([outer // inner for outer, inner in lengths]))
    if not shard:
        return [b""] * count
    begin = len(shard) - count * _ENTRY_BYTES - _CHECKSUM_BYTES
    if begin < 0:
        msg = f"a shard of {one.path} is cut short: it has {len(shard)} bytes"
        raise StoreError(msg)
    index = np.frombuffer(shard, "<u8", 2 * count, begin).reshape(-1, 2)
    places = [(int(offset), int(length)) if offset != _ABSENT else (0, 0) for offset, length in index]
    if any(offset + length > begin for offset, length in places):
        msg = f"the index of a shard of {one.path} is damaged"
        raise StoreError(msg)
    return [shard[offset : offset + length] for offset, length in places]
