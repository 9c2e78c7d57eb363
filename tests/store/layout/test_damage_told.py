"""Damage of a small group in memory: which errors tell of it, and of which place."""

from dataclasses import replace

import icechunk
import numcodecs
import pytest
import zarr
from zarr.core.buffer import cpu

from gnssice_batch.errors import StoreError
from gnssice_batch.model.damage import Damage, DamagedError
from gnssice_batch.model.template import EPOCH_COORDINATES, VARIABLES
from gnssice_batch.model.values import Span
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.store.layout.arrays import create_arrays, layout_attributes
from gnssice_batch.store.layout.damage import cells_of, damage_of, tells_of_a_chunk, told_of
from tests.support.templates import UNIT, template

READ = UNIT // 4
SHORT = "a chunk is cut short"
MISSING = "a chunk is missing"
Kind = icechunk.ErrorKind


def icechunk_says(kind, text):
    """An error of Icechunk, which only it can make with a kind."""
    return type("Said", (icechunk.IcechunkError,), {"kind": kind})(text)


class Failing(zarr.storage.MemoryStore):
    """A store that answers with an error when it is asked for a chunk, once it is told so."""

    error = None

    async def get(self, key, prototype, byte_range=None):
        if self.error and "/c/" in key:
            raise self.error
        return await super().get(key, prototype, byte_range)


FLAG = next(spec for spec in EPOCH_COORDINATES if spec.name == "epoch_flag")


def group_of(path="rec", specs=(VARIABLES[0], FLAG), **more):
    """A group of two write units of four read units each, with a value in each cell along the epochs."""
    made = template(units=2)
    made = replace(made, grid=replace(made.grid, read_unit=READ), **more)
    group = zarr.create_group(Failing(), path=path)
    create_arrays(group, specs, made)
    group.attrs.update(layout_attributes(made))
    group[specs[-1].name][:] = 1
    return made.grid, group


def spoil(one, *chunks, content=b"no chunk"):
    for chunk in chunks:
        one.store._store_dict[f"{one.path}/c/{chunk}"] = cpu.Buffer.from_bytes(content)


def rows_of(grid, damages):
    """By damage its write unit, its first row and its last one."""
    return [(one.unit, grid.slot(one.span.first_ns), grid.slot(one.span.last_ns)) for one in damages]


@pytest.fixture
def flags():
    grid, group = group_of()
    return grid, group["epoch_flag"]


def test_what_can_be_read_is_not_damaged(flags):
    assert damage_of(flags[1]) == []
    loose = zarr.create_array(zarr.storage.MemoryStore(), name="loose", shape=(4,), dtype="int8")
    assert damage_of(loose) == []
    assert cells_of(flags[1]).tolist() == [1] * 2 * UNIT


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (slice(2 * READ + 1, 3 * READ), [(0, 2 * READ, 3 * READ - 1)]),
        (slice(0, 2 * READ + 1), [(0, 2 * READ, 3 * READ - 1)]),
        (slice(0, 2 * READ), []),
        (slice(3 * READ, 6 * READ), []),
        (slice(3 * READ - 1, 6 * READ + 1), [(0, 2 * READ, 3 * READ - 1), (1, 6 * READ, 7 * READ - 1)]),
    ],
)
def test_rows_that_begin_or_end_in_a_read_unit_need_the_whole_of_it(flags, rows, found):
    grid, one = flags
    spoil(one, 2, 6)
    assert rows_of(grid, damage_of(one, rows)) == found


def test_damage_begins_and_ends_with_the_epochs_that_can_t_be_read(flags):
    grid, one = flags
    spoil(one, 1)
    (found,) = damage_of(one)
    assert found.span == Span(grid.time_ns(READ), grid.time_ns(2 * READ - 1))
    assert (found.receiver, found.array, found.unit) == ("rec", "epoch_flag", 0)
    assert found.why.startswith("a chunk does not decode (")


def test_neighbours_that_are_damaged_in_different_ways_are_told_apart(flags):
    grid, one = flags
    spoil(one, 1, 2)
    spoil(one, 3, content=numcodecs.Zstd().encode(b"too short"))
    first, second = damage_of(one)
    assert rows_of(grid, [first, second]) == [(0, READ, 3 * READ - 1), (0, 3 * READ, 4 * READ - 1)]
    assert first.why != second.why


