"""Groups made and changed on a staging branch: all that they hold, where it moves to, and what of others stays."""

import re
from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import PlanError, StoreError
from gnssice_batch.model.template import (
    EPOCH_COORDINATES,
    JOINED,
    SID_COORDINATES,
    VARIABLES,
    grown_axis,
    signal_axis,
)
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.storage.location import location
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.layout.arrays import read_template
from gnssice_batch.store.layout.ledger import TABLE_COLUMNS
from gnssice_batch.store.layout.patches import Patches
from gnssice_batch.store.layout.vod_ledger import vod_ledger_documents
from gnssice_batch.store.repository import OBJECTS_OF_A_COMMIT, OBJECTS_OF_AN_UPDATE, Repository, open_repository
from gnssice_batch.store.writing import structure as module
from gnssice_batch.store.writing.structure import (
    Staged,
    StructureChange,
    discard_staging,
    ensure_root,
    is_available,
    make_structure,
    stage,
    staged_runs,
    staging_branch,
    structure_on,
)
from tests.support.templates import UNIT, template

BRANCH = "staging-run-1-abcd"
READ = UNIT // 3
RINEX_ARRAYS = {spec.name for spec in (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES, *JOINED)} | {
    "metadata/files",
    *(f"metadata/table/{name}" for name in TABLE_COLUMNS),
}
VOD_ARRAYS = {spec.name for spec in VOD.arrays} | vod_ledger_documents().keys()


class Lock:
    """A lock that says whether it is held."""

    held = False

    def __enter__(self):
        self.held = True

    def __exit__(self, *_):
        self.held = False


