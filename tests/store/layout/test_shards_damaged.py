"""Encoded inner chunks of shards that are missing, cut short or spoiled: what is told of them."""

from dataclasses import replace

import icechunk
import pytest
import zarr
from zarr.core.buffer import cpu
from zarr.storage import MemoryStore, WrapperStore

from gnssice_batch.errors import StoreError
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.model.template import EPOCH_COORDINATES, VARIABLES
from gnssice_batch.store.layout.arrays import create_arrays, layout_attributes
from gnssice_batch.store.layout.shards import encoded_rows, shard_of
from tests.support.templates import UNIT, template

READ = UNIT // 4


class Gone(icechunk.StorageError):
    """What Icechunk raises for an object that it has a reference to."""

    kind = icechunk.ErrorKind.OBJECT_NOT_FOUND


class Losing(WrapperStore):
    """A store that has lost some objects."""

    def __init__(self, store):
        super().__init__(store)
        self.lost = set()

    async def get(self, key, prototype, byte_range=None):
        if key in self.lost:
            raise Gone("object not found")
        return await super().get(key, prototype, byte_range)


@pytest.fixture
def group():
    """Three write units of four read units each, with a value everywhere."""
    made = template(units=3)
    made = replace(made, grid=replace(made.grid, read_unit=READ))
    group = zarr.create_group(Losing(MemoryStore()), path="rec")
    create_arrays(group, [VARIABLES[0], *EPOCH_COORDINATES], made)
    group.attrs.update(layout_attributes(made))
    group["epoch_flag"][:] = 1
    group["SNR"][:] = 40
    return group


def told(group, name, unit):
    """Return the places that are told of a unit: its number, first and last row."""
    with pytest.raises(DamagedError) as raised:
        encoded_rows(group[name], unit, UNIT)
    origin, interval = group.attrs["origin_ns"], group.attrs["interval_ns"]
    return [
        (one.unit, (one.span.first_ns - origin) // interval, (one.span.last_ns - origin) // interval)
        for one in raised.value.damages
    ]


def test_of_several_chunks_that_are_missing_that_of_the_unit_is_told(group):
    group.store.lost = {f"rec/epoch_flag/c/{number}" for number in (1, 9, 10)}
    assert told(group, "epoch_flag", 2) == [(2, 9 * READ, 10 * READ - 1)]
    assert len(encoded_rows(group["epoch_flag"], 1, UNIT)) == UNIT // READ


def test_a_shard_that_is_missing_is_told_from_its_first_row_to_its_last(group):
    group.store.lost = {"rec/SNR/c/1/0"}
    assert told(group, "SNR", 1) == [(1, UNIT, 2 * UNIT - 1)]
    assert len(encoded_rows(group["SNR"], 0, UNIT)) == UNIT // READ


def put(group, shard):
    group.store._store._store_dict["rec/SNR/c/0/0"] = cpu.Buffer.from_bytes(shard)


def test_inner_chunks_are_given_by_their_place_absent_ones_empty(group):
    put(group, shard_of([b"one", None, b"", b"four"]))
    assert encoded_rows(group["SNR"], 0, UNIT) == [(b"one",), (b"",), (b"",), (b"four",)]
    group.store._store._store_dict.pop("rec/SNR/c/0/0")
    assert encoded_rows(group["SNR"], 0, UNIT) == [(b"",)] * 4


@pytest.mark.parametrize(
    ("entry", "place"),
    [(0, (0, 8)), (1, (3, 5)), (3, (2**40, 1)), (3, (7, 1))],
    ids=["first", "inner", "far", "behind"],
)
def test_one_place_behind_the_inner_chunks_spoils_the_index(group, entry, place):
    shard = bytearray(shard_of([b"one", b"two", None, b"x"]))
    begin = 7 + entry * 16
    shard[begin : begin + 16] = b"".join(number.to_bytes(8, "little") for number in place)
    put(group, bytes(shard))
    with pytest.raises(StoreError, match=r"^the index of a shard of rec/SNR is damaged$"):
        encoded_rows(group["SNR"], 0, UNIT)


@pytest.mark.parametrize(("size", "said"), [(67, "cut short: it has 67 bytes"), (1, "cut short: it has 1 bytes")])
def test_a_shard_that_is_shorter_than_its_index_is_cut_short(group, size, said):
    put(group, shard_of([b"one", None, b"", b"four"])[-size:])
    with pytest.raises(StoreError, match=f"^a shard of rec/SNR is {said}$"):
        encoded_rows(group["SNR"], 0, UNIT)
