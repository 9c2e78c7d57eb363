"""Groups of an older layout become those of the present one, in one commit that touches no observation."""

import shutil

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.values import Span
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.forks import fork_of
from gnssice_batch.store.layout.coverage import coverage_attributes, told_coverage
from gnssice_batch.store.layout.file_rows import FILE_COLUMNS, read_files
from gnssice_batch.store.layout.ledger import LATER_COLUMNS
from gnssice_batch.store.repository import make_branch
from gnssice_batch.store.writing import migration
from gnssice_batch.store.writing.ledger_rows import append_files, complete_table
from gnssice_batch.store.writing.migration import Migration, _check_untouched, _committed, _same, migrate_groups
from gnssice_batch.store.writing.structure import StructureChange, ensure_root, make_structure, staging_branch
from tests.store.writing.test_ledger_rows import PLAIN, PROVENANCE, REFUSED, TAKEN
from tests.support.histories import on_disk
from tests.support.older_layout import put_back, put_back_oldest
from tests.support.templates import template

ORIGIN_NS = template().grid.origin_ns
SPAN = Span(ORIGIN_NS + 3 * 30 * SECOND_NS, ORIGIN_NS + 719 * 30 * SECOND_NS)
STEPS = (
    "ledger of 3 files in one array",
    f"column {' and '.join(LATER_COLUMNS)} of metadata/table",
    "arrays for joined files",
    "span of the data as attributes",
    "layout version 2",
)


def changed(repository, change, branch="main"):
    """Commit what a call does to the root group."""
    session = repository.handle.writable_session(branch)
    change(zarr.open_group(session.store, mode="r+"))
    return session.commit("changed")


def made(folder, names=("rec",)):
    """Make a repository with groups that hold three files and some values each."""
    repository = on_disk(folder)
    templates = tuple(template(receiver=name) for name in names)
    structure = make_structure(
        repository, repository.head(), staging_branch("run", 0), StructureChange(templates, "rinex")
    )
    session = repository.handle.writable_session("main")
    ensure_root(session, "rinex")
    session.merge(fork_of(structure.change))
    root = zarr.open_group(session.store, mode="r+")
    for name in names:
        append_files(root[name], [TAKEN, REFUSED, PLAIN], PROVENANCE, {})
        root[name]["SNR"][3:720] = 40
        root[name]["source_file"][3:720] = 0
        root[name].update_attributes(coverage_attributes(SPAN))
    session.commit("made")
    return repository


def group(repository, name="rec", branch="main"):
    return zarr.open_group(repository.handle.readonly_session(branch).store, path=name, mode="r")


def messages(repository, branch="main"):
    return [entry.message for entry in repository.handle.ancestry(branch=branch)]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """By how old it is a repository with one group, to be copied."""
    new, old = tmp_path_factory.mktemp("new"), tmp_path_factory.mktemp("old") / "there"
    made(new)
    shutil.copytree(new, old)
    changed(on_disk(old), lambda root: put_back_oldest(root["rec"]))
    return {"new": new, "oldest": old}


@pytest.fixture
def new(places, tmp_path):
    return on_disk(shutil.copytree(places["new"], tmp_path / "copy"))


@pytest.fixture
def oldest(places, tmp_path):
    return on_disk(shutil.copytree(places["oldest"], tmp_path / "copy"))


def test_all_that_an_old_group_lacks_is_made(oldest):
    before, at = group(oldest), oldest.head()
    cells = {name: np.asarray(array[...]) for name, array in before.arrays()}
    rows = read_files(before)
    snapshot, found = migrate_groups(oldest, "main", dry_run=False)
    assert found == (Migration("rec", 1, STEPS),)
    assert (oldest.head(), snapshot != at) == (snapshot, True)
    after = group(oldest)
    assert after.attrs["layout_version"] == 2
    for name, array in after.arrays():
        np.testing.assert_array_equal(np.asarray(array[...]), cells[name])
    again = read_files(after)
    assert all(_same(name, column, again) for name, column in rows.items())
    assert isinstance(after["metadata/files"], zarr.Array)
    assert set(LATER_COLUMNS) <= set(after["metadata/table"].array_keys())
    assert list(after["metadata/joined"].attrs) == []
    assert after["metadata/joined/source_file"].shape == after["SNR"].shape
    assert told_coverage(after) == SPAN


