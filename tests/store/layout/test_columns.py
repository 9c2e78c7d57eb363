"""Chunks that are written past Zarr are the chunks that Zarr writes."""

import numpy as np
import pytest
import zarr

from gnssice_batch.model.template import EPOCH_COORDINATES
from gnssice_batch.store.layout.codecs import encoding
from gnssice_batch.store.layout.columns import write_column, write_columns

CHUNK, CHUNKS = 24, 40
RNG = np.random.default_rng(1)


def column(spec, algorithm="zstd", length=CHUNK * CHUNKS):
    codecs = encoding(spec.name, spec.dtype, profile="default", level=5, algorithm=algorithm)
    group = zarr.create_group(zarr.storage.MemoryStore())
    return group.create_array(
        spec.name,
        shape=(length,),
        dtype=spec.dtype,
        chunks=(CHUNK,),
        fill_value=spec.fill,
        filters=codecs.filters,
        serializer=codecs.serializer,
        compressors=codecs.compressors,
    )


def content(array):
    """Name to bytes of everything stored, without the times that gzip notes."""
    chunks = {name: value.to_bytes() for name, value in array.store._store_dict.items()}
    return {name: chunk[:4] + chunk[8:] for name, chunk in chunks.items()}


def values(spec):
    cells = RNG.integers(-3, 3, CHUNK * CHUNKS).astype(spec.dtype)
    cells[2 * CHUNK : 5 * CHUNK] = spec.fill
    cells[7 * CHUNK : 9 * CHUNK] = 1
    return cells


@pytest.mark.parametrize("algorithm", ["zstd", "gzip"])
@pytest.mark.parametrize("spec", EPOCH_COORDINATES, ids=lambda spec: spec.name)
class TestWriteColumn:
    def test_stores_the_bytes_that_zarr_stores(self, spec, algorithm):
        cells = values(spec)
        ours, theirs = column(spec, algorithm), column(spec, algorithm)
        write_column(ours, 0, cells)
        theirs[:] = cells
        assert content(ours) == content(theirs)
        assert len(content(ours)) == CHUNKS - 3 + 2

    def test_removes_what_becomes_the_fill_value(self, spec, algorithm):
        cells = values(spec)
        ours = column(spec, algorithm)
        write_column(ours, 0, cells)
        write_column(ours, 10 * CHUNK, np.full(3 * CHUNK, spec.fill, spec.dtype))
        cells[10 * CHUNK : 13 * CHUNK] = spec.fill
        np.testing.assert_array_equal(ours[:], cells)
        assert len(content(ours)) == CHUNKS - 6 + 2

    def test_writes_parts_of_chunks_too(self, spec, algorithm):
        cells = values(spec)
        ours = column(spec, algorithm)
        write_column(ours, 0, cells)
        write_column(ours, 5, cells[100:150])
        cells[5:55] = cells[100:150]
        np.testing.assert_array_equal(ours[:], cells)


def test_fresh_places_need_no_removal():
    spec = next(spec for spec in EPOCH_COORDINATES if spec.name == "rx_clock_offset")
    ours = column(spec)
    write_columns([ours], [(0, [values(spec)])], fresh=True)
    assert len(content(ours)) == CHUNKS - 3 + 2
    np.testing.assert_array_equal(ours[2 * CHUNK : 5 * CHUNK], np.full(3 * CHUNK, np.nan))


def test_several_columns_at_several_places():
    specs = [spec for spec in EPOCH_COORDINATES if spec.name in {"epoch_flag", "source_file"}]
    group = zarr.create_group(zarr.storage.MemoryStore())
    ours = [group.create_array(s.name, shape=(96,), dtype=s.dtype, chunks=(24,), fill_value=s.fill) for s in specs]
    places = {48: np.arange(48), 3: np.arange(5), 24: np.full(24, -1)}
    write_columns(ours, ((start, (cells, cells + 1)) for start, cells in places.items()))
    for number, column in enumerate(ours):
        expected = np.full(96, -1)
        for start, cells in places.items():
            expected[start : start + cells.size] = cells + number
        np.testing.assert_array_equal(column[:], expected)


def test_codecs_that_are_not_known_here_are_left_to_zarr():
    group = zarr.create_group(zarr.storage.MemoryStore())
    ours = group.create_array("x", shape=(48,), dtype="int32", chunks=(24,), compressors=[zarr.codecs.BloscCodec()])
    write_column(ours, 24, np.arange(24))
    np.testing.assert_array_equal(ours[24:], np.arange(24))
