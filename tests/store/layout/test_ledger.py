"""Ledgers keep what headers say, and those of older stores are read and gone on with."""

import numpy as np
import pytest
import zarr

from gnssice_batch.model.values import FileFacts, FileOutcome, HeaderFacts, SourceFile, Span, Status
from gnssice_batch.store.layout.ledger import FILE_COLUMNS, header_json, header_of, read_files, read_ledger, row_count
from gnssice_batch.store.writing.ledger_rows import Provenance, append_files, create_ledger

PROVENANCE = Provenance("run", "reader", "2025-01-01T00:00:00+00:00", "parent", "message")
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


@pytest.fixture
def group():
    group = zarr.open_group(zarr.storage.MemoryStore(), mode="w", zarr_format=3)
    create_ledger(group)
    return group


@pytest.mark.parametrize("facts", [FULL, HeaderFacts(marker="A"), HeaderFacts(rx_clock_offset_applied=True)])
def test_the_facts_of_a_header_come_back_from_their_cell(facts):
    assert header_of(header_json(facts)) == facts


def test_a_header_that_says_nothing_is_an_empty_cell():
    assert (header_json(HeaderFacts()), header_of("")) == ("", None)


def test_a_fact_that_a_later_program_added_is_passed_over():
    assert header_of('{"marker": "A", "colour": "red"}') == HeaderFacts(marker="A")


def test_every_row_keeps_its_header_and_mapping_and_gives_it_again(group):
    append_files(group, [outcome("a", FULL, 9), outcome("b", HeaderFacts(marker="B"), 5)], PROVENANCE, {})
    files = read_files(group)
    assert [header_of(cell) for cell in files["header"]] == [FULL, HeaderFacts(marker="B")]
    assert files["mapping"].tolist() == ["bands 2, G C2=C2L"] * 2
    assert [read_ledger(group).header(row) for row in (0, 1)] == [FULL, HeaderFacts(marker="B")]


def test_a_ledger_from_before_a_column_is_read_and_gone_on_with(group):
    append_files(group, [outcome("a", FULL, 9)], PROVENANCE, {})
    del group["metadata/files/header"]
    assert (read_ledger(group).header(0), read_files(group)["header"].tolist()) == (None, [""])
    append_files(group, [outcome("b", FULL, 19)], PROVENANCE, {})
    files = read_files(group)
    assert files["header"].tolist() == ["", header_json(FULL)]
    assert {len(np.asarray(files[name])) for name in FILE_COLUMNS} == {row_count(group)} == {2}
    assert read_ledger(group).header(1) == FULL
