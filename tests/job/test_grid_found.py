"""Grids found from a sample: the grid that free-running and fast clocks get, and what a run says that loses epochs."""

import json
import logging

import numpy as np
import pytest
import zarr

from gnssice_batch.cli import main
from gnssice_batch.errors import PlanError, Reason
from gnssice_batch.job.preview import as_json as plan_json
from gnssice_batch.job.preview import preview
from gnssice_batch.job.report import as_json, exit_code, lost_to_grid, shortfalls
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.store.repository import open_existing
from tests.support.runs import (
    DAY_ONE_S,
    DAY_S,
    check_ledger,
    name,
    open_group,
    repository,
    rinex,
    row,
    settings,
    span_s,
    stored,
    write,
)

GROUP = "rec"
FOUND = {"interval_s": None, "phase_s": None}


def ingest(folder, files, **sections):
    """Put files into the archive and run; the grid is found, unless the sections say it."""
    write(folder / "archive", files)
    chosen = settings(folder, **{"grid": FOUND, **sections})
    return chosen, run(chosen)


def drifting(days, per_epoch_s=0.0003, reset_s=0.9):
    """Daily files of a clock that gains 0.3 ms an epoch and is set back by 0.9 s."""
    files = {}
    for day in range(days):
        nominal = np.array(span_s(DAY_ONE_S + day * DAY_S, 24))
        tags = np.round(nominal + (np.arange(nominal.size) + day * nominal.size) * per_epoch_s % reset_s, 6)
        files[name(DAY_ONE_S + day * DAY_S)] = rinex(tags.tolist(), ["G01"])
    return files


def sampling_attributes(chosen):
    attributes = open_group(chosen, GROUP).attrs
    return tuple(attributes[f"{part}_s"] for part in ("interval", "phase", "tolerance"))


class TestClocks:
    @pytest.mark.heavy
    def test_one_that_runs_freely_is_stored_whole(self, tmp_path):
        chosen, report = ingest(tmp_path, drifting(3))
        assert sampling_attributes(chosen) == (30, 0, 5)
        assert (exit_code(report, 0), [one.status for one in report.files[GROUP]]) == (0, [Status.OK] * 3)
        found = stored(chosen, GROUP)
        assert found.time_ns.size == 3 * 2880
        assert (found.time_ns % (30 * 10**9) == 0).all()
        gained = np.arange(3 * 2880) * 0.0003 % 0.9
        np.testing.assert_allclose(found.offset, gained, atol=2e-6)
        assert verify_store(chosen, None).differences == 0

    @pytest.mark.heavy
    def test_the_tolerance_stays_that_of_the_group(self, tmp_path, caplog):
        chosen, _ = ingest(tmp_path, drifting(1))
        write(tmp_path / "archive", drifting(2))
        other = settings(tmp_path, grid={**FOUND, "tolerance_s": 0.001})
        told = "grid.tolerance_s is 0.001, the group keeps the 5 it was made with"
        assert preview(other).receivers[0].warnings == (told,)
        assert preview(chosen).receivers[0].warnings == ()
        assert exit_code(run(other), 0) == 0
        assert told in caplog.text
        assert sampling_attributes(chosen)[2] == 5
        assert stored(chosen, GROUP).time_ns.size == 2 * 2880
        check_ledger(chosen, GROUP)
        assert verify_store(other, None).differences == 0

    def test_a_group_of_an_older_program_has_that_of_the_settings(self, tmp_path):
        chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 1))})
        session = open_existing(str(repository(chosen))).handle.writable_session("main")
        group = zarr.open_group(session.store, path=GROUP, mode="r+")
        group.attrs.put({key: value for key, value in group.attrs.items() if not key.startswith("tolerance")})
        session.commit("as an older program left it")
        later = DAY_ONE_S + 3600
        write(tmp_path / "archive", {name(later, "01H"): rinex([time + 0.2 for time in span_s(later, 1)])})
        assert preview(chosen).receivers[0].tolerance_ns == 5_000_000
        wide = settings(tmp_path, grid={**FOUND, "tolerance_s": 0.3})
        assert preview(wide).receivers[0].tolerance_ns == 300_000_000
        assert exit_code(run(wide), 0) == 0
        assert stored(chosen, GROUP).time_ns.size == 240

    def test_two_epochs_at_one_mark_are_counted(self, tmp_path):
        times = [DAY_ONE_S + index + (index % 10 == 5) * -0.6 for index in range(600)]
        chosen, report = ingest(
            tmp_path, {name(DAY_ONE_S): rinex(sorted(times))}, grid={"interval_s": 1, "tolerance_s": 0.45}
        )
        refused = row(chosen, GROUP, name(DAY_ONE_S))["refused"]
        assert set(refused) == {"duplicate_epoch"}
        assert refused["duplicate_epoch"][0] == 60
        check_ledger(chosen, GROUP)
        assert exit_code(report, 0) == 1

    @pytest.mark.parametrize(
        ("fault", "epochs", "attributes"),
        [("run-75ms.16o", None, (0.075, 0, 0.005)), ("run-tags-drift-1ms.06o", 200, (15, 0, 1))],
    )
    def test_of_reports_by_others(self, tmp_path, shared_data, fault, epochs, attributes):
        content = (shared_data / "faults" / fault).read_bytes()
        chosen, report = ingest(tmp_path, {f"rec/{fault}": content})
        (outcome,) = report.files[GROUP]
        assert sampling_attributes(chosen) == attributes
        assert outcome.written.epochs == outcome.facts.epochs == (epochs or outcome.facts.epochs)
        assert (exit_code(report, 0), stored(chosen, GROUP).time_ns.size) == (0, outcome.facts.epochs)


