"""Axes cut back to their data: nothing moves against its epochs, and nothing is written where nothing is to be cut."""

from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import EPOCH_COORDINATES, JOINED, JOINED_SOURCE, VARIABLES
from gnssice_batch.model.values import Span
from gnssice_batch.store.layout.arrays import read_template
from gnssice_batch.store.layout.patches import Patches
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing import trimming as module
from gnssice_batch.store.writing.structure import StructureChange, make_structure
from gnssice_batch.store.writing.trimming import trim_axes
from tests.support.templates import UNIT, template

BRANCH = "staging-run"


@pytest.fixture
def repository(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


def test_a_repository_without_any_group_is_left_as_it_is(repository):
    head = repository.head()
    assert trim_axes(repository, "main", dry_run=False) == (None, {})
    assert repository.head() == head


def made(receiver, units=6):
    """A template of write units of three read units each."""
    plain = template(units=units, receiver=receiver)
    return replace(plain, grid=replace(plain.grid, read_unit=UNIT // 3))


ALONG_EPOCHS = {spec.name: spec for spec in (*VARIABLES, *EPOCH_COORDINATES, *JOINED)}


def cells(spec, count):
    shape = (count, 3)[: len(spec.dims)]
    return (np.arange(np.prod(shape)).reshape(shape) % 100).astype(spec.dtype)


def values_of(group):
    """The values of all arrays along epochs."""
    arrays = Patches.of(group, ALONG_EPOCHS)
    return arrays.read(ALONG_EPOCHS, range(arrays.documents["epoch"]["shape"][0]))


def stored(repository, held, **units):
    """Make groups with values in epochs of the axis by receiver; nothing where none are held."""
    templates = [made(receiver, units.get(receiver, 6)) for receiver in held]
    make_structure(repository, repository.head(), BRANCH, StructureChange(templates, "rinex3"))
    session = repository.handle.writable_session(BRANCH)
    for receiver, rows in held.items():
        group = zarr.open_group(session.store, path=receiver, mode="r+")
        if rows:
            given = {
                name: cells(spec, rows.stop - rows.start) for name, spec in ALONG_EPOCHS.items() if name != "epoch"
            }
            Patches.of(group, given).write_each({name: (rows.start, block) for name, block in given.items()})
    session.commit("values", allow_empty=True)
    return {each.receiver: each.grid for each in templates}


def group_of(repository, receiver):
    return zarr.open_group(repository.handle.readonly_session(BRANCH).store, path=receiver, mode="r")


def newest(repository):
    return next(iter(repository.handle.ancestry(branch=BRANCH)))


ROWS = slice(2 * UNIT + 5, 4 * UNIT - 7)
SPANS = {
    "in the middle": (ROWS, 2, 4),
    "one epoch": (slice(4 * UNIT, 4 * UNIT + 1), 4, 5),
    "at the start": (slice(0, 10), 0, 1),
    "at the end": (slice(6 * UNIT - 1, 6 * UNIT), 5, 6),
}


@pytest.mark.parametrize(("rows", "first", "behind"), SPANS.values(), ids=SPANS)
def test_whole_write_units_without_data_are_cut_off_on_both_sides(repository, rows, first, behind):
    grid = stored(repository, {"rec": rows})["rec"]
    before = values_of(group_of(repository, "rec"))
    snapshot, axes = trim_axes(repository, BRANCH, dry_run=False)
    span = Span(grid.time_ns(rows.start), grid.time_ns(rows.stop - 1))
    units = behind - first
    after = replace(grid, origin_ns=grid.origin_ns + first * grid.unit_ns, size=units * UNIT)
    axis = axes["rec"]
    assert (axis.before, axis.after, axis.span, axis.epochs) == (grid, after, span, (6 - units) * UNIT)
    group = group_of(repository, "rec")
    for name, values in values_of(group).items():
        np.testing.assert_array_equal(values, before[name][first * UNIT : behind * UNIT], name)
    assert read_template(group).grid == after
    assert (group.attrs["first_epoch_ns"], group.attrs["last_epoch_ns"]) == (span.first_ns, span.last_ns)
    entry = newest(repository)
    assert entry.id == snapshot == repository.head(BRANCH)
    assert entry.message == f"axes trimmed to the data: {axis.epochs} epochs of rec"
    assert entry.metadata == {"trimmed_receivers": 1, "trimmed_epochs": axis.epochs}
    assert trim_axes(repository, BRANCH, dry_run=False) == (None, {"rec": module.TrimmedAxis(after, after, span)})


def test_all_receivers_are_cut_by_one_commit_and_what_others_made_is_left(repository):
    held = {"b": ROWS, "none": None, "a": slice(0, UNIT), "full": slice(0, 2 * UNIT)}
    grids = stored(repository, held, full=2)
    session = repository.handle.writable_session(BRANCH)
    zarr.create_array(session.store, name="theirs/x", shape=(3,), dtype="i1")
    session.commit("theirs")
    _, axes = trim_axes(repository, BRANCH, dry_run=False)
    assert {name: axis.epochs // UNIT for name, axis in axes.items()} == {"a": 5, "b": 4, "full": 0, "none": 0}
    assert list(axes) == ["a", "b", "full", "none"]
    assert (axes["none"].after, axes["none"].span) == (grids["none"], None)
    entry = newest(repository)
    assert entry.message == f"axes trimmed to the data: {9 * UNIT} epochs of a, b"
    assert entry.metadata == {"trimmed_receivers": 2, "trimmed_epochs": 9 * UNIT}
    assert group_of(repository, "full").attrs["last_epoch_ns"] == grids["full"].time_ns(2 * UNIT - 1)
    assert "last_epoch_ns" not in group_of(repository, "none").attrs


def test_a_coverage_that_was_not_told_is_a_commit_too(repository):
    stored(repository, {"rec": slice(0, 2 * UNIT)}, rec=2)
    snapshot, axes = trim_axes(repository, BRANCH, dry_run=False)
    assert (snapshot, axes["rec"].epochs) == (repository.head(BRANCH), 0)
    assert newest(repository).message == "axes trimmed to the data: 0 epochs of no receiver"


def test_what_would_become_of_them_is_told_without_a_commit(repository):
    stored(repository, {"rec": ROWS})
    head = repository.head(BRANCH)
    snapshot, axes = trim_axes(repository, BRANCH, dry_run=True)
    assert (snapshot, axes["rec"].epochs, repository.head(BRANCH)) == (None, 4 * UNIT, head)


def test_a_group_without_joined_signals_is_cut_too(repository):
    stored(repository, {"rec": ROWS})
    session = repository.handle.writable_session(BRANCH)
    group = zarr.open_group(session.store, path="rec", mode="r+")
    del group["metadata/joined"]
    session.commit("as it was")
    assert trim_axes(repository, BRANCH, dry_run=False)[0]
    assert JOINED_SOURCE not in group_of(repository, "rec")
    assert group_of(repository, "rec")["SNR"].shape[0] == 2 * UNIT


def test_many_receivers_are_told_as_far_as_a_message_goes(repository):
    held = {letter * 90: slice(0, 1) for letter in "ab"}
    stored(repository, held, **dict.fromkeys(held, 2))
    trim_axes(repository, BRANCH, dry_run=False)
    entry = newest(repository)
    assert len(entry.message) == 200
    assert entry.metadata["trimmed_receivers"] == 2


def test_a_run_that_has_moved_the_branch_meanwhile_is_told(repository, monkeypatch):
    stored(repository, {"rec": ROWS})
    searched = module.searched_coverage

    def moved(group, grid):
        session = repository.handle.writable_session(BRANCH)
        zarr.create_group(session.store, path="theirs")
        session.commit("theirs")
        return searched(group, grid)

    monkeypatch.setattr(module, "searched_coverage", moved)
    with pytest.raises(StoreError, match=f"another run moved '{BRANCH}' meanwhile, nothing was trimmed: start again"):
        trim_axes(repository, BRANCH, dry_run=False)
    assert newest(repository).message == "theirs"


def test_a_branch_that_is_not_there_is_told(repository):
    with pytest.raises(StoreError, match="nope"):
        trim_axes(repository, "nope", dry_run=True)
