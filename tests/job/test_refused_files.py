"""Runs over files that are refused, whole or in part."""

import pytest

from gnssice_batch.errors import Reason, RefusedError
from gnssice_batch.job.report import exit_code
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from tests.support.ingested import GROUP, hourly, ingest, seconds
from tests.support.runs import (
    DAY_ONE_S,
    check_ledger,
    head,
    ledger,
    messages,
    name,
    open_group,
    repository,
    rinex,
    row,
    span_s,
    stored,
)


def test_files_sampled_faster_than_the_grid_are_refused(tmp_path):
    fast = name(DAY_ONE_S + 3600, "01H", interval="05S")
    chosen, report = ingest(tmp_path, hourly(0) | {fast: rinex(span_s(DAY_ONE_S + 3600, 1, 5))})
    found = row(chosen, GROUP, fast)
    assert (found["status"], found["reason"]) == ("rejected", "faster_than_grid")
    assert found["refused"] == {"faster_than_grid": [720, 720 * 12]}
    assert "give it its own group" in found["detail"]
    assert seconds(stored(chosen, GROUP)) == span_s(DAY_ONE_S, 1)
    check_ledger(chosen, GROUP)
    assert exit_code(report, 0.4) == 1
    assert exit_code(report, 0.5) == 1
    assert exit_code(report, 0.5, max_lost_fraction=0.9) == 0


def test_damaged_files(tmp_path):
    whole = rinex(span_s(DAY_ONE_S, 1))
    cut, broken, empty = (name(DAY_ONE_S + 3600 * hour, "01H") for hour in (1, 2, 3))
    files = {
        **hourly(0),
        cut: rinex(span_s(DAY_ONE_S + 3600, 1))[: len(whole) // 2],
        broken: b"\x1f\x8b" + bytes(100),
        empty: b"",
    }
    chosen, report = ingest(tmp_path, files)
    statuses = {outcome.file.uri: outcome.status for outcome in report.files[GROUP]}
    assert statuses == {
        name(DAY_ONE_S, "01H"): Status.OK,
        cut: Status.PARTIAL,
        broken: Status.REJECTED,
        empty: Status.REJECTED,
    }
    assert row(chosen, GROUP, cut)["reason"] == Reason.TRUNCATED
    assert row(chosen, GROUP, empty)["reason"] == Reason.EMPTY
    taken = ledger(chosen, GROUP, "table")["physical_path"].tolist()
    assert taken == [name(DAY_ONE_S, "01H"), cut]
    times = seconds(stored(chosen, GROUP))
    assert 170 < len(times) < 180
    assert times == span_s(DAY_ONE_S, 2)[: len(times)]
    check_ledger(chosen, GROUP)
    assert run(chosen).snapshot is None


@pytest.mark.parametrize("content", [b"nothing", rinex(span_s(DAY_ONE_S + 50 * 3600, 1, 5))], ids=["broken", "faster"])
def test_a_refused_file_alone_in_its_partition(tmp_path, content):
    chosen, _ = ingest(tmp_path, hourly(0) | hourly(99) | {name(DAY_ONE_S + 50 * 3600, "01H"): content})
    assert row(chosen, GROUP, name(DAY_ONE_S + 50 * 3600, "01H"))["status"] == "rejected"
    assert len(stored(chosen, GROUP).uri) == 240
    check_ledger(chosen, GROUP)
    ingest(tmp_path, {name(DAY_ONE_S + 70 * 3600, "01H"): content})
    assert row(chosen, GROUP, name(DAY_ONE_S + 70 * 3600, "01H"))["status"] == "rejected"
    assert len(messages(chosen)) == 2
    check_ledger(chosen, GROUP)
    assert run(chosen).snapshot is None


def test_a_receiver_with_only_unreadable_files(tmp_path):
    bad = {f"bad/{name(DAY_ONE_S + 3600 * hour, '01H')[4:]}": b"nothing" for hour in range(12)}
    chosen, report = ingest(tmp_path, hourly(0) | bad)
    assert {outcome.status for outcome in report.files["bad"]} == {Status.REJECTED}
    assert len(report.files["bad"]) == 12
    assert exit_code(report, 0.5) == 1
    assert "bad" not in set(open_group(chosen, "").group_keys())
    check_ledger(chosen, GROUP)
    again = run(chosen)
    assert again.snapshot is None
    assert len(again.files["bad"]) == 12


def test_an_archive_of_nothing_but_unreadable_files(tmp_path):
    chosen, report = ingest(tmp_path, {name(DAY_ONE_S): b"nothing"})
    assert report.snapshot is None
    assert report.files[GROUP][0].status is Status.REJECTED
    assert not repository(chosen).exists()


def test_a_receiver_most_of_whose_files_are_unreadable(tmp_path):
    """The sample may hold none of the good ones; they are taken all the same."""
    bad = {name(DAY_ONE_S + 3600 * hour, "01H"): b"nothing" for hour in range(12) if hour != 4}
    chosen, report = ingest(tmp_path, hourly(4) | bad, run={"sample_files": 3})
    assert len(report.files[GROUP]) == 12
    assert seconds(stored(chosen, GROUP)) == span_s(DAY_ONE_S + 4 * 3600, 1)
    check_ledger(chosen, GROUP)


def test_a_run_ends_as_soon_as_its_rounds_have_refused_too_much(tmp_path):
    """No file is read before, of a receiver that is there and whose axis does not grow."""
    sections = {"breaker_files": 4, "breaker_fraction": 0.5, "verify": "units"}
    chosen, first = ingest(tmp_path, hourly(0) | hourly(54), run=sections)
    bad = {name(DAY_ONE_S + 6 * 3600 * part, "01H"): b"<html>" for part in range(1, 9)}
    with pytest.raises(RefusedError, match="4 of 4 files were rejected for the same reason"):
        ingest(tmp_path, bad, run=sections)
    assert head(chosen) == first.snapshot
    _, report = ingest(tmp_path, {}, run=sections | {"breaker_fraction": 1})
    assert len(report.files[GROUP]) == 8
