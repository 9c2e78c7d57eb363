"""Ledgers of layout 1, which the next rows bring to what they are now, and the arrays of a ledger."""

import numpy as np
import pytest
import zarr

from gnssice_batch.model.template import LAYOUT_VERSION
from gnssice_batch.model.values import FileFacts, FileOutcome, SourceFile, Status, Tally
from gnssice_batch.store.layout.file_rows import FILE_CHUNK_ROWS, is_of_columns
from gnssice_batch.store.layout.vod_ledger import vod_ledger_documents
from gnssice_batch.store.writing.ledger_rows import (
    NewRows,
    _document,
    append_cells,
    append_files,
    append_rows,
    create_ledger,
    ledger_documents,
    replace_columns,
    row_counts,
)
from tests.store.writing.test_ledger_rows import PLAIN, PROVENANCE, REFUSED, TAKEN, file_rows, table_rows
from tests.support.older_layout import put_back

PATH = "/rec/metadata/files"


def receivers(*names):
    root = zarr.open_group(zarr.storage.MemoryStore(), mode="w", zarr_format=3)
    for name in names:
        create_ledger(root.create_group(name))
    return root


@pytest.fixture(scope="module")
def stored():
    """What is stored of a receiver with a ledger of layout 1, and its rows: one more than are in a chunk now."""
    root = receivers("rec", "other")
    append_files(root["rec"], [TAKEN, REFUSED, *[PLAIN] * (FILE_CHUNK_ROWS - 1)], PROVENANCE, {})
    rows = file_rows(root["rec"])
    put_back(root["rec"])
    assert is_of_columns(root["rec"])
    return dict(root.store._store_dict), rows


@pytest.fixture
def root(stored):
    return zarr.open_group(zarr.storage.MemoryStore(dict(stored[0])), mode="r+")


@pytest.fixture
def before(stored):
    return stored[1]


def test_rows_are_counted(root):
    assert row_counts(root, ["rec", "other"]) == {"rec": FILE_CHUNK_ROWS + 1, "other": 0}


def test_columns_become_rows_that_say_the_same(root, before):
    assert replace_columns(root["rec"]).shape == (FILE_CHUNK_ROWS + 1,)
    assert file_rows(root["rec"]) == before
    assert root["rec"].attrs["layout_version"] == LAYOUT_VERSION


def test_the_next_rows_replace_the_columns_and_all_chunks_of_rows_are_told(root, before):
    chunks = append_rows(
        root, {"rec": NewRows([PLAIN], {0: Tally(1, 10)}), "other": NewRows([REFUSED], {})}, PROVENANCE
    )
    assert chunks[PATH] == {(0,), (1,)}
    assert chunks["/other/metadata/files"] == {(0,)}
    first, *others, last = file_rows(root["rec"])
    assert (others, last) == (before[1:], before[-1])
    assert first["refused"]["superseded"] == [1, 10]
    assert len(table_rows(root["rec"])) == FILE_CHUNK_ROWS + 1


def test_rows_that_change_alone_replace_the_columns_too(root):
    chunks = append_rows(root, {"rec": NewRows([], {}, {1: 1})}, PROVENANCE)
    assert chunks == {PATH: {(0,), (1,)}}
    assert row_counts(root, ["rec"]) == {"rec": FILE_CHUNK_ROWS + 1}
    assert append_rows(root, {"rec": NewRows([], {})}, PROVENANCE) == {}


def test_an_empty_ledger_of_columns_is_replaced_too():
    root = receivers("rec")
    put_back(root["rec"])
    assert append_rows(root, {"rec": NewRows([PLAIN], {})}, PROVENANCE)[PATH] == {(0,)}
    assert [row["uri"] for row in file_rows(root["rec"])] == ["three"]


def test_rows_say_nothing_of_what_a_file_has_not():
    root = receivers("rec")
    append_files(root["rec"], [PLAIN], PROVENANCE, {})
    (row,) = file_rows(root["rec"])
    assert row.keys() == {
        "uri", "size_bytes", "status", "first_epoch", "last_epoch", "epochs_read", "epochs_written",
        "observations_written", "reader", "mapping", "run", "read_at",
    }  # fmt: skip


def test_a_file_without_a_time_has_none_in_the_table():
    root = receivers("rec")
    append_files(
        root["rec"], [FileOutcome(SourceFile("a", "rec", 1, ""), Status.OK, FileFacts(), None)], PROVENANCE, {}
    )
    (row,) = table_rows(root["rec"])
    assert np.isnat(np.asarray(root["rec/metadata/table/start"][:])).all()
    assert (row["rinex_hash"], row["canonical_name"], row["physical_path"]) == ("", "a", "a")


def test_columns_are_as_canvodpy_makes_them():
    _document.cache_clear()
    documents = ledger_documents()
    for name, kind, fill in (
        ("index", "int64", 0),
        ("epochs", "int64", -1),
        ("rinex_hash", "string", ""),
        ("action", "string", "insert"),
        ("attrs", "string", "{}"),
    ):
        made = documents[f"metadata/table/{name}"]
        assert (made["data_type"], made["fill_value"], made["dimension_names"]) == (kind, fill, ["file"])
        assert made["chunk_grid"]["configuration"]["chunk_shape"] == [4096]
        assert made["codecs"][-1] == {"name": "zstd", "configuration": {"level": 5, "checksum": True}}
    assert ledger_documents("vod") == vod_ledger_documents() != documents


def test_the_root_group_may_be_a_receiver():
    root = zarr.open_group(zarr.storage.MemoryStore(), mode="w", zarr_format=3)
    create_ledger(root)
    assert set(append_rows(root, {"": NewRows([REFUSED], {})}, PROVENANCE)) == {"/metadata/files"}
    assert [row["uri"] for row in file_rows(root)] == ["two"]


def test_cells_are_appended_from_where_they_begin():
    root = receivers("rec")
    there = {"rec/metadata/table/index": ledger_documents()["metadata/table/index"]}
    news = {"rec/metadata/table/index": (4090, np.arange(10))}
    assert append_cells(root, there, news) == {"/rec/metadata/table/index": {(0,), (1,)}}
    assert root["rec/metadata/table/index"][4089:].tolist() == [0, *range(10)]
    below = root["rec"]
    news = {"metadata/table/index": (4100, np.array([7]))}
    there = {"metadata/table/index": there["rec/metadata/table/index"]}
    assert append_cells(below, there, news) == {"/rec/metadata/table/index": {(1,)}}
    none = {"metadata/table/index": (8192, np.array([], "int64"))}
    assert append_cells(below, there, none) == {"/rec/metadata/table/index": frozenset()}
