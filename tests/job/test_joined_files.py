"""Files of one epoch joined, by whole runs: nothing that only one file has is lost, whatever came first."""

import io
import zipfile
from itertools import permutations

import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from gnssice_batch.errors import StoreError
from gnssice_batch.ingest import partition as ingest
from gnssice_batch.job.report import summary
from gnssice_batch.job.run import run
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.operate.status import store_status
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.store.layout.ledger import read_ledger
from tests.support.joined import FILES, SLIP, STEP_S, Model, Sparse
from tests.support.joined_runs import GROUP, check_batches, held, modelled, refusals, sparse_settings
from tests.support.marks import most_heavy
from tests.support.older_layout import put_back
from tests.support.runs import (
    DAY_ONE_S,
    DAY_S,
    check_ledger,
    joined_sources,
    ledger,
    open_group,
    repository,
    rinex,
    row,
    settings,
    span_s,
    stored,
    write,
)

PER_SYSTEM = ("per_system_C.rnx", "per_system_E.rnx", "per_system_G.rnx")
RANKED = ("rank_a_intact.rnx", "rank_b_damaged_copy.rnx")
EXAMPLES = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
}
"""Whole runs: no shrinking, which would take minutes."""


BATCHES = st.lists(st.lists(FILES, min_size=1, max_size=3), min_size=1, max_size=3).filter(
    lambda batches: len({file.content for batch in batches for file in batch}) == sum(map(len, batches))
)


@hypothesis(**EXAMPLES, max_examples=5)
@given(strategy=st.sampled_from(["best", "best", "skip", "append", "overwrite"]), batches=BATCHES)
def test_runs_hold_what_the_model_holds(tmp_path_factory, strategy, batches):
    check_batches(tmp_path_factory.mktemp("runs"), strategy, batches)


@pytest.mark.long
@hypothesis(**EXAMPLES, max_examples=150)
@given(strategy=st.sampled_from(["best", "best", "skip", "append", "overwrite"]), batches=BATCHES)
def test_many_runs_hold_what_the_model_holds(tmp_path_factory, strategy, batches):
    check_batches(tmp_path_factory.mktemp("runs"), strategy, batches)


WEST = Sparse({0: {"G01": {"C1C": 21_000_000}, "G02": {"C1C": 21_000_007}}, 1: {"G01": {"C1C": 21_000_001}}})
EAST = Sparse({0: {"G02": {"C1C": 22_000_000, "L1C": 23_000_000}, "E05": {"C1X": 24_000_000}}})
NORTH = Sparse({0: {"E05": {"C1X": 25_000_000}, "G02": {"C2W": 26_000_000}}, 1: {"G02": {"C2W": 27_000_000}}}, "3.05")


@pytest.mark.parametrize("order", most_heavy(map(list, permutations([WEST, EAST, NORTH]))), ids=range(6))
def test_one_file_a_run_in_any_order(tmp_path, order):
    check_batches(tmp_path, "best", [[file] for file in order])
    chosen = sparse_settings(tmp_path)
    (receiver,) = store_status(chosen).receivers
    assert receiver.filled == 2
    rows = ledger(chosen, GROUP)
    assert sum(rows["observations_written"]) == 7
    lost = {uri: row(chosen, GROUP, uri)["refused"] for uri in rows["uri"]}
    of = {rows["uri"][at]: rows["sha256"][at] for at in range(3)}
    expected = {WEST.sha256: {"superseded": [0, 1]}, EAST.sha256: {"superseded": [0, 1]}, NORTH.sha256: {}}
    assert {of[uri]: counts for uri, counts in lost.items()} == expected


FLAGGED = Sparse({0: {"G01": {"C1C": 21_000_000}, "E05": {"L1X": SLIP}}, 2: {"E05": {"L1X": SLIP}}})
VALUED = Sparse({0: {"G02": {"C1C": 22_000_000}}, 1: {"E05": {"C1X": 24_000_000}}})
FLAGGED_AND_VALUED = Sparse({**FLAGGED.epochs, 3: {"E05": {"C1X": 25_000_000}}})


def arrivals(files):
    """All at once, and one after the other in either order."""
    one, other = files
    return most_heavy([[[one, other]], [[other], [one]], [[one], [other]]], 2)


def indicators(chosen, sid):
    """(4,) loss of lock of a signal in the first epochs of the day."""
    group = open_group(chosen, GROUP)
    begin = np.searchsorted(group["epoch"][:], DAY_ONE_S * SECOND_NS)
    return group["LLI"][begin : begin + 4, group["sid"][:].tolist().index(sid)].tolist()