class TestReceiversLeftOut:
    @pytest.mark.parametrize(
        ("times_s", "why"),
        [
            ([DAY_ONE_S + 90], "no file of the sample tells its interval"),
            (span_s(DAY_ONE_S, 1, 7), "7 s does not divide"),
        ],
    )
    def test_the_others_go_on(self, tmp_path, caplog, times_s, why):
        files = {name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 1)), "odd/" + name(DAY_ONE_S)[4:]: rinex(times_s)}
        write(tmp_path / "archive", files)
        chosen = settings(tmp_path, grid=FOUND)
        planned = preview(chosen)
        assert [each.receiver for each in planned.receivers] == [GROUP]
        assert why in plan_json(planned)["left_out"]["odd"]
        with caplog.at_level(logging.ERROR, "gnssice_batch"):
            report = run(chosen)
        assert "left out: " in caplog.text
        assert why in as_json(report)["left_out"]["odd"]
        assert (exit_code(report, 1), stored(chosen, GROUP).time_ns.size) == (1, 120)
        (outcome,) = report.files["odd"]
        assert (outcome.status, outcome.refusal.reason) == (Status.REJECTED, Reason.NO_INTERVAL)
        assert lost_to_grid([outcome]) == {Reason.NO_INTERVAL: len(times_s)}
        again = run(settings(tmp_path, grid={**FOUND, "interval_s": 30}))
        assert (exit_code(again, 1, 1, 1), set(again.files)) == (0, {"odd"})

    def test_an_interval_of_the_settings_is_the_settings_fault(self, tmp_path):
        with pytest.raises(PlanError, match="7 s does not divide a day"):
            ingest(tmp_path, {name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 1))}, grid={"interval_s": 7})

    def test_is_said_to_the_operator(self, tmp_path, capsys):
        write(tmp_path / "archive", {name(DAY_ONE_S): rinex([DAY_ONE_S + 7])})
        config = tmp_path / "settings.yaml"
        config.write_text(settings(tmp_path, grid=FOUND).model_dump_json(), encoding="utf-8")
        for command, code in (("plan", 0), ("run", 1)):
            with pytest.raises(SystemExit) as ended:
                main([command, "-c", str(config)])
            said = capsys.readouterr()
            assert ended.value.code == code
            assert "rec: no file of the sample tells its interval" in said.out
        assert "Warning: rec was left out" in said.err


class TestLostEpochs:
    def test_a_run_that_loses_many_to_the_grid_does_not_end_with_0(self, tmp_path):
        good = span_s(DAY_ONE_S, 1)
        files = {name(DAY_ONE_S): rinex([*good[:100], *(time + 7 for time in good[100:])])}
        chosen, report = ingest(tmp_path, files, run={"max_partial_fraction": 1})
        assert row(chosen, GROUP, name(DAY_ONE_S))["refused"]["off_grid"][0] == 20
        assert exit_code(report, 1, 0.05, 1) == 1
        assert exit_code(report, 1, 0.17, 1) == 0
        assert as_json(report)["receivers"][GROUP]["epochs_lost_to_grid"] == 20
        (said,) = shortfalls(report, 1, 0.05, 1)
        assert "rec: of 120 epochs read these do not fit its grid: 20 off_grid" in said

    def test_one_receiver_is_not_hidden_behind_the_others(self, tmp_path):
        files = {name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 24))}
        files["odd/" + name(DAY_ONE_S)[4:]] = rinex([time + 7 for time in span_s(DAY_ONE_S, 1)])
        _, report = ingest(tmp_path, files, grid={"phase_s": 0, "interval_s": 30})
        assert exit_code(report, 1, 0.05, 1) == 1

    def test_most_files_only_in_part(self, tmp_path):
        cut = rinex(span_s(DAY_ONE_S, 1))[:-40]
        _, report = ingest(tmp_path, {name(DAY_ONE_S): cut})
        assert [outcome.status for outcome in report.files[GROUP]] == [Status.PARTIAL]
        assert (exit_code(report, 0, 1), exit_code(report, 0, 1, 1)) == (1, 0)
        assert shortfalls(report, 0, 1, 0.5) == ("1 of 1 files are partial, allowed are 50.0%",)

    def test_a_plan_warns_of_what_its_sample_shows(self, tmp_path, capsys):
        good = span_s(DAY_ONE_S, 1)
        write(tmp_path / "archive", {name(DAY_ONE_S): rinex([*good[:100], *(time + 7 for time in good[100:])])[:-40]})
        chosen = settings(tmp_path)
        (planned,) = preview(chosen).receivers
        assert [sentence.partition(":")[0] for sentence in planned.warnings] == [
            "of the sample's epochs 16.0% off_grid",
            "1 of 1 files of the sample are taken only in part",
        ]
        config = tmp_path / "settings.yaml"
        config.write_text(chosen.model_dump_json(), encoding="utf-8")
        with pytest.raises(SystemExit):
            main(["plan", "-c", str(config), "--json", str(tmp_path / "plan.json")])
        said = capsys.readouterr().out
        assert "tolerance      0.005 s" in said
        assert "warning        of the sample's epochs" in said
        receiver = json.loads((tmp_path / "plan.json").read_text())["receivers"][GROUP]
        assert (receiver["tolerance_s"], len(receiver["warnings"])) == (0.005, 2)
