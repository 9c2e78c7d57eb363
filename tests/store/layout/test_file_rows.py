"""Rows of the ledger of files, written and read by themselves."""

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.store.layout.documents import documents
from gnssice_batch.store.layout.file_rows import (
    FILE_COLUMNS,
    NO_TIME,
    _nothings,
    change_rows,
    create_rows,
    files_document,
    is_of_columns,
    put_rows,
    read_files,
    read_files_in,
    read_row,
    row_count,
    rows_of_columns,
    sums_of,
    texts_of,
)
from tests.support.older_layout import put_back
from tests.support.text_documents import text_document

FULL = {
    "uri": "a.rnx",
    "size_bytes": 12,
    "status": "ok",
    "interval_s": 30.0,
    "first_epoch": 0,
    "last_epoch": 60,
    "epochs_read": 3,
    "skipped": {"comment": [1, 2]},
    "reader": "plain",
    "header": {"marker": "A"},
}
EMPTY = {"uri": "b.rnx"}


@pytest.fixture
def group():
    return zarr.create_group(zarr.storage.MemoryStore())


def holding(group, *rows):
    create_rows(group, len(rows))
    put_rows(group["metadata/files"], 0, rows)
    return group


def texts(group):
    return group["metadata/files"][:].tolist()


def test_the_array_is_stored_as_every_reader_of_layout_2_knows_it():
    said = "What became of each file, a JSON object each"
    assert files_document() == text_document("file", 128, long_name=said, columns=dict(FILE_COLUMNS))


def test_a_new_array_has_room_and_holds_nothing(group):
    assert create_rows(group, 3).shape == (3,)
    assert documents(group, ["metadata/files"])["metadata/files"]["shape"] == [3]
    assert (texts(group), row_count(group), is_of_columns(group)) == ([""] * 3, 3, False)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"uri": "a", "detail": "", "size_bytes": 0, "line": None}, '{"uri":"a"}'),
        ({"uri": "a", "first_epoch": 0, "last_epoch": NO_TIME}, '{"uri":"a","first_epoch":0}'),
        ({"uri": "a", "skipped": {}, "refused": "{}", "header": ""}, '{"uri":"a"}'),
        ({"uri": "a", "skipped": {"off_grid": [1, 2]}}, '{"uri":"a","skipped":{"off_grid":[1,2]}}'),
        ({"uri": "a", "size_bytes": np.int64(7), "later": ""}, '{"uri":"a","size_bytes":7,"later":""}'),
    ],
)
def test_a_row_is_stored_without_what_says_nothing(row, text):
    assert texts_of([row]) == [text]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("first_epoch", (None, NO_TIME)),
        ("last_epoch", (None, NO_TIME)),
        ("skipped", (None, "", "{}", {})),
        ("uri", (None, "")),
        ("size_bytes", (None, 0)),
        ("interval_s", (None, 0)),
    ],
)
def test_what_says_nothing_is_of_the_kind_of_its_column(name, values):
    assert _nothings(name) == values


def test_columns_of_rows_hold_what_they_say_and_of_the_others_nothing(group):
    files = read_files(holding(group, FULL, EMPTY))
    assert list(files) == list(FILE_COLUMNS)
    wanted = {
        "uri": ["a.rnx", "b.rnx"],
        "size_bytes": [12, 0],
        "status": ["ok", ""],
        "interval_s": [30.0, 0.0],
        "first_epoch": [0, NO_TIME],
        "skipped": ['{"comment": [1, 2]}', ""],
        "header": ['{"marker": "A"}', ""],
    }
    assert {name: files[name].tolist() for name in wanted} == wanted
    dtypes = {"str": np.dtype(object), "json": np.dtype(object), "int64": np.dtype("i8"), "float64": np.dtype("f8")}
    assert {name: files[name].dtype for name in files} == {name: dtypes[kind] for name, kind in FILE_COLUMNS.items()}


def test_equal_texts_of_a_column_are_one_object(group):
    files = read_files(holding(group, FULL, {**FULL, "uri": "b.rnx"}))
    for name in ("status", "reader", "skipped"):
        assert files[name][0] is files[name][1]


def test_a_row_is_read_by_its_number(group):
    holding(group, FULL, EMPTY, {"uri": "c.rnx"})
    assert [read_row(group, number) for number in (0, 1, 2)] == [FULL, EMPTY, {"uri": "c.rnx"}]


def test_rows_are_put_where_they_are_told(group):
    holding(group, *({"uri": name} for name in "abcde"))
    put_rows(group["metadata/files"], 2, [{"uri": "x"}, {"uri": "y"}])
    assert [read_row(group, number)["uri"] for number in range(5)] == ["a", "b", "x", "y", "e"]


def many(count):
    return [{"uri": str(number), "lines": 1 + number % 3} for number in range(count)]


