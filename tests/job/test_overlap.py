"""Which file an epoch is taken from: the pure rule, and whole runs against a plain model of the table in the docs."""

import hashlib
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import later_slots
from gnssice_batch.job.execution import NoProgress
from gnssice_batch.job.preview import preview
from gnssice_batch.job.run import run
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.values import BY_RANK, Overlap, Status, Strategy, Tally, rank
from gnssice_batch.operate.verification import verify_store
from tests.support.runs import (
    DAY_ONE_S,
    check_ledger,
    head,
    ledger,
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
STEP_S = 600


def _rank_of(signals, version, epochs, salt, intact):
    """A rank as files have it: other content, other hash."""
    content = f"{signals} {version} {epochs} {salt} {intact}"
    return rank(signals, version, epochs, hashlib.sha256(content.encode()).hexdigest(), intact=intact)


RANKS = st.builds(
    _rank_of,
    st.integers(1, 3),
    st.sampled_from(["2.11", "3.04", "3.05"]),
    st.integers(1, 3),
    st.integers(0, 1),
    st.booleans(),
)


@given(RANKS, RANKS, RANKS)
def test_ranks_are_a_strict_order(one, other, third):
    assert [one > other, one == other, other > one].count(True) == 1
    if one > other > third:
        assert one > third


@given(st.integers(-2000, 2000), st.integers(0, 1440))
def test_append_leaves_everything_up_to_the_last_epoch(after_slot, start):
    grid = empty_grid(30 * SECOND_NS, 0, 720, DAY_ONE_S * SECOND_NS)
    slot = np.array([-1, 0, 5, 719])
    overlap = Overlap(Strategy.APPEND, grid.time_ns(after_slot))
    assert later_slots(slot, grid, start, overlap).tolist() == [
        s if s + start > after_slot else -1 for s in slot.tolist()
    ]
    assert later_slots(slot, grid, start, BY_RANK) is slot


def _file(first_hour, hours, salt, *, signals, version):
    """One file of ten-minute epochs; `signals` of 1 to 3 kinds."""
    codes = ("C1C", "C2W", "C5Q")[:signals]
    return rinex(
        span_s(DAY_ONE_S + 3600 * first_hour, hours, STEP_S), ("G01",), codes=codes, version=version, salt=salt
    )


FILES = st.lists(
    st.builds(
        _file,
        st.integers(0, 14),
        st.integers(1, 8),
        st.integers(0, 2),
        signals=st.integers(1, 3),
        version=st.sampled_from(["3.04", "3.05"]),
    ),
    min_size=1,
    max_size=3,
)


class Model:
    """What a store holds by the table of docs/overlap.md, epoch by epoch: time to content."""

    def __init__(self, strategy):
        self.strategy, self.held = strategy, {}

    def run(self, contents):
        before = dict(self.held)
        last = max(before, default=0) if self.strategy == "append" else 0
        for time in sorted({time for content in contents for time in _times(content)}):
            if time <= last:
                continue
            best = max((content for content in contents if time in _times(content)), key=_rank)
            held = before.get(time)
            if held is None or self.strategy == "overwrite":
                self.held[time] = best
            elif self.strategy == "best":
                self.held[time] = max(held, best, key=_rank)

    def gaps(self, contents):
        """Epochs of files that come before the last one held, and that nobody has."""
        last = max(self.held, default=0) if self.strategy == "append" else 0
        return sum(time <= last and time not in self.held for content in set(contents) for time in _times(content))


def _times(content):
    """Seconds of GPS time of the epochs of a file of `_file`."""
    lines = [line.split() for line in content.decode().splitlines() if line.startswith(">")]
    return {DAY_ONE_S + 86400 * (int(f[3]) - 1) + 3600 * int(f[4]) + 60 * int(f[5]) for f in lines}


def _rank(content):
    text = content.decode()
    codes = text.split("SYS / # / OBS TYPES")[0].splitlines()[-1].split()[2:]
    smaller_is_better = [-byte for byte in hashlib.sha256(content).digest()]
    return (len(codes), text[:9].strip(), len(_times(content)), smaller_is_better)


def _held(chosen):
    data = stored(chosen, GROUP)
    rows = ledger(chosen, GROUP)
    contents = dict(zip(rows["uri"], rows["sha256"], strict=True))
    return {t // SECOND_NS: contents[uri] for t, uri in zip(data.time_ns.tolist(), data.uri, strict=True)}


def check_batches(folder, strategy, batches):
    """Run batch after batch, each under names of its own, and hold the store against the model after each."""
    chosen = settings(
        folder, grid={"interval_s": STEP_S}, chunks={"epoch": 36}, run={"overlap": strategy, "sample_files": 1}
    )
    model, origin_ns = Model(strategy), set()
    for number, batch in enumerate(batches):
        named = {f"rec/{number}{i}/{name(DAY_ONE_S)[4:]}": content for i, content in enumerate(batch)}
        write(folder / "archive", named)
        report, gaps = run(chosen), model.gaps(batch)
        model.run(batch)
        left = [outcome.refused.get(Reason.NOT_APPENDED, Tally()) for outcome in report.files[GROUP]]
        assert sum(tally.epochs for tally in left) == gaps
        assert [outcome.status is Status.PARTIAL for outcome in report.files[GROUP]] == [bool(t.epochs) for t in left]
        origin_ns.add(open_group(chosen, GROUP).attrs["origin_ns"])
        assert _held(chosen) == {time: hashlib.sha256(held).hexdigest() for time, held in model.held.items()}
        check_ledger(chosen, GROUP)
    assert strategy != "append" or len(origin_ns) == 1
    standing = head(chosen)
    assert run(chosen).snapshot is None
    assert head(chosen) == standing


EXAMPLES = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
}
"""Whole runs: no shrinking, which would take minutes."""


@pytest.mark.heavy
@hypothesis(**EXAMPLES, max_examples=6)
@given(strategy=st.sampled_from([str(each) for each in Strategy]), batches=st.lists(FILES, min_size=2, max_size=2))
def test_runs_do_what_the_table_says(tmp_path_factory, strategy, batches):
    check_batches(tmp_path_factory.mktemp("runs"), strategy, batches)


@pytest.mark.long
@hypothesis(**EXAMPLES, max_examples=150)
@given(strategy=st.sampled_from([str(each) for each in Strategy]), batches=st.lists(FILES, min_size=2, max_size=4))
def test_many_runs_do_what_the_table_says(tmp_path_factory, strategy, batches):
    check_batches(tmp_path_factory.mktemp("runs"), strategy, batches)


@pytest.mark.parametrize("strategy", [str(each) for each in Strategy])
def test_every_strategy_on_one_page(tmp_path, strategy):
    """A stored file of middling rank, then one better, one worse, a later one and an earlier one, in one run."""
    middling = _file(6, 4, 0, signals=2, version="3.04")
    better, worse = (_file(hour, 2, 1, signals=n, version="3.04") for hour, n in ((6, 3), (8, 1)))
    later, earlier = (_file(hour, 2, 2, signals=1, version="3.04") for hour in (12, 0))
    check_batches(tmp_path, strategy, [[middling], [better, worse, later, earlier]])


@pytest.mark.parametrize("units", [None, 4])
def test_append_leaves_the_grid_where_it_begins(tmp_path, units):
    """Files before the first epoch, across it and across the last one; each is read and accounted for."""
    section = {"overlap": "append", "partition_units": units, "verify": "full"}
    chosen = settings(tmp_path, grid={"interval_s": STEP_S}, chunks={"epoch": 36}, run=section)
    late = {f"rec/{name(DAY_ONE_S + 13 * 3600, '06H')[4:]}": _file(13, 6, 0, signals=2, version="3.04")}
    write(tmp_path / "archive", late)
    run(chosen)
    standing = dict(open_group(chosen, GROUP).attrs)
    hours = {-60: 2, 10: 6, 17: 1, 18: 2}
    early = {hour: _file(hour, length, 1, signals=3, version="3.04") for hour, length in hours.items()}
    paths = {hour: name(DAY_ONE_S + hour * 3600, f"{hours[hour]:02d}H") for hour in hours}
    write(tmp_path / "archive", {paths[hour]: content for hour, content in early.items()})
    write(
        tmp_path / "archive",
        {"rec/copy.rnx": early[-60], "rec/nameless.rnx": _file(-9, 2, 0, signals=1, version="3.04")},
    )
    assert preview(chosen, NoProgress()).totals.write_units == 2
    report = run(chosen)
    assert {outcome.file.uri for outcome in report.files[GROUP] if outcome.status is Status.PARTIAL} == {
        "rec/nameless.rnx",
        *(paths[hour] for hour in (-60, 10)),
    }
    assert dict(open_group(chosen, GROUP).attrs)["origin_ns"] == standing["origin_ns"]
    assert open_group(chosen, GROUP)["SNR"].shape[0] == 72
    refused = {path: row(chosen, GROUP, path)["refused"] for path in (*paths.values(), "rec/nameless.rnx")}
    assert [counts.get("superseded", [0])[0] for counts in refused.values()] == [0, 18, 6, 6, 0]
    assert [counts.get("not_appended", [0])[0] for counts in refused.values()] == [12, 18, 0, 0, 12]
    assert row(chosen, GROUP, "rec/copy.rnx")["refused"] == {"duplicate_content": [12, 36]}
    assert stored(chosen, GROUP).time_ns.size == 42
    check_ledger(chosen, GROUP)
    assert run(chosen).snapshot is None
    assert verify_store(chosen, sample=None).agrees


@pytest.mark.parametrize("strategy", [str(each) for each in Strategy])
def test_identical_content_is_taken_once_whatever_its_name(tmp_path, strategy):
    """In one run and in a later one; the copies end ok and their epochs are counted as duplicates."""
    content = _file(3, 4, 0, signals=2, version="3.04")
    chosen = settings(tmp_path, grid={"interval_s": STEP_S}, chunks={"epoch": 36}, run={"overlap": strategy})
    write(tmp_path / "archive", {"rec/b.rnx": content, "rec/a.rnx": content})
    run(chosen)
    write(tmp_path / "archive", {"rec/0.rnx": content})
    report = run(chosen)
    assert [outcome.status for outcome in report.files[GROUP]] == [Status.OK]
    rows = {uri: row(chosen, GROUP, uri) for uri in ("rec/a.rnx", "rec/b.rnx", "rec/0.rnx")}
    counts = {"duplicate_content": [24, 48]}
    assert [rows[uri]["refused"] for uri in rows] == [{}, counts, counts]
    assert {each["status"] for each in rows.values()} == {"ok"}
    assert set(stored(chosen, GROUP).uri) == {"rec/a.rnx"}
    check_ledger(chosen, GROUP)


def test_a_file_touched_but_not_changed_replaces_nothing(tmp_path):
    content = _file(3, 4, 0, signals=2, version="3.04")
    chosen = settings(tmp_path, grid={"interval_s": STEP_S}, chunks={"epoch": 36})
    (path,) = (write(tmp_path / "archive", {"rec/a.rnx": content}) / "rec").iterdir()
    run(chosen)
    path.unlink()
    path.write_bytes(content)
    run(chosen)
    assert ledger(chosen, GROUP)["epochs_written"].tolist() == [24, 0]
    check_ledger(chosen, GROUP)
    assert run(chosen).snapshot is None


def test_what_a_file_replaced_long_ago_has_left_gives_way_to_any_file(tmp_path):
    """Also in a run that does not take the replacement: its content is nowhere in the archive any more."""
    chosen = settings(tmp_path, grid={"interval_s": STEP_S}, chunks={"epoch": 36})
    for path, hour, hours, signals in (("a", 0, 8, 3), ("a", 0, 4, 2), ("b", 2, 6, 1)):
        content = _file(hour, hours, hours, signals=signals, version="3.04")
        write(tmp_path / "archive", {f"rec/{path}.rnx": content})
        run(chosen)
        check_ledger(chosen, GROUP)
    assert ledger(chosen, GROUP)["epochs_written"].tolist() == [0, 24, 24]
    assert stored(chosen, GROUP).uri == ["rec/a.rnx"] * 24 + ["rec/b.rnx"] * 24


def test_a_file_touched_long_ago_holds_its_epochs_against_worse_files(tmp_path):
    chosen = settings(tmp_path, grid={"interval_s": STEP_S}, chunks={"epoch": 36})
    content = _file(0, 4, 0, signals=2, version="3.04")
    for number, path in enumerate(("a", "a", "b")):
        worse = _file(0, 4, 0, signals=1, version="3.04")
        write(tmp_path / "archive", {f"rec/{path}.rnx": worse if path == "b" else content})
        os.utime(tmp_path / f"archive/rec/{path}.rnx", (number, number))
        run(chosen)
    assert ledger(chosen, GROUP)["epochs_written"].tolist() == [24, 0, 0]
    check_ledger(chosen, GROUP)


def test_the_table_of_canvodpy_names_the_strategy(tmp_path):
    write(tmp_path / "archive", {"rec/a.rnx": _file(3, 4, 0, signals=2, version="3.04")})
    run(settings(tmp_path, grid={"interval_s": STEP_S}))
    write(tmp_path / "archive", {"rec/b.rnx": _file(6, 4, 0, signals=1, version="3.04")})
    chosen = settings(tmp_path, grid={"interval_s": STEP_S}, run={"overlap": "overwrite"})
    run(chosen)
    assert ledger(chosen, GROUP, "table")["write_strategy"].tolist() == ["skip", "overwrite"]
    lost = row(chosen, GROUP, "rec/a.rnx")
    assert lost["refused"] == {"superseded": [6, 12]}
    check_ledger(chosen, GROUP)


def test_nothing_stays_of_what_a_replaced_file_said_of_its_epochs(tmp_path):
    """Its epochs lay off the grid; those of the new content do not, which is nothing but the fill value."""
    times = span_s(DAY_ONE_S, 6)
    path = name(DAY_ONE_S, "06H")
    write(tmp_path / "archive", {path: rinex([time + 0.002 for time in times])})
    chosen = settings(tmp_path)
    run(chosen)
    assert (stored(chosen, GROUP).offset == 0.002).all()
    write(tmp_path / "archive", {path: rinex(times, salt=1, marker="NEWS")})
    os.utime(tmp_path / "archive" / path, (1, 1))
    run(chosen)
    found = stored(chosen, GROUP)
    assert found.time_ns.size == len(times)
    assert (found.offset == 0).all()
