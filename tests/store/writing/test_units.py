"""A worker's copy of the fork: opened only on the axes it was planned for, emptied only where it is made again."""

from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import JOINED, JOINED_SOURCE, OBSERVED_COORDINATES, VARIABLES, grown_axis, signal_axis
from gnssice_batch.model.values import Assignment, Partition
from gnssice_batch.store.forks import fork_of
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.changes import changed_units
from gnssice_batch.store.writing.structure import StructureChange, make_structure, staging_branch
from gnssice_batch.store.writing.units import (
    emptied_fork,
    open_work_fork,
    read_epochs,
    read_joined,
    write_coordinates,
    write_epochs,
)
from tests.support.templates import UNIT, template

UNITS = 3
MADE = template(units=UNITS, signals=130, width=128)
"""Two write units wide."""


def planned(made=MADE, units=range(UNITS), **more):
    return Assignment(Partition("rec.0", "rec", units.start, len(units)), made.grid, made.axis, (), (), (), **more)


@pytest.fixture(scope="module")
def fork(tmp_path_factory):
    """A fork in which every cell of three write units has a value."""
    repository = open_repository(str(tmp_path_factory.mktemp("units") / "site" / "rinex"))
    base = repository.head()
    structure = make_structure(repository, base, staging_branch("run", 1), StructureChange((MADE,), "rinex3"))
    work = open_work_fork(structure.work_fork, planned())
    for unit in range(UNITS):
        shape = (UNIT, len(MADE.axis.sids))
        write_epochs(work, unit * UNIT, {spec.name: np.full(shape, unit + 1, spec.dtype) for spec in VARIABLES})
        write_epochs(work, unit * UNIT, {spec.name: np.full(shape, unit + 1, spec.dtype) for spec in JOINED})
        along = {spec.name.rpartition("/")[2]: np.full(UNIT, unit + 1, spec.dtype) for spec in JOINED}
        write_coordinates(work, unit * UNIT, along, fresh=True)
    return work.as_bytes()


OTHERS = {
    "another order of signals": (replace(MADE, axis=signal_axis(MADE.axis.sids[::-1])), "signal axis"),
    "a signal more": (replace(MADE, axis=grown_axis(MADE.axis, ["E09|E1|C"])), "signal axis"),
    "an earlier origin": (replace(MADE, grid=replace(MADE.grid, origin_ns=0)), "epoch axis"),
    "a longer axis": (replace(MADE, grid=replace(MADE.grid, size=4 * UNIT)), "epoch axis"),
    "other write units": (replace(MADE, grid=replace(MADE.grid, unit=UNIT // 2)), "epoch axis"),
}


@pytest.mark.parametrize(("made", "which"), OTHERS.values(), ids=OTHERS)
def test_nothing_is_written_on_axes_that_the_partition_was_not_planned_for(fork, made, which):
    with pytest.raises(StoreError, match=f"rec.0: the stored {which} .*planned for.*start the run again"):
        open_work_fork(fork, planned(made))


def test_signals_that_were_appended_since_do_no_harm(fork):
    fewer = replace(MADE, axis=signal_axis(MADE.axis.sids[:5]))
    found, along = read_epochs(open_work_fork(fork, planned(fewer)), UNIT, UNIT)
    assert {name: cells.shape for name, cells in found.items()} == dict.fromkeys(
        [spec.name for spec in VARIABLES], (UNIT, 130)
    )
    assert {name: set(cells.tolist()) for name, cells in along.items()} == {name: {2} for name in OBSERVED_COORDINATES}


def values(content):
    """By array the value of each write unit, None where it is the fill value throughout."""
    group = zarr.open_group(fork_of(content).store, path="rec", mode="r")
    found = {}
    for spec in VARIABLES + JOINED:
        parts = [np.asarray(group[spec.name][unit * UNIT : (unit + 1) * UNIT]) for unit in range(UNITS)]
        found[spec.name] = [None if _empty(part, spec.fill) else set(np.unique(part).tolist()) for part in parts]
    for name in OBSERVED_COORDINATES:
        parts = [np.asarray(group[name][unit * UNIT : (unit + 1) * UNIT]) for unit in range(UNITS)]
        fill = group[name].fill_value
        found[name] = [None if _empty(part, fill) else set(np.unique(part).tolist()) for part in parts]
    return found


def _empty(part, fill):
    return bool(np.isnan(part).all() if np.isnan(fill) else (part == fill).all())


WITHOUT = {(): [{1}, {2}, {3}], (1,): [{1}, None, {3}], (0, 2): [None, {2}, None]}


@pytest.mark.parametrize("units", WITHOUT, ids=str)
def test_units_are_emptied_in_every_array_that_comes_from_files_and_no_other_unit(fork, units):
    found = values(emptied_fork(fork, [(MADE, units)]))
    assert found == dict.fromkeys(found, WITHOUT[units])


def test_a_worker_empties_those_of_its_own_units_that_are_made_again(fork):
    work = open_work_fork(fork, planned(units=range(1, 3), rewritten=frozenset({0, 1})))
    found = values(work.as_bytes())
    assert found == {name: [{1}, None, {3}] for name in found}
    untouched = open_work_fork(fork, planned(units=range(1, 3)))
    assert values(untouched.as_bytes())["SNR"] == [{1}, {2}, {3}]


def test_joined_signals_are_read_only_where_files_were_joined(fork):
    work = open_work_fork(fork, planned())
    joined = read_joined(work, UNIT, UNIT)
    assert {name: set(np.unique(cells).tolist()) for name, cells in joined.items()} == {
        spec.name: {2} for spec in JOINED
    }
    emptied = open_work_fork(emptied_fork(fork, [(MADE, (1,))]), planned())
    assert read_joined(emptied, UNIT, UNIT) == {}
    assert read_joined(emptied, 0, UNIT).keys() == joined.keys()
    del emptied.arrays.documents[JOINED_SOURCE]
    assert read_joined(emptied, 0, UNIT) == {}


def test_what_was_sent_is_in_the_fork_before_it_is_given_away(fork):
    work = open_work_fork(fork, planned())
    write_epochs(work, 0, {"SNR": np.full((UNIT, 130), 9, "float32")})
    assert values(work.as_bytes())["SNR"] == [{9}, {2}, {3}]
    assert changed_units(fork_of(work.as_bytes()))["/rec/SNR"] >= {(0, 0), (0, 1)}