def test_the_commit_says_which_groups_were_brought_where(oldest):
    snapshot, _ = migrate_groups(oldest, "main", dry_run=False)
    entry = oldest.handle.lookup_snapshot(snapshot)
    assert entry.message == "brought to layout 2: rec"
    assert {name: entry.metadata[name] for name in ("migrated_receivers", "layout")} == {
        "migrated_receivers": 1,
        "layout": 2,
    }
    assert group(oldest).attrs["layout_version"] == 2


def test_a_second_call_has_nothing_to_do(oldest):
    migrate_groups(oldest, "main", dry_run=False)
    at = oldest.head()
    assert migrate_groups(oldest, "main", dry_run=False) == (None, (Migration("rec", 2, ()),))
    assert oldest.head() == at


def test_a_dry_run_only_tells(oldest):
    at = oldest.head()
    assert migrate_groups(oldest, "main", dry_run=True) == (None, (Migration("rec", 1, STEPS),))
    assert oldest.head() == at


def test_only_what_is_lacking_is_made(new):
    """A group without data has no span to be told of."""

    def older(root):
        put_back(root["rec"])
        root["rec"]["source_file"][:] = -1
        root["rec"].attrs.put({name: value for name, value in root["rec"].attrs.items() if "_epoch_ns" not in name})

    changed(new, older)
    assert migrate_groups(new, "main", dry_run=True)[1] == (Migration("rec", 1, (STEPS[0], STEPS[4])),)


def test_a_span_that_is_told_is_not_searched_again(oldest):
    told = {"first_epoch_ns": 5, "last_epoch_ns": 7}
    changed(oldest, lambda root: root["rec"].attrs.update(told))
    _, (found,) = migrate_groups(oldest, "main", dry_run=False)
    assert STEPS[3] not in found.steps
    assert {name: group(oldest).attrs[name] for name in told} == told


def test_every_receiver_in_order_on_the_branch_that_is_named(tmp_path):
    names = ("zeta", "alpha", "mid")
    repository = made(tmp_path, names)
    make_branch(repository, "trial", repository.head())
    at = repository.head()

    def older(root):
        for name in names:
            if name != "mid":
                root[name].attrs["layout_version"] = 1
        root.create_group("weather").create_array("t", shape=(3,), dtype="f4")

    changed(repository, older, "trial")
    _, found = migrate_groups(repository, "trial", dry_run=False)
    assert [one.receiver for one in found] == sorted(names)
    assert [one.layout for one in found] == [1, 2, 1]
    assert [group(repository, name, "trial").attrs["layout_version"] for name in names] == [2, 2, 2]
    assert messages(repository, "trial")[0] == "brought to layout 2: alpha, zeta"
    assert repository.head() == at
    assert "layout_version" not in group(repository, "weather", "trial").attrs


def test_a_long_list_of_receivers_is_cut(oldest):
    session = oldest.handle.writable_session("main")
    zarr.open_group(session.store, mode="r+").attrs["x"] = 1
    names = [f"station_of_number_{number}" for number in range(20)]
    _committed(session, "main", names)
    assert messages(oldest)[0] == f"brought to layout 2: {', '.join(names)}"[:200]


def test_a_repository_without_groups_has_nothing_to_do(tmp_path):
    assert migrate_groups(on_disk(tmp_path), "main", dry_run=False) == (None, ())


def test_a_layout_that_nobody_knows_is_refused_before_anything_is_done(tmp_path):
    repository = made(tmp_path, ("a", "b"))

    def older(root):
        put_back(root["a"])
        root["b"].attrs["layout_version"] = 99

    at = changed(repository, older)
    with pytest.raises(StoreError, match="99"):
        migrate_groups(repository, "main", dry_run=False)
    assert repository.head() == at


def test_a_branch_that_somebody_moves_meanwhile_stays_as_it_is(oldest):
    session = oldest.handle.writable_session("main")
    zarr.open_group(session.store, mode="r+").attrs["x"] = 1
    at = changed(oldest, lambda root: root.attrs.update({"x": 2}))
    with pytest.raises(StoreError, match="another run moved 'main' meanwhile, nothing was migrated: start again"):
        _committed(session, "main", ["rec"])
    assert oldest.head() == at


