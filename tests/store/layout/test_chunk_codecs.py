"""Which arrays are written past Zarr, that their chunks come back, and that none is without a checksum."""

from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.model.template import EPOCH_COORDINATES, JOINED, SID_COORDINATES, VARIABLES
from gnssice_batch.store.layout.arrays import array_documents
from gnssice_batch.store.layout.chunk_codecs import codec_of
from gnssice_batch.store.layout.codecs import PROFILES, encoding
from gnssice_batch.store.layout.documents import documents
from tests.support.templates import template

SPECS = (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES, *JOINED)
PACKED = {"SNR", "Pseudorange", "Phase", "Doppler", "LLI", "SSI"}


@pytest.mark.parametrize("algorithm", ["zstd", "gzip"])
@pytest.mark.parametrize("profile", ["default", "compact"])
def test_all_are_but_for_the_variables_of_compact(profile, algorithm):
    documents = array_documents(SPECS, replace(template(profile=profile), algorithm=algorithm))
    left = {name for name, document in documents.items() if codec_of(document) is None}
    assert left == (PACKED if profile == "compact" else set())


@pytest.mark.parametrize("spec", JOINED, ids=lambda spec: spec.name)
def test_joins_are_stored_the_same_in_both_profiles(spec):
    default, compact = (encoding(spec.name, spec.dtype, profile=profile, level=7) for profile in PROFILES)
    assert default == compact


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_chunk_that_zstd_makes_has_a_checksum(spec):
    (compressor,) = encoding(spec.name, spec.dtype, profile="default", level=7).compressors
    assert compressor.to_dict()["configuration"] == {"level": 7, "checksum": True}


def of(spec, algorithm="zstd"):
    made = replace(template(), algorithm=algorithm)
    return codec_of(array_documents([spec], made)[spec.name])


def cells_of(spec, codec):
    cells = np.full(codec.shape, spec.fill, codec.dtype)
    cells[:2] = "µ" if codec.dtype.kind == "O" else 3
    return cells


@pytest.mark.parametrize("algorithm", ["zstd", "gzip"])
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_chunks_come_back(spec, algorithm):
    codec = of(spec, algorithm)
    cells = cells_of(spec, codec)
    found = codec.decode(codec.encode(cells))
    np.testing.assert_array_equal(found, cells)
    assert found.dtype == codec.dtype


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_what_is_not_stored_is_the_fill_value_and_only_that_is_empty(spec):
    codec = of(spec)
    empty = codec.decode(None)
    assert (empty.shape, empty.dtype) == (codec.shape, codec.dtype)
    assert codec.is_empty(empty)
    assert (codec.encode(empty), codec.encode(empty, empties=True) is None) == (None, False)
    assert not codec.is_empty(cells_of(spec, codec))


def test_a_negative_zero_is_not_the_fill_value():
    document = {**array_documents(SPECS, template())["epoch_offset"], "fill_value": 0.0, "data_type": "float64"}
    document["codecs"] = [{"name": "bytes", "configuration": {"endian": "little"}}]
    codec = codec_of(document)
    assert codec.is_empty(np.zeros(4))
    assert not codec.is_empty(np.array([0.0, -0.0]))
    assert not codec.is_empty(np.array([0.0, np.nan]))


def test_times_are_known_by_their_unit_alone():
    group = zarr.create_group(zarr.storage.MemoryStore())
    group.create_array("times", shape=(3,), chunks=(3,), dtype="M8[ns]", fill_value=np.datetime64("NaT", "ns"))
    document = documents(group, ["times"])["times"]
    codec = codec_of(document)
    assert codec.dtype == np.dtype("<M8[ns]")
    assert codec.is_empty(codec.empty())
    for other in ({"unit": "s", "scale_factor": 1}, {"unit": "ns", "scale_factor": 10}):
        assert codec_of(document | {"data_type": {"name": "numpy.datetime64", "configuration": other}}) is None