def test_a_shard_is_damaged_with_all_its_read_units():
    grid, group = group_of()
    spoil(group["SNR"], "1/0")
    with pytest.raises(DamagedError) as raised:
        cells_of(group["SNR"])
    assert rows_of(grid, raised.value.damages) == [(1, UNIT, 2 * UNIT - 1)]


def test_damage_of_a_group_that_holds_no_observations_is_told_by_its_own_variable():
    grid, group = group_of("vod/a", (VOD.arrays[0], EPOCH_COORDINATES[0]), contents=VOD)
    one = group["epoch"]
    spoil(one, 5)
    read_only = zarr.open_array(one.store.with_read_only(read_only=True), path=one.path, mode="r")
    (found,) = damage_of(read_only)
    assert (found.receiver, found.array) == ("vod/a", "epoch")
    assert rows_of(grid, [found]) == [(1, 5 * READ, 6 * READ - 1)]


@pytest.mark.parametrize(
    ("path", "dims", "receiver", "name"),
    [
        ("rec/other", None, "rec", "other"),
        ("rec/other", ["sid"], "rec", "other"),
        ("rec/other", ["sid", "epoch"], "rec", "other"),
        ("rec/metadata/joined/x", ["sid"], "rec", "metadata/joined/x"),
        ("net/rec/other", ["epoch"], "net/rec", "other"),
        ("loose", ["x"], "", "loose"),
    ],
)
def test_what_lies_on_no_grid_of_ours_is_damaged_as_a_whole(path, dims, receiver, name):
    _, group = group_of()
    root = zarr.open_group(group.store)
    root.require_group("net/rec")
    shape = (4,) * len(dims or "x")
    one = root.create_array(path, shape=shape, chunks=shape, dtype="int8", fill_value=0, dimension_names=dims)
    one[:] = 1
    spoil(one, "/".join("0" * len(shape)))
    (found,) = damage_of(one)
    assert found == Damage(receiver, name, None, None, found.why)


def test_a_storage_that_does_not_answer_is_no_damage(flags):
    _, one = flags
    spoil(one, 1)
    one.store.error = icechunk_says(Kind.OBJECT_STORE, "Too many open files")
    for read in (damage_of, cells_of):
        with pytest.raises(icechunk.IcechunkError, match="Too many open files"):
            read(one)


def test_an_error_that_says_nothing_of_a_chunk_is_left_as_it_is_though_one_is_damaged(flags):
    spoil(flags[1], 1)
    error = icechunk_says(Kind.OBJECT_STORE, "Too many open files")
    with pytest.raises(icechunk.IcechunkError) as raised, told_of(flags[1]):
        raise error
    assert raised.value is error


def test_an_error_is_left_as_it_is_where_all_chunks_can_be_read(flags):
    error = ValueError("something else")
    with pytest.raises(ValueError, match="something else") as raised, told_of(flags[1]):
        raise error
    assert raised.value is error


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (StoreError("x"), None),
        (ValueError("first\nsecond"), "a chunk does not decode (first)"),
        (icechunk_says(Kind.OBJECT_NOT_FOUND, "x"), MISSING),
        (icechunk_says(Kind.OBJECT_NOT_FOUND, 'x\npath="chunks/ABC"'), MISSING),
        (icechunk_says(Kind.OBJECT_NOT_FOUND, 'x\npath="manifests/ABC"'), None),
        (icechunk_says(Kind.OBJECT_NOT_FOUND, 'x\npath="site/rinex/snapshots/ABC"'), None),
        (icechunk_says(Kind.OBJECT_STORE, "Requested range was invalid"), SHORT),
        (icechunk_says(Kind.OBJECT_STORE, "no answer\nInvalidRange"), None),
        (icechunk_says(Kind.IO, "Requested range was invalid"), None),
    ],
)
def test_errors_tell_of_a_chunk_or_of_something_else(flags, error, why):
    _, one = flags
    assert tells_of_a_chunk(error) is (why is not None)
    one.store.error = error
    if why is None:
        with pytest.raises(type(error)):
            damage_of(one)
    else:
        assert [found.why for found in damage_of(one)] == [why, why]
