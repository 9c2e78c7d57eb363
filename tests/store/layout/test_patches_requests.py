"""Which objects are asked for, written and removed when rows are exchanged, and what stands there afterwards."""

import asyncio
import threading

import numpy as np
import pytest
import zarr
from zarr.codecs import BytesCodec, ZstdCodec
from zarr.storage import MemoryStore, WrapperStore

from gnssice_batch.errors import StoreError
from gnssice_batch.store.layout import patches
from gnssice_batch.store.layout.patches import Patches

ROWS, SIGNALS, UNIT = 10, 3, 4
NAMES = ("wide", "line", "odd")
ZSTD = {"compressors": (ZstdCodec(level=1, checksum=True),)}


class Noting(WrapperStore):
    """A store that notes the chunks that are asked for, set and removed."""

    def __init__(self, store):
        super().__init__(store)
        self.noted = []

    def take(self):
        noted, self.noted = sorted(self.noted), []
        return noted

    def note(self, what, key):
        if "/c/" in key:
            self.noted.append((what, key))

    async def get(self, key, prototype, byte_range=None):
        self.note("get", key)
        return await super().get(key, prototype, byte_range)

    async def set(self, key, value):
        self.note("set", key)
        await super().set(key, value)

    async def delete(self, key):
        self.note("delete", key)
        await super().delete(key)


@pytest.fixture
def group():
    """A group of no name: shards of two by two inner chunks, chunks of one dimension, and what only Zarr can write."""
    made = zarr.create_group(Noting(MemoryStore()))
    wide = {"shape": (ROWS, SIGNALS), "chunks": (2, 2), "dtype": "<i4", "fill_value": -1}
    made.create_array("wide", shards=(UNIT, 4), **wide, **ZSTD)
    made.create_array("line", shape=(ROWS,), chunks=(UNIT,), dtype="<i8", fill_value=0, **ZSTD)
    made.create_array("odd", **wide, serializer=BytesCodec(endian="big"), **ZSTD)
    made.store.take()
    return made


@pytest.fixture
def arrays(group):
    return Patches.of(group, NAMES)


def wide(first, end, plus=0):
    """Return rows of which every cell says where it is."""
    return np.arange(first * SIGNALS, end * SIGNALS, dtype="<i4").reshape(-1, SIGNALS) + plus


def test_whole_units_are_written_without_asking_for_any(group, arrays):
    arrays.write_each({"wide": (4, wide(4, ROWS)), "line": (0, np.arange(1, ROWS + 1))})
    assert group.store.take() == [
        ("set", "line/c/0"),
        ("set", "line/c/1"),
        ("set", "line/c/2"),
        ("set", "wide/c/1/0"),
        ("set", "wide/c/2/0"),
    ]
    assert group["wide"][4:].tolist() == wide(4, ROWS).tolist()
    assert (group["wide"][:4] == -1).all()
    assert group["line"][:].tolist() == list(range(1, ROWS + 1))


@pytest.mark.parametrize(
    ("first", "end", "asked"),
    [(0, 3, [0]), (1, 4, [0]), (2, 6, [0, 1]), (4, 9, [2]), (8, 9, [2]), (9, 10, [2]), (3, 9, [0, 2])],
)
def test_only_units_of_which_rows_stay_are_asked_for(group, arrays, first, end, asked):
    arrays.write_each({"wide": (0, wide(0, ROWS)), "line": (0, np.arange(ROWS))})
    group.store.take()
    Patches.of(group, NAMES).write_each(
        {"wide": (first, wide(first, end, 100)), "line": (first, np.arange(first, end))}
    )
    noted = group.store.take()
    assert [key for what, key in noted if what == "get"] == [
        *(f"line/c/{unit}" for unit in asked),
        *(f"wide/c/{unit}/0" for unit in asked),
    ]
    wanted = wide(0, ROWS)
    wanted[first:end] += 100
    np.testing.assert_array_equal(group["wide"][:], wanted)
    np.testing.assert_array_equal(group["line"][:], np.arange(ROWS))


@pytest.mark.parametrize("name", ["wide", "odd"])
@pytest.mark.parametrize(("first", "end"), [(0, ROWS), (1, 3), (3, 5), (2, 6), (7, ROWS), (9, ROWS), (4, 4)])
def test_rows_are_read_signal_by_signal_in_memory(group, arrays, name, first, end):
    group[name][:] = wide(0, ROWS)
    found = arrays.read([name], range(first, end))[name]
    np.testing.assert_array_equal(found, wide(first, end))
    assert (found.flags.f_contiguous, found.shape) == (True, (end - first, SIGNALS))


def test_what_was_never_written_reads_as_the_fill_value(arrays):
    found = arrays.read_each({"wide": range(2, 5), "line": range(3, 9), "odd": range(1)})
    assert {name: cells.tolist() for name, cells in found.items()} == {
        "wide": [[-1] * SIGNALS] * 3,
        "line": [0] * 6,
        "odd": [[-1] * SIGNALS],
    }
    assert list(found) == ["wide", "line", "odd"]


