"""What stands in the rows of both tables of a ledger, and what better files take from older rows."""

import json

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import Reason
from gnssice_batch.model.grid import GPS_EPOCH
from gnssice_batch.model.values import (
    FileFacts,
    FileOutcome,
    HeaderFacts,
    Refusal,
    SourceFile,
    Span,
    Status,
    Tally,
    rank,
)
from gnssice_batch.signals import MAPPING_NAME, MAPPING_VERSION
from gnssice_batch.store.layout.file_rows import FILE_CHUNK_ROWS
from gnssice_batch.store.layout.ledger import LATER_COLUMNS, TABLE_CHUNK_ROWS, TABLE_COLUMNS
from gnssice_batch.store.writing.ledger_rows import (
    NewRows,
    Provenance,
    append_files,
    append_rows,
    complete_table,
    create_ledger,
    lacking_columns,
    row_counts,
)

PROVENANCE = Provenance("run", "reader", "2025-01-01T00:00:00+00:00", "message", "append")
FACTS = FileFacts(
    sha256="0123456789abcdef0123",
    version="3.04",
    marker="STAT",
    receiver_type="RECEIVER",
    antenna_type="ANTENNA",
    time_system="GPS",
    interval_s=30.0,
    span=Span(5, 9),
    rank=rank(12, "3.04", 10, "ab"),
    epochs=10,
    observations=100,
    lines=77,
    skipped={Reason.COMMENT: 3, Reason.BAD_VALUE: 2},
    header=HeaderFacts(marker="STAT"),
    mapping="bands 2",
)
TAKEN = FileOutcome(
    SourceFile("rec/one.25o", "rec", 99, "etag"),
    Status.PARTIAL,
    FACTS,
    Refusal(Reason.BAD_VALUE, "no number", 5, b"\xe9"),
    Tally(9, 90),
    {Reason.OFF_GRID: Tally(1, 10), Reason.DUPLICATE_EPOCH: Tally(2, 20)},
    ("rec.a", "rec.b"),
    4,
)
REFUSED = FileOutcome(SourceFile("two", "rec", 1, ""), Status.REJECTED, FileFacts(), Refusal(Reason.EMPTY))
PLAIN = FileOutcome(
    SourceFile("three", "rec", 1, ""), Status.OK, FileFacts(epochs=3, span=Span(1, 2)), None, Tally(3, 30)
)


@pytest.fixture
def root():
    root = zarr.open_group(zarr.storage.MemoryStore(), mode="w", zarr_format=3)
    for receiver in ("rec", "other"):
        create_ledger(root.create_group(receiver))
    return root


def file_rows(group):
    return [json.loads(text) for text in np.asarray(group["metadata/files"][:]).tolist()]


def table_rows(group):
    columns = {name: np.asarray(group[f"metadata/table/{name}"][:]).tolist() for name in TABLE_COLUMNS}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_a_row_says_all_that_is_known_of_a_file(root):
    append_files(root["rec"], [TAKEN], PROVENANCE, {})
    assert file_rows(root["rec"]) == [
        {
            "uri": "rec/one.25o",
            "size_bytes": 99,
            "etag": "etag",
            "sha256": "0123456789abcdef0123",
            "status": "partial",
            "reason": "bad_value",
            "detail": "no number",
            "line": 5,
            "first_bytes": "é",
            "version": "3.04",
            "marker": "STAT",
            "receiver_type": "RECEIVER",
            "antenna_type": "ANTENNA",
            "time_system": "GPS",
            "interval_s": 30.0,
            "first_epoch": 5,
            "last_epoch": 9,
            "lines": 77,
            "epochs_read": 10,
            "epochs_written": 9,
            "observations_read": 100,
            "observations_written": 90,
            "epochs_joined": 4,
            "signals": 12,
            "skipped": {"bad_value": 2, "comment": 3},
            "refused": {"duplicate_epoch": [2, 20], "off_grid": [1, 10]},
            "partitions": "rec.a rec.b",
            "reader": "reader",
            "mapping": "bands 2",
            "run": "run",
            "read_at": PROVENANCE.written_at,
            "header": {"marker": "STAT"},
        }
    ]


def test_reasons_stand_in_their_order(root):
    append_files(root["rec"], [TAKEN], PROVENANCE, {})
    append_rows(root, {"rec": NewRows([], {0: Tally(1, 1)}, not_mixed={0: 1})}, PROVENANCE)
    (row,) = file_rows(root["rec"])
    assert list(row["skipped"]) == ["bad_value", "comment"]
    assert list(row["refused"]) == ["duplicate_epoch", "not_mixed", "off_grid", "superseded"]


def test_a_file_that_says_nothing_of_its_mapping_was_read_by_the_one_of_now(root):
    append_files(root["rec"], [REFUSED], PROVENANCE, {})
    (row,) = file_rows(root["rec"])
    assert row["mapping"] == f"{MAPPING_NAME} {MAPPING_VERSION}"
    assert (row["reason"], row["uri"]) == ("empty", "two")
    assert not {"first_epoch", "last_epoch", "signals", "skipped", "refused"} & row.keys()


def test_the_table_of_canvodpy_has_the_files_that_were_taken(root):
    append_files(root["rec"], [PLAIN], PROVENANCE, {})
    append_files(root["rec"], [TAKEN, REFUSED, PLAIN], PROVENANCE, {})
    rows = table_rows(root["rec"])
    assert [(row["index"], row["physical_path"]) for row in rows] == [(0, "three"), (1, "rec/one.25o"), (2, "three")]
    start, end = (int((GPS_EPOCH + np.timedelta64(ns, "ns")).astype(np.int64)) for ns in (5, 9))
    assert rows[1] == {
        "index": 1,
        "rinex_hash": "0123456789abcdef",
        "start": start,
        "end": end,
        "snapshot_id": "",
        "action": "insert",
        "commit_msg": "message",
        "written_at": PROVENANCE.written_at,
        "attrs": "{}",
        "write_strategy": "append",
        "canonical_name": "one.25o",
        "physical_path": "rec/one.25o",
        "preprocessing": "",
        "epochs": 10,
    }