@pytest.mark.parametrize(
    ("chunks", "numbers"),
    [
        ([2, 0], [*range(128), *range(256, 300)]),
        ([1], [*range(128, 256)]),
        ([2, 3], [*range(256, 300)]),
        ([], []),
    ],
)
def test_rows_are_read_by_their_chunks_in_their_order(group, chunks, numbers):
    found, columns = read_files_in(holding(group, *many(300)), ("uri", "lines"), chunks)
    assert found == numbers
    assert columns["uri"].tolist() == [str(number) for number in numbers]
    assert columns["lines"].tolist() == [1 + number % 3 for number in numbers]


def test_no_rows_behind_a_last_chunk_that_is_full(group):
    found, columns = read_files_in(holding(group, *many(128)), ("uri",), [1])
    assert (found, columns["uri"].tolist()) == ([], [])


def test_rows_of_several_chunks_are_changed_where_they_are(group):
    holding(group, *many(300))
    told = {}

    def change(number, row):
        told[number] = row["uri"]
        row["detail"] = f"changed {number}"

    assert change_rows(group["metadata/files"], [299, 0, 5, 256], change) == {0, 2}
    assert told == {number: str(number) for number in (0, 5, 256, 299)}
    details = read_files(group, ("detail",))["detail"].tolist()
    assert {number: text for number, text in enumerate(details) if text} == {
        number: f"changed {number}" for number in told
    }
    assert row_count(group) == 300


@pytest.mark.parametrize("count", [1, 3, 8_193])
def test_sums_of_columns_are_over_every_row(group, count):
    rows = many(count)
    holding(group, *rows)
    assert sums_of(group, ("lines", "epochs_read")) == {"lines": sum(row["lines"] for row in rows), "epochs_read": 0}
    assert read_files(group, ("lines",))["lines"].tolist() == [row["lines"] for row in rows]


def test_what_is_no_number_adds_nothing_to_a_sum(group):
    holding(group, {"uri": "a", "lines": -4}, EMPTY)
    group["metadata/files"][1] = '{"uri":"b","lines":null}'
    assert sums_of(group, ("lines",)) == {"lines": -4}


def test_rows_of_columns_are_without_what_says_nothing():
    columns = {
        "uri": np.array(["a", "b"], object),
        "skipped": np.array(['{"comment": [1, 2]}', "{}"], object),
        "first_epoch": np.array([0, NO_TIME]),
        "lines": np.array([0, 3]),
    }
    assert list(rows_of_columns(columns)) == [
        {"uri": "a", "skipped": {"comment": [1, 2]}, "first_epoch": 0},
        {"uri": "b", "lines": 3},
    ]


class TestLayout1:
    """An array for each column."""

    @pytest.fixture
    def older(self, group):
        holding(group, FULL, EMPTY, {"uri": "c.rnx", "lines": 4})
        return group, put_back(group)

    def test_rows_are_counted_read_by_number_and_summed(self, older):
        group, _ = older
        assert (row_count(group), is_of_columns(group)) == (3, True)
        assert [read_row(group, number) for number in range(3)] == [FULL, EMPTY, {"uri": "c.rnx", "lines": 4}]
        assert sums_of(group, ("lines", "size_bytes")) == {"lines": 4, "size_bytes": 12}

    def test_columns_that_are_missing_are_empty_and_of_their_kind(self, older):
        group, table = older
        for name in ("reader", "lines", "first_epoch", "header"):
            del table[name]
        files = read_files(group, ("uri", "reader", "lines", "first_epoch", "header", "size_bytes"))
        assert {name: column.tolist() for name, column in files.items()} == {
            "uri": ["a.rnx", "b.rnx", "c.rnx"],
            "reader": [""] * 3,
            "lines": [0] * 3,
            "first_epoch": [NO_TIME] * 3,
            "header": [""] * 3,
            "size_bytes": [12, 0, 0],
        }
        assert [files[name].dtype.kind for name in files] == ["O", "O", "i", "i", "O", "i"]
        assert read_row(group, 0) == {
            name: value for name, value in FULL.items() if name not in {"reader", "first_epoch", "header"}
        }


def test_a_row_that_is_no_json_is_told_by_its_place(group):
    holding(group, *many(130))
    group["metadata/files"][129] = "no object"
    said = "^rows 128 to 129 of metadata/files are no JSON objects: "
    with pytest.raises(StoreError, match=said):
        read_files_in(group, ("uri",), [1])
    with pytest.raises(StoreError, match=said):
        change_rows(group["metadata/files"], [128], lambda *_: None)


@pytest.mark.parametrize("read", [row_count, read_files, is_of_columns, lambda group: read_row(group, 0)])
def test_a_group_without_a_ledger_is_refused(group, read):
    with pytest.raises(StoreError, match=r"^group '' has no ledger metadata/files: it was not made by this job$"):
        read(group)
