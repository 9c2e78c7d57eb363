"""The axis grows only for what is written."""

import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.job.preview import preview
from gnssice_batch.job.report import misdated_files
from gnssice_batch.job.run import run
from gnssice_batch.operate.quarantine import refused, retry_of
from gnssice_batch.operate.verification import verify_store
from tests.support.marks import most_heavy
from tests.support.runs import (
    DAY_ONE_S,
    DAY_S,
    assert_same,
    check_ledger,
    head,
    messages,
    name,
    open_group,
    rinex,
    row,
    settings,
    span_s,
    stored,
    write,
)

ROLLOVER_S = 1024 * 7 * DAY_S
LONG_AGO_S = DAY_ONE_S - 600 * DAY_S
HOURS = 24
"""Grid epochs of a day, and of a write unit: an axis of decades stays small."""


def hourly(start_s, hours=HOURS):
    return rinex(span_s(start_s, hours, 3600))


def day(start_s=DAY_ONE_S):
    return {name(start_s): hourly(start_s)}


def header_only(start_s):
    return rinex([start_s]).partition(b">")[0]


def axis(chosen):
    """First epoch of a group's axis in s, and its length."""
    epoch = open_group(chosen, "rec")["epoch"]
    return int(epoch[0]) // 10**9, epoch.shape[0]


def site(tmp_path, files, **sections):
    write(tmp_path / "archive", files)
    grid = {"interval_s": 3600, **sections.pop("grid", {})}
    return settings(tmp_path, chunks={"epoch": HOURS}, grid=grid, **sections)


def add(tmp_path, files):
    write(tmp_path / "archive", files)


EMPTY = {name(LONG_AGO_S): header_only(LONG_AGO_S)}
FUTURE = {name(DAY_ONE_S + 400 * DAY_S): header_only(DAY_ONE_S + 400 * DAY_S)}


@pytest.mark.parametrize("absurd", [EMPTY, FUTURE], ids=["before", "behind"])
@pytest.mark.parametrize("later", most_heavy([True, False]), ids=["a later run", "the first run"])
def test_an_empty_file_does_not_stretch_the_axis(tmp_path, absurd, later):
    files = day() if later else day() | absurd
    chosen = site(tmp_path, files)
    run(chosen)
    before = axis(chosen)
    assert before == (DAY_ONE_S, HOURS)
    add(tmp_path, absurd)
    run(chosen)
    assert axis(chosen) == before
    assert row(chosen, "rec", next(iter(absurd)))["reason"] == Reason.NO_EPOCHS
    check_ledger(chosen, "rec")


@pytest.mark.parametrize("days", [-100, 100])
@pytest.mark.parametrize("later", most_heavy([True, False]), ids=["a later run", "the first run"])
def test_a_file_sampled_too_fast_does_not_stretch_the_axis(tmp_path, days, later):
    start_s = DAY_ONE_S + days * DAY_S
    fast = {name(start_s): rinex(span_s(start_s, HOURS, 600))}
    usual = day() | day(DAY_ONE_S + DAY_S)
    chosen = site(tmp_path, usual if later else usual | fast)
    run(chosen)
    add(tmp_path, fast)
    run(chosen)
    assert axis(chosen) == (DAY_ONE_S, 2 * HOURS)
    assert row(chosen, "rec", next(iter(fast)))["reason"] == Reason.FASTER_THAN_GRID
    check_ledger(chosen, "rec")


def test_names_that_promise_more_than_files_hold_do_not_stretch_it(tmp_path):
    week = day() | {name(DAY_ONE_S + n * DAY_S): header_only(DAY_ONE_S) for n in range(1, 8)}
    chosen = site(tmp_path, week)
    run(chosen)
    assert axis(chosen) == (DAY_ONE_S, HOURS)


def test_a_unit_is_made_again_that_a_file_reaches_of_which_its_name_said_nothing(tmp_path):
    """Half of each file lies before the day that it is named for: in a unit that was made before the file was read."""
    days = [DAY_ONE_S + number * DAY_S for number in range(7)]
    chosen = site(tmp_path, day(days[0]) | day(days[6]), run={"partition_units": 2})
    run(chosen)
    add(tmp_path, {name(start_s): hourly(start_s - DAY_S / 2) for start_s in days[2:6]})
    run(chosen)
    assert stored(chosen, "rec").time_ns.size == 6 * HOURS
    check_ledger(chosen, "rec")


def test_a_wrong_name_is_corrected_by_what_is_in_the_file(tmp_path):
    chosen = site(tmp_path, day() | {name(LONG_AGO_S): hourly(DAY_ONE_S + DAY_S)})
    report = run(chosen)
    assert axis(chosen) == (DAY_ONE_S, 2 * HOURS)
    assert stored(chosen, "rec").time_ns.size == 2 * HOURS
    ((file, said),) = misdated_files(report)
    assert file.file.uri == name(LONG_AGO_S)
    assert said.startswith("the name says 2023-05-12, the epochs are of 2025-01-02")