def test_a_refused_file_alone_leaves_the_table_as_it_is(root):
    chunks = append_rows(root, {"rec": NewRows([REFUSED], {})}, PROVENANCE)
    assert set(chunks) == {"/rec/metadata/files"}
    assert table_rows(root["rec"]) == []


class TestWhatBetterFilesTake:
    def changed(self, root, **words):
        append_files(root["rec"], [TAKEN, PLAIN], PROVENANCE, {})
        words = {"displaced": {}, **words}
        append_rows(root, {"rec": NewRows([], **words)}, PROVENANCE)
        return file_rows(root["rec"])

    def test_epochs_and_values(self, root):
        before, after = self.changed(root, displaced={0: Tally(2, 15)})
        assert (before["epochs_written"], before["observations_written"], before["status"]) == (7, 75, "partial")
        assert before["epochs_joined"] == 4
        assert before["refused"]["superseded"] == [2, 15]
        assert after["epochs_written"] == 3

    def test_epochs_of_which_another_file_is_the_main_source(self, root):
        _, row = self.changed(root, joined={1: 2})
        assert (row["epochs_joined"], row["epochs_written"], row["status"], "refused" in row) == (2, 3, "ok", False)

    def test_values_that_no_file_gives_make_it_partial(self, root):
        _, row = self.changed(root, displaced={1: Tally(1, 10)}, not_mixed={1: 4})
        assert row["refused"] == {"not_mixed": [0, 4], "superseded": [1, 6]}
        assert (row["observations_written"], row["status"]) == (20, "partial")

    def test_more_is_added_to_what_was_taken_before(self, root):
        self.changed(root, displaced={1: Tally(1, 10)}, joined={1: 1})
        append_rows(root, {"rec": NewRows([], {1: Tally(1, 5)}, {1: -1})}, PROVENANCE)
        row = file_rows(root["rec"])[1]
        assert row["refused"] == {"superseded": [2, 15]}
        assert (row["epochs_written"], row["observations_written"], row.get("epochs_joined", 0)) == (1, 15, 0)


class TestChunks:
    """Exactly the chunks that are written are told: a commit is held against them."""

    def test_of_rows_that_are_new_and_rows_that_change(self, root):
        many = [PLAIN] * (FILE_CHUNK_ROWS + 1)
        chunks = append_rows(root, {"rec": NewRows(many, {}), "other": NewRows([PLAIN], {})}, PROVENANCE)
        assert chunks["/rec/metadata/files"] == {(0,), (1,)}
        assert chunks["/other/metadata/files"] == chunks["/rec/metadata/table/index"] == {(0,)}
        again = append_rows(root, {"rec": NewRows([PLAIN], {0: Tally(1, 1)})}, PROVENANCE)
        assert again["/rec/metadata/files"] == {(0,), (1,)}
        assert "/other/metadata/files" not in again
        later = append_rows(root, {"rec": NewRows([PLAIN], {})}, PROVENANCE)
        assert later["/rec/metadata/files"] == {(1,)}

    def test_of_columns_that_are_nothing_but_their_fill_value_are_none(self, root):
        chunks = append_rows(root, {"rec": NewRows([PLAIN], {})}, PROVENANCE)
        table = {path.rpartition("/")[2] for path in chunks if "/table/" in path}
        assert table == set(TABLE_COLUMNS) - {"action", "attrs", "snapshot_id", "preprocessing", "rinex_hash"}
        stored = "".join(root.store._store_dict)
        assert "rec/metadata/table/epochs/c/0" in stored
        assert "rec/metadata/table/index/c/0" in stored, "the number 0 is a value"
        assert "rec/metadata/table/action/c/0" not in stored

    def test_of_a_full_chunk_of_the_table(self, root):
        append_rows(root, {"rec": NewRows([PLAIN] * TABLE_CHUNK_ROWS, {})}, PROVENANCE)
        chunks = append_rows(root, {"rec": NewRows([PLAIN], {})}, PROVENANCE)
        assert chunks["/rec/metadata/table/index"] == {(1,)}
        assert row_counts(root, ["rec", "other"]) == {"rec": TABLE_CHUNK_ROWS + 1, "other": 0}


def test_columns_that_an_older_table_lacks_are_told_and_made(root):
    append_files(root["rec"], [PLAIN, TAKEN], PROVENANCE, {})
    for name in LATER_COLUMNS:
        del root["rec"][f"metadata/table/{name}"]
    assert lacking_columns(root["rec"]) == LATER_COLUMNS
    complete_table(root["rec"])
    assert lacking_columns(root["rec"]) == ()
    assert [(row["preprocessing"], row["epochs"]) for row in table_rows(root["rec"])] == [("", -1), ("", -1)]
    append_files(root["rec"], [TAKEN], PROVENANCE, {})
    assert table_rows(root["rec"])[2]["epochs"] == 10


def test_an_older_table_gets_what_it_lacks_with_its_next_rows(root):
    append_files(root["rec"], [PLAIN], PROVENANCE, {})
    for name in LATER_COLUMNS:
        del root["rec"][f"metadata/table/{name}"]
    append_files(root["rec"], [TAKEN], PROVENANCE, {})
    assert [row["epochs"] for row in table_rows(root["rec"])] == [-1, 10]
