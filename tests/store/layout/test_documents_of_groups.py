"""Documents of groups, of what lies in them, and of how arrays are cut up."""

import json

import numpy as np
import pytest
import zarr
from zarr.codecs import TransposeCodec, ZstdCodec

from gnssice_batch.errors import StoreError
from gnssice_batch.store.layout.codecs import ArrayEncoding
from gnssice_batch.store.layout.documents import (
    Cutting,
    cutting,
    document_of,
    documents,
    group_document,
    groups_in,
    members_in,
    opened,
    put_documents,
    top_of,
    unit_length,
    with_shape,
)

ENCODED = ArrayEncoding((TransposeCodec(order=(1, 0)),), "auto", (ZstdCodec(level=7, checksum=True),))
WORDS = {"dtype": "int16", "chunks": (4, 8), "fill_value": -1, "attributes": {"units": "m"}}


@pytest.fixture
def root():
    """A group with two groups, the second empty, and two arrays; beside them a folder of nothing."""
    root = zarr.create_group(zarr.storage.MemoryStore(), path="net", attributes={"name": "net"})
    root.create_group("rec", attributes={"layout_version": 2}).create_array("deep", shape=(2,), dtype="int8")
    root.create_group("bare")
    for name in ("b", "a"):
        root.create_array(name, shape=(2,), dtype="int8")
    root.store._store_dict["net/stray/file"] = root.store._store_dict["net/zarr.json"]
    return root


def test_an_array_is_described_without_cells():
    document = document_of(("epoch", "sid"), ENCODED, shards=(8, 16), **WORDS)
    assert document["shape"] == [0, 0]
    assert document["dimension_names"] == ["epoch", "sid"]
    assert (document["data_type"], document["fill_value"]) == ("int16", -1)
    assert document["attributes"] == {"units": "m"}
    assert document["chunk_grid"]["configuration"]["chunk_shape"] == [8, 16]
    inner = document["codecs"][0]["configuration"]
    assert inner["chunk_shape"] == [4, 8]
    assert [codec["name"] for codec in inner["codecs"]] == ["transpose", "bytes", "zstd"]


def test_another_shape_leaves_all_else():
    document = document_of(("epoch", "sid"), ENCODED, **WORDS)
    assert with_shape(document, (6, 9)) == document | {"shape": [6, 9]}
    assert document["shape"] == [0, 0]


def test_the_write_unit_of_an_array_is_its_shard():
    assert unit_length(document_of(("epoch", "sid"), ENCODED, shards=(8, 16), **WORDS)) == 8
    assert unit_length(document_of(("epoch", "sid"), ENCODED, **WORDS)) == 0


def test_inner_chunks_are_told_from_their_shards():
    document = with_shape(document_of(("epoch", "sid"), ENCODED, shards=(8, 16), **WORDS), (24, 16))
    assert cutting(document) == Cutting(shape=(24, 16), chunks=(4, 8), shards=(8, 16))
    document = with_shape(document_of(("epoch", "sid"), ENCODED, **WORDS), (24, 16))
    assert cutting(document) == Cutting(shape=(24, 16), chunks=(4, 8), shards=None)


def test_a_group_is_described_as_zarr_does():
    made = zarr.create_group(zarr.storage.MemoryStore(), attributes={"name": "rec"})
    written = json.loads(made.store._store_dict["zarr.json"].to_bytes())
    assert group_document({"name": "rec"}) == {name: written[name] for name in group_document({})}
    made.store._store_dict["below/zarr.json"] = type(made.store._store_dict["zarr.json"]).from_bytes(
        json.dumps(group_document({"name": "below"})).encode()
    )
    assert dict(made["below"].attrs) == {"name": "below"}


def test_members_are_told_as_groups_and_as_names_of_arrays(root):
    groups, arrays = members_in(root)
    assert arrays == ("a", "b")
    assert groups.keys() == {"bare", "rec"}
    assert dict(groups["rec"].attrs) == {"layout_version": 2}
    assert dict(groups["bare"].attrs) == {}
    assert groups["rec"].path == "net/rec"
    assert groups["rec"]["deep"].shape == (2,)
    assert groups_in(root) == groups


class Asked(zarr.storage.MemoryStore):
    """A store that keeps what it is asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    async def get(self, key, *more, **words):
        self.asked.append(key)
        return await super().get(key, *more, **words)


def test_members_are_asked_for_once_each():
    root = zarr.create_group(Asked())
    put_documents(root, {"a": document_of(("epoch", "sid"), ENCODED, **WORDS), "b": group_document({})})
    root.store.asked.clear()
    members_in(root)
    assert sorted(root.store.asked) == ["a/zarr.json", "b/zarr.json"]


def test_names_of_arrays_are_in_order():
    names = [f"a{number:02d}" for number in range(40)]
    root = zarr.create_group(zarr.storage.MemoryStore())
    put_documents(root, dict.fromkeys(reversed(names), document_of(("epoch", "sid"), ENCODED, **WORDS)))
    assert members_in(root) == ({}, tuple(names))


def test_a_group_without_attributes_has_none(root):
    buffer = type(root.store._store_dict["net/zarr.json"]).from_bytes(b'{"zarr_format": 3, "node_type": "group"}')
    root.store._store_dict["net/bare/zarr.json"] = buffer
    assert dict(groups_in(root)["bare"].attrs) == {}


def test_the_top_of_a_store_reaches_what_is_below_it(root):
    store = root.store
    assert dict(groups_in(top_of(store))["net"].attrs) == {"name": "net"}
    assert members_in(top_of(zarr.storage.MemoryStore())) == ({}, ())


def test_documents_of_arrays_are_found_by_name_and_some_may_be_missing(root):
    found = documents(root, ["a"], optional=["b", "c"])
    assert found.keys() == {"a", "b"}
    assert found["a"]["shape"] == [2]
    with pytest.raises(StoreError, match="group 'net' has no array 'c'"):
        documents(root, ["a", "c"], optional=["b"])


def test_documents_that_are_put_make_arrays(root):
    document = with_shape(document_of(("epoch", "sid"), ENCODED, **WORDS), (4, 8))
    put_documents(root, {"x": document, "rec/y": document})
    opened(root, "x", document)[:] = 5
    assert np.asarray(root["x"]).tolist() == [[5] * 8] * 4
    assert np.asarray(root["rec/y"]).tolist() == [[-1] * 8] * 4
