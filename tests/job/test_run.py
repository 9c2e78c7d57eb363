"""Whole runs over small archives, each written into a real repository."""

import gzip
import random
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from gnssice_batch.errors import PlanError, Reason, StoreError
from gnssice_batch.job.execution import NoProgress
from gnssice_batch.job.report import exit_code
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from gnssice_batch.simulate import MISSING, SimulatedReceiver, SimulationPlan, simulate, truth
from tests.support.runs import (
    CODES,
    DAY_ONE_S,
    DAY_S,
    VALUES,
    assert_same,
    branches,
    check_ledger,
    column,
    head,
    ledger,
    messages,
    metadata,
    name,
    open_group,
    repository,
    rinex,
    row,
    settings,
    span_s,
    stored,
    value,
    write,
)

SECOND_NS = 10**9
TABLE_COLUMNS = {
    *("index", "rinex_hash", "start", "end", "snapshot_id", "action", "commit_msg", "written_at", "write_strategy"),
    *("attrs", "canonical_name", "physical_path"),
}
GROUP = "rec"


def ingest(folder, files, **sections):
    """Put files into the archive and run."""
    write(folder / "archive", files)
    chosen = settings(folder, **sections)
    return chosen, run(chosen)


def hourly(hour, day_s=DAY_ONE_S, **content):
    start_s = day_s + 3600 * hour
    return {name(start_s, "01H"): rinex(span_s(start_s, 1), **content)}


def seconds(data):
    return (data.time_ns // SECOND_NS).tolist()


def expected(data, salts=None):
    """Hold every value against what the files of `rinex` say; `salts` by file, 0 where none."""
    codes = dict(zip(("Pseudorange", "Phase", "Doppler", "SNR"), CODES, strict=True))
    for index, sid in enumerate(data.sids):
        for variable, code in codes.items():
            said = [
                value(sid[:3], code, time_ns / SECOND_NS, (salts or {}).get(uri, 0)) / 1000
                for time_ns, uri in zip(data.time_ns.tolist(), data.uri, strict=True)
            ]
            found = data.arrays[variable][:, index]
            there = ~np.isnan(found)
            assert there.any()
            np.testing.assert_array_equal(found[there], np.array(said, found.dtype)[there])


class Hook(NoProgress):
    """Does something once, when the first task of a stage is over."""

    def __init__(self, stage, action):
        self.wanted, self.action, self.current = stage, action, ""

    def stage(self, name, tasks):  # noqa: ARG002 - the coordinator gives it
        self.current = name

    def finished(self, key, size_bytes):  # noqa: ARG002 - the coordinator gives them
        if self.current.startswith(self.wanted) and self.action:
            action, self.action = self.action, None
            action()


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


def test_unknown_signals_extend_the_axis(tmp_path):
    odd = {"svs": ("G01", "E11", "C20"), "codes": ("C1C", "L1C", "D1C", "S1C")}
    files = hourly(0) | hourly(2, **odd) | hourly(8) | hourly(23)
    chosen, report = ingest(tmp_path, files, run={"sample_files": 1})
    data = stored(chosen, GROUP)
    assert len(data.sids) == 5
    assert seconds(data) == [t for hour in (0, 2, 8, 23) for t in span_s(DAY_ONE_S + 3600 * hour, 1)]
    expected(data)
    sids = column(open_group(chosen, GROUP)["sid"]).tolist()
    assert sids[:3] == ["G01|L1|C", "G02|L1|C", "R03|G1|C"]
    assert sorted(sids[3:]) == sids[3:]
    assert {o.status for o in report.files[GROUP]} == {Status.OK}
    check_ledger(chosen, GROUP)


def test_signals_beyond_the_width_of_a_write_unit(tmp_path):
    """A second column of write units, met in a run that has already written others one column wide, and a later run."""
    many = tuple(f"{system}{number:02d}" for system in "GREC" for number in range(1, 25))
    files = hourly(0) | hourly(7, svs=many) | hourly(8) | hourly(14)
    chosen, _ = ingest(tmp_path, files, run={"sample_files": 1})
    assert open_group(chosen, GROUP)["SNR"].shards == (720, 64)
    data = stored(chosen, GROUP)
    assert len(data.sids) == 96
    expected(data)
    check_ledger(chosen, GROUP)
    ingest(tmp_path, hourly(15) | hourly(1))
    data = stored(chosen, GROUP)
    assert len(seconds(data)) == 6 * 120
    expected(data)
    check_ledger(chosen, GROUP)


@pytest.mark.parametrize("codes", [("C1C",), ("S1C", "L1C")])
def test_variables_that_no_file_has_stay_empty(tmp_path, codes):
    chosen, _ = ingest(tmp_path, hourly(1, codes=codes))
    ingest(tmp_path, hourly(2, codes=codes))
    data = stored(chosen, GROUP)
    assert len(seconds(data)) == 240
    kinds = dict(zip("SCLD", VALUES, strict=True))
    for kind, variable in kinds.items():
        assert np.isfinite(data.arrays[variable]).all() == (kind in {code[0] for code in codes})
    check_ledger(chosen, GROUP)


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


def test_the_epoch_of_midnight_at_the_end_of_a_daily_file(tmp_path):
    first = {name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 24 + 1 / 12, 300))}
    second = {name(DAY_ONE_S + DAY_S): rinex(span_s(DAY_ONE_S + DAY_S, 24, 300), salt=5)}
    midnight = DAY_ONE_S + DAY_S
    alone, _ = ingest(tmp_path / "alone", first)
    assert seconds(stored(alone, GROUP))[-1] == midnight
    check_ledger(alone, GROUP)
    both, _ = ingest(tmp_path / "both", first | second)
    data = stored(both, GROUP)
    assert data.uri[seconds(data).index(midnight)] == name(DAY_ONE_S)
    lost = row(both, GROUP, name(DAY_ONE_S + DAY_S))
    assert lost["refused"] == {"superseded": [1, 12]}
    assert lost["status"] == "ok"
    check_ledger(both, GROUP)
    ingest(tmp_path / "alone", second)
    assert_same(stored(alone, GROUP), data)
    check_ledger(alone, GROUP)


