"""What workers write along the epochs, what the coordinator writes again, and what the proof before the commit sees."""

from dataclasses import replace

import icechunk
import numpy as np
import pytest
import zarr

import gnssice_batch.job.run
from gnssice_batch.errors import StoreError
from gnssice_batch.ingest import partition as ingest
from gnssice_batch.job.journal import open_journals
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.template import VARIABLES, GroupTemplate, signal_axis, unit_chunks
from gnssice_batch.model.values import FileFacts, FileOutcome, SourceFile, Status
from gnssice_batch.store.forks import fork_of
from gnssice_batch.store.reading.cells import cells_of_fork
from gnssice_batch.store.writing import publish as publishing
from gnssice_batch.store.writing.changes import changed_units, coordinate_differences
from gnssice_batch.store.writing.ledger_rows import append_files, append_rows
from tests.failures.small import GROUP, Hook, Interrupt, check_as_in_one_run, hourly, interrupt, journal_files, site
from tests.support.runs import (
    DAY_ONE_S,
    check_ledger,
    joined_sources,
    ledger,
    messages,
    name,
    repository,
    rinex,
    row,
    span_s,
    stored,
    write,
)

UNIT = 720


@pytest.fixture
def renumbered(monkeypatch):
    """First epochs of what the coordinator writes along the epochs, of all tries."""
    starts = []

    def noted(columns, rows, *, fresh):
        assert [column.name for column in columns] == [f"/{GROUP}/source_file"]
        kept = list(rows)
        starts.extend(start for start, _ in kept)
        write_columns(columns, kept, fresh=fresh)

    write_columns = publishing.write_columns
    monkeypatch.setattr(publishing, "write_columns", noted)
    return starts


def halted(chosen, after=1):
    """Interrupt a run after so many partitions; return what its journal has of them."""
    with pytest.raises(Interrupt):
        run(chosen, Hook("ingest", interrupt, after))
    (journal,) = open_journals(target_of(chosen).journals)
    return list(journal.partitions().values())


def test_a_fork_holds_the_coordinates_of_its_units_under_the_foreseen_rows(tmp_path):
    run(site(tmp_path, hourly(0, 18), "stored"))
    (one, other) = halted(site(tmp_path, hourly(2, 6, 7)), after=2)
    assert [(done.rows, done.outcome.written_units) for done in (one, other)] == [((2,), (0,)), ((3, 4), (1,))]
    cells = cells_of_fork(other.outcome.fork, GROUP).read(range(UNIT, 2 * UNIT))
    np.testing.assert_array_equal(cells["source_file"], np.repeat([3, 4, -1], [120, 120, 480]))
    np.testing.assert_array_equal(cells["epoch_flag"] == 0, cells["source_file"] >= 0)
    both = cells_of_fork(one.outcome.fork, GROUP).read(range(UNIT))
    assert both["source_file"][[0, 240]].tolist() == [0, 2]
    written = {f"/{GROUP}/{array}" for array in (*(spec.name for spec in VARIABLES), "source_file", "epoch_flag")}
    assert changed_units(fork_of(other.outcome.fork)).keys() == written


def test_where_the_ledger_is_as_foreseen_nothing_is_written_again(tmp_path, renumbered):
    files, more = hourly(0, 6), hourly(2, 12)
    run(site(tmp_path, files))
    chosen = site(tmp_path, more)
    run(chosen)
    assert renumbered == []
    check_as_in_one_run(tmp_path, chosen, files | more)


@pytest.mark.heavy
def test_where_another_run_has_come_first_the_sources_are_written_again(tmp_path, renumbered):
    before, mine, theirs = hourly(0, 48), hourly(2, 6, 12), hourly(24, 25)
    run(site(tmp_path, before, "stored"))
    chosen, other = site(tmp_path, mine), site(tmp_path, theirs, "theirs")
    run(chosen, Hook("ingest", lambda: run(other)))
    assert renumbered == [0, UNIT, 2 * UNIT]
    check_as_in_one_run(tmp_path, chosen, before | mine | theirs)


