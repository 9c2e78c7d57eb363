"""What planning reads of a ledger's columns: ranks, markers, refusals, damage, spans, headers."""

import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.values import HeaderFacts, Rank, Span
from gnssice_batch.store.layout.file_rows import create_rows, put_rows
from gnssice_batch.store.layout.ledger import (
    Ledger,
    StoredRefusal,
    header_of,
    header_row,
    read_ledger,
    table_of,
    written_span,
)

ROWS = [
    {
        "uri": "a",
        "size_bytes": 5,
        "etag": "t",
        "status": "partial",
        "signals": 4,
        "version": "3.04",
        "sha256": "0f",
        "marker": "A",
        "reader": "r1",
        "first_epoch": 10,
        "last_epoch": 20,
        "epochs_read": 6,
        "epochs_written": 0,
        "skipped": {"comment": [1, 0], "truncated": [1, 2]},
        "header": {"marker": "A", "phase_shifts": ["G L1C"]},
    },
    {"uri": "b", "status": "rejected", "reason": "empty", "reader": "r2", "marker": "B", "skipped": {"truncated": [1]}},
    {"uri": "c", "status": "ok", "epochs_written": 1, "first_epoch": 40, "last_epoch": 50},
    {"uri": "d", "status": "partial", "epochs_written": 2, "first_epoch": 30, "last_epoch": 35, "marker": "D"},
    {"uri": "a", "status": "ok", "marker": "A2", "epochs_written": -3, "first_epoch": 1, "last_epoch": 99},
]


@pytest.fixture
def group():
    made = zarr.create_group(zarr.storage.MemoryStore(), path="rec")
    create_rows(made, len(ROWS))
    put_rows(made["metadata/files"], 0, ROWS)
    return made


def test_each_field_is_its_column(group):
    found = read_ledger(group)
    first = {
        name: getattr(found, name)[0]
        for name in Ledger.__dataclass_fields__
        if name not in {"damaged", "refusals"} and name != "header_of_row"
    }
    assert first == {
        "uri": "a",
        "size_bytes": 5,
        "etag": "t",
        "status": "partial",
        "first_ns": 10,
        "last_ns": 20,
        "signals": 4,
        "version": "3.04",
        "epochs": 6,
        "sha256": "0f",
        "marker": "A",
        "reader": "r1",
    }
    assert len(found) == len(ROWS)


def test_only_rejected_files_have_refusals_and_only_partial_ones_damage(group):
    found = read_ledger(group)
    assert found.refusals == {1: StoredRefusal("empty", "r2")}
    assert found.damaged == {0}


def test_the_marker_of_a_file_is_that_of_its_last_row_that_was_taken(group):
    assert read_ledger(group).markers() == {"a": "A2", "c": "", "d": "D"}


def test_a_rank_says_whether_the_file_is_current_and_whole(group):
    found = read_ledger(group)
    assert found.rank(0) == Rank(True, False, 4, (3, 4), 6, "f0")
    assert found.rank(0, current=False) == Rank(False, False, 4, (3, 4), 6, "f0")
    assert found.rank(3).intact


def test_headers_are_read_row_by_row(group):
    found = read_ledger(group)
    assert found.header(0) == HeaderFacts(marker="A", phase_shifts=("G L1C",))
    assert found.header(2) is None
    assert Ledger().header(0) is None


def test_the_span_is_that_of_files_of_which_anything_was_written(group):
    assert written_span(group) == Span(30, 50)


@pytest.mark.parametrize(
    ("facts", "row"),
    [
        (HeaderFacts(), {}),
        (HeaderFacts(marker="A", rx_clock_offset_applied=False), {"marker": "A", "rx_clock_offset_applied": False}),
        (HeaderFacts(phase_shifts=("G L1C",)), {"phase_shifts": ("G L1C",)}),
    ],
)
def test_a_row_holds_the_facts_of_a_header_that_there_are(facts, row):
    assert header_row(facts) == row
    assert header_of(row) == (facts if row else None)
    assert header_of({**row, "later": [1]}) == (facts if row else None)


def test_the_table_of_canvodpy_has_to_be_a_group(group):
    with pytest.raises(StoreError, match=r"^rec/metadata/table is not a group: it was not made by this job$"):
        table_of(group)
    made = group.create_group("metadata/table")
    assert table_of(group).path == made.path
