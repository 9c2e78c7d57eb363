"""Which chunks of columns are written past Zarr, and that it makes no difference to what is stored."""

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec, ZstdCodec
from zarr.codecs.numcodecs import Delta

from gnssice_batch.store.layout.columns import write_column, write_columns

CHUNK = 240
WALK = np.random.default_rng(3).integers(-2, 3, 8 * CHUNK).cumsum().astype("i8")
KINDS = {
    "as they are": {},
    "compressed little": {"compressors": ZstdCodec(level=1, checksum=False)},
    "compressed much": {"compressors": ZstdCodec(level=19, checksum=True)},
    "by gzip": {"compressors": GzipCodec(level=9)},
    "differences": {"filters": Delta(dtype="<i8"), "compressors": ZstdCodec(level=19, checksum=True)},
}
BY_ZARR = {
    "in shards": {"shards": (4 * CHUNK,)},
    "by another codec": {"compressors": BloscCodec()},
    "by another codec after one that is known": {"compressors": [ZstdCodec(), BloscCodec()]},
    "the highest byte first": {"serializer": BytesCodec(endian="big")},
}


class Kept(zarr.storage.MemoryStore):
    """A store that nothing is removed from: Zarr removes each chunk of nothing but the fill value."""

    async def delete(self, key):
        raise AssertionError(key)


def column(store=None, dtype="i8", **words):
    words = {"chunks": (CHUNK,), "compressors": None, "fill_value": 7, **words}
    store = zarr.storage.MemoryStore() if store is None else store
    return zarr.create_group(store, overwrite=False).create_array("x", shape=(WALK.size,), dtype=dtype, **words)


def content(array):
    """Everything stored by name, without the times that gzip notes."""
    chunks = {name: value.to_bytes() for name, value in array.store._store_dict.items()}
    return {name: one[:4] + one[8:] if one[:2] == b"\x1f\x8b" else one for name, one in chunks.items()}


@pytest.mark.parametrize("words", [*KINDS.values(), *BY_ZARR.values()], ids=[*KINDS, *BY_ZARR])
@pytest.mark.parametrize(
    ("start", "size"),
    [(0, 8 * CHUNK), (3 * CHUNK, 2 * CHUNK), (CHUNK, CHUNK + 10), (5, 2 * CHUNK), (1, CHUNK), (2, CHUNK + 1)],
)
def test_what_is_stored_is_what_zarr_stores(words, start, size):
    ours, theirs = column(**words), column(**words)
    cells = WALK[start : start + size]
    write_column(ours, start, cells)
    theirs[start : start + size] = cells
    assert content(ours) == content(theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_fresh_chunks_of_a_known_kind_are_written_past_zarr(kind):
    ours = column(Kept(), **KINDS[kind])
    cells = WALK[: 4 * CHUNK].copy()
    cells[CHUNK : 2 * CHUNK] = 7
    write_columns([ours], [(2 * CHUNK, [cells])], fresh=True)
    np.testing.assert_array_equal(ours[2 * CHUNK : 6 * CHUNK], cells)
    assert sorted(name for name in content(ours) if "/c/" in name) == ["x/c/2", "x/c/4", "x/c/5"]


def test_values_of_another_type_are_stored_in_the_column_s_own():
    ours, theirs = column(dtype="i4"), column(dtype="i4")
    write_column(ours, CHUNK, WALK[:CHUNK])
    theirs[CHUNK : 2 * CHUNK] = WALK[:CHUNK]
    assert content(ours) == content(theirs)


def test_chunks_that_are_the_same_are_stored_each():
    ours = column(compressors=ZstdCodec())
    same = np.tile(WALK[:CHUNK], 3)
    write_column(ours, CHUNK, same)
    np.testing.assert_array_equal(ours[:], [7] * CHUNK + same.tolist() + [7] * 4 * CHUNK)
