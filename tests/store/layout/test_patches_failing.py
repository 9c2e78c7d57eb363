"""Rows exchanged with a store that fails, or has lost a chunk."""

import icechunk
import numpy as np
import pytest
import zarr
from zarr.codecs import ZstdCodec
from zarr.core.buffer import cpu
from zarr.storage import MemoryStore, WrapperStore

from gnssice_batch.errors import StoreError
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.store.layout.patches import Patches

CHUNK = 4
VALUES = np.arange(1, 11)


class Gone(icechunk.StorageError):
    """What Icechunk raises for an object that it has a reference to."""

    kind = icechunk.ErrorKind.OBJECT_NOT_FOUND


class Broken(icechunk.IcechunkError):
    """What Icechunk raises for something that is no chunk's fault."""

    kind = icechunk.ErrorKind.INVALID_REF_NAME


class Failing(WrapperStore):
    """A store that raises errors for some keys, each so many times."""

    def __init__(self, store):
        super().__init__(store)
        self.fails, self.times = {}, 1_000

    async def get(self, key, prototype, byte_range=None):
        if key in self.fails and self.times:
            self.times -= 1
            raise self.fails[key]
        return await super().get(key, prototype, byte_range)


@pytest.fixture
def arrays():
    group = zarr.create_group(Failing(MemoryStore()))
    words = {"shape": (10,), "chunks": (CHUNK,), "dtype": "<i8", "fill_value": 0}
    for name in ("one", "other"):
        group.create_array(name, compressors=(ZstdCodec(level=1, checksum=True),), **words)[:] = VALUES
    return Patches.of(group, ("one", "other"))


def failing(arrays, key, error, times=1_000):
    arrays.group.store.fails, arrays.group.store.times = {key: error}, times


def test_a_store_that_fails_to_read_is_told_and_zarr_is_not_asked(arrays):
    failing(arrays, "one/c/1", Broken("no answer"), 1)
    with pytest.raises(StoreError, match="no answer") as raised:
        arrays.read(["one"], range(10))
    assert not isinstance(raised.value, DamagedError)
    np.testing.assert_array_equal(arrays.read(["one"], range(10))["one"], VALUES)


def test_a_store_that_fails_to_give_what_stays_is_told_and_nothing_is_written(arrays):
    failing(arrays, "one/c/0", Broken("no answer"), 1)
    with pytest.raises(StoreError, match="no answer") as raised:
        arrays.write_each({"one": (1, np.zeros(2, "<i8"))})
    assert not isinstance(raised.value, DamagedError)
    np.testing.assert_array_equal(arrays.group["one"][:], VALUES)


@pytest.mark.parametrize("spoiled", [True, False])
def test_a_chunk_that_is_lost_or_spoiled_is_told_by_its_array(arrays, spoiled):
    if spoiled:
        arrays.group.store._store._store_dict["one/c/1"] = cpu.Buffer.from_bytes(b"no chunk")
    else:
        failing(arrays, "one/c/1", Gone("object not found"))
    for call in (
        lambda: arrays.read(["other", "one"], range(10)),
        lambda: arrays.write_each({"one": (5, np.zeros(2, "<i8"))}),
    ):
        with pytest.raises(DamagedError) as raised:
            call()
        assert {one.array for one in raised.value.damages} == {"one"}
    np.testing.assert_array_equal(arrays.read(["other"], range(10))["other"], VALUES)


def test_what_zarr_has_written_beside_a_chunk_that_is_lost_is_read_anew(arrays):
    arrays.read(["other"], range(10))
    failing(arrays, "one/c/1", Gone("object not found"))
    with pytest.raises(DamagedError):
        arrays.write_each({"other": (0, VALUES + 100), "one": (5, np.zeros(2, "<i8"))})
    np.testing.assert_array_equal(arrays.read(["other"], range(10))["other"], VALUES + 100)


def test_what_can_t_be_sent_is_told_by_a_later_call(arrays, monkeypatch):
    async def full(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(arrays.group.store, "set", full)
    with pytest.raises(OSError, match="the disk is full"):
        arrays.write_each({"one": (0, VALUES)})
    arrays.send(0, {"one": VALUES})
    with pytest.raises(OSError, match="the disk is full"):
        arrays.read(["one"], range(2))
