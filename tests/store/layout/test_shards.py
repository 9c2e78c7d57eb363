"""Encoded inner chunks, held against what Zarr wrote."""

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.core.buffer import cpu

from gnssice_batch.errors import StoreError
from gnssice_batch.store.layout.shards import encoded_rows, inner_chunks, shard_of

SHAPE, UNIT, CHUNK = (24, 10), (8, 6), (2, 3)
GIVEN = np.arange(240, dtype="<i4").reshape(SHAPE)
GIVEN[2:4, 3:6] = 0
GIVEN[8:16] = 0


def array(shards):
    made = zarr.create_array(
        {},
        shape=SHAPE,
        dtype="<i4",
        chunks=CHUNK,
        shards=shards,
        fill_value=0,
        compressors=zarr.codecs.ZstdCodec(level=1),
    )
    made[:] = GIVEN
    return made


@pytest.mark.parametrize("shards", [UNIT, None])
@pytest.mark.parametrize("unit", [0, 1, 2])
def test_every_inner_chunk_is_that_of_its_cells(shards, unit):
    rows = encoded_rows(array(shards), unit, UNIT[0])
    assert [len(chunks) for chunks in rows] == [4] * (UNIT[0] // CHUNK[0])
    columns = range(0, len(rows[0]) * CHUNK[1], CHUNK[1])
    for row, chunks in enumerate(rows):
        for column, chunk in zip(columns, chunks, strict=True):
            start = unit * UNIT[0] + row * CHUNK[0]
            wanted = np.zeros(CHUNK, "<i4")
            cells = GIVEN[start : start + CHUNK[0], column : column + CHUNK[1]]
            wanted[:, : cells.shape[1]] = cells
            assert bool(chunk) == bool(wanted.any())
            found = np.frombuffer(numcodecs.Zstd().decode(chunk), "<i4").reshape(CHUNK) if chunk else np.zeros(CHUNK)
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("kept", "said"), [(slice(-20, None), "cut short"), (slice(40, None), "is damaged")])
def test_a_spoiled_shard_is_named(kept, said):
    one = array(UNIT)
    (key,) = [key for key in one.store_path.store._store_dict if key.endswith("c/0/0")]
    raw = one.store_path.store._store_dict[key].to_bytes()
    one.store_path.store._store_dict[key] = cpu.Buffer.from_bytes(raw[kept])
    with pytest.raises(StoreError, match=said):
        encoded_rows(one, 0, UNIT[0])


def test_a_changed_cell_changes_its_inner_chunk_alone():
    one = array(UNIT)
    before = encoded_rows(one, 0, UNIT[0])
    one[5, 7] += 1
    after = encoded_rows(one, 0, UNIT[0])
    different = [
        (row, at) for row, chunks in enumerate(before) for at, chunk in enumerate(chunks) if chunk != after[row][at]
    ]
    assert [row for row, _ in different] == [2]


@pytest.mark.parametrize("chunks", [[b"one", None, b"", b"four"], [None, b"x"], [b""], [b"one"], [None, None]])
def test_inner_chunks_come_back_from_their_shard(chunks):
    shard = shard_of(chunks)
    assert (shard is None) == (set(chunks) == {None})
    found = inner_chunks(shard, len(chunks), "rec/SNR")
    assert [None if chunk is None else bytes(chunk) for chunk in found] == chunks


def test_zarr_reads_a_shard_of_inner_chunks():
    one = array(UNIT)
    (key,) = [key for key in one.store_path.store._store_dict if key.endswith("c/0/0")]
    found = inner_chunks(one.store_path.store._store_dict[key].to_bytes(), 8, "rec/SNR")
    one.store_path.store._store_dict[key] = cpu.Buffer.from_bytes(shard_of(found))
    np.testing.assert_array_equal(one[:], GIVEN)


@pytest.mark.parametrize("at", [-1, -4, -5, -36])
def test_an_index_whose_checksum_is_another_is_told(at):
    spoiled = bytearray(shard_of([b"one", b"two"]))
    spoiled[at] ^= 1
    with pytest.raises(ValueError, match="index of a shard of rec/SNR is damaged"):
        inner_chunks(bytes(spoiled), 2, "rec/SNR")
    with pytest.raises(ValueError, match="is damaged"):
        inner_chunks(bytes(spoiled[-35:]), 2, "rec/SNR")


@pytest.mark.parametrize("size", [0, 4, 35, 36])
def test_a_shard_of_nothing_but_zeros_is_told(size):
    with pytest.raises(ValueError, match="index of a shard of rec/SNR is damaged"):
        inner_chunks(bytes(size), 2, "rec/SNR")


def test_a_shard_of_nothing_but_its_index_has_no_inner_chunk():
    one = array(UNIT)
    (key,) = [key for key in one.store_path.store._store_dict if key.endswith("c/0/0")]
    shard = bytearray(shard_of([b"x", *[None] * 7]))[1:]
    shard[:16] = b"\xff" * 16
    one.store_path.store._store_dict[key] = cpu.Buffer.from_bytes(bytes(shard))
    assert [row[:2] for row in encoded_rows(one, 0, UNIT[0])] == [(b"", b"")] * 4
