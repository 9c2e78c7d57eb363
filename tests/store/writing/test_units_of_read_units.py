"""Write units of several read units: emptied whole, counted as what lies in the storage."""

from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import OBSERVED_COORDINATES
from gnssice_batch.model.values import Assignment, Partition
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.changes import changed_units
from gnssice_batch.store.writing.structure import StructureChange, make_structure
from gnssice_batch.store.writing.units import (
    emptied_fork,
    open_fork_of,
    open_work_fork,
    read_epochs,
    write_coordinates,
    write_epochs,
)
from tests.support.templates import UNIT, template

READ = UNIT // 3
MADE = replace(template(units=4, signals=3), grid=replace(template(units=4).grid, read_unit=READ))
VOD_MADE = replace(MADE, receiver="tau/rec", contents=VOD)
NOISE = np.random.default_rng(1).random((UNIT, 3), "float32")


def planned(made=MADE, **more):
    return Assignment(Partition("rec.0", made.receiver, 0, 4), made.grid, made.axis, (), (), (), **more)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    repository = open_repository(str(tmp_path_factory.mktemp("units") / "site" / "rinex"))
    wanted = StructureChange((MADE, VOD_MADE), "rinex3")
    return make_structure(repository, repository.head(), "staging-run", wanted).work_fork


@pytest.fixture(scope="module")
def fork(empty):
    """One in which every epoch has a source and a value."""
    work = open_work_fork(empty, planned())
    rows = np.arange(4 * UNIT, dtype=np.int32)
    write_epochs(work, 0, {"SNR": np.broadcast_to(rows[:, None], (4 * UNIT, 3)).astype("float32")})
    write_coordinates(work, 0, {"source_file": rows}, fresh=True)
    return work.as_bytes()


def held(content):
    """Epochs that have a source, and those that have a value."""
    group = zarr.open_group(fork_of(content).store, path="rec", mode="r")
    return np.flatnonzero(group["source_file"][:] >= 0), np.flatnonzero(np.isfinite(group["SNR"][:, 2]))


@pytest.mark.parametrize("units", [(0,), (1, 2), (3,), ()], ids=str)
def test_a_unit_is_emptied_with_all_its_read_units(fork, units):
    kept = np.concatenate([np.arange(unit * UNIT, (unit + 1) * UNIT) for unit in range(4) if unit not in units])
    for found in held(emptied_fork(fork, [(MADE, units)])):
        np.testing.assert_array_equal(found, kept)
    for found in held(open_work_fork(fork, planned(rewritten=frozenset(units))).as_bytes()):
        np.testing.assert_array_equal(found, kept)


def test_a_group_without_joined_signals_is_emptied_too(fork):
    copy = fork_of(fork)
    del zarr.open_group(copy.store, path="rec", mode="r+")["metadata/joined"]
    assert held(emptied_fork(fork_bytes(copy), [(MADE, range(4))]))[0].size == 0


def test_what_was_sent_is_counted_as_what_lies_in_the_storage(empty):
    work = open_work_fork(empty, planned())
    assert work.objects() == (0, 0)
    write_epochs(work, UNIT, {"SNR": NOISE, "Phase": NOISE.astype("float64")})
    count, size_bytes = work.objects()
    assert count == 2
    assert NOISE.nbytes < size_bytes < 4 * NOISE.nbytes
    assert changed_units(work.fork) == {"/rec/SNR": {(1, 0)}, "/rec/Phase": {(1, 0)}}


@pytest.mark.parametrize("fresh", [True, False])
def test_where_nothing_was_ever_written_nothing_is_removed(fork, fresh):
    """Who says so of a place where something is keeps it, and reads nothing for it."""
    work = open_work_fork(fork, planned())
    write_coordinates(work, READ, {"source_file": np.full(READ, -1, np.int32)}, fresh=fresh)
    kept = read_epochs(work, READ, READ)[1]["source_file"]
    assert (kept[0], kept[-1]) == ((READ, 2 * READ - 1) if fresh else (-1, -1))


def test_epochs_are_read_from_where_they_begin(fork):
    variables, along = read_epochs(open_work_fork(fork, planned()), READ, UNIT)
    assert along.keys() == set(OBSERVED_COORDINATES)
    np.testing.assert_array_equal(along["source_file"], np.arange(READ, READ + UNIT))
    np.testing.assert_array_equal(variables["SNR"][:, 0], np.arange(READ, READ + UNIT))


def test_a_group_of_other_contents_in_a_folder_is_opened_and_nothing_emptied(empty):
    work = open_fork_of(empty, planned(VOD_MADE), VOD)
    assert work.group.path == "tau/rec"
    assert work.arrays.documents.keys() == {"sid", "VOD", "theta", "phi", "source_orbit"}
    shorter = replace(VOD_MADE, grid=replace(MADE.grid, size=UNIT))
    with pytest.raises(StoreError) as raised:
        open_fork_of(empty, planned(shorter), VOD)
    origin = MADE.grid.origin_ns
    assert str(raised.value) == (
        f"rec.0: the stored epoch axis (origin, size, unit) is {(origin, 4 * UNIT, UNIT)}, planned for"
        f" {(origin, UNIT, UNIT)}; start the run again"
    )
