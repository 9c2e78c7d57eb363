"""The axis of epochs: what files hold decides where they are written, whatever their names say."""

import gzip

import numpy as np
import pytest

from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from tests.support.ingested import GROUP, SECOND_NS, expected, hourly, ingest, seconds
from tests.support.runs import (
    DAY_ONE_S,
    DAY_S,
    assert_same,
    check_ledger,
    messages,
    name,
    open_group,
    rinex,
    row,
    settings,
    span_s,
    stored,
)

LIES = {
    "later in the partition": (2, 4, None),
    "later in a partition of several units": (2, 14, 8),
    "another partition": (2, 14, 1),
    "earlier than the origin": (40, 3, 2),
    "later than the axis": (2, 90, 8),
}


@pytest.mark.parametrize(("said", "true", "partition_units"), LIES.values(), ids=LIES)
def test_content_is_truth_where_a_name_lies(tmp_path, said, true, partition_units):
    files = hourly(39) | hourly(41) | {name(DAY_ONE_S + 3600 * said, "01H"): rinex(span_s(DAY_ONE_S + 3600 * true, 1))}
    chosen, _ = ingest(tmp_path, files, run={"sample_files": 1, "partition_units": partition_units})
    data = stored(chosen, GROUP)
    assert set(seconds(data)) == {t for hour in (39, 41, true) for t in span_s(DAY_ONE_S + 3600 * hour, 1)}
    expected(data)
    check_ledger(chosen, GROUP)
    assert len(messages(chosen)) == 1
    assert run(chosen).snapshot is None


@pytest.mark.parametrize("partition_units", [None, 3])
def test_a_file_longer_than_its_name_says(tmp_path, partition_units):
    long = {name(DAY_ONE_S + 3600 * 3, "01H"): rinex(span_s(DAY_ONE_S + 3600 * 3, 40, 300))}
    chosen, _ = ingest(
        tmp_path, hourly(0) | hourly(4) | long, run={"sample_files": 1, "partition_units": partition_units}
    )
    data = stored(chosen, GROUP)
    wanted = {*span_s(DAY_ONE_S, 1), *span_s(DAY_ONE_S + 4 * 3600, 1), *span_s(DAY_ONE_S + 3 * 3600, 40, 300)}
    assert set(seconds(data)) == wanted
    check_ledger(chosen, GROUP)


def test_files_without_a_recognisable_name(tmp_path):
    files = {
        "rec/field campaign.dat": rinex(span_s(DAY_ONE_S, 1)),
        "rec/x.gz": gzip.compress(rinex(span_s(DAY_ONE_S + 50 * 3600, 1))),
        "rec/notes.txt": b"the receiver was moved by a fox\n",
    }
    chosen, report = ingest(tmp_path, files | hourly(20))
    assert set(seconds(stored(chosen, GROUP))) == {t for h in (0, 20, 50) for t in span_s(DAY_ONE_S + 3600 * h, 1)}
    statuses = {outcome.file.uri: outcome.status for outcome in report.files[GROUP]}
    assert statuses.pop("rec/notes.txt") == Status.REJECTED
    assert set(statuses.values()) == {Status.OK}
    check_ledger(chosen, GROUP)
    assert run(chosen).snapshot is None


def test_epochs_off_the_grid_are_counted_and_near_ones_keep_their_offset(tmp_path):
    times = span_s(DAY_ONE_S, 1)
    times[10] += 0.004
    times[11] += 0.006
    times[12] -= 0.0049
    times[13] += 14.9
    uri = name(DAY_ONE_S, "01H")
    chosen, _ = ingest(tmp_path, {uri: rinex(times)}, grid={"tolerance_s": 0.005})
    data = stored(chosen, GROUP)
    assert len(seconds(data)) == 118
    assert {round(offset, 7) for offset in data.offset.tolist()} == {0, 0.004, -0.0049}
    found = row(chosen, GROUP, uri)
    assert (found["status"], found["refused"]) == ("partial", {"off_grid": [2, 24]})
    check_ledger(chosen, GROUP)


def test_a_phase_is_found_and_kept(tmp_path):
    times = [time + 18 for time in span_s(DAY_ONE_S, 24, 300)]
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): rinex(times)}, grid={"interval_s": None, "phase_s": None})
    assert open_group(chosen, GROUP).attrs["phase_s"] == 18
    assert open_group(chosen, GROUP).attrs["interval_s"] == 300
    assert seconds(stored(chosen, GROUP)) == times
    check_ledger(chosen, GROUP)


def test_implausible_dates_do_not_stretch_the_axis(tmp_path):
    rollover = DAY_ONE_S - 1024 * 7 * DAY_S
    clock_1980 = 40 * DAY_S
    later = DAY_ONE_S + 9000 * DAY_S
    mixed = name(DAY_ONE_S + 7200, "01H")
    times = [clock_1980, clock_1980 + 30, *span_s(DAY_ONE_S + 7200, 1)]
    files = {
        **hourly(0),
        name(clock_1980, "01H"): rinex(span_s(clock_1980, 1)),
        name(later, "01H"): rinex(span_s(later, 1)),
        name(DAY_ONE_S + 3600, "01H"): rinex(span_s(rollover, 1)),
        mixed: rinex(times),
    }
    chosen, report = ingest(tmp_path, files, grid={"earliest": "2015-01-01"})
    statuses = {outcome.file.uri: outcome.status for outcome in report.files[GROUP]}
    assert list(statuses.values()).count(Status.REJECTED) == 3
    assert open_group(chosen, GROUP)["SNR"].shape[0] == 720
    found = row(chosen, GROUP, mixed)
    assert (found["status"], found["refused"]) == ("partial", {"out_of_bounds": [2, 24]})
    assert seconds(stored(chosen, GROUP)) == [t for h in (0, 2) for t in span_s(DAY_ONE_S + 3600 * h, 1)]
    check_ledger(chosen, GROUP)


@pytest.mark.heavy
def test_earlier_files_in_a_later_run_move_the_origin(tmp_path):
    chosen, _ = ingest(tmp_path, hourly(30))
    origin = open_group(chosen, GROUP).attrs["origin_ns"]
    ingest(tmp_path, hourly(2, svs=("G01", "E05")) | hourly(31, salt=4))
    ingest(tmp_path, hourly(-50) | hourly(29))
    assert open_group(chosen, GROUP).attrs["origin_ns"] < origin
    data = stored(chosen, GROUP)
    assert seconds(data) == [t for hour in (-50, 2, 29, 30, 31) for t in span_s(DAY_ONE_S + 3600 * hour, 1)]
    expected(data, {name(DAY_ONE_S + 31 * 3600, "01H"): 4})
    epoch = open_group(chosen, GROUP)["epoch"][:]
    assert set(np.diff(epoch).tolist()) == {30 * SECOND_NS}
    check_ledger(chosen, GROUP)
    once = settings(tmp_path / "once", tmp_path / "archive")
    run(once)
    assert_same(stored(once, GROUP), data)
