"""The changes of a session held against the plan: nothing beside it, nothing missing, whatever the array."""

from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.model.template import JOINED_SOURCE, unit_chunks
from gnssice_batch.store.repository import RepositoryOptions, open_repository
from gnssice_batch.store.writing.changes import (
    changed_units,
    coordinate_differences,
    differences,
    objects,
    union,
    without_coordinates,
)
from tests.support.templates import UNIT, template

MADE = replace(template(units=4), grid=replace(template(units=4).grid, read_unit=UNIT // 3))
"""Three read units in a write unit."""
PER_UNIT = MADE.grid.unit // MADE.grid.read_unit
SOURCE, FLAG, JOINED = "/rec/source_file", "/rec/epoch_flag", f"/rec/{JOINED_SOURCE}"


def chunks(*numbers):
    return frozenset((number,) for number in numbers)


def test_what_is_not_planned_and_what_is_missing_are_told_apart():
    found, planned = {"/a": chunks(1, 2), "/same": chunks(5)}, {"/a": chunks(2, 3), "/same": chunks(5)}
    assert differences(found, planned) == ("/a:  1 chunks not planned ((1,)) 1 chunks missing ((3,))",)
    assert differences(found, found) == ()
    assert differences({}, {"/a": chunks(1)}) == ("/a:  1 chunks missing ((1,))",)
    assert differences({"/a": chunks(1)}) == ("/a:  1 chunks not planned ((1,))",)
    assert differences({"/a": chunks(1, 2)}, {"/a": chunks(1)}, {"/a": chunks(2)}) == ()


def test_the_first_few_chunks_are_told_in_their_order():
    found = {"/b": chunks(30, 4, 100, 7), "/a": frozenset({(9, 1), (9, 0)})}
    assert differences(found) == (
        "/a:  2 chunks not planned ((9, 0), (9, 1))",
        "/b:  4 chunks not planned ((4,), (7,), (30,) and 1 more)",
    )


def test_units_that_hold_nothing_any_more_need_no_source():
    assert coordinate_differences({SOURCE: of_units(0)}, {}, planned(0, 3), MADE, {3}) == ()
    (told,) = coordinate_differences({}, {}, planned(0, 1, 3), MADE, {3})
    assert told == f"{SOURCE}: no chunk in 2 of the written units, e.g. 0"


def test_all_parts_make_one():
    assert union([{"/a": chunks(1)}, {"/a": chunks(2), "/b": chunks(3)}]) == {"/a": chunks(1, 2), "/b": chunks(3)}


def planned(*units):
    return unit_chunks(MADE, units)


def of_units(*units):
    return chunks(*(unit * PER_UNIT + at for unit in units for at in range(PER_UNIT)))


def joined_of(*units):
    return frozenset((unit, 0) for unit in units)


def test_coordinates_lie_within_the_written_units():
    found = {SOURCE: of_units(1, 2), FLAG: of_units(2), JOINED: joined_of(1)}
    assert coordinate_differences(found, {}, planned(1, 2), MADE) == ()


@pytest.mark.parametrize("path", [SOURCE, FLAG])
def test_a_coordinate_outside_the_written_units_is_told(path):
    found = {SOURCE: of_units(1)} | {path: of_units(1, 3)}
    (told,) = coordinate_differences(found, {}, planned(1), MADE)
    assert told.startswith(f"{path}:  {PER_UNIT} chunks outside the written units")


def test_a_joined_signal_outside_the_written_units_is_told():
    (told,) = coordinate_differences({SOURCE: of_units(1), JOINED: joined_of(1, 2)}, {}, planned(1), MADE)
    assert told == f"{JOINED}:  1 chunks outside the written units ((2, 0))"


def test_a_written_unit_without_any_source_is_told():
    assert coordinate_differences({SOURCE: of_units(0)}, {}, planned(0, 3), MADE) == (
        f"{SOURCE}: no chunk in 1 of the written units, e.g. 3",
    )


def test_what_the_structure_moves_may_lie_anywhere_and_must_be_there():
    moved = {FLAG: of_units(3)}
    assert coordinate_differences({SOURCE: of_units(0), FLAG: of_units(0, 3)}, moved, planned(0), MADE) == ()
    (told,) = coordinate_differences({SOURCE: of_units(0)}, moved, planned(0), MADE)
    assert told == f"{FLAG}:  {PER_UNIT} chunks missing ((9,), (10,), (11,))"


def test_coordinates_that_come_from_files_are_left_out_of_the_rest():
    units = {SOURCE: chunks(1), JOINED: joined_of(1), "/rec/SNR": joined_of(1), "/other/source_file": chunks(1)}
    assert without_coordinates(units, ["rec"]) == {"/rec/SNR": joined_of(1), "/other/source_file": chunks(1)}


def test_chunks_of_their_own_are_told_from_those_in_manifests(tmp_path):
    """What is sent is counted as what lies in the storage."""
    repository = open_repository(str(tmp_path / "r"), RepositoryOptions(inline_threshold=100))
    session = repository.handle.writable_session("main")
    options = {"shape": (4 * UNIT,), "chunks": (UNIT,), "dtype": "int8", "compressors": None, "fill_value": 0}
    array = zarr.create_array(session.store, name="long", **options)
    array[UNIT : 3 * UNIT] = np.arange(2 * UNIT) % 100 + 1
    wide = zarr.create_array(session.store, name="in/wide", **options | {"shape": (UNIT, 3), "chunks": (UNIT, 1)})
    wide[:, 1] = 7
    short = zarr.create_array(session.store, name="short", **options | {"shape": (3,), "chunks": (3,)})
    short[:] = 1
    found = changed_units(session)
    assert found == {"/long": chunks(1, 2), "/short": chunks(0), "/in/wide": {(0, 1)}}
    assert objects(session, found) == (3, 3 * UNIT)
    assert objects(session, {"/short": chunks(0)}) == (0, 0)
