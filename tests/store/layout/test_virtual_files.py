"""The ledger of a virtual repository, written and read back."""

from dataclasses import replace

import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.virtual import NetcdfFile, VirtualRow, VirtualState
from gnssice_batch.store.layout.documents import documents
from gnssice_batch.store.layout.virtual_files import files_document, read_rows, write_rows
from tests.support.text_documents import text_document

FULL = VirtualRow(
    NetcdfFile("one/a.nc", "one", 1, "tag", 17),
    VirtualState.VIRTUAL,
    "one.files/a",
    "alone",
    "of its own",
    "5a",
    "6b",
    -5,
    10,
    1,
    "run",
)
BARE = VirtualRow(NetcdfFile("one/b.nc", "one", 0, ""), VirtualState.REJECTED, "")
ROWS = "metadata/files"


@pytest.fixture
def root():
    return zarr.create_group(zarr.storage.MemoryStore())


def by_uri(*rows):
    return {row.file.uri: row for row in rows}


def many(count, **words):
    return [VirtualRow(NetcdfFile(str(at), "one", 5, ""), VirtualState.VIRTUAL, "one", **words) for at in range(count)]


def test_the_array_is_stored_as_every_reader_knows_it():
    assert files_document() == text_document(
        "file", 512, long_name="Where each NetCDF file is referenced, a JSON object each"
    )


def test_a_repository_without_a_ledger_has_no_rows(root):
    assert read_rows(root) == {}


def test_rows_come_back_in_their_order_without_what_says_nothing(root):
    assert write_rows(root, {}, [FULL, BARE]) == {0}
    assert list(read_rows(root).items()) == list(by_uri(FULL, BARE).items())
    assert root[ROWS][:].tolist() == [
        (
            '{"state":"virtual","group":"one.files/a","reason":"alone","detail":"of its own","sha256":"5a",'
            '"profile":"6b","first_ns":-5,"last_ns":10,"epochs":1,"run":"run","uri":"one/a.nc","receiver":"one",'
            '"size_bytes":1,"etag":"tag","modified_ns":17}'
        ),
        '{"state":"rejected","uri":"one/b.nc","receiver":"one"}',
    ]


def test_the_ledger_is_in_a_group_that_is_made_once(root):
    write_rows(root, {}, [FULL])
    assert isinstance(root["metadata"], zarr.Group)
    root["metadata"].attrs["told"] = "by another"
    root[ROWS].attrs["told"] = "by another"
    write_rows(root, read_rows(root), [BARE])
    assert (root["metadata"].attrs["told"], root[ROWS].attrs["told"]) == ("by another", "by another")
    assert documents(root, [ROWS])[ROWS]["shape"] == [2]


def test_only_chunks_of_rows_that_changed_are_written(root):
    before = many(1_200)
    assert write_rows(root, {}, before) == {0, 1, 2}
    texts = root[ROWS][:].tolist()
    for other in (3, 1_100):
        root[ROWS][other] = "not written again"
    changed = [replace(before[at], reason="overlaps") for at in (512, 1_023)]
    assert write_rows(root, by_uri(*before), [before[5], *changed]) == {1}
    found = root[ROWS][:].tolist()
    assert [at for at, text in enumerate(found) if text != texts[at]] == [3, 512, 1_023, 1_100]
    assert found[3] == found[1_100] == "not written again"


def test_a_new_row_is_put_behind_all_others(root):
    before = many(520)
    write_rows(root, {}, before)
    new = replace(before[0], file=replace(before[0].file, uri="new"))
    assert write_rows(root, by_uri(*before), [new]) == {1}
    assert list(read_rows(root).values()) == [*before, new]


def test_rows_that_say_what_they_said_change_nothing(root):
    rows = many(3)
    write_rows(root, {}, rows)
    assert write_rows(root, by_uri(*rows), rows) == frozenset()
    assert read_rows(root) == by_uri(*rows)


@pytest.mark.parametrize(
    "text",
    [
        "no object",
        '{"uri":"a","receiver":"b"}',
        '{"state":"virtual","receiver":"b"}',
        '{"state":"else","uri":"a","receiver":"b"}',
        '{"state":"virtual","uri":"a","receiver":"b","later":1}',
    ],
)
def test_a_row_of_another_program_is_refused(root, text):
    write_rows(root, {}, [BARE])
    root[ROWS][0] = text
    with pytest.raises(StoreError, match=r"^the ledger metadata/files has a row that this program has not written: "):
        read_rows(root)
