"""A run writes the read units that its files reach; the others of their write unit stay the bytes they are."""

import numpy as np
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.ingest import partition as ingest
from gnssice_batch.job.run import run
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.store.reading.cells import cells_of_snapshot
from tests.support.ingested import Stages
from tests.support.marks import most_heavy
from tests.support.runs import (
    DAY_ONE_S,
    DAY_S,
    assert_same,
    check_ledger,
    name,
    repository,
    rinex,
    settings,
    span_s,
    stored,
    write,
)

UNIT, READ_UNIT = 34_560, 2_880
UNIT_S = UNIT * 30
UNIT_BEGINS_S = DAY_ONE_S // UNIT_S * UNIT_S


def daily(day, hours=2.0, at_hour=0.0, **more):
    start_s = UNIT_BEGINS_S + day * DAY_S + at_hour * 3600
    return {name(start_s, "01H"): rinex(span_s(start_s, hours), **more)}


def chosen_in(folder, verify="full"):
    return settings(folder, chunks={"epoch": UNIT}, run={"verify": verify})


def encoded(chosen):
    snapshot = run(chosen).snapshot
    assert snapshot
    return cells_of_snapshot(str(repository(chosen)), snapshot, "rec").encoded(0)


@pytest.fixture
def touched(monkeypatch):
    """Which epochs of the data variables were read, and which were written."""
    found = {"read": [], "written": []}
    read, written = ingest.read_epochs, ingest.write_epochs

    def reading(work, start, epochs):
        found["read"].append((start, epochs))
        return read(work, start, epochs)

    def writing(work, start, variables):
        found["written"].append((start, len(variables["SNR"])))
        written(work, start, variables)

    monkeypatch.setattr(ingest, "read_epochs", reading)
    monkeypatch.setattr(ingest, "write_epochs", writing)
    return found


@pytest.mark.heavy
def test_only_the_read_units_of_the_news_are_touched(tmp_path, touched):
    chosen = chosen_in(tmp_path)
    write(tmp_path / "archive", daily(2) | daily(5) | daily(9))
    before = encoded(chosen)
    write(tmp_path / "archive", daily(5, at_hour=1, hours=3, salt=1))
    after = encoded(chosen)
    assert touched["read"] == [(5 * READ_UNIT, READ_UNIT)]
    assert touched["written"] == [(2 * READ_UNIT, 8 * READ_UNIT), (5 * READ_UNIT, READ_UNIT)]
    assert [day for day in range(UNIT // READ_UNIT) if before[day] != after[day]] == [5]
    assert [day for day in range(UNIT // READ_UNIT) if any(after[day])] == [2, 5, 9]
    check_ledger(chosen, "rec")
    assert verify_store(chosen, None).agrees


@pytest.mark.heavy
@pytest.mark.parametrize(("more", "read"), [(0, [(3, 5)]), (1, [(1, 3), (1, 7)])])
def test_a_file_that_reaches_further_than_its_name_is_written_whole(tmp_path, touched, more, read):
    """The window is known when it is the first of its unit to be read; else the unit is aligned again."""
    chosen = chosen_in(tmp_path)
    write(tmp_path / "archive", daily(2) | daily(5))
    run(chosen)
    start_s = UNIT_BEGINS_S + 3 * DAY_S
    times = span_s(start_s, 1) + span_s(start_s + 4 * DAY_S, 1)
    write(tmp_path / "archive", {name(start_s, "01H"): rinex(times)} | (daily(1) if more else {}))
    run(chosen)
    assert touched["read"] == [(start * READ_UNIT, days * READ_UNIT) for start, days in read]
    assert verify_store(chosen, None).agrees


def test_a_file_that_holds_nothing_reads_no_unit(tmp_path, touched):
    chosen = settings(tmp_path, chunks={"epoch": UNIT}, run={"max_refused_fraction": 1})
    write(tmp_path / "archive", daily(2))
    run(chosen)
    write(tmp_path / "archive", {name(UNIT_BEGINS_S + 4 * DAY_S, "01H"): b"rubbish"})
    assert run(chosen).snapshot
    assert touched["read"] == []


def test_nothing_is_read_of_the_store_for_a_signal_that_is_not_on_the_axis(tmp_path, touched):
    chosen = chosen_in(tmp_path)
    write(tmp_path / "archive", daily(2))
    run(chosen)
    write(tmp_path / "archive", daily(5, svs=("G01", "E05")))
    stages = Stages()
    run(chosen, stages)
    assert stages.named == ["ingest", "ingest again", "verify", "publish"]
    assert touched["read"] == [(5 * READ_UNIT, READ_UNIT)]
    assert verify_store(chosen, None).agrees


@pytest.mark.heavy
def test_many_runs_give_what_one_gives(tmp_path):
    one, many = chosen_in(tmp_path / "one", "units"), chosen_in(tmp_path / "many")
    files = [daily(day, at_hour=hour, salt=hour) for day in (9, 2, 5) for hour in (4, 1, 2)]
    for file in files:
        write(tmp_path / "one" / "archive", file)
        write(tmp_path / "many" / "archive", file)
        run(many)
    run(one)
    assert_same(stored(many, "rec"), stored(one, "rec"))
    assert verify_store(many, None).agrees


@pytest.mark.parametrize(
    ("day", "array"),
    most_heavy([(day, array) for array in ("source_file", "SNR", "LLI", "rx_clock_offset") for day in (5, 7)], 3),
)
def test_a_worker_that_touches_more_publishes_nothing(tmp_path, monkeypatch, day, array):
    chosen = chosen_in(tmp_path)
    write(tmp_path / "archive", daily(2) | daily(5))
    run(chosen)
    written = ingest.write_coordinates

    def spoiling(work, start, coordinates, *, fresh):
        written(work, start, coordinates, fresh=fresh)
        at = day * READ_UNIT + 3
        cells = work.group[array]
        cells[at] = np.zeros(cells.shape[1:], cells.dtype)

    monkeypatch.setattr(ingest, "write_coordinates", spoiling)
    write(tmp_path / "archive", daily(2, at_hour=5))
    with pytest.raises(StoreError, match="nothing was published"):
        run(chosen)
