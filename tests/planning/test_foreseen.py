"""What a plan costs: references and requests, counted out by hand for small plans."""

from dataclasses import replace

import pytest

from gnssice_batch.model.grid import DAY_NS, SECOND_NS, empty_grid
from gnssice_batch.model.template import (
    EPOCH_COORDINATES,
    OBSERVED_COORDINATES,
    OWN_SID_COORDINATES,
    SID_COORDINATES,
    VARIABLES,
)
from gnssice_batch.model.values import Assignment, Partition, SourceFile, Span
from gnssice_batch.planning.plan import GroupPlan, totals
from gnssice_batch.planning.requests import foreseen
from gnssice_batch.store.layout.file_rows import FILE_CHUNK_ROWS
from gnssice_batch.store.layout.ledger import CONSTANT_COLUMNS, TABLE_COLUMNS
from gnssice_batch.store.repository import LEDGER_CHUNKS_OF_A_MANIFEST
from tests.support.templates import DAY_ONE_NS, template

A, B, C = (SourceFile(name, "rec", size, "") for name, size in (("a", 100), ("b", 20), ("c", 3)))
OF_THE_TABLE = len(TABLE_COLUMNS) - len(CONSTANT_COLUMNS)
ROWS_OF_A_MANIFEST = FILE_CHUNK_ROWS * LEDGER_CHUNKS_OF_A_MANIFEST


def made(signals=3, width=64):
    grid = empty_grid(30 * SECOND_NS, 0, 2880, DAY_ONE_NS)
    grid = replace(grid.covering(grid.origin_ns, grid.origin_ns + 4 * DAY_NS - 1), read_unit=720)
    return replace(template(signals=signals, width=width), grid=grid)


def plan(current=None, target=None, files=((A, B), (B, C)), first_unit=0):
    target = target or made()
    assignments = tuple(
        Assignment(
            Partition(f"p{number}", "rec", first_unit + 2 * number, 2),
            target.grid,
            target.axis,
            taken,
            tuple(Span(DAY_ONE_NS + index, DAY_ONE_NS + index) for index in range(len(taken))),
            tuple(range(len(taken))),
        )
        for number, taken in enumerate(files)
    )
    return GroupPlan(target, current, assignments)


@pytest.mark.parametrize(("signals", "columns"), [(3, 1), (64, 1), (65, 2), (130, 3)])
def test_references_are_those_of_shards_and_of_inner_chunks_along_epoch(signals, columns):
    target = made(signals)
    at_hand = 4 * columns * len(VARIABLES) + 4 * 4 * len(EPOCH_COORDINATES)
    assert totals([plan(target, target)]).references == at_hand
    assert totals([plan(None, target)]).references == at_hand + len(SID_COORDINATES)


def test_units_before_the_axis_are_read_and_never_written():
    counted = totals([plan(first_unit=-1)])
    assert (counted.write_units, counted.partitions) == (3, 2)


def test_a_file_of_two_partitions_counts_once():
    counted = totals([plan(), plan()])
    assert (counted.files, counted.size_bytes, counted.partitions) == (3, 123, 4)


def test_requests_of_a_new_receiver_of_a_new_repository():
    found = foreseen([plan()], 2001, [], new=True)
    assert (found.file_gets, found.archive_lists, found.received_bytes, found.sent_bytes) == (4, 3, 143, 123)
    assert found.chunk_puts == 4 * len(VARIABLES)
    assert foreseen([plan(target=made(130))], 1, [], new=True).chunk_puts == 4 * 3 * len(VARIABLES)
    assert found.commit_puts == 4 * 2 + 2 * 2 + 21 + 5
    axes = len(SID_COORDINATES) + len(OWN_SID_COORDINATES) + 2
    assert found.manifest_puts == axes + len(VARIABLES) + len(OBSERVED_COORDINATES) + 1 + OF_THE_TABLE
    assert (found.journal_puts, found.store_gets) == (4 + 2, 40)


def test_requests_of_one_that_is_there():
    target = made()
    found = foreseen([plan(target, target)], 1000, [1, ROWS_OF_A_MANIFEST, ROWS_OF_A_MANIFEST + 1], new=False)
    assert (found.archive_lists, found.commit_puts, found.store_gets) == (1, 4 + 2 * 2, 40 + 4)
    assert found.manifest_puts == len(VARIABLES) + len(OBSERVED_COORDINATES) + 1 + OF_THE_TABLE


@pytest.mark.parametrize(
    ("target", "arrays"),
    [
        (made(4), len(SID_COORDINATES) + len(OWN_SID_COORDINATES)),
        (replace(made(), grid=made().grid.covering(DAY_ONE_NS, DAY_ONE_NS + 9 * DAY_NS)), 2),
    ],
)
def test_manifests_of_axes_are_those_of_the_axis_that_grows(target, arrays):
    same, grown = (foreseen([plan(current, target)], 1, [], new=False) for current in (target, made()))
    assert grown.manifest_puts - same.manifest_puts == arrays
    assert grown.commit_puts - same.commit_puts == 4


def test_what_a_sample_does_not_fill_is_not_put():
    found = foreseen([plan()], 1, [], new=False, filled={"rec": frozenset({"SNR", "Phase", "epoch_flag", "other"})})
    assert found.chunk_puts == 4 * 2
    whole = foreseen([plan()], 1, [], new=False, filled={"rec": None, "other": frozenset()})
    assert whole.chunk_puts == 4 * len(VARIABLES)
    observed = {"SNR", "Phase", "epoch_flag"} & {*(spec.name for spec in VARIABLES), *OBSERVED_COORDINATES}
    assert whole.manifest_puts - found.manifest_puts == len(VARIABLES) + len(OBSERVED_COORDINATES) - len(observed)


def test_a_small_file_that_is_kept_is_fetched_once():
    assert foreseen([plan()], 1, [], new=False, kept_bytes=20).file_gets == 3
    assert foreseen([plan()], 1, [], new=False, kept_bytes=19).file_gets == 4


def test_refused_files_of_the_sample_are_journaled_together():
    assert foreseen([plan()], 1, [], new=False, refused=9).journal_puts == 4 + 1 + 2


def test_nothing_to_do_lists_and_reads_the_ledgers():
    found = foreseen([plan(files=())], 0, [1], new=False)
    assert found.as_json() == {
        "GET": 1,
        "PUT": 0,
        "LIST": 1,
        "received_bytes": 0,
        "sent_bytes": 0,
        "file_gets": 0,
        "store_gets": 1,
        "chunk_puts": 0,
        "commit_puts": 0,
        "manifest_puts": 0,
        "journal_puts": 0,
    }
    idle = foreseen([plan(), GroupPlan(made(4), None, ())], 1, [], new=False)
    assert idle.manifest_puts == foreseen([plan()], 1, [], new=False).manifest_puts


def test_requests_add_up():
    found = foreseen([plan()], 1, [5], new=False)
    told = found.as_json()
    assert told["GET"] == found.file_gets + found.store_gets == found.gets
    assert told["PUT"] == found.chunk_puts + found.commit_puts + found.manifest_puts + found.journal_puts == found.puts
    assert (told["received_bytes"], told["sent_bytes"]) == (143, 123)