@pytest.mark.parametrize("batches", arrivals([FLAGGED, VALUED]))
def test_a_signal_without_a_value_in_its_file_gives_no_indicator(tmp_path, batches):
    """It is on the axis or not as other files have it, so the store would depend on the order of arrival."""
    check_batches(tmp_path, "best", batches)
    assert indicators(sparse_settings(tmp_path), "E05|E1|X") == [-1] * 4


@pytest.mark.parametrize("batches", arrivals([FLAGGED_AND_VALUED, VALUED]))
def test_a_signal_with_a_value_anywhere_in_its_file_gives_its_indicators(tmp_path, batches):
    check_batches(tmp_path, "best", batches)
    assert indicators(sparse_settings(tmp_path), "E05|E1|X") == [1, -1, 1, -1]


def test_a_value_in_another_member_of_the_container_does(tmp_path):
    with zipfile.ZipFile(packed := io.BytesIO(), "w") as archive:
        archive.writestr("a.rnx", FLAGGED.content)
        archive.writestr("b.rnx", Sparse({3: {"E05": {"C1X": 25_000_000}}}).content)
    write(tmp_path / "archive", {"rec/day.zip": packed.getvalue()})
    chosen = sparse_settings(tmp_path)
    run(chosen)
    assert indicators(chosen, "E05|E1|X") == [1, -1, 1, -1]
    assert verify_store(chosen, None).agrees


STRENGTH = Sparse({0: {"G01": {"C1C": 21_000_000, "S1C": 45_000}, "G02": {"S1C": 44_000}}})
PHASES = Sparse({0: {"G01": {"C1C": 21_000_000, "L1C": 23_000_000, "C2W": 24_000_000}}})
BOTH = Sparse({0: {"G01": {"C1C": 21_000_000, "L1C": 23_000_000, "S1C": 45_000}}}, "3.05")


@pytest.mark.parametrize("batches", [[[STRENGTH], [PHASES]], [[PHASES], [STRENGTH]], [[STRENGTH, PHASES]]])
def test_a_value_that_a_better_file_lacks_is_a_counted_loss(tmp_path, batches):
    check_batches(tmp_path, "best", batches)
    lost = refusals(sparse_settings(tmp_path))
    assert lost == {STRENGTH.sha256: {"not_mixed": [0, 1], "superseded": [0, 1]}, PHASES.sha256: {}}


def test_a_value_that_any_file_gives_is_no_loss(tmp_path):
    check_batches(tmp_path, "best", [[PHASES, STRENGTH, BOTH]])
    assert refusals(sparse_settings(tmp_path))[STRENGTH.sha256] == {"superseded": [0, 2]}


def test_the_report_counts_an_epoch_of_several_files_for_each_and_says_so(tmp_path):
    chosen = sparse_settings(tmp_path)
    write(tmp_path / "archive", {"rec/w.rnx": WEST.content, "rec/e.rnx": EAST.content, "rec/n.rnx": NORTH.content})
    counts = summary(run(chosen).files[GROUP])
    assert (counts["epochs_read"], counts["epochs_written"], counts["epochs_joined"]) == (5, 5, 3)
    assert counts["epochs_refused"] == {"superseded": 0}
    assert counts["observations_read"] == counts["observations_written"] + 2 == 9


def test_joined_signals_are_opened_beside_the_observations(tmp_path):
    """With icechunk and xarray alone."""
    write(tmp_path / "archive", {"rec/w.rnx": WEST.content, "rec/e.rnx": EAST.content})
    chosen = sparse_settings(tmp_path)
    run(chosen)
    store = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    session = store.readonly_session("main")
    plain = xr.open_zarr(session.store, group=GROUP, consolidated=False)
    joined = xr.open_zarr(session.store, group=f"{GROUP}/metadata/joined", consolidated=False)
    assert not set(joined.data_vars) & set(plain.data_vars)
    assert dict(joined.sizes) == dict(plain.sizes)
    there = joined.source_file.where(joined.source_file >= 0, plain.source_file).isel(epoch=0)
    uris = ledger(chosen, GROUP)["uri"]
    named = {str(sid): uris[int(there[place])] for place, sid in enumerate(plain.sid.values)}
    assert named == {"G01|L1|C": "rec/w.rnx", "G02|L1|C": "rec/e.rnx", "E05|E1|X": "rec/e.rnx"}


