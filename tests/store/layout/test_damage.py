"""What reading a chunk can meet: damage is told by its place, anything else is left as it is."""

import pickle
from dataclasses import replace

import icechunk
import pytest
import zarr
from zarr.core.buffer import cpu

from gnssice_batch.errors import StoreError
from gnssice_batch.model.damage import Damage, DamagedError
from gnssice_batch.model.template import EPOCH_COORDINATES, VARIABLES
from gnssice_batch.model.values import Span
from gnssice_batch.operate.integrity import scan_store
from gnssice_batch.store.faults import failed_storage
from gnssice_batch.store.layout.arrays import create_arrays, layout_attributes
from gnssice_batch.store.layout.damage import _why, cells_of, damage_of
from tests.support.damage import chunks, spoil
from tests.support.runs import repository
from tests.support.templates import UNIT, template

SHORT = "a chunk is cut short"


def test_damage_is_told_by_the_read_units_that_can_t_be_read(published):
    spoil(chunks(published)[0], "missing")
    (found,) = scan_store(published).damaged
    assert found.damage.span is not None
    assert str(found.damage).endswith(f"(write unit {found.damage.unit}): a chunk is missing")


class Failed(icechunk.StorageError):
    """What Icechunk raises for a storage."""

    kind = icechunk.ErrorKind.OBJECT_STORE


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Generic LocalFileSystem error: Requested range was invalid: Wanted range starting at 9", SHORT),
        ("Generic S3 error: <Code>InvalidRange</Code>", SHORT),
        ("Generic LocalFileSystem error: Unable to open file /data/orange/chunks/X: Too many open files", None),
        ("Generic S3 error: error sending request for url (https://host/oranges/chunks/X)", None),
    ],
)
def test_a_storage_that_fails_is_no_damage_whatever_its_path_says(said, why):
    assert _why(Failed(said)) == why


@pytest.mark.heavy
def test_a_manifest_is_no_chunk(published):
    for path in (repository(published) / "manifests").iterdir():
        path.unlink()
    with pytest.raises(StoreError) as ended:
        scan_store(published)
    assert not isinstance(ended.value, DamagedError)


def test_it_travels_between_processes_and_is_not_worth_another_try():
    damages = [
        Damage("rec", "SNR", 2, Span(0, 30 * 10**9), "a chunk is missing"),
        Damage("rec", "sid", None, None, "x"),
    ]
    error = pickle.loads(pickle.dumps(DamagedError(damages)))
    assert error.damages == tuple(damages)
    assert "rec SNR 1980-01-06T00:00:00 to 1980-01-06T00:00:30 (write unit 2): a chunk is missing (and 1 more)" in str(
        error
    )
    error.__cause__ = OSError("the disk")
    assert not failed_storage(error)


@pytest.fixture
def column():
    """An array along the epochs of three write units, four read units each, with a value everywhere."""
    made = template(units=3)
    made = replace(made, grid=replace(made.grid, read_unit=UNIT // 4))
    group = zarr.create_group(zarr.storage.MemoryStore(), path="rec")
    create_arrays(group, [VARIABLES[0], *EPOCH_COORDINATES], made)
    group.attrs.update(layout_attributes(made))
    group["epoch_flag"][:] = 1
    return made.grid, group["epoch_flag"]


def broken(column, *read_units):
    for number in read_units:
        column.store._store_dict[f"rec/epoch_flag/c/{number}"] = cpu.Buffer.from_bytes(b"no chunk")


def told(grid, damages):
    return [(one.unit, grid.slot(one.span.first_ns), grid.slot(one.span.last_ns)) for one in damages]


def test_neighbouring_read_units_of_a_write_unit_are_told_as_one(column):
    grid, one = column
    broken(one, 5, 6, 8, 11)
    found = damage_of(one)
    assert {(each.receiver, each.array) for each in found} == {("rec", "epoch_flag")}
    read = grid.read_unit
    assert told(grid, found) == [
        (1, 5 * read, 7 * read - 1),
        (2, 8 * read, 9 * read - 1),
        (2, 11 * read, 12 * read - 1),
    ]


def test_neighbours_of_two_write_units_are_told_apart(column):
    grid, one = column
    broken(one, 7, 8)
    assert [unit for unit, _, _ in told(grid, damage_of(one))] == [1, 2]


def test_only_what_is_asked_for_is_damaged(column):
    grid, one = column
    broken(one, 5, 8)
    read = grid.read_unit
    assert told(grid, damage_of(one, slice(6 * read, 9 * read))) == [(2, 8 * read, 9 * read - 1)]
    assert damage_of(one, slice(6 * read, 8 * read)) == []
    assert (cells_of(one, slice(6 * read, 8 * read)) == 1).all()
    with pytest.raises(DamagedError) as raised:
        cells_of(one, slice(5 * read, 6 * read))
    assert told(grid, raised.value.damages) == [(1, 5 * read, 6 * read - 1)]


def test_an_array_that_is_not_along_the_epochs_is_damaged_as_a_whole(column):
    _, one = column
    group = zarr.open_group(one.store, path="rec")
    group.create_array("other", shape=(4,), chunks=(2,), dtype="int8", fill_value=0, dimension_names=["sid"])[:] = 1
    one.store._store_dict["rec/other/c/1"] = cpu.Buffer.from_bytes(b"no chunk")
    (found,) = damage_of(group["other"])
    assert (found.receiver, found.array, found.unit, found.span) == ("rec", "other", None, None)