@pytest.mark.parametrize("later", most_heavy([True, False]), ids=["a later run", "the first run"])
def test_a_week_rollover_is_refused_by_name_and_taken_with_consent(tmp_path, later):
    wrong_s = DAY_ONE_S + 2 * DAY_S
    rolled = {name(wrong_s): hourly(wrong_s - ROLLOVER_S)}
    chosen = site(tmp_path, day() | day(DAY_ONE_S + DAY_S), grid={"earliest": "1990-01-01"})
    if later:
        run(chosen)
    add(tmp_path, rolled)
    (planned,) = [each for each in preview(chosen).refused if each.refusal.reason == Reason.IMPLAUSIBLE_DATE]
    assert planned.file.uri == name(wrong_s)
    run(chosen)
    assert axis(chosen) == (DAY_ONE_S, 2 * HOURS)
    entry = row(chosen, "rec", name(wrong_s))
    assert (entry["status"], entry["reason"]) == ("rejected", "implausible_date")
    assert entry["refused"] == {"implausible_date": [HOURS, entry["observations_read"]]}
    assert "1,024 weeks apart: a GPS week rollover" in entry["detail"]
    check_ledger(chosen, "rec")
    published = head(chosen)
    run(chosen)
    assert head(chosen) == published
    retry = retry_of(chosen, reasons=["implausible_date"])
    run(chosen, retry=retry)
    assert axis(chosen)[0] == wrong_s - ROLLOVER_S
    assert refused(chosen) == ()
    assert stored(chosen, "rec").time_ns.size == 3 * HOURS
    assert verify_store(chosen, None).agrees


def test_a_retry_that_does_not_name_the_reason_is_no_consent(tmp_path):
    chosen = site(tmp_path, day() | day(DAY_ONE_S + DAY_S) | day(LONG_AGO_S))
    run(chosen)
    run(chosen, retry=retry_of(chosen))
    assert [each.reason for each in refused(chosen)] == ["implausible_date"]
    assert len(messages(chosen)) == 1


def test_the_setting_allows_any_distance(tmp_path):
    chosen = site(tmp_path, day() | day(LONG_AGO_S), grid={"max_gap_days": None})
    run(chosen)
    assert axis(chosen)[0] == LONG_AGO_S
    assert stored(chosen, "rec").time_ns.size == 2 * HOURS


def test_epochs_of_another_decade_inside_a_file_are_counted_and_left_out(tmp_path):
    times = [LONG_AGO_S, LONG_AGO_S + 3600, *span_s(DAY_ONE_S, HOURS, 3600)]
    chosen = site(tmp_path, {name(DAY_ONE_S): rinex(times)}, run={"verify": "full"})
    run(chosen)
    assert axis(chosen) == (DAY_ONE_S, HOURS)
    entry = row(chosen, "rec", name(DAY_ONE_S))
    assert (entry["status"], entry["refused"]["implausible_date"][0]) == ("partial", 2)
    check_ledger(chosen, "rec")
    assert verify_store(chosen, None).agrees


def test_real_earlier_files_are_put_in_front_once_they_were_read(tmp_path):
    chosen = site(tmp_path, day() | day(DAY_ONE_S + DAY_S))
    run(chosen)
    earlier = {name(DAY_ONE_S - n * DAY_S): hourly(DAY_ONE_S - n * DAY_S) for n in (1, 2, 3)}
    add(tmp_path, earlier | {name(DAY_ONE_S - 40 * DAY_S): header_only(DAY_ONE_S)})
    run(chosen)
    assert axis(chosen)[0] == DAY_ONE_S - 3 * DAY_S
    once = site(tmp_path / "once", day() | day(DAY_ONE_S + DAY_S) | earlier)
    run(once)
    assert_same(stored(chosen, "rec"), stored(once, "rec"))


def test_a_file_whose_true_date_shows_only_when_its_partition_reads_it(tmp_path):
    """Its name lies inside the axis, so that nothing reads it before its partition does."""
    files = {name(DAY_ONE_S + n * DAY_S): hourly(DAY_ONE_S + n * DAY_S) for n in (0, 1, 3, 4)}
    liar = {name(DAY_ONE_S + 2 * DAY_S): hourly(LONG_AGO_S)}
    chosen = site(tmp_path, files | liar, run={"sample_files": 2})
    run(chosen)
    assert axis(chosen) == (DAY_ONE_S, 5 * HOURS)
    assert row(chosen, "rec", next(iter(liar)))["reason"] == "implausible_date"
    check_ledger(chosen, "rec")
