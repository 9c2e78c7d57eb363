"""Whole runs over small archives, each written into a real repository."""

import numpy as np
import pytest

from gnssice_batch.errors import PlanError, StoreError
from gnssice_batch.job.report import exit_code
from gnssice_batch.job.run import run
from gnssice_batch.simulate import MISSING, SimulatedReceiver, SimulationPlan, simulate, truth
from tests.support.ingested import GROUP, SECOND_NS, Hook, Stages, expected, hourly, ingest, seconds
from tests.support.runs import (
    DAY_ONE_S,
    DAY_S,
    assert_same,
    branches,
    check_ledger,
    head,
    ledger,
    messages,
    metadata,
    name,
    repository,
    rinex,
    row,
    settings,
    span_s,
    stored,
    write,
)

TABLE_COLUMNS = {
    *("index", "rinex_hash", "start", "end", "snapshot_id", "action", "commit_msg", "written_at", "write_strategy"),
    *("attrs", "canonical_name", "physical_path", "preprocessing", "epochs"),
}


def test_one_commit_and_a_second_run_commits_nothing(tmp_path):
    files = {
        name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 24, 300)),
        name(DAY_ONE_S + DAY_S): rinex(span_s(DAY_ONE_S + DAY_S, 12, 300)),
    }
    chosen, report = ingest(tmp_path, files)
    assert report.snapshot
    assert messages(chosen) == ["2 files, 432 epochs, rec"]
    data = stored(chosen, GROUP)
    assert seconds(data) == span_s(DAY_ONE_S, 36, 300)
    assert data.sids == ["G01|L1|C", "G02|L1|C", "R03|G1|C"]
    assert data.uri == 288 * [name(DAY_ONE_S)] + 144 * [name(DAY_ONE_S + DAY_S)]
    expected(data)
    full_hour = (data.time_ns // SECOND_NS) % 3600 == 0
    np.testing.assert_array_equal(data.arrays["LLI"], np.where(full_hour, 1, -1)[:, None].repeat(3, 1))
    assert (data.arrays["SSI"] == 7).all()
    check_ledger(chosen, GROUP)
    before = head(chosen)
    again = run(chosen)
    assert again.snapshot is None
    assert (again.up_to_date, again.files) == (2, {})
    assert exit_code(again, 0) == 0
    assert head(chosen) == before


def test_commit_and_ledger(tmp_path):
    content = rinex(span_s(DAY_ONE_S, 1))
    chosen, report = ingest(tmp_path, {name(DAY_ONE_S, "01H"): content})
    assert branches(chosen) == {"main"}
    assert len(repr(metadata(chosen))) < 1024
    assert metadata(chosen)["run"] == report.run
    table = ledger(chosen, GROUP, "table")
    assert set(table) == TABLE_COLUMNS
    assert table["physical_path"][0] == name(DAY_ONE_S, "01H")
    (outcome,) = report.files[GROUP]
    found = row(chosen, GROUP, name(DAY_ONE_S, "01H"))
    assert found["status"] == "ok"
    assert found["sha256"] == outcome.facts.sha256
    assert found["lines"] == content.count(b"\n")
    assert (found["epochs_read"], found["epochs_written"], found["signals"]) == (120, 120, 2)
    assert found["observations_written"] == 120 * 3 * 4
    assert found["first_epoch"] == DAY_ONE_S * SECOND_NS
    assert found["last_epoch"] == (DAY_ONE_S + 3570) * SECOND_NS
    assert (found["refused"], found["skipped"], found["reason"]) == ({}, {}, "")
    assert found["run"] == report.run
    assert found["interval_s"] == 30


def test_a_simulated_archive_holds_the_truth(tmp_path):
    receivers = (SimulatedReceiver("canopy_01", "C001", canopy=True), SimulatedReceiver("reference_01", "R001"))
    plan = SimulationPlan(receivers, days=0.5, interval_s=60, period_s=3600, gap_fraction=0.1, outage_fraction=0.1)
    simulate(tmp_path / "archive", plan)
    chosen = settings(tmp_path, grid={"interval_s": None, "phase_s": None}, chunks={"epoch": 360})
    report = run(chosen)
    assert set(report.files) == {"canopy_01", "reference_01"}
    assert len(messages(chosen)) == 1
    for receiver in receivers:
        data = stored(chosen, receiver.name)
        check_ledger(chosen, receiver.name)
        true = truth(plan, receiver, plan.start_ns, plan.end_ns)
        kept = (true.measured.values != MISSING).any(axis=(1, 2, 3))
        assert data.time_ns.tolist() == true.time_ns[kept].tolist()
        values = true.measured.values
        assert np.isfinite(data.arrays["Phase"]).sum() == (values[..., 1] != MISSING).sum()
        assert np.nansum(data.arrays["Pseudorange"]) == pytest.approx(
            values[..., 0][values[..., 0] != MISSING].sum() / 1e3
        )
        np.testing.assert_allclose(data.clock, true.clock_ps[kept] / 1e12, rtol=0, atol=1e-18)


def test_a_cluster_of_processes_writes_the_same(tmp_path):
    files = hourly(0) | hourly(5) | hourly(6) | hourly(13, svs=("G01", "E09")) | hourly(30)
    here, _ = ingest(tmp_path / "inline", files, run={"sample_files": 1})
    there, report = ingest(
        tmp_path / "local",
        files,
        run={"sample_files": 1},
        cluster={"kind": "local", "workers": 2, "dashboard_port": None},
    )
    assert report.partitions == 4
    assert_same(stored(here, GROUP), stored(there, GROUP))
    check_ledger(there, GROUP)
    assert run(there).snapshot is None


def test_power_failures_and_their_flag(tmp_path):
    chosen, _ = ingest(tmp_path, hourly(0, flags={7: 1}))
    data = stored(chosen, GROUP)
    assert np.flatnonzero(data.flag).tolist() == [7]
    assert (data.arrays["LLI"][7] == 1).all()


def test_several_receivers_conflict_all_at_once(tmp_path):
    files = {f"{receiver}/{name(DAY_ONE_S, '01H')[4:]}": rinex([DAY_ONE_S]) for receiver in ("one", "two")}
    with pytest.raises(PlanError) as caught:
        ingest(tmp_path, files, grid={"interval_s": 7, "phase_s": 0})
    assert len(caught.value.conflicts) == 2
    assert not repository(settings(tmp_path)).exists()


def test_a_tag_that_another_version_has_is_refused_before_anything_is_written(tmp_path):
    """Also where it is the head's: what the run publishes is another version."""
    chosen, first = ingest(tmp_path, hourly(0), run={"tag": "v1"})
    assert run(chosen).tagged == first.snapshot
    stages = []
    write(tmp_path / "archive", hourly(6))
    with pytest.raises(StoreError, match="v1"):
        run(chosen, Hook("ingest", lambda: stages.append("ingest")))
    assert (head(chosen), stages, branches(chosen)) == (first.snapshot, [], {"main"})


@pytest.mark.heavy
def test_the_target_moved_while_the_run_worked(tmp_path):
    """The other run's files stay; this run's are published on the new head, or not at all and then by the next run."""
    chosen, _ = ingest(tmp_path, hourly(0))
    other = settings(tmp_path, write(tmp_path / "other", hourly(0) | hourly(9)))
    write(tmp_path / "archive", hourly(3) | hourly(-30))
    heads = []
    hook = Hook("ingest", lambda: heads.append(run(other).snapshot))
    try:
        run(chosen, hook)
    except StoreError:
        assert {*stored(chosen, GROUP).uri} == {name(DAY_ONE_S + 3600 * hour, "01H") for hour in (0, 9)}
        assert run(chosen).snapshot
    assert heads[0]
    assert len(messages(chosen)) == 3
    data = stored(chosen, GROUP)
    assert seconds(data) == [t for hour in (-30, 0, 3, 9) for t in span_s(DAY_ONE_S + 3600 * hour, 1)]
    expected(data)
    check_ledger(chosen, GROUP)
    assert branches(chosen) == {"main"}


class Stop(Exception):  # noqa: N818 - it stands for the operator's interrupt, which is none of our errors
    """The end of a run from outside."""


@pytest.mark.parametrize("stage", ["survey", "ingest", "ingest again"])
def test_a_run_that_fails_leaves_the_store_as_it_was(tmp_path, stage):
    chosen, _ = ingest(tmp_path, hourly(0))
    before, data = head(chosen), stored(chosen, GROUP)

    def stop():
        raise Stop

    unnamed = rinex(span_s(DAY_ONE_S + 30 * 3600, 1)).replace(b"TIME OF FIRST OBS", b"COMMENT          ")
    write(tmp_path / "archive", {**hourly(3, svs=("E01",)), "rec/unnamed": unnamed})
    with pytest.raises(Stop):
        run(chosen, Hook(stage, stop))
    assert head(chosen) == before
    assert len(messages(chosen)) == 1
    assert_same(stored(chosen, GROUP), data)
    assert run(chosen).snapshot
    assert branches(chosen) == {"main"}
    assert len(stored(chosen, GROUP).uri) == 360


def test_a_run_that_goes_on_surveys_nothing_again(tmp_path):
    write(tmp_path / "archive", hourly(0) | hourly(6) | hourly(12))
    chosen, first, again = settings(tmp_path), Stages(), Stages()

    def stop():
        raise Stop

    hook = Hook("ingest", stop)
    hook.stage = lambda name, tasks: (first.stage(name, tasks), Hook.stage(hook, name, tasks))
    with pytest.raises(Stop):
        run(chosen, hook)
    report = run(chosen, again)
    assert (first.named[0], report.resumed) == ("survey", 1)
    assert again.named == ["ingest", "publish"]


def test_epochs_of_a_partition_are_read_back_only_where_files_stand(tmp_path):
    """A file that vanishes from the archive keeps its place in the store."""
    chosen, _ = ingest(tmp_path, hourly(0) | hourly(1))
    (tmp_path / "archive" / name(DAY_ONE_S, "01H")).unlink()
    ingest(tmp_path, hourly(2))
    data = stored(chosen, GROUP)
    assert len(data.uri) == 360
    expected(data)