@pytest.fixture
def repository(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


def made(first_unit=0, units=2, receiver="rec", **words):
    """A template of write units of three read units each."""
    plain = template(first_unit, units, receiver=receiver)
    return replace(plain, grid=replace(plain.grid, read_unit=READ), **words)


def structured(repository, *templates, branch=BRANCH, base=None):
    return make_structure(repository, base or repository.head(), branch, StructureChange(templates, "rinex3"))


def changed(repository, *templates):
    """The structure on top of the first one."""
    return structured(repository, *templates, branch="staging-run-2-abcd", base=repository.head(BRANCH))


def group_of(repository, receiver="rec", branch="staging-run-2-abcd"):
    return zarr.open_group(repository.handle.readonly_session(branch).store, path=receiver, mode="r")


def members(group):
    """Names of the arrays, and of the groups, of a group and those in it."""
    found = dict(group.members(max_depth=None))
    arrays = {name for name, one in found.items() if isinstance(one, zarr.Array)}
    return arrays, found.keys() - arrays


ALONG_EPOCHS = {spec.name: spec for spec in (*VARIABLES, *EPOCH_COORDINATES, *JOINED)}


def values_of(group):
    """The values of all arrays along epochs."""
    arrays = Patches.of(group, ALONG_EPOCHS)
    return arrays.read(ALONG_EPOCHS, range(arrays.documents["epoch"]["shape"][0]))


def written(repository):
    """Write values into all arrays along epochs, and commit them; these."""
    session = repository.handle.writable_session(BRANCH)
    group = zarr.open_group(session.store, path="rec", mode="r+")
    values = values_of(group)
    for name in values.keys() - {"epoch"}:
        plain = np.arange(values[name].size).reshape(values[name].shape) % 100
        values[name] = plain.astype(values[name].dtype)
    Patches.of(group, ALONG_EPOCHS).write_each({name: (0, cells) for name, cells in values.items()})
    group.update_attributes({"theirs": "kept"})
    session.commit("values")
    return values


class TestBranches:
    def test_no_two_starts_of_a_run_take_the_same(self):
        one, two = (staging_branch("run", 3) for _ in range(2))
        assert re.fullmatch(r"staging-run-3-[0-9a-f]{4}", one)
        assert one != two

    def test_those_of_a_run_are_removed_under_the_lock_and_runs_that_have_any_are_known(self, repository, monkeypatch):
        one = Repository(repository.location, repository.handle, Lock())
        held, remove, make = [], module.remove_branch, module.make_branch
        monkeypatch.setattr(module, "remove_branch", lambda *words: held.append(one.lock.held) or remove(*words))
        monkeypatch.setattr(module, "make_branch", lambda *words: held.append(one.lock.held) or make(*words))
        names = {"staging-run-1-ab12", "staging-run-12-ab12", "staging-run-a-1-ffff", "mine-1-2"}
        for name in sorted(names):
            assert stage(one, one.head(), name) == Staged(one.head(), name)
        assert staged_runs(one) == {"run", "run-a"}
        discard_staging(one, "run-a")
        assert one.handle.list_branches() == (names | {"main"}) - {"staging-run-a-1-ffff"}
        discard_staging(one, "another")
        discard_staging(one, "run")
        assert one.handle.list_branches() == {"main", "mine-1-2"}
        assert held == [True] * 7

    def test_a_structure_is_committed_under_the_lock_and_counted(self, repository):
        class Holding(Lock):
            heads = ()

            def __enter__(self):
                super().__enter__()
                self.heads = (*self.heads, repository.head(BRANCH))

        lock = Holding()
        away = Repository(location("s3://bucket/rinex"), repository.handle, lock)
        TRAFFIC.take()
        staged = stage(Repository(away.location, repository.handle, Lock()), repository.head(), BRANCH)
        assert TRAFFIC.take().requests == {"PUT": OBJECTS_OF_AN_UPDATE}
        structure = structure_on(away, staged, StructureChange([made()], "rinex3"))
        assert lock.heads == (staged.base,)
        assert (structure.base, structure.branch) == (staged.base, BRANCH)
        assert len(structure.units) == 3, "epoch, sid and glonass_fcn"
        assert TRAFFIC.take().requests == {"PUT": OBJECTS_OF_A_COMMIT + 3}
        newest = next(iter(repository.handle.ancestry(branch=BRANCH)))
        assert newest.message == "structure of a run"
        assert structure_on(away, Staged(newest.id, BRANCH), StructureChange([], "rinex3")).units == {}
        assert repository.head(BRANCH) == newest.id


class TestRoot:
    def attributes(self, session, path=""):
        return dict(zarr.open_group(session.store, path=path, mode="r").attrs)

    def test_it_is_made_once_with_the_folders_of_groups(self, repository):
        session = repository.handle.writable_session("main")
        ensure_root(session, "rinex3", ["tau/a", "tau/b", "alone", "net/deep/c"])
        assert self.attributes(session) == {"source_format": "rinex3"}
        assert members(zarr.open_group(session.store, mode="r")) == (set(), {"tau", "net", "net/deep"})
        zarr.open_group(session.store, path="tau", mode="r+").update_attributes({"mine": 1})
        ensure_root(session, "rinex2", ["tau/c"])
        assert self.attributes(session) == {"source_format": "rinex3"}
        assert self.attributes(session, "tau") == {"mine": 1}

    def test_it_says_nothing_where_there_is_no_format(self, repository):
        session = repository.handle.writable_session("main")
        ensure_root(session, "")
        assert self.attributes(session) == {}

    def test_a_group_lies_in_its_folder(self, repository):
        structured(repository, made(receiver="tau/rec"))
        _, groups = members(group_of(repository, "", BRANCH))
        assert {"tau", "tau/rec", "tau/rec/metadata"} <= groups


class TestMade:
    def test_a_group_holds_its_arrays_and_groups_and_nothing_else(self, repository):
        structured(repository, made())
        groups = {"metadata", "metadata/joined", "metadata/table"}
        assert members(group_of(repository, branch=BRANCH)) == (RINEX_ARRAYS, groups)

    def test_one_of_another_product_has_no_joined_signals(self, repository):
        structured(repository, made(contents=VOD))
        group = group_of(repository, branch=BRANCH)
        arrays, groups = members(group)
        assert (arrays, groups & {"metadata/joined"}) == (VOD_ARRAYS, set())
        assert read_template(group) == made(contents=VOD, joins=True)

    def test_channels_are_written_beside_the_signals(self, repository):
        axis = signal_axis(["G01|L1|C", "R01|G1|C", "R02|G1|C"])
        structured(repository, made(axis=axis, channels={"R01": -7, "R02": 5}))
        group = group_of(repository, branch=BRANCH)
        assert group["glonass_fcn"][:].tolist() == [-128, -7, 5]
        assert read_template(group).channels == {"R01": -7, "R02": 5}

    @pytest.mark.parametrize("at_once", [READ - 1, 2 * READ + 1, 10 * UNIT])
    def test_a_long_axis_is_written_in_parts(self, repository, monkeypatch, at_once):
        monkeypatch.setattr(module, "_EPOCHS_AT_ONCE", at_once)
        parts, write = [], module.write_column
        monkeypatch.setattr(
            module, "write_column", lambda one, first, block: parts.append(len(block)) or write(one, first, block)
        )
        wanted = made()
        structured(repository, wanted)
        epochs = wanted.grid.origin_ns + np.arange(2 * UNIT) * wanted.grid.interval_ns
        np.testing.assert_array_equal(group_of(repository, branch=BRANCH)["epoch"][:], epochs)
        assert max(parts) == min(max(at_once // READ, 1) * READ, 2 * UNIT)

    def test_two_groups_are_made_and_changed_at_once(self, repository):
        structured(repository, made(), made(receiver="b"))
        wanted = [made(units=3), made(receiver="c"), made(receiver="b", axis=grown_axis(made().axis, ["E09|E1|C"]))]
        structure = changed(repository, *wanted)
        assert [read_template(group_of(repository, each.receiver)) for each in wanted] == wanted
        ours = {path.partition("/")[2] for path in structure.units}
        assert ours == {"rec/epoch", "b/sid", "b/glonass_fcn", "c/epoch", "c/sid", "c/glonass_fcn"}


class TestChanged:
    GROWTH = (
        ("longer", {"units": 4}, 0),
        ("earlier", {"first_unit": -2, "units": 4}, 2),
        ("on both sides", {"first_unit": -1, "units": 5}, 1),
    )

    @pytest.mark.parametrize(("growth", "before"), [each[1:] for each in GROWTH], ids=[each[0] for each in GROWTH])
    def test_every_value_stays_with_its_epoch(self, repository, growth, before):
        structured(repository, made())
        values = written(repository)
        wanted = made(**growth)
        changed(repository, wanted)
        found = values_of(group_of(repository))
        rows = slice(before * UNIT, (before + 2) * UNIT)
        for name, spec in ALONG_EPOCHS.items():
            np.testing.assert_array_equal(found[name][rows], values[name], name)
            empty = np.delete(found[name], np.arange(rows.start, rows.stop), 0)
            assert name == "epoch" or (np.isnan(empty) if np.isnan(spec.fill) else empty == spec.fill).all(), name
        epochs = wanted.grid.origin_ns + np.arange(wanted.grid.size) * wanted.grid.interval_ns
        np.testing.assert_array_equal(found["epoch"], epochs)

    def test_attributes_of_others_stay_and_its_own_are_those_of_the_template(self, repository):
        structured(repository, made())
        written(repository)
        wanted = made(first_unit=-1, units=3, attributes={"coordinates": "sv", "Institution": "mine"})
        changed(repository, wanted)
        attributes = dict(group_of(repository).attrs)
        assert (attributes["theirs"], attributes["Institution"]) == ("kept", "mine")
        assert attributes["origin_ns"] == wanted.grid.origin_ns

    @pytest.mark.parametrize("growth", [{}, {"first_unit": -1, "units": 3}], ids=["as long", "longer"])
    def test_a_group_of_an_older_program_gets_the_arrays_of_joined_signals(self, repository, growth):
        structured(repository, made())
        written(repository)
        session = repository.handle.writable_session(BRANCH)
        del zarr.open_group(session.store, path="rec", mode="r+")["metadata/joined"]
        session.commit("as it was")
        wanted = made(**growth)
        changed(repository, wanted)
        group = group_of(repository)
        assert members(group)[0] == RINEX_ARRAYS
        assert read_template(group).joins
        values = values_of(group)
        for spec in JOINED:
            assert group[spec.name].shape == wanted.shape(spec)
            assert len(np.unique(values[spec.name])) == 1
        assert "metadata/joined" in members(group)[1]

    def test_a_group_of_another_product_grows_without_them(self, repository):
        structured(repository, made(contents=VOD))
        wanted = made(first_unit=-1, units=4, contents=VOD)
        changed(repository, wanted)
        arrays, groups = members(group_of(repository))
        assert (arrays, "metadata/joined" in groups) == (VOD_ARRAYS, False)
        assert read_template(group_of(repository)) == wanted

    def test_arrays_of_others_along_its_axes_stand_against_growth(self, repository):
        structured(repository, made())
        session = repository.handle.writable_session(BRANCH)
        group = zarr.open_group(session.store, path="rec", mode="r+")
        for name in ("mine", "another"):
            group.create_array(name, shape=(2 * UNIT,), dtype="f4", dimension_names=("epoch",))
        session.commit("theirs")
        with pytest.raises(PlanError) as raised:
            changed(repository, made(units=3))
        (told,) = raised.value.conflicts
        assert told == (
            "rec: its axes have to grow, and another and mine over them, which another program has added to the"
            " group, would not fit any more: move that to a group of its own"
        )

    def test_a_group_of_others_is_not_changed(self, repository):
        session = repository.handle.writable_session("main")
        zarr.create_group(session.store, path="rec")
        session.commit("theirs")
        with pytest.raises(StoreError, match="'rec' was not made by gnssice-batch"):
            structured(repository, made())

    def test_an_array_in_its_place_is_not_changed(self, repository):
        session = repository.handle.writable_session("main")
        zarr.create_array(session.store, name="rec", shape=(1,), dtype="i1")
        session.commit("theirs")
        with pytest.raises(StoreError, match="rec is an array in this repository, not a receiver's group"):
            structured(repository, made())


def test_work_on_a_structure_goes_on_only_where_its_branch_is(repository):
    structure = structured(repository, made())
    assert is_available(repository, structure)
    discard_staging(repository, "run")
    assert not is_available(repository, structure)


def test_a_later_round_extends_the_structure_of_the_first(repository):
    """Its arrays stay the same arrays: what was written into the first is in those of the second."""
    first = structured(repository, made())
    early = fork_of(first.work_fork)
    zarr.open_group(early.store, path="rec")["source_file"][:READ] = 7
    wanted = StructureChange([made(units=3)], "rinex3")
    second = make_structure(repository, first.base, "staging-run-2-abcd", wanted, first)
    session = repository.handle.writable_session("main")
    for fork in (fork_of(second.change), fork_of(fork_bytes(early))):
        session.merge(fork)
    assert (zarr.open_group(session.store, path="rec")["source_file"][:] == 7).sum() == READ
    assert second.base == first.base
