"""The structure of a repository, and forks that write into it, without any file or reader."""

import icechunk
import numpy as np
import pytest
import zarr

from gnssice_batch.errors import PlanError, StoreError
from gnssice_batch.model.grid import DAY_NS, SECOND_NS
from gnssice_batch.model.template import (
    DERIVED_COORDINATES,
    EPOCH_COORDINATES,
    JOINED,
    JOINED_SOURCE,
    SID_COORDINATES,
    VARIABLES,
    grown_axis,
    shard_width,
    signal_axis,
    signal_columns,
    unit_chunks,
)
from gnssice_batch.model.values import Assignment, Partition
from gnssice_batch.planning.plan import prove_single_owners
from gnssice_batch.storage.location import location
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.layout.arrays import read_template
from gnssice_batch.store.layout.codecs import encoding, stored_codecs
from gnssice_batch.store.repository import RepositoryOptions, make_branch, open_repository, remove_branch
from gnssice_batch.store.writing.changes import changed_units, differences, union
from gnssice_batch.store.writing.commit import merge
from gnssice_batch.store.writing.signals import complete_signals
from gnssice_batch.store.writing.structure import (
    StructureChange,
    discard_staging,
    ensure_root,
    is_available,
    make_structure,
    staging_branch,
)
from gnssice_batch.store.writing.units import open_work_fork, read_epochs, write_epochs
from tests.support.object_stores.faults import Fault, Rule
from tests.support.object_stores.stores import SERVER, fresh
from tests.support.templates import UNIT, template

SPECS = (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES)


