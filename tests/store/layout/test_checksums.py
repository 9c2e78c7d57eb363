"""Rot on a disk: a flipped bit of a chunk is an error of plain zarr, never another value."""

import random

import icechunk
import numpy as np
import pytest
import zarr

from gnssice_batch.model.template import VARIABLES
from gnssice_batch.store.layout import arrays, codecs
from tests.support.marks import most_heavy
from tests.support.published import GROUP, ingested
from tests.support.runs import repository

ARRAYS = tuple(spec.name for spec in VARIABLES)
SECTIONS = (
    {"encoding": {"profile": "default"}},
    {"encoding": {"profile": "compact"}},
    {"icechunk": {"compression_algorithm": "gzip"}},
)


def values(chosen):
    """Every data variable, by icechunk and zarr alone."""
    handle = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    group = zarr.open_group(handle.readonly_session("main").store, path=GROUP, mode="r")
    return {name: np.asarray(group[name][:]) for name in ARRAYS}


def same(found, wanted):
    return all(np.array_equal(found[name], wanted[name], equal_nan=found[name].dtype.kind == "f") for name in ARRAYS)


@pytest.mark.parametrize("flips", most_heavy([60, 500]))
@pytest.mark.parametrize("sections", SECTIONS)
def test_a_flipped_bit_is_never_read_as_a_value(tmp_path, sections, flips):
    chosen, _ = ingested(tmp_path, **sections)
    chunks = sorted((repository(chosen) / "chunks").iterdir())
    wanted, drawn, noticed = values(chosen), random.Random(1), 0
    assert chunks
    for _ in range(flips):
        path = drawn.choice(chunks)
        whole = path.read_bytes()
        bit = drawn.randrange(8 * len(whole))
        spoiled = bytearray(whole)
        spoiled[bit // 8] ^= 1 << bit % 8
        path.write_bytes(spoiled)
        try:
            found = values(chosen)
        except Exception:  # noqa: BLE001 - any error is better than a wrong value
            noticed += 1
        else:
            assert same(found, wanted), f"bit {bit} of {path.name}"
        path.write_bytes(whole)
    assert noticed > 0.9 * flips


def test_without_checksums_it_would_be(tmp_path, monkeypatch):
    """The test above finds what it looks for."""
    monkeypatch.setattr(codecs, "_compressor", lambda _, level: zarr.codecs.ZstdCodec(level=level))
    arrays._document.cache_clear()
    try:
        with pytest.raises(AssertionError, match="bit"):
            test_a_flipped_bit_is_never_read_as_a_value(tmp_path, SECTIONS[0], 300)
    finally:
        arrays._document.cache_clear()