def test_units_that_were_read_are_not_asked_for_again_until_they_are_written(group, arrays):
    arrays.write_each({"wide": (0, wide(0, ROWS))})
    arrays.read(["wide"], range(3))
    group.store.take()
    np.testing.assert_array_equal(arrays.read(["wide"], range(2, 4))["wide"], wide(2, 4))
    arrays.write_each({"wide": (1, wide(1, 2, 50))})
    assert group.store.take() == [("set", "wide/c/0/0")]
    wanted = np.concatenate([wide(0, 1), wide(1, 2, 50), wide(2, 3)])
    np.testing.assert_array_equal(arrays.read(["wide"], range(3))["wide"], wanted)
    assert group.store.take() == [("get", "wide/c/0/0")]


def test_a_unit_that_was_read_and_written_as_a_whole_is_read_anew(arrays):
    arrays.read(["wide", "line"], range(UNIT))
    arrays.write_each({"wide": (0, wide(0, UNIT)), "line": (0, np.arange(1, UNIT + 1))})
    np.testing.assert_array_equal(arrays.read(["wide"], range(UNIT))["wide"], wide(0, UNIT))
    assert arrays.read(["line"], range(UNIT))["line"].tolist() == [1, 2, 3, 4]


def test_units_of_other_rows_are_let_go(group, arrays):
    arrays.write_each({"wide": (0, wide(0, ROWS))})
    for rows in (range(4), range(4, 8), range(4)):
        group.store.take()
        arrays.read(["wide"], rows)
        assert group.store.take() == [("get", f"wide/c/{rows.start // UNIT}/0")]


def test_units_that_become_empty_are_removed_and_where_nothing_ever_was_nothing_is_asked(group, arrays):
    empty = {"wide": (0, np.full((UNIT, SIGNALS), -1, "<i4")), "line": (0, np.zeros(UNIT, "<i8"))}
    arrays.write_each(empty, fresh=True)
    assert group.store.take() == []
    arrays.write_each(empty)
    assert group.store.take() == [("delete", "line/c/0"), ("delete", "wide/c/0/0")]
    arrays.write_each({"wide": (1, wide(1, 3))}, fresh=True)
    assert group.store.take() == [("set", "wide/c/0/0")]


@pytest.mark.parametrize("fresh", [False, True])
def test_units_of_nothing_are_stored_where_that_is_asked_for(group, arrays, fresh):
    arrays.write_each({"line": (0, np.zeros(UNIT, "<i8"))}, empties=True, fresh=fresh)
    assert group.store.take() == [("set", "line/c/0")]


def test_rows_are_sent_without_asking_where_nothing_ever_was(group, arrays):
    arrays.send(1, {"wide": wide(1, 3), "line": np.zeros(2, "<i8")}, fresh=True)
    arrays.finish()
    assert group.store.take() == [("set", "wide/c/0/0")]
    arrays.send(0, {"wide": wide(0, 1)})
    arrays.finish()
    assert group.store.take() == [("get", "wide/c/0/0"), ("set", "wide/c/0/0")]
    np.testing.assert_array_equal(group["wide"][:3], wide(0, 3))


@pytest.fixture
def late(monkeypatch):
    """Hold back what is sent until an event is set."""
    may, put = threading.Event(), patches._put

    async def waiting(*arguments, **named):
        await asyncio.to_thread(may.wait, 2)
        await put(*arguments, **named)

    monkeypatch.setattr(patches, "_put", waiting)
    return may


def test_whole_units_are_sent_while_others_still_are(group, arrays, late):
    arrays.send(0, {"wide": wide(0, 4)})
    arrays.send(4, {"wide": wide(4, 8)})
    assert group.store.take() == []
    late.set()
    arrays.finish()
    np.testing.assert_array_equal(group["wide"][:8], wide(0, 8))


def test_a_unit_that_is_sent_is_waited_for_before_more_of_it_is(group, arrays, late):
    arrays.send(0, {"wide": wide(0, 2)}, fresh=True)
    threading.Timer(0.02, late.set).start()
    arrays.send(2, {"wide": wide(2, 4)})
    arrays.finish()
    np.testing.assert_array_equal(group["wide"][:4], wide(0, 4))


def test_what_only_zarr_can_write_is_written_beside_the_others(group, arrays):
    arrays.write_each({"wide": (2, wide(2, 6)), "odd": (3, wide(3, 8))})
    np.testing.assert_array_equal(group["wide"][2:6], wide(2, 6))
    np.testing.assert_array_equal(group["odd"][3:8], wide(3, 8))
    assert (group["odd"][[0, 1, 2, 8, 9]] == -1).all()


def test_an_array_that_is_not_there_is_told(group):
    del group["line"]
    with pytest.raises(StoreError, match="has no array 'line'"):
        Patches.of(group, NAMES)
    found = Patches.of(group, ("wide",), ["line"])
    with pytest.raises(StoreError, match="has no array 'line'"):
        found.read(["line"], range(2))
    with pytest.raises(StoreError, match="has no array 'line'"):
        found.write_each({"line": (0, np.arange(2))})
