"""Ledgers keep what headers say, and those of older stores are read and gone on with."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import Reason, StoreError
from gnssice_batch.model.values import FileFacts, FileOutcome, HeaderFacts, SourceFile, Span, Status, Tally
from gnssice_batch.store.layout.file_rows import FILE_COLUMNS, is_of_columns, read_files, row_count, sums_of
from gnssice_batch.store.layout.ledger import header_of, header_row, read_ledger, written_span
from gnssice_batch.store.writing.ledger_rows import Provenance, append_files, create_ledger
from tests.support.older_layout import put_back

PROVENANCE = Provenance("run", "reader", "2025-01-01T00:00:00+00:00", "message")
FULL = HeaderFacts(
    marker="STAT",
    position_xyz_m=(4000000.1234, -600000.0, 4500000.0),
    rx_clock_offset_applied=False,
    phase_shifts=("G L2X -0.25 G01 G02", "G L1C"),
    wavelength_factors=("1 2 G14",),
    kept_records=("SYS / DCBS APPLIED: G somebody",),
    rinex2_names=("G C1=C1C",),
)


def outcome(uri, header, last_ns):
    facts = FileFacts(sha256="00", span=Span(0, last_ns), header=header, mapping="bands 2, G C2=C2L")
    return FileOutcome(SourceFile(uri, "rec", 1, "etag"), Status.OK, facts)


def written(first_ns, last_ns, epochs):
    """The outcome of a file of which so many epochs were written."""
    found = outcome(f"{first_ns}.25o", FULL, last_ns)
    return replace(found, facts=replace(found.facts, span=Span(first_ns, last_ns)), written=Tally(epochs, 4 * epochs))


@pytest.fixture
def group():
    group = zarr.open_group(zarr.storage.MemoryStore(), mode="w", zarr_format=3)
    create_ledger(group)
    return group


@pytest.mark.parametrize("facts", [FULL, HeaderFacts(marker="A"), HeaderFacts(rx_clock_offset_applied=True)])
def test_the_facts_of_a_header_come_back_from_their_row(facts):
    assert header_of(json.loads(json.dumps(header_row(facts)))) == facts


def test_a_header_that_says_nothing_is_nothing():
    assert (header_row(HeaderFacts()), header_of({}), header_of(None)) == ({}, None, None)


def test_a_fact_that_a_later_program_added_is_passed_over():
    assert header_of({"marker": "A", "colour": "red"}) == HeaderFacts(marker="A")


def test_every_row_keeps_its_header_and_mapping_and_gives_it_again(group):
    append_files(group, [outcome("a", FULL, 9), outcome("b", HeaderFacts(marker="B"), 5)], PROVENANCE, {})
    files = read_files(group)
    assert [header_of(json.loads(cell)) for cell in files["header"]] == [FULL, HeaderFacts(marker="B")]
    assert files["mapping"].tolist() == ["bands 2, G C2=C2L"] * 2
    assert [read_ledger(group).header(row) for row in (0, 1)] == [FULL, HeaderFacts(marker="B")]


def test_a_row_says_nothing_of_what_is_empty(group):
    append_files(group, [outcome("a", HeaderFacts(), 9)], PROVENANCE, {})
    row = json.loads(np.asarray(group["metadata/files"][0]).item())
    assert not {"line", "detail", "refused", "skipped", "header", "epochs_joined"} & row.keys()
    assert {name: column.tolist() for name, column in read_files(group, ("line", "refused", "header")).items()} == {
        "line": [0],
        "refused": [""],
        "header": [""],
    }


@pytest.mark.parametrize("rows", [2, 127, 128, 129, 300])
def test_rows_of_many_chunks(group, rows):
    names = [f"file {number}" for number in range(rows)]
    append_files(group, [outcome(name, FULL, 9) for name in names], PROVENANCE, {})
    append_files(group, [outcome("last", FULL, 9)], PROVENANCE, {0: Tally(2, 9), rows - 1: Tally(1, 4)}, {0: 1}, {0: 4})
    files = read_files(group)
    assert files["uri"].tolist() == [*names, "last"]
    lost = np.zeros(rows + 1, np.int64)
    lost[[0, rows - 1]] = 2, 1
    np.testing.assert_array_equal(-files["epochs_written"], lost)
    assert files["epochs_joined"].tolist() == [1, *[0] * rows]
    assert files["status"].tolist() == ["partial", *["ok"] * rows]
    assert row_count(group) == group["metadata/table/physical_path"].shape[0] == rows + 1


class TestLayout1:
    """A ledger with an array for each column."""

    @pytest.fixture
    def older(self, group):
        append_files(group, [outcome("a", FULL, 9), outcome("b", HeaderFacts(), 5)], PROVENANCE, {})
        self.rows = read_files(group)
        return group, put_back(group)

    def test_is_read_as_the_same_rows(self, older):
        group, _ = older
        files = read_files(group)
        assert {name: column.tolist() for name, column in files.items() if name not in {"skipped", "refused"}} == {
            name: column.tolist() for name, column in self.rows.items() if name not in {"skipped", "refused"}
        }
        assert [read_ledger(group).header(row) for row in (0, 1)] == [FULL, None]
        assert read_ledger(group).uri.tolist() == ["a", "b"]

    def test_is_replaced_when_it_gets_rows(self, older):
        group, _ = older
        append_files(group, [outcome("c", FULL, 19)], PROVENANCE, {1: Tally(1, 1)})
        files = read_files(group)
        assert not is_of_columns(group)
        assert (files["uri"].tolist(), files["epochs_written"].tolist()) == (["a", "b", "c"], [0, -1, 0])
        assert [read_ledger(group).header(row) for row in range(3)] == [FULL, None, FULL]
        assert group.attrs["layout_version"] == 2

    def test_from_before_a_column_is_read_and_gone_on_with(self, older):
        group, table = older
        del table["header"]
        assert (read_ledger(group).header(0), read_files(group)["header"].tolist()) == (None, ["", ""])
        append_files(group, [outcome("c", FULL, 19)], PROVENANCE, {})
        files = read_files(group)
        assert {len(files[name]) for name in FILE_COLUMNS} == {row_count(group)} == {3}
        assert [read_ledger(group).header(row) for row in range(3)] == [None, None, FULL]


def test_what_a_later_program_says_in_a_row_stays(group):
    append_files(group, [outcome("a", FULL, 9), outcome("b", FULL, 9)], PROVENANCE, {})
    row = json.loads(np.asarray(group["metadata/files"][0]).item())
    later = row | {"colour": "red", "refused": {"too_red": [2, 3]}}
    group["metadata/files"][0] = np.array(json.dumps(later), np.dtypes.StringDType())
    append_files(group, [outcome("c", FULL, 9)], PROVENANCE, {0: Tally(1, 4), 1: Tally(1, 2)})
    first = json.loads(np.asarray(group["metadata/files"][0]).item())
    assert first["colour"] == "red"
    assert first["refused"] == {"superseded": [1, 4], "too_red": [2, 3]}
    assert read_files(group, ("epochs_written",))["epochs_written"].tolist() == [-1, -1, 0]


def test_sums_of_rows_are_those_of_their_text(group):
    """Whatever stands in texts beside the numbers: the name of a column, quotes, backslashes."""
    odd = ['a"epochs_written":7,', '"epochs_written":8', "\\", '\\"epochs_written":9', "epochs_written"]
    header = HeaderFacts(marker='"epochs_written":5', phase_shifts=('"epochs_joined":6',))
    said = [replace(outcome(uri, header, 10), written=Tally(n, n), joined=n // 2) for n, uri in enumerate(odd, 3)]
    append_files(group, said * 40, PROVENANCE, {})
    names = ("epochs_written", "epochs_joined", "size_bytes")
    want = {name: int(column.sum()) for name, column in read_files(group, names).items()}
    assert want["epochs_written"] > 0
    assert sums_of(group, names) == want
    spaced = group["metadata/files"]
    spaced[:] = np.array([json.dumps(json.loads(text)) for text in spaced[:].tolist()], np.dtypes.StringDType())
    assert sums_of(group, names) == want
    put_back(group)
    assert sums_of(group, names) == want
    keys = {*(str(reason) for reason in Reason), *(field.name for field in fields(HeaderFacts))}
    assert keys & FILE_COLUMNS.keys() <= {"marker", "receiver_type", "antenna_type"}


@pytest.mark.parametrize(
    ("reason", "damaged"), [("truncated", True), ("duplicate_content", False), ("a_later_reason", True)]
)
def test_a_row_is_damaged_by_what_the_reader_lost_and_by_what_a_later_one_says(group, reason, damaged):
    append_files(group, [outcome("a", FULL, 9)], PROVENANCE, {})
    row = json.loads(np.asarray(group["metadata/files"][0]).item())
    partial = row | {"status": "partial", "skipped": {reason: 2}}
    group["metadata/files"][0] = np.array(json.dumps(partial), np.dtypes.StringDType())
    assert read_ledger(group).damaged == ({0} if damaged else set())


def test_rows_that_are_no_json_are_named(group):
    append_files(group, [outcome("a", FULL, 9)], PROVENANCE, {})
    group["metadata/files"][0] = "{"
    with pytest.raises(StoreError, match="rows 0 to 0 of metadata/files are no JSON objects"):
        read_files(group)


def test_a_group_without_a_ledger():
    group = zarr.open_group(zarr.storage.MemoryStore(), mode="w", zarr_format=3)
    with pytest.raises(StoreError, match="has no ledger"):
        row_count(group)


def test_the_span_of_what_was_written_is_that_of_files_that_gave_an_epoch(group):
    assert written_span(group) is None
    append_files(group, [written(5, 900, 0)], PROVENANCE, {})
    assert written_span(group) is None
    append_files(group, [written(30, 30, 1), written(40, 60, 2)], PROVENANCE, {})
    assert written_span(group) == Span(30, 60)
