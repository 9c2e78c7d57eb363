"""Short arrays decoded from their chunks, held against what Zarr reads."""

import icechunk
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec, ZstdCodec
from zarr.core.buffer import cpu
from zarr.core.sync import sync

from gnssice_batch.errors import StoreError
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.store.layout import short_arrays as module
from gnssice_batch.store.layout.documents import documents
from gnssice_batch.store.layout.short_arrays import number_cells, short_arrays

CHUNK = 4
ZSTD = ZstdCodec(level=5, checksum=True)


@pytest.fixture
def group(tmp_path):
    stored = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "store")))
    return zarr.create_group(stored.writable_session("main").store, path="rec")


@pytest.fixture
def past_zarr(monkeypatch):
    """Refuse to let Zarr read."""

    def refused(*_arguments):
        pytest.fail("read by Zarr")

    monkeypatch.setattr(module, "cells_of", refused)


def made(group, values, dtype, **words):
    words = {"compressors": (ZSTD,), "chunks": (CHUNK,), "fill_value": "" if dtype == "str" else -128} | words
    one = group.create_array("one", shape=(len(values),), dtype=dtype, **words)
    if len(values):
        one[:] = np.array(values, np.dtypes.StringDType() if dtype == "str" else dtype)
    return one


def read(group, rows=slice(None)):
    return short_arrays(group, documents(group, ["one"]), rows)["one"]


@pytest.mark.parametrize("length", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK])
@pytest.mark.parametrize("rows", [slice(None), slice(0, 2), slice(3, 6), slice(5, 100), slice(100, 200)])
@pytest.mark.parametrize(("dtype", "of"), [("str", "ä{} |\n".format), ("int8", int)])
@pytest.mark.usefixtures("past_zarr")
def test_cells_are_those_that_zarr_reads(group, length, rows, dtype, of):
    one = made(group, [of(number) for number in range(length)], dtype)
    assert read(group, rows) == one[rows].tolist()


@pytest.mark.usefixtures("past_zarr")
def test_what_was_never_written_is_the_fill_value(group):
    one = made(group, [], "int8")
    one.resize((6,))
    one[4] = 3
    assert read(group) == [-128, -128, -128, -128, 3, -128]


@pytest.mark.parametrize(
    "words",
    [
        {"compressors": (GzipCodec(),)},
        {"compressors": ()},
        {"dtype": "<i4"},
        {"dtype": "<i4", "serializer": BytesCodec(endian="big")},
        {"shards": (3 * CHUNK,)},
    ],
)
def test_what_is_stored_otherwise_is_read_by_zarr(group, words):
    made(group, range(9), **{"dtype": "int8"} | words)
    assert read(group) == list(range(9))


@pytest.mark.parametrize("content", [b"", b"nothing that was ever compressed", ZSTD])
def test_a_chunk_that_does_not_decode_is_told(content):
    group = zarr.create_group(zarr.storage.MemoryStore(), path="rec")
    made(group, range(9), "int8")
    chunks = group.store._store_dict
    whole = chunks["rec/one/c/1"].to_bytes()
    chunks["rec/one/c/1"] = type(chunks["rec/one/c/1"]).from_bytes(whole[:-3] if content is ZSTD else content)
    with pytest.raises(DamagedError, match="one"):
        read(group)


@pytest.mark.parametrize("length", [1, CHUNK, 3 * CHUNK + 1])
@pytest.mark.parametrize("dtype", ["int8", "int32"])
@pytest.mark.usefixtures("past_zarr")
def test_parts_of_numbers_are_those_that_zarr_reads(group, length, dtype):
    one = made(group, list(range(length)), dtype)
    ends = [(0, length), (0, 1), (length // 2, length), (length - 1, length), (0, 0)]
    found = number_cells(group, "one", [range(first, end) for first, end in ends])
    assert [part.tolist() for part in found] == [one[first:end].tolist() for first, end in ends]
    assert {part.dtype for part in found} == {one.dtype}


@pytest.mark.parametrize(
    "words",
    [
        {"compressors": (ZSTD, GzipCodec()), "shards": (2 * CHUNK,)},
        {"compressors": (BloscCodec(),)},
        {"dtype": "<i4", "serializer": BytesCodec(endian="big")},
    ],
)
def test_numbers_that_only_zarr_can_read(group, words):
    one = made(group, list(range(9)), **{"dtype": "int8"} | words)
    (found,) = number_cells(group, "one", [range(3, 9)])
    assert found.tolist() == one[3:9].tolist()


def test_numbers_of_a_damaged_chunk(group):
    made(group, list(range(9)), "int8")
    sync(group.store.set("rec/one/c/1", cpu.Buffer.from_bytes(b"no chunk")))
    assert number_cells(group, "one", [range(CHUNK)])[0].tolist() == [0, 1, 2, 3]
    with pytest.raises(DamagedError):
        number_cells(group, "one", [range(CHUNK), range(CHUNK, 9)])


def test_numbers_of_no_array(group):
    with pytest.raises(StoreError, match="no array 'two'"):
        number_cells(group, "two", [range(1)])


def test_an_array_of_two_dimensions_is_read_by_zarr(group):
    one = group.create_array("one", shape=(5, 3), chunks=(2, 2), dtype="int8", fill_value=-1, compressors=(ZSTD,))
    one[:] = np.arange(15).reshape(5, 3)
    assert read(group, slice(1, 4)) == [[3, 4, 5], [6, 7, 8], [9, 10, 11]]
    (found,) = number_cells(group, "one", [range(3, 5)])
    assert found.tolist() == [[9, 10, 11], [12, 13, 14]]
