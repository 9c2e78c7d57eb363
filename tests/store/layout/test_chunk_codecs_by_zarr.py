"""Chunks held against those that Zarr stores, and documents that are left to Zarr."""

import numpy as np
import pytest
import zarr
from zarr.codecs import BytesCodec, GzipCodec, TransposeCodec, ZstdCodec
from zarr.codecs.numcodecs import Delta

from gnssice_batch.store.layout.chunk_codecs import codec_of
from gnssice_batch.store.layout.documents import documents

ZSTD = ZstdCodec(level=19, checksum=True)
TURNED = TransposeCodec(order=(1, 0))
WALK = np.random.default_rng(5).integers(-2, 3, 4096).cumsum()
TABLE = WALK.reshape(32, 128).astype("f8")
TEXTS = np.array(["G01|L1|C", "", "µ"], object)
TIMES = WALK.astype("M8[ns]")
KINDS = {
    "numbers of one byte": (WALK.astype("i1"), {"fill_value": -1}),
    "as they are": (WALK.astype("f4"), {"fill_value": np.nan}),
    "compressed": (WALK.astype("i4"), {"compressors": ZSTD}),
    "without a checksum": (WALK.astype("i2"), {"compressors": ZstdCodec(level=1, checksum=False)}),
    "by gzip": (WALK.astype("i8"), {"compressors": GzipCodec(level=9)}),
    "differences": (WALK.astype("i8"), {"filters": Delta(dtype="<i8"), "compressors": ZSTD}),
    "texts": (TEXTS, {"fill_value": "?", "compressors": ZSTD}),
    "times": (TIMES, {"fill_value": np.datetime64("NaT", "ns"), "compressors": ZSTD}),
    "a table": (TABLE, {"compressors": ZSTD}),
    "a table signal by signal": (TABLE, {"filters": TURNED, "compressors": ZSTD}),
}


def made(cells, **words):
    """An array of one chunk that Zarr has made, and its document."""
    group = zarr.create_group(zarr.storage.MemoryStore())
    words = {"chunks": cells.shape, "compressors": None, **words}
    dtype = str if cells.dtype == object else cells.dtype
    one = group.create_array("x", shape=cells.shape, dtype=dtype, **words)
    return one, documents(group, ["x"])["x"]


def stored(one, cells):
    """What Zarr stores of the first chunk, without the time that gzip notes."""
    one[:] = cells
    chunk = one.store._store_dict["x/c/" + "/".join("0" * cells.ndim)].to_bytes()
    return chunk, untimed(chunk)


def untimed(chunk):
    return chunk[:4] + chunk[8:] if chunk[:2] == b"\x1f\x8b" else chunk


@pytest.mark.parametrize("kind", KINDS)
def test_a_chunk_is_what_zarr_stores(kind):
    cells, words = KINDS[kind]
    one, document = made(cells, **words)
    codec = codec_of(document)
    chunk, its = stored(one, cells)
    assert (codec.shape, codec.shard) == (cells.shape, None)
    assert untimed(codec.encode(cells)) == its
    found = codec.decode(chunk)
    assert found.dtype == cells.dtype
    np.testing.assert_array_equal(found, cells)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_stored_is_what_zarr_gives_for_it(kind):
    cells, words = KINDS[kind]
    cells = cells[:3, :2] if cells.ndim == 2 else cells[:3]
    one, document = made(cells, **words)
    codec = codec_of(document)
    for empty in (codec.empty(), codec.decode(None)):
        assert empty.shape == cells.shape
        np.testing.assert_array_equal(empty, one[:])
        assert codec.is_empty(empty)
        assert codec.encode(empty) is None


def test_the_inner_chunks_of_a_shard_are_read_as_zarr_stores_them():
    cells = TABLE[:, :16]
    one, document = made(cells, chunks=(32, 8), shards=(32, 16), filters=TURNED, compressors=ZSTD)
    codec = codec_of(document)
    assert (codec.shape, codec.shard) == ((32, 8), (32, 16))
    shard, _ = stored(one, cells)
    assert shard.startswith(codec.encode(cells[:, :8]) + codec.encode(cells[:, 8:]))


@pytest.mark.parametrize(("fill", "other"), [(5.0, 0.0), (0.0, 5.0), (0, 5), (5, 0)])
def test_only_chunks_of_nothing_but_the_fill_value_are_empty(fill, other):
    dtype = np.asarray(fill).dtype
    _, document = made(np.zeros(4, dtype), fill_value=fill)
    codec = codec_of(document)
    assert codec.is_empty(np.full(4, fill, dtype))
    assert not codec.is_empty(np.full(4, other, dtype))
    assert not codec.is_empty(np.array([fill, fill, fill, other], dtype))