def arrive(folder, batches, **grid):
    chosen = settings(folder, grid={"interval_s": 30, **grid}, run={"verify": "full"})
    for batch in batches:
        write(folder / "archive", {f"rec/{path.name}": path.read_bytes() for path in batch})
        run(chosen)
        check_ledger(chosen, GROUP)
    assert verify_store(chosen, None).agrees
    return chosen


def orders(names):
    return [[list(names)], *([[name] for name in order] for order in permutations(names))]


@pytest.mark.corpus
@pytest.mark.parametrize("batches", most_heavy(orders(PER_SYSTEM), 2))
def test_one_file_a_system(shared_data, tmp_path, batches):
    """BDT marks lie 14 s off those of GPST: the signal keeps that."""
    faults = shared_data / "faults"
    chosen = arrive(tmp_path, [[faults / name for name in batch] for batch in batches], tolerance_s=14.5)
    data = stored(chosen, GROUP)
    assert data.sids == ["C01|B1I|I", "E01|E1|X", "G01|L1|C"]
    expected = 20_000_000.0 + np.arange(3)[:, None] * np.ones(3)
    np.testing.assert_array_equal(data.arrays["Pseudorange"], expected)
    assert not any(row(chosen, GROUP, f"rec/{name}")["refused"] for name in PER_SYSTEM)
    offsets = np.asarray(open_group(chosen, GROUP)["metadata/joined/epoch_offset"][:])
    joined = joined_sources(chosen, GROUP) >= 0
    main = np.unique(data.offset).tolist()
    assert sorted({*main, *np.unique(offsets[joined]).tolist()}) == [0.0, 14.0]


@pytest.mark.corpus
@pytest.mark.parametrize("batches", orders(RANKED))
def test_what_has_lost_nothing_wins(shared_data, tmp_path, batches):
    faults = shared_data / "faults"
    chosen = arrive(tmp_path, [[faults / name for name in batch] for batch in batches])
    data = stored(chosen, GROUP)
    assert set(data.uri) == {"rec/rank_a_intact.rnx"}
    assert sum(int(np.isfinite(data.arrays[name]).sum()) for name in ("SNR", "Pseudorange", "Phase", "Doppler")) == 12


@pytest.mark.corpus
def test_an_epoch_in_two_records(shared_data, tmp_path):
    chosen = arrive(tmp_path, [[shared_data / "faults" / "epoch_split_in_two_records.rnx"]])
    its = row(chosen, GROUP, "rec/epoch_split_in_two_records.rnx")
    assert (its["status"], its["epochs_written"], its["observations_written"], its["refused"]) == ("ok", 1, 8, {})
    assert its["skipped"] == {"joined_epoch": 1}
    assert stored(chosen, GROUP).sids == ["G01|L1|C", "G02|L1|C"]


