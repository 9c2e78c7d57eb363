"""Whether finished work still fits a head that others have moved: each thing that can differ is noticed by itself."""

from dataclasses import replace

import pytest
import zarr

from gnssice_batch.model.template import grown_axis, signal_axis, unit_chunks
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.conflicts import _group_conflict, conflicts, conflicts_at, same_indices
from gnssice_batch.store.writing.structure import StructureChange, make_structure, staging_branch
from tests.support.templates import template

MADE = template()
GRID, SIDS = MADE.grid, MADE.axis.sids
LONGER = replace(MADE, grid=replace(GRID, size=2 * GRID.size))
WIDER = replace(MADE, axis=grown_axis(MADE.axis, ["E09|E1|C"]))
OTHERS = {
    "begins earlier": replace(MADE, grid=replace(GRID, origin_ns=GRID.origin_ns - GRID.unit_ns)),
    "another interval": replace(MADE, grid=replace(GRID, interval_ns=GRID.interval_ns // 2)),
    "another phase": replace(MADE, grid=replace(GRID, phase_ns=GRID.phase_ns + 1)),
    "other write units": replace(MADE, grid=replace(GRID, unit=GRID.unit // 2)),
    "ends earlier": replace(MADE, grid=replace(GRID, size=GRID.size - GRID.unit)),
    "another order of signals": replace(MADE, axis=signal_axis(SIDS[::-1])),
    "fewer signals": replace(MADE, axis=signal_axis(SIDS[:-1])),
    "another last signal": replace(MADE, axis=signal_axis((*SIDS[:-1], "E09|E1|C"))),
}


@pytest.mark.parametrize("head", [MADE, LONGER, WIDER], ids=["the same", "longer", "wider"])
def test_an_index_means_the_same_where_axes_only_grew_at_their_end(head):
    assert same_indices(MADE, head)
    assert _group_conflict("rec", MADE, MADE, head) == ""


@pytest.mark.parametrize("head", OTHERS.values(), ids=OTHERS)
def test_an_index_means_something_else_on_other_axes(head):
    assert not same_indices(MADE, head)
    assert "the axes of rec are not those" in _group_conflict("rec", MADE, MADE, head)


def test_a_group_that_this_run_makes_or_changes_may_have_been_made_or_changed_by_no_other():
    assert _group_conflict("rec", MADE, None, None) == ""
    assert _group_conflict("rec", MADE, None, MADE) == "rec was made by another run"
    assert _group_conflict("rec", WIDER, MADE, MADE) == ""
    assert "and this one changes it too" in _group_conflict("rec", WIDER, MADE, LONGER)
    assert _group_conflict("rec", MADE, MADE, None) == "rec is gone"


@pytest.fixture
def repository(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


def moved(repository, made, number=1, base=None):
    """A snapshot after one in which a group is as a template says."""
    base = base or repository.head()
    structure = make_structure(repository, base, staging_branch("run", number), StructureChange((made,), "rinex3"))
    return repository.head(structure.branch), structure.units


def test_work_fits_the_head_it_was_planned_on(repository):
    head = repository.head()
    found = conflicts_at(repository, head, head, {"rec": (MADE, None)}, {"key": unit_chunks(MADE, [0])})
    assert (found.structure, found.units) == ((), {"key": ()})


def test_write_units_that_others_wrote_are_named_by_partition(repository):
    base, _ = moved(repository, MADE)
    head, units = moved(repository, LONGER, 2, base)
    path = "/rec/epoch"
    mine = {"hit": {path: units[path]}, "beside": {path: frozenset({(999,)})}, "elsewhere": {"/x/epoch": units[path]}}
    session = repository.handle.readonly_session(snapshot_id=head)
    found = conflicts(repository, session, base, {"rec": (MADE, MADE)}, mine)
    assert found.structure == ()
    count = len(units[path])
    assert found.units == {
        "hit": (f"{path}: {count} of its write units were written by another run",),
        "beside": (),
        "elsewhere": (),
    }


def test_what_is_still_to_be_done_starts_from_a_structure_that_no_other_has_changed(repository):
    """Finished work fits a group that has grown; work that is still planned on it does not."""
    base, _ = moved(repository, MADE)
    head, _ = moved(repository, LONGER, 2, base)
    session = repository.handle.readonly_session(snapshot_id=head)
    wanted = {"rec": (MADE, MADE)}
    assert conflicts(repository, session, base, wanted, {}).structure == ()
    assert conflicts_at(repository, head, base, wanted, {}).structure == ("rec was changed by another run",)
    other, _ = moved(repository, template(receiver="other"), 3, base)
    assert conflicts_at(repository, other, base, wanted, {}).structure == ()


def test_nothing_fits_where_the_branch_was_set_back(repository):
    first = repository.head()
    later, _ = moved(repository, MADE)
    found = conflicts_at(repository, first, later, {}, {"key": unit_chunks(MADE, [0])})
    assert "the branch was set back" in found.structure[0]
    assert found.units == {"key": found.structure}


def test_a_group_that_others_have_made_or_removed_meanwhile_is_a_conflict(repository):
    first = repository.head()
    base, _ = moved(repository, MADE)
    assert conflicts_at(repository, base, first, {"rec": (MADE, None)}, {}).structure == (
        "rec was made by another run",
    )
    session = repository.handle.writable_session(staging_of(repository))
    del zarr.open_group(session.store, mode="r+")["rec"]
    head = session.commit("removed")
    assert conflicts_at(repository, head, base, {"rec": (MADE, MADE)}, {}).structure == ("rec is gone",)


def staging_of(repository):
    (branch,) = repository.handle.list_branches() - {"main"}
    return branch