@pytest.mark.heavy
def test_sources_of_joined_signals_are_written_again_too(tmp_path, renumbered):
    """Of files of the run joined to each other, and to one that was there."""
    before, theirs = hourly(0, 48), hourly(24, 25)
    guests = {
        name(DAY_ONE_S + 3600 * hour, "01H", "GUST"): rinex(span_s(DAY_ONE_S + 3600 * hour, 1), ("E05",))
        for hour in (0, 2)
    }
    mine = hourly(2) | guests
    run(site(tmp_path, before, "stored"))
    chosen, other = site(tmp_path, mine, run={"verify": "full"}), site(tmp_path, theirs, "theirs")
    run(chosen, Hook("ingest", lambda: run(other)))
    assert renumbered == [0]
    check_as_in_one_run(tmp_path, chosen, before | mine | theirs)
    uris, sources = ledger(chosen, GROUP)["uri"], joined_sources(chosen, GROUP)
    assert sorted({uris[row] for row in np.unique(sources[sources >= 0]).tolist()}) == sorted(guests)


@pytest.mark.heavy
def test_where_the_ledger_has_grown_under_a_journal(tmp_path, renumbered):
    before, mine, theirs = hourly(0, 48), hourly(6, 12), hourly(24)
    run(site(tmp_path, before, "stored"))
    chosen = site(tmp_path, mine, run={"verify": "full"})
    assert [done.rows for done in halted(chosen)] == [(2,)]
    run(site(tmp_path, theirs, "theirs"))
    report = run(chosen)
    assert (report.resumed, report.proof.partitions) == (1, 2)
    assert renumbered == [UNIT]
    check_as_in_one_run(tmp_path, chosen, before | mine | theirs)


def test_a_file_refused_again_moves_the_rows_of_those_behind_it(tmp_path, renumbered):
    """It has no second row; those before it keep theirs."""
    first, gone, last = (name(DAY_ONE_S + 3600 * hour, "01H") for hour in (6, 12, 18))
    chosen = site(tmp_path, hourly(0), run={"max_refused_fraction": 1})
    (tmp_path / "elsewhere").write_bytes(hourly(12)[gone])
    (tmp_path / "archive" / gone).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").unlink()
    run(chosen)
    assert row(chosen, GROUP, gone)["reason"] == "unreadable"
    write(tmp_path / "archive", hourly(6, 18))
    report = run(chosen)
    assert [outcome.file.uri for outcome in report.refused_again] == [gone]
    assert renumbered == [3 * UNIT]
    data = stored(chosen, GROUP)
    assert [data.uri.count(uri) for uri in (first, gone, last)] == [120, 0, 120]
    check_ledger(chosen, GROUP)


def test_every_try_numbers_anew(tmp_path, monkeypatch, renumbered):
    """Another commit comes between this run's numbers and its commit: the next try has others."""
    files = hourly(0, 6)
    chosen = site(tmp_path, files)
    run(chosen)
    write(tmp_path / "archive", more := hourly(12, 18))

    def beaten(root, news, provenance):
        monkeypatch.setattr(publishing, "append_rows", append_rows)
        session = _handle(chosen).writable_session("main")
        row_of_others = FileOutcome(SourceFile("rec/theirs", GROUP, 1, ""), Status.REJECTED, FileFacts())
        append_files(zarr.open_group(session.store, path=GROUP, mode="r+"), [row_of_others], provenance, {})
        session.commit("theirs")
        return append_rows(root, news, provenance)

    monkeypatch.setattr(publishing, "append_rows", beaten)
    run(chosen)
    assert renumbered == [2 * UNIT, 3 * UNIT]
    assert messages(chosen)[1] == "theirs"
    data = stored(chosen, GROUP)
    assert {uri: data.uri.count(uri) for uri in data.uri} == dict.fromkeys(files | more, 120)
    check_ledger(chosen, GROUP)


def _handle(chosen):
    return icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))


def test_an_epoch_of_a_file_without_a_row_is_refused(tmp_path, monkeypatch):
    def forgetful(_, files):
        return {receiver: outcomes[:-1] for receiver, outcomes in files.items()}

    monkeypatch.setattr(gnssice_batch.job.run, "new_ledger_rows", forgetful)
    chosen = site(tmp_path, hourly(0, 6))
    with pytest.raises(StoreError, match=r"epochs of rec/.* would have no ledger row; nothing was published"):
        run(chosen)
    assert messages(chosen) == []


