"""Files of two stations in one receiver: told by plan and report, and rejected where the settings allow one marker."""

import pytest

from gnssice_batch.errors import InterruptedRunError, Reason
from gnssice_batch.job import rounds
from gnssice_batch.job.preview import as_json as plan_json
from gnssice_batch.job.preview import preview
from gnssice_batch.job.report import as_json
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from tests.support.runs import (
    DAY_ONE_S,
    check_ledger,
    name,
    open_group,
    rinex,
    row,
    settings,
    span_s,
    stored,
    write,
)

GROUP = "rec"
DAY = 86400


def file_of(day, marker, svs=("G01", "G02")):
    start = DAY_ONE_S + day * DAY
    return {name(start): rinex(span_s(start, 1), svs, marker=marker)}


def one_marker(chosen):
    return chosen.model_copy(update={"archive": chosen.archive.model_copy(update={"one_marker": True})})


def rejected(report):
    return {one.file.uri: one.refusal.reason for one in report.files[GROUP] if one.status is Status.REJECTED}


@pytest.fixture
def chosen(tmp_path):
    """Two days of AAAA, one of BBBB before them with a satellite of its own, one without a marker."""
    files = file_of(0, "BBBB", ("G01", "R03")) | file_of(1, "AAAA") | file_of(2, "aaaa") | file_of(3, "")
    write(tmp_path / "archive", files)
    return settings(tmp_path)


BBBB = name(DAY_ONE_S)


def test_two_markers_are_told(chosen):
    plan = preview(chosen)
    assert plan.receivers[0].markers == {"AAAA": 2, "BBBB": 1}
    assert plan_json(plan)["receivers"][GROUP]["markers"] == {"AAAA": 2, "BBBB": 1}
    report = run(chosen)
    assert rejected(report) == {}
    assert report.markers == as_json(report)["markers"] == {GROUP: {"AAAA": 2, "BBBB": 1}}
    check_ledger(chosen, GROUP)


def test_a_single_marker_is_nothing_to_tell(tmp_path):
    write(tmp_path / "archive", file_of(0, "AAAA") | file_of(1, "") | file_of(2, "Aaaa "))
    assert run(settings(tmp_path)).markers == {}


def test_another_marker_than_that_of_earlier_runs_is_told(chosen, tmp_path):
    run(chosen)
    write(tmp_path / "archive", file_of(5, "CCCC"))
    assert run(chosen).markers == {GROUP: {"AAAA": 2, "BBBB": 1, "CCCC": 1}}


def test_another_marker_is_rejected_where_one_is_allowed(chosen):
    """It adds no signal and no epoch to the axis, though it is in the sample and comes first."""
    strict = one_marker(chosen)
    report = run(strict)
    assert rejected(report) == {BBBB: Reason.OTHER_MARKER}
    assert report.markers == {}
    (told,) = as_json(report)["refused_files"]
    assert told["detail"] == "marker BBBB; the receiver's other files have AAAA, and archive.one_marker allows one"
    found = stored(strict, GROUP)
    assert BBBB not in found.uri
    assert {sid[0] for sid in open_group(strict, GROUP)["sid"][:]} == {"G"}
    assert open_group(strict, GROUP).attrs["marker"] == "AAAA"
    assert row(strict, GROUP, BBBB)["refused"] == {"other_marker": [120, 120 * 2 * 4]}
    check_ledger(strict, GROUP)
    assert run(strict).snapshot is None


def test_a_later_file_is_held_against_the_group(chosen, tmp_path):
    strict = one_marker(chosen)
    run(strict)
    write(tmp_path / "archive", file_of(5, "CCCC") | file_of(6, "AAAA"))
    assert rejected(run(strict)) == {name(DAY_ONE_S + 5 * DAY): Reason.OTHER_MARKER}
    check_ledger(strict, GROUP)