def test_members_of_one_container_are_joined(tmp_path):
    """One file a system in a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.rnx", Sparse({0: {"G01": {"C1C": 21_000_000}}, 1: {"G01": {"C1C": 21_000_001}}}).content)
        archive.writestr("b.rnx", Sparse({0: {"E05": {"C1X": 22_000_000}, "G01": {"C1C": 29_000_000}}}).content)
    write(tmp_path / "archive", {"rec/day.zip": packed.getvalue()})
    chosen = sparse_settings(tmp_path)
    run(chosen)
    its = row(chosen, GROUP, "rec/day.zip")
    assert (its["epochs_read"], its["epochs_written"], its["observations_written"]) == (3, 2, 3)
    assert its["refused"] == {"joined_epoch": [1, 0], "superseded": [0, 1]}
    assert stored(chosen, GROUP).arrays["Pseudorange"][0].tolist() == [22_000.0, 21_000.0]
    check_ledger(chosen, GROUP)
    assert verify_store(chosen, None).agrees


@pytest.mark.parametrize("fault", ["value", "source", "time", "left out"])
def test_a_worker_that_joins_wrongly_publishes_nothing(tmp_path, monkeypatch, fault):
    join_block = ingest.join_block

    def faulty(block, *args):
        changed = join_block(block, *args)
        at = np.argwhere(block.joined["source_file"] != -1)[0] if block.joined else None
        if at is not None and fault == "value":
            block.arrays["Pseudorange"][tuple(at)] += 1
        elif at is not None and fault == "source":
            block.joined["source_file"][tuple(at)] = block.source[at[0]]
        elif at is not None and fault == "time":
            block.joined["epoch_offset"][tuple(at)] = 1e-3
        elif at is not None:
            block.joined["source_file"][tuple(at)] = -1
            block.arrays["Pseudorange"][tuple(at)] = np.nan
            block.values[at[0]] -= 1
        return changed

    files = {"rec/w.rnx": WEST.content, "rec/e.rnx": Sparse({0: {"E05": {"C1X": 24_000_000}}}).content}
    write(tmp_path / "archive", files)
    chosen = sparse_settings(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "join_block", faulty)
        with pytest.raises(StoreError, match=r"nothing was published: .* difference"):
            run(chosen)
    assert run(chosen).snapshot
    assert verify_store(chosen, None).agrees


def test_a_changed_joined_signal_is_found_in_the_store(tmp_path):
    files = {"rec/w.rnx": WEST.content, "rec/e.rnx": Sparse({0: {"E05": {"C1X": 24_000_000}}}).content}
    write(tmp_path / "archive", files)
    chosen = sparse_settings(tmp_path)
    run(chosen)
    store = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    sids = np.asarray(open_group(chosen, GROUP)["sid"][:]).tolist()
    at = (int(np.flatnonzero((joined_sources(chosen, GROUP) >= 0).any(axis=1))[0]), sids.index("E05|E1|X"))
    session = store.writable_session("main")
    zarr.open_group(session.store, path=GROUP, mode="r+")["Pseudorange"][at] = 1.0
    session.commit("changed")
    report = verify_store(chosen, None)
    assert report.differences == 1
    assert "E05|E1|X: Pseudorange is 1.0 in the store, 24000.0 expected" in report.first[0]


@pytest.mark.heavy
def test_a_group_of_an_older_version_gets_what_it_lacks(tmp_path):
    """It is read as it is, and by the next run that has something to write."""
    chosen, model = sparse_settings(tmp_path), Model("best")
    write(tmp_path / "archive", {"rec/w.rnx": WEST.content})
    run(chosen)
    store = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    session = store.writable_session("main")
    group = zarr.open_group(session.store, path=GROUP, mode="r+")
    del group["metadata/joined"]
    del put_back(group)["epochs_joined"]
    session.commit("as it was")
    assert verify_store(chosen, None).agrees
    assert store_status(chosen).receivers[0].filled == 2
    assert run(chosen).snapshot is None
    write(tmp_path / "archive", {"rec/e.rnx": EAST.content})
    run(chosen)
    for file in (WEST, EAST):
        model.run([file])
    assert held(chosen) == modelled(model)
    check_ledger(chosen, GROUP)
    assert verify_store(chosen, None).agrees


def test_the_ledger_tells_damage_from_what_a_grid_has_refused(tmp_path):
    """Both files are partial; a later run ranks them as this one did."""
    off_grid = rinex([DAY_ONE_S, DAY_ONE_S + STEP_S, DAY_ONE_S + 2 * STEP_S + 100], ("G01",))
    files = {"rec/a.rnx": WEST.content, "rec/b.rnx": off_grid, "rec/c.rnx": Sparse(EAST.epochs, damaged=True).content}
    write(tmp_path / "archive", files)
    chosen = sparse_settings(tmp_path)
    outcomes = run(chosen).files[GROUP]
    kept = read_ledger(open_group(chosen, GROUP))
    assert [str(outcome.status) for outcome in outcomes] == ["ok", "partial", "partial"]
    assert [kept.rank(number) for number in range(3)] == [outcome.facts.rank for outcome in outcomes]
    assert [kept.rank(number).intact for number in range(3)] == [True, True, False]


@pytest.mark.heavy
def test_joined_signals_move_with_the_axis(tmp_path):
    """Earlier data and new signals come after the join."""
    chosen = settings(tmp_path, run={"verify": "full"})
    day = DAY_ONE_S + DAY_S
    arrivals = [
        {"rec/a.rnx": rinex(span_s(day, 1)), "rec/b.rnx": rinex(span_s(day, 1), ("E05",))},
        {"rec/before.rnx": rinex(span_s(DAY_ONE_S, 1))},
        {"rec/c.rnx": rinex(span_s(day + 1800, 1), ("G09", "E05"), salt=1)},
    ]
    for files in arrivals:
        write(tmp_path / "archive", files)
        run(chosen)
        check_ledger(chosen, GROUP)
        assert verify_store(chosen, None).agrees
    counts = {uri: row(chosen, GROUP, f"rec/{uri}.rnx")["epochs_joined"] for uri in "abc"}
    assert counts["b"] == 60
    assert counts["a"] + counts["c"] == 60
    joined = np.flatnonzero((joined_sources(chosen, GROUP) >= 0).any(axis=1))
    assert joined.tolist() == list(range(joined[0], joined[0] + 120))
    assert int(open_group(chosen, GROUP)["epoch"][int(joined[0])]) == day * SECOND_NS
