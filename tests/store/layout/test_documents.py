"""Documents of arrays, held against those that Zarr writes by itself."""

import json

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import EPOCH_COORDINATES, JOINED, SID_COORDINATES, VARIABLES, joined_name
from gnssice_batch.store.layout.arrays import array, create_arrays
from gnssice_batch.store.layout.codecs import PROFILES, encoding
from gnssice_batch.store.layout.documents import cutting, documents, opened, put_documents, with_shape
from tests.support.templates import template

SPECS = (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES, *JOINED)


@pytest.fixture
def group():
    return zarr.create_group(zarr.storage.MemoryStore())


def by_zarr(spec, made):
    """What Zarr writes of an array when it makes it with all its cells."""
    group = zarr.create_group(zarr.storage.MemoryStore())
    codecs = encoding(spec.name, spec.dtype, profile=made.profile, level=made.level, algorithm=made.algorithm)
    group.create_array(
        joined_name(spec.name),
        shape=made.shape(spec),
        dtype=spec.dtype,
        chunks=made.chunks(spec),
        shards=made.shards(spec),
        fill_value=spec.fill,
        dimension_names=spec.dims,
        attributes=dict(spec.attributes),
        filters=codecs.filters,
        serializer=codecs.serializer,
        compressors=codecs.compressors,
    )
    return documents(group, [joined_name(spec.name)])[joined_name(spec.name)]


@pytest.mark.parametrize("profile", PROFILES)
def test_they_are_what_zarr_writes(group, profile):
    made = template(profile=profile)
    create_arrays(group, SPECS, made)
    stored = documents(group, [spec.name for spec in SPECS])
    for spec in SPECS:
        assert stored[spec.name] == by_zarr(spec, made), spec.name
        json.dumps(stored[spec.name], allow_nan=False)


def test_an_array_is_opened_without_being_read(group):
    made = create_arrays(group, SPECS, template())
    for spec in SPECS:
        assert opened(group, spec.name, made[spec.name]).metadata == array(group, spec.name).metadata
    snr = opened(group, "SNR", made["SNR"])
    snr[3] = np.full(snr.shape[1:], 7, np.float32)
    assert (np.asarray(array(group, "SNR")[3]) == 7).all()


def test_a_longer_array_keeps_its_cells(group):
    made = create_arrays(group, SPECS, template())
    opened(group, "source_file", made["source_file"])[2:5] = 4
    longer = with_shape(made["source_file"], (made["source_file"]["shape"][0] * 2,))
    put_documents(group, {"source_file": longer})
    cells = np.asarray(array(group, "source_file")[:])
    assert cells.shape == (longer["shape"][0],)
    assert np.flatnonzero(cells == 4).tolist() == [2, 3, 4]


def test_an_array_that_is_not_there(group):
    create_arrays(group, SPECS[:2], template())
    with pytest.raises(StoreError, match="has no array 'epoch': it was not made by this job"):
        documents(group, ["SNR", "epoch"])


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_arrays_are_cut_up_as_zarr_says(group, spec):
    made = template()
    document = create_arrays(group, [spec], made)[spec.name]
    found, by_zarr = cutting(document), opened(group, spec.name, document)
    assert (found.shape, found.chunks, found.shards) == (by_zarr.shape, by_zarr.chunks, by_zarr.shards)