def test_a_table_that_is_stored_signal_by_signal_lies_so_in_memory():
    _, document = made(TABLE, filters=TURNED)
    codec = codec_of(document)
    assert codec.empty().flags.f_contiguous
    assert codec.decode(codec.encode(TABLE)).flags.f_contiguous
    _, plain = made(TABLE)
    assert codec_of(plain).empty().flags.c_contiguous
    assert codec_of(plain).decode(codec_of(plain).encode(TABLE)).flags.c_contiguous


def test_numbers_of_a_chunk_lie_with_their_lowest_byte_first():
    _, document = made(np.zeros(2, "i4"))
    assert codec_of(document).encode(np.array([1, 2], ">i4")) == b"\x01\0\0\0\x02\0\0\0"
    document["codecs"] = [{"name": "bytes"}]
    assert codec_of(document).encode(np.array([1, 2])) == b"\x01\0\0\0\x02\0\0\0"


def test_bytes_that_are_no_such_chunk_are_refused():
    for words in ({"compressors": ZSTD}, {"compressors": GzipCodec()}, {}):
        _, document = made(np.zeros(4, "i8"), **words)
        with pytest.raises((ValueError, RuntimeError, OSError)):
            codec_of(document).decode(b"no chunk of it is so long, not of eight numbers")


SHARDED = {"chunks": (32, 8), "shards": (64, 64), "filters": TURNED}
START = {**SHARDED, "shards": {"shape": (64, 64), "index_location": "start"}}
V2_KEYS = {"name": "v2", "separator": "."}
LEFT_TO_ZARR = {
    "unsigned numbers": (np.zeros(2, "u2"), {}),
    "complex numbers": (np.zeros(2, "c8"), {}),
    "truths": (np.zeros(2, "?"), {}),
    "the highest byte first": (np.zeros(2, "i4"), {"serializer": BytesCodec(endian="big")}),
    "another compression": (np.zeros(2, "i4"), {"compressors": zarr.codecs.BloscCodec()}),
    "another order": (np.zeros((2, 2, 2), "i4"), {"filters": TransposeCodec(order=(2, 0, 1))}),
    "an order that changes nothing": (np.zeros((2, 2), "i4"), {"filters": TransposeCodec(order=(0, 1))}),
    "seconds": (np.zeros(2, "M8[s]"), {}),
    "spans of time": (np.zeros(2, "m8[ns]"), {}),
    "keys as in format 2": (np.zeros(2, "i4"), {"chunk_key_encoding": V2_KEYS}),
    "keys with dots": (np.zeros(2, "i4"), {"chunk_key_encoding": {"name": "default", "separator": "."}}),
    "an index before its chunks": (TABLE, START),
}


@pytest.mark.parametrize("kind", LEFT_TO_ZARR)
def test_what_is_not_known_here_is_left_to_zarr(kind):
    cells, words = LEFT_TO_ZARR[kind]
    assert codec_of(made(cells, **words)[1]) is None


def changed(document, *way, to):
    """The document with another value at one place."""
    if not way:
        return to
    first, *rest = way
    copied = list(document) if isinstance(document, list) else dict(document)
    copied[first] = changed(copied.get(first) if isinstance(copied, dict) else copied[first], *rest, to=to)
    return copied


NUMBERS = made(WALK.astype("i4"), compressors=ZSTD)[1]
WORDS = made(TEXTS)[1]
SHARDS = made(TABLE, **SHARDED)[1]
MOMENTS = made(TIMES)[1]
RAW = [{"name": "bytes", "configuration": {"endian": "little"}}]
CHANGES = {
    "transformed": changed(NUMBERS, "storage_transformers", to=[{"name": "mirror"}]),
    "chunks of many lengths": changed(NUMBERS, "chunk_grid", "name", to="rectilinear"),
    "numbers as texts": changed(NUMBERS, "codecs", to=[{"name": "vlen-utf8"}]),
    "texts as numbers": changed(WORDS, "codecs", to=RAW),
    "shards of shards": changed(SHARDS, "codecs", to=[*SHARDS["codecs"], {"name": "crc32c"}]),
    "an index without a checksum": changed(SHARDS, "codecs", 0, "configuration", "index_codecs", to=RAW),
    "another kind of time": changed(MOMENTS, "data_type", "name", to="numpy.timedelta64"),
    "tens of nanoseconds": changed(MOMENTS, "data_type", "configuration", "scale_factor", to=10),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_document_with_one_unknown_word_is_left_to_zarr(change):
    for document in (NUMBERS, WORDS, SHARDS, MOMENTS):
        assert codec_of(document) is not None
    assert codec_of(CHANGES[change]) is None


def test_names_sizes_and_attributes_of_an_array_say_nothing_of_its_chunks():
    named = {**NUMBERS, "attributes": {"units": "m"}, "dimension_names": ["epoch"], "shape": [1]}
    assert codec_of(named) == codec_of(NUMBERS)
    without = {name: value for name, value in NUMBERS.items() if name != "storage_transformers"}
    assert codec_of(without).shape == (4096,)