def beside(work, start, coordinates, *, fresh):
    """The flags lie a unit too late."""
    write_coordinates(work, start, coordinates, fresh=fresh)
    write_coordinates(work, start + UNIT, {**coordinates, "source_file": np.full(UNIT, -1)}, fresh=True)


def nowhere(work, start, coordinates, *, fresh):
    write_coordinates(work, start, {**coordinates, "source_file": np.full(UNIT, -1)}, fresh=fresh)


write_coordinates = ingest.write_coordinates


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (beside, r"/rec/epoch_flag:  1 chunks outside the written units \(\(1,\)\)$"),
        (nowhere, r"/rec/source_file: no chunk in 2 of the written units, e\.g\. 0$"),
    ],
)
def test_a_fork_with_wrong_coordinates_is_refused_before_the_commit(tmp_path, monkeypatch, fault, sentence):
    chosen = site(tmp_path, hourly(0, 12))
    calls = []

    def once(work, start, coordinates, *, fresh):
        calls.append(start)
        wrong = fault if fault is nowhere or len(calls) == 1 else write_coordinates
        wrong(work, start, coordinates, fresh=fresh)

    monkeypatch.setattr(ingest, "write_coordinates", once)
    with pytest.raises(StoreError, match=f"(?s)are not the planned write units, nothing was published:\n{sentence}"):
        run(chosen)
    assert calls == [0, 2 * UNIT]
    assert messages(chosen) == []


def test_a_unit_made_again_keeps_nothing_of_the_first_time(tmp_path):
    """The offsets of a file that a better one outranks, whose name says that it reaches another unit."""
    svs = ("G01", "G02", "R03", "E04")
    run(site(tmp_path, hourly(0, svs=svs), "stored"))
    start_s = DAY_ONE_S + 48 * 3600
    times, lying = span_s(start_s, 6), name(start_s + 6 * 3600, "06H")
    files = {
        name(start_s, "06H"): rinex([time + 0.001 for time in times]),
        lying: rinex(times, svs),
    }
    chosen = site(tmp_path, files, run={"partition_units": 4, "verify": "full"})
    run(chosen)
    data = stored(chosen, GROUP)
    assert [data.uri.count(uri) for uri in files] == [0, 720]
    assert not data.offset.any()
    assert not journal_files(chosen)
    check_ledger(chosen, GROUP)


@pytest.fixture
def made():
    """A group of four write units of two read units each."""
    grid = empty_grid(600 * SECOND_NS, 0, 288, DAY_ONE_S * SECOND_NS)
    grid = replace(grid, size=4 * 288)
    assert grid.unit == 2 * grid.read_unit
    return GroupTemplate(GROUP, grid, signal_axis(["G01|L1|C"]), 64, "default", "zstd", 5, {}, {})


def chunks(*indices):
    return frozenset((index,) for index in indices)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"source_file": chunks(2, 7), "epoch_flag": chunks(2, 3, 6), "epoch_offset": chunks(7)}, []),
        (
            {"source_file": chunks(3, 5, 6), "rx_clock_offset": chunks(0, 2)},
            [
                "/rec/source_file:  1 chunks outside the written units ((5,))",
                "/rec/rx_clock_offset:  1 chunks outside the written units ((0,))",
            ],
        ),
        ({"source_file": chunks(3)}, ["/rec/source_file: no chunk in 1 of the written units, e.g. 3"]),
        (
            {"epoch_flag": chunks(2, 6)},
            ["/rec/source_file: no chunk in 2 of the written units, e.g. 1"],
        ),
    ],
)
def test_coordinates_lie_within_the_written_units(made, found, said):
    found = {f"/{GROUP}/{array}": indices for array, indices in found.items()}
    assert list(coordinate_differences(found, {}, unit_chunks(made, [1, 3]), made)) == said


def test_what_the_structure_moves_has_to_be_there_and_is_no_fault(made):
    moved = {f"/{GROUP}/source_file": chunks(0, 1, 4), f"/{GROUP}/epoch_flag": chunks(0)}
    found = {f"/{GROUP}/source_file": chunks(0, 1, 2, 4)}
    said = coordinate_differences(found, moved, unit_chunks(made, [1]), made)
    assert said == ("/rec/epoch_flag:  1 chunks missing ((0,))",)