@pytest.fixture
def repository(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


def structured(repository, *templates, previous=None, number=1):
    base = previous.base if previous else repository.head()
    return make_structure(
        repository, base, staging_branch("run", number), StructureChange(templates, "rinex3"), previous
    )


def publish(repository, structure, *forks):
    session = repository.handle.writable_session("main")
    ensure_root(session, "rinex3")
    merge(session, structure, forks)
    changed = changed_units(session)
    complete_signals(session, structure.units)
    session.commit("published")
    return changed


def group_of(repository, receiver="rec", branch="main"):
    return zarr.open_group(repository.handle.readonly_session(branch).store, path=receiver, mode="r")


def cells(made, unit, salt=0):
    """Data variables of a unit, different in every cell, unit and salt."""
    count = len(made.axis.sids)
    plain = np.arange(UNIT * count, dtype=np.int64).reshape(UNIT, count) + 7 * unit + 1000 * salt
    return {spec.name: (plain % 10 if spec.dtype == "int8" else plain / 8).astype(spec.dtype) for spec in VARIABLES}


def assignment(made, unit, key="rec.unit"):
    return Assignment(Partition(key, made.receiver, unit, 1), made.grid, made.axis, (), (), ())


def written(structure, made, unit, salt=0):
    work = open_work_fork(structure.work_fork, assignment(made, unit))
    write_epochs(work, unit * UNIT, cells(made, unit, salt))
    return work.as_bytes()


def hold(repository, made, unit, values, signals=None):
    """Hold that a unit has these values in its first signals and nothing in the others."""
    group = group_of(repository)
    for spec in VARIABLES:
        found = group[spec.name][unit * UNIT : (unit + 1) * UNIT]
        width = values[spec.name].shape[1]
        np.testing.assert_array_equal(found[:, :width], values[spec.name], spec.name)
        np.testing.assert_array_equal(found[:, width:], spec.fill, spec.name)
        assert found.shape[1] == (signals or len(made.axis.sids))


@pytest.mark.parametrize("profile", ["default", "compact"])
def test_a_group_is_made_as_its_template_says(repository, profile):
    made = template(signals=70, profile=profile)
    publish(repository, structured(repository, made))
    group = group_of(repository)
    assert {name for name, _ in group.arrays()} == {spec.name for spec in SPECS}
    for spec in (*SPECS, *JOINED):
        array = group[spec.name]
        assert array.shape == made.shape(spec), spec.name
        assert array.metadata.dimension_names == spec.dims
        assert array.chunks == made.chunks(spec)
        assert array.shards == made.shards(spec)
        assert dict(array.attrs) == dict(spec.attributes)
        assert array.config.write_empty_chunks is False
        if spec.dtype != "str":
            assert array.dtype == np.dtype(spec.dtype)
            np.testing.assert_equal(array.fill_value, np.dtype(spec.dtype).type(spec.fill))
    assert group["SNR"].shards == (UNIT, 128)
    assert group["SNR"].chunks == (UNIT, 64)
    assert read_template(group) == made
    assert dict(zarr.open_group(repository.handle.readonly_session("main").store, mode="r").attrs) == {
        "source_format": "rinex3"
    }


@pytest.mark.parametrize("profile", ["default", "compact"])
def test_the_stored_codecs_are_the_configured_ones(repository, profile):
    publish(repository, structured(repository, template(profile=profile)))
    group = group_of(repository)
    for spec in (*SPECS, *JOINED):
        found = stored_codecs(group[spec.name])
        chosen = encoding(spec.name, spec.dtype, profile=profile, level=7)
        wanted = [codec.to_dict() for codec in (*chosen.filters, *chosen.compressors)]
        names = [codec.name for codec in found]
        assert [name for name in names if name in {each["name"] for each in wanted}] == [
            each["name"] for each in wanted
        ]
        if profile == "default" or len(spec.dims) == 1:
            assert (names[-1], found[-1].level) == ("zstd", 7)
    compact = [codec.name for codec in stored_codecs(group["Phase"])]
    assert ("numcodecs.pcodec" in compact) == (profile == "compact")


def test_what_follows_from_a_signals_name_is_not_on_the_staging_branch(repository):
    structure = structured(repository, template())
    assert "/rec/sid" in structure.units
    assert not structure.units.keys() & {f"/rec/{name}" for name in DERIVED_COORDINATES}
    publish(repository, structure)
    assert np.asarray(group_of(repository)["sv"][:]).tolist() == ["G01"] * 3


def test_the_axes_of_a_new_group(repository):
    made = template(first_unit=1, units=3, signals=5)
    publish(repository, structured(repository, made))
    group = group_of(repository)
    epochs = made.grid.origin_ns + np.arange(3 * UNIT) * 30 * SECOND_NS
    np.testing.assert_array_equal(group["epoch"][:], epochs)
    for name, column in signal_columns(made.axis.sids, made.channels).items():
        np.testing.assert_array_equal(np.asarray(group[name][:]), column)
    assert (group["source_file"][:] == -1).all()
    assert (group["SNR"][:] != group["SNR"][:]).all()


def test_the_configuration_is_saved_for_every_reader(tmp_path):
    url = str(tmp_path / "r")
    open_repository(url, RepositoryOptions(compression_level=7, inline_threshold=100))
    saved = icechunk.Repository.fetch_config(icechunk.local_filesystem_storage(url))
    assert saved.inline_chunk_threshold_bytes == 100
    assert saved.compression.level == 7
    assert "epoch" in repr(saved.manifest.splitting.split_sizes)
    assert "freq_center" in repr(saved.manifest.preload.preload_if)
    reader = icechunk.Repository.open(icechunk.local_filesystem_storage(url))
    assert reader.config.manifest.preload.max_total_refs == saved.manifest.preload.max_total_refs == 10_000


def test_readers_see_nothing_of_a_structure_until_it_is_published(repository):
    before = repository.head()
    structure = structured(repository, template())
    assert repository.head() == before
    assert is_available(repository, structure)
    assert set(repository.handle.list_branches()) == {"main", structure.branch}
    discard_staging(repository, "another")
    assert is_available(repository, structure)
    discard_staging(repository, "run")
    assert set(repository.handle.list_branches()) == {"main"}
    assert not is_available(repository, structure)


def test_forks_write_their_units_and_nothing_else(repository):
    made = template(units=4)
    structure = structured(repository, made)
    forks = [written(structure, made, unit) for unit in (0, 2)]
    changed = publish(repository, structure, *forks)
    planned = unit_chunks(made, [0, 2])
    assert differences(changed, union([structure.units, planned])) == ()
    for unit in (0, 2):
        hold(repository, made, unit, cells(made, unit))
    assert np.isnan(group_of(repository)["Phase"][UNIT : 2 * UNIT]).all()


def test_two_forks_that_write_one_unit_merge_silently_so_plans_refuse_them(repository):
    """Nothing of the merged session tells it: only the proof that every unit has one owner does."""
    made = template()
    structure = structured(repository, made)
    forks = [written(structure, made, 1, salt) for salt in (0, 1)]
    changed = publish(repository, structure, *forks)
    assert differences(changed, union([structure.units, unit_chunks(made, [1])])) == ()
    hold(repository, made, 1, cells(made, 1, salt=1))
    with pytest.raises(PlanError, match="write unit 1 of rec belongs to one and to two"):
        prove_single_owners([Partition("one", "rec", 0, 2), Partition("two", "rec", 1, 1)])


def test_what_was_not_planned_is_named(repository):
    made = template(units=4)
    structure = structured(repository, made)
    session = repository.handle.writable_session("main")
    merge(session, structure, [written(structure, made, unit) for unit in (0, 1, 3)])
    planned = union([structure.units, unit_chunks(made, [0, 1, 2])])
    wrong = differences(changed_units(session), planned)
    assert len(wrong) == len(VARIABLES)
    assert wrong[0] == "/rec/Doppler:  1 chunks not planned ((3, 0)) 1 chunks missing ((2, 0))"


def test_a_worker_holds_the_axes_against_its_plan(repository):
    made = template()
    structure = structured(repository, made)
    other = template(signals=4)
    with pytest.raises(StoreError, match=r"rec\.unit: the stored signal axis is not the one"):
        open_work_fork(structure.work_fork, assignment(other, 0))
    with pytest.raises(StoreError, match=r"rec\.unit: the stored epoch axis"):
        open_work_fork(structure.work_fork, assignment(template(units=3), 0))
    longer = structured(repository, template(signals=4), previous=structure, number=2)
    assert open_work_fork(longer.work_fork, assignment(made, 0))


def test_attempts_share_nothing(repository):
    """Each makes a copy of its own; a copy of another's bytes holds what that one wrote."""
    made = template()
    structure = structured(repository, made)
    first = open_work_fork(structure.work_fork, assignment(made, 0))
    second = open_work_fork(structure.work_fork, assignment(made, 0))
    write_epochs(first, 0, cells(made, 0))
    assert np.isnan(read_epochs(second, 0, UNIT)[0]["SNR"]).all()
    assert changed_units(fork_of(fork_bytes(second.fork))) == {}
    again = fork_of(first.as_bytes())
    np.testing.assert_array_equal(
        zarr.open_group(again.store, path="rec", mode="r")["SNR"][:UNIT], cells(made, 0)["SNR"]
    )


def test_bytes_that_are_no_fork():
    with pytest.raises(StoreError, match="5 bytes are no fork"):
        fork_of(b"wrong")


CHANGES = {
    "longer": {"units": 5},
    "earlier": {"first_unit": -3, "units": 5},
    "wider": {"signals": 60},
    "wider than a read unit": {"signals": 100},
    "earlier, longer and wider": {"first_unit": -2, "units": 9, "signals": 200},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_published_group_becomes_another_and_keeps_its_data(repository, change):
    made = template()
    structure = structured(repository, made)
    publish(repository, structure, *(written(structure, made, unit) for unit in (0, 1)))
    rows = zarr.open_group((session := repository.handle.writable_session("main")).store, path="rec", mode="r+")
    rows["source_file"][:] = np.arange(2 * UNIT)
    rows[JOINED_SOURCE][:] = guests = np.arange(2 * UNIT)[:, None] + np.arange(len(made.axis.sids))
    session.commit("rows")
    discard_staging(repository, "run")
    wanted = template(**change, width=made.shard_sids)
    structure = structured(repository, wanted, number=7)
    moved = -change.get("first_unit", 0)
    new_unit = wanted.grid.units - 1
    forks = [] if new_unit < moved + 2 else [written(structure, wanted, new_unit)]
    publish(repository, structure, *forks)
    assert read_template(group_of(repository)) == wanted
    for unit in (0, 1):
        hold(repository, wanted, unit + moved, cells(made, unit))
    if forks:
        hold(repository, wanted, new_unit, cells(wanted, new_unit))
    group = group_of(repository)
    np.testing.assert_array_equal(group["source_file"][moved * UNIT : (moved + 2) * UNIT], np.arange(2 * UNIT))
    assert (group["source_file"][: moved * UNIT] == -1).all()
    assert (group["source_file"][(moved + 2) * UNIT :] == -1).all()
    joined = np.asarray(group[JOINED_SOURCE][:])
    np.testing.assert_array_equal(joined[moved * UNIT : (moved + 2) * UNIT, : guests.shape[1]], guests)
    assert (joined >= 0).sum() == guests.size
    epochs = wanted.grid.origin_ns + np.arange(wanted.grid.size) * 30 * SECOND_NS
    np.testing.assert_array_equal(group["epoch"][:], epochs)
    assert np.asarray(group["sid"][:]).tolist() == list(wanted.axis.sids)
    for spec in (*SPECS, *JOINED):
        assert group[spec.name].shape == wanted.shape(spec)


def test_shifting_rewrites_no_chunk(repository, tmp_path):
    made = template(signals=64)
    structure = structured(repository, made)
    publish(repository, structure, *(written(structure, made, unit) for unit in (0, 1)))
    chunks = {path.name for path in (tmp_path / "site" / "rinex" / "chunks").iterdir()}
    publish(repository, structured(repository, template(first_unit=-4, units=6, signals=64), number=2))
    hold(repository, made, 5, cells(made, 1))
    assert {path.name for path in (tmp_path / "site" / "rinex" / "chunks").iterdir()} >= chunks
    added = {path.name for path in (tmp_path / "site" / "rinex" / "chunks").iterdir()} - chunks
    assert len(added) <= 1


@pytest.mark.parametrize(
    "change", [{"units": 6}, {"signals": 60}, {"signals": 100}, {"units": 6, "signals": 100}], ids=str
)
def test_forks_of_the_first_round_fit_the_structure_of_the_second(repository, change):
    made = template()
    first = structured(repository, made)
    early = written(first, made, 0)
    wanted = template(**change, width=made.shard_sids)
    second = structured(repository, wanted, previous=first, number=2)
    assert second.base == first.base
    late = written(second, wanted, 1)
    changed = publish(repository, second, early, late)
    planned = [unit_chunks(wanted, [0], signals=3), unit_chunks(wanted, [1]), second.units]
    assert differences(changed, union(planned)) == ()
    hold(repository, wanted, 0, cells(made, 0))
    hold(repository, wanted, 1, cells(wanted, 1))
    discard_staging(repository, "run")
    assert set(repository.handle.list_branches()) == {"main"}


def test_a_second_receiver_beside_a_published_one(repository):
    one, two = template(), template(receiver="two", signals=9)
    publish(repository, structured(repository, one))
    structure = structured(repository, two, number=2)
    publish(repository, structure, written(structure, two, 1))
    assert read_template(group_of(repository)) == one
    assert read_template(group_of(repository, "two")) == two


def test_a_structure_without_any_change(repository):
    made = template()
    publish(repository, structured(repository, made))
    structure = structured(repository, number=2)
    assert structure.units == {}
    changed = publish(repository, structure, written(structure, made, 1))
    assert differences(changed, unit_chunks(made, [1])) == ()
    hold(repository, made, 1, cells(made, 1))


def test_groups_of_others_are_not_touched(repository):
    session = repository.handle.writable_session("main")
    root = zarr.create_group(session.store)
    root.create_array("rec", shape=(1,), dtype="i1")
    root.create_group("theirs")
    session.commit("others")
    with pytest.raises(StoreError, match="rec is an array"):
        structured(repository, template())
    with pytest.raises(StoreError, match="says no layout version"):
        structured(repository, template(receiver="theirs"), number=2)


def test_signal_axes_grow_at_their_end():
    axis = signal_axis(["G02|L1|C", "G01|L1|C"])
    grown = grown_axis(axis, ["R01|G1|C", "E01|E1|C", "G01|L1|C", "E01|E1|C"])
    assert grown.sids == ("G02|L1|C", "G01|L1|C", "E01|E1|C", "R01|G1|C")
    assert grown.digest != axis.digest
    assert grown_axis(axis, []) == axis


@pytest.mark.parametrize(("signals", "width"), [(0, 64), (1, 64), (64, 64), (65, 128), (500, 512)])
def test_write_units_are_a_multiple_of_64_signals_wide(signals, width):
    assert shard_width(signals) == width


def test_a_day_of_units_of_a_day():
    assert template().grid.unit_ns * 4 == DAY_NS


@pytest.mark.processes
@pytest.mark.parametrize("kind", SERVER)
@pytest.mark.parametrize("first", range(4))
def test_a_lost_answer_to_the_making_or_removal_of_a_branch_costs_nothing(kind, first, tmp_path, object_servers, proxy):
    place = fresh(kind, tmp_path, object_servers(SERVER[kind]))
    between = proxy(place)
    away = place.through(between.address)
    repository = open_repository(location(away.below("store").url, away.options))
    between.begin(rules=[Rule(Fault.LOST_ANSWER, ("PUT",), first=first, holding="/store/repo")])
    make_branch(repository, "one", repository.head())
    make_branch(repository, "two", repository.head())
    remove_branch(repository, "one")
    remove_branch(repository, "two")
    assert between.counts().faults == {"lost_answer": 1}
    assert repository.handle.list_branches() == {"main"}