def overlapping():
    """A daily file, an hourly one with fewer signals, one with more, one of a newer version."""
    day = name(DAY_ONE_S)
    fewer, more, newer = (name(DAY_ONE_S + 3600 * hour, "01H") for hour in (3, 5, 7))
    salts = {day: 0, fewer: 1, more: 2, newer: 3}
    contents = {
        day: rinex(span_s(DAY_ONE_S, 24, 60)),
        fewer: rinex(span_s(DAY_ONE_S + 3600 * 3, 1), ("G01",), codes=CODES, salt=1),
        more: rinex(span_s(DAY_ONE_S + 3600 * 5, 1), codes=(*CODES, "C2W", "L2W"), salt=2),
        newer: rinex(span_s(DAY_ONE_S + 3600 * 7, 1), version="3.05", salt=3),
    }
    return contents, salts


def winner(time_s):
    hour, minute = divmod(time_s - DAY_ONE_S, 3600)
    on_the_minute = minute % 60 == 0
    names = {3: (name(DAY_ONE_S + 3 * 3600, "01H"), False), 5: (name(DAY_ONE_S + 5 * 3600, "01H"), True)}
    names[7] = (name(DAY_ONE_S + 7 * 3600, "01H"), True)
    own, better = names.get(hour, (name(DAY_ONE_S), False))
    return own if better or not on_the_minute else name(DAY_ONE_S)


ORDERS = [
    [[0, 1, 2, 3]],
    *[[[index] for index in order] for order in random.Random(4).sample([*permutations(range(4))], 1)],
]


@pytest.mark.parametrize("batches", [*ORDERS, [[1, 2], [0, 3]]], ids=str)
def test_overlap_is_decided_per_epoch_whatever_the_order_of_arrival(tmp_path, batches):
    contents, salts = overlapping()
    uris = list(contents)
    for batch in batches:
        chosen, _ = ingest(tmp_path, {uris[index]: contents[uris[index]] for index in batch})
        check_ledger(chosen, GROUP)
    data = stored(chosen, GROUP)
    assert data.uri == [winner(time) for time in seconds(data)]
    assert len(data.uri) == 24 * 60 + 3 * 60
    signals = [sid for sid in data.sids if sid.endswith("|C")]
    columns = [data.sids.index(sid) for sid in signals]
    expected(replace(data, sids=signals, arrays={k: v[:, columns] for k, v in data.arrays.items()}), salts)
    second_band = data.arrays["Phase"][:, data.sids.index("G01|L2|W")]
    np.testing.assert_array_equal(np.isfinite(second_band), [uri == uris[2] for uri in data.uri])
    assert len(messages(chosen)) == len(batches)