def test_a_storage_that_fails_is_told_of(oldest):
    shutil.rmtree(local_path(oldest.url))
    with pytest.raises(StoreError):
        migrate_groups(oldest, "main", dry_run=False)


def test_rows_that_would_not_say_the_same_are_not_written(oldest, monkeypatch):
    """As a fault of the conversion would have it."""

    def forgetting(table):
        replaced(table)
        array = table["metadata/files"]
        array[:1] = np.array(['{"uri":"rec/one.25o","status":"ok"}'], np.dtypes.StringDType())

    replaced, at = migration.replace_columns, oldest.head()
    monkeypatch.setattr(migration, "replace_columns", forgetting)
    with pytest.raises(StoreError, match=r"size_bytes, etag, sha256, .* of rec/metadata/files would not be the same"):
        migrate_groups(oldest, "main", dry_run=False)
    assert oldest.head() == at


def test_a_step_that_touches_observations_is_not_committed(oldest, monkeypatch):
    """As a fault of it would have it."""

    def careless(receiver):
        complete_table(receiver)
        receiver["SNR"][:720] = 1

    monkeypatch.setattr(migration, "complete_table", careless)
    at = oldest.head()
    with pytest.raises(StoreError, match="a migration would change /rec/SNR: nothing was migrated"):
        migrate_groups(oldest, "main", dry_run=False)
    assert oldest.head() == at


@pytest.mark.parametrize(
    ("name", "old", "new", "same"),
    [
        ("uri", ["a", "b"], ["a", "b"], True),
        ("uri", ["a", "b"], ["a", "c"], False),
        ("skipped", ["", '{"a": 1}'], ["{}", '{"a":1}'], True),
        ("skipped", ['{"a":1}', ""], ['{"a": 1}', ""], True),
        ("skipped", ['{"a":1}', ""], ['{"a":1}', '{"b":2}'], False),
        ("skipped", ["", '{"b":2}'], ["", ""], False),
        ("interval_s", [np.nan, 30.0], [np.nan, 30.0], True),
        ("interval_s", [np.nan, 30.0], [np.nan, 15.0], False),
        ("size_bytes", [1, 2], [1, 2], True),
        ("size_bytes", [1, 2], [1, 3], False),
    ],
)
def test_columns_are_the_same_where_they_say_the_same(name, old, new, same):
    kind = FILE_COLUMNS[name]
    dtype = np.dtypes.StringDType() if kind in {"str", "json"} else kind
    assert _same(name, np.array(old, dtype), {name: np.array(new, dtype)}) is same


class TestUntouched:
    """Nothing but tables and documents is written."""

    def write(self, repository, change):
        session = repository.handle.writable_session("main")
        change(zarr.open_group(session.store, mode="r+"))
        _check_untouched(session, ["rec"])

    def test_tables_and_attributes_may_be(self, oldest):
        self.write(oldest, lambda root: root["rec/metadata/table/index"].__setitem__(0, 5))
        self.write(oldest, lambda root: root["rec"].attrs.update({"x": 1}))

    @pytest.mark.parametrize("name", ["SNR", "epoch"])
    def test_observations_may_not_be(self, oldest, name):
        with pytest.raises(StoreError, match=f"a migration would change /rec/{name}: nothing was migrated"):
            self.write(oldest, lambda root: root[f"rec/{name}"].__setitem__(slice(0, 720), 1))

    def test_an_array_of_observations_may_not_be_taken_away(self, oldest):
        with pytest.raises(StoreError, match="a migration would change /rec/SNR: nothing was migrated"):
            self.write(oldest, lambda root: root["rec"].__delitem__("SNR"))

    def test_nor_may_the_tables_of_a_receiver_that_is_not_migrated(self, tmp_path):
        repository = made(tmp_path, ("rec", "other"))
        with pytest.raises(StoreError, match="/other/metadata/table/index"):
            self.write(repository, lambda root: root["other/metadata/table/index"].__setitem__(0, 5))