def test_a_group_of_a_sample_without_markers_takes_that_of_the_ledger(tmp_path):
    """The group was made with a blank marker; the first file that has one decides for those that come later."""
    write(tmp_path / "archive", file_of(0, ""))
    strict = one_marker(settings(tmp_path))
    run(strict)
    write(tmp_path / "archive", file_of(1, "AAAA"))
    assert rejected(run(strict)) == {}
    write(tmp_path / "archive", file_of(2, "BBBB"))
    assert set(rejected(run(strict)).values()) == {Reason.OTHER_MARKER}


def test_files_outside_the_sample_are_held_against_it(chosen, tmp_path):
    """In their partitions, where the sample has not read them."""
    write(tmp_path / "archive", {uri: content for day in range(4, 9) for uri, content in file_of(day, "AAAA").items()})
    write(tmp_path / "archive", file_of(5, "CCCC"))
    strict = one_marker(chosen)
    strict = strict.model_copy(update={"run": strict.run.model_copy(update={"sample_files": 3})})
    assert rejected(run(strict)) == {BBBB: Reason.OTHER_MARKER, name(DAY_ONE_S + 5 * DAY): Reason.OTHER_MARKER}
    check_ledger(strict, GROUP)


def test_a_run_that_is_gone_on_with_knows_the_marker(chosen, tmp_path, monkeypatch):
    """It makes no survey again: the group as it was made says which marker it has."""
    write(tmp_path / "archive", {uri: content for day in range(4, 9) for uri, content in file_of(day, "AAAA").items()})
    write(tmp_path / "archive", file_of(6, "CCCC"))
    strict = one_marker(chosen)
    strict = strict.model_copy(update={"run": strict.run.model_copy(update={"sample_files": 3})})
    ingest_partition, done = rounds.ingest_partition, []

    def stopped(*arguments):
        if len(done) == 2:
            raise InterruptedRunError
        done.append(arguments)
        return ingest_partition(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(rounds, "ingest_partition", stopped)
        with pytest.raises(InterruptedRunError):
            run(strict)
    report = run(strict)
    assert report.resumed == 2
    assert rejected(report) == {BBBB: Reason.OTHER_MARKER, name(DAY_ONE_S + 6 * DAY): Reason.OTHER_MARKER}
    check_ledger(strict, GROUP)


def test_of_a_file_of_two_stations_the_wanted_one_is_taken(chosen, tmp_path):
    start = DAY_ONE_S + 4 * DAY
    two = rinex(span_s(start, 1), ("G01",), marker="BBBB") + rinex(span_s(start + 3600, 1), ("G01",), marker="AAAA")
    write(tmp_path / "archive", {name(start): two} | file_of(5, "AAAA"))
    strict = one_marker(chosen)
    report = run(strict)
    (outcome,) = [one for one in report.files[GROUP] if one.file.uri == name(start)]
    assert (outcome.status, outcome.facts.marker, outcome.written.epochs) == (Status.PARTIAL, "AAAA", 120)
    check_ledger(strict, GROUP)


@pytest.mark.parametrize("strict", [False, True])
def test_the_stations_of_one_folder(shared_data, tmp_path, strict):
    faults = shared_data / "faults"
    files = {f"rec/{each}.rnx": (faults / f"{each}.rnx").read_bytes() for each in ("station_aaaa", "station_bbbb")}
    write(tmp_path / "archive", files)
    chosen = one_marker(settings(tmp_path)) if strict else settings(tmp_path)
    assert preview(chosen).receivers[0].markers == ({"AAAA": 1} if strict else {"AAAA": 1, "BBBB": 1})
    report = run(chosen)
    assert report.markers == ({} if strict else {GROUP: {"AAAA": 1, "BBBB": 1}})
    assert rejected(report) == ({"rec/station_bbbb.rnx": Reason.OTHER_MARKER} if strict else {})


def test_a_blank_marker_is_not_another_one(shared_data, tmp_path):
    content = (shared_data / "faults" / "no_marker.rnx").read_bytes()
    write(tmp_path / "archive", {"rec/no_marker.rnx": content} | file_of(0, "AAAA"))
    report = run(one_marker(settings(tmp_path)))
    assert rejected(report) == {}
    assert report.markers == {}