@pytest.mark.parametrize("folders", ["ab", "ba"])
def test_a_better_file_and_a_lying_name_in_a_unit_that_stands_already(tmp_path, folders):
    """The unit is read back, and made again when a file of the partition turns out to reach it."""
    known = hourly(20, codes=(*CODES, "C2W"))
    chosen, _ = ingest(tmp_path, hourly(2) | known)
    start_s = DAY_ONE_S + 3600 * 2
    better = name(start_s, "02H").replace("/", f"/{folders[0]}/")
    best = name(DAY_ONE_S + 3600 * 9, "01H").replace("/", f"/{folders[1]}/")
    files = {
        better: rinex(span_s(start_s, 2), ("G01", "R03"), salt=1),
        best: rinex(span_s(start_s, 2), ("G02",), codes=(*CODES, "C2W"), version="3.05", salt=2),
    }
    ingest(tmp_path, files, run={"partition_units": 4})
    data = stored(chosen, GROUP)
    there = [uri == best for uri in data.uri]
    assert sum(there) == 240
    assert np.isfinite(data.arrays["Phase"][there]).sum(axis=1).tolist() == [1] * 240
    assert row(chosen, GROUP, name(start_s, "01H"))["refused"] == {"superseded": [120, 120 * 12]}
    check_ledger(chosen, GROUP)


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
    assert exit_code(report, 0.5) == 0


def test_epochs_off_the_grid_are_counted_and_near_ones_keep_their_offset(tmp_path):
    times = span_s(DAY_ONE_S, 1)
    times[10] += 0.004
    times[11] += 0.006
    times[12] -= 0.0049
    times[13] += 14.9
    uri = name(DAY_ONE_S, "01H")
    chosen, _ = ingest(tmp_path, {uri: rinex(times)})
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


def test_a_changed_file_is_read_again(tmp_path):
    uri = name(DAY_ONE_S, "01H")
    chosen, _ = ingest(tmp_path, {uri: rinex(span_s(DAY_ONE_S, 0.5))})
    report = ingest(tmp_path, {uri: rinex(span_s(DAY_ONE_S, 1))})[1]
    assert report.snapshot
    assert len(seconds(stored(chosen, GROUP))) == 120
    assert ledger(chosen, GROUP)["uri"].size == 2
    check_ledger(chosen, GROUP)


def test_a_signal_that_comes_later_has_the_channel_of_its_header(tmp_path):
    """The header's GLONASS SLOT / FRQ # goes before the table of slots, whenever the satellite is first seen."""
    record = f"{'  1 R05  6':60}GLONASS SLOT / FRQ #\n{'':60}END OF HEADER".encode()
    later = rinex(span_s(DAY_ONE_S + 3600, 1), ("R05",)).replace(f"{'':60}END OF HEADER".encode(), record)
    chosen, _ = ingest(tmp_path, hourly(0))
    ingest(tmp_path, {name(DAY_ONE_S + 3600, "01H"): later})
    group = open_group(chosen, GROUP)
    assert dict(zip(column(group["sid"]), group["glonass_fcn"][:].tolist(), strict=True))["R05|G1|C"] == 6


def test_power_failures_and_their_flag(tmp_path):
    chosen, _ = ingest(tmp_path, hourly(0, flags={7: 1}))
    data = stored(chosen, GROUP)
    assert np.flatnonzero(data.flag).tolist() == [7]
    assert (data.arrays["LLI"][7] == 1).all()


def test_several_receivers_conflict_all_at_once(tmp_path):
    files = {f"{receiver}/{name(DAY_ONE_S, '01H')[4:]}": rinex([DAY_ONE_S]) for receiver in ("one", "two")}
    with pytest.raises(PlanError) as caught:
        ingest(tmp_path, files, grid={"interval_s": None, "phase_s": None})
    assert len(caught.value.conflicts) == 2
    assert not repository(settings(tmp_path)).exists()


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


def test_epochs_of_a_partition_are_read_back_only_where_files_stand(tmp_path):
    """A file that vanishes from the archive keeps its place in the store."""
    chosen, _ = ingest(tmp_path, hourly(0) | hourly(1))
    (tmp_path / "archive" / name(DAY_ONE_S, "01H")).unlink()
    ingest(tmp_path, hourly(2))
    data = stored(chosen, GROUP)
    assert len(data.uri) == 360
    expected(data)


def test_a_file_that_the_archive_has_replaced_gives_way_to_its_new_version(tmp_path):
    """Even to one that would rank lower; what the new version lacks stays."""
    file = name(DAY_ONE_S, "01H")
    chosen, _ = ingest(tmp_path, {file: rinex([DAY_ONE_S + 30 * n for n in range(5)], ("G01", "R05"))})
    ingest(tmp_path, {file: rinex([DAY_ONE_S + 30 * n for n in range(4)], ("G01",))})
    assert open_group(chosen, GROUP)["source_file"][:6].tolist() == [1, 1, 1, 1, 0, -1]
    check_ledger(chosen, GROUP)
