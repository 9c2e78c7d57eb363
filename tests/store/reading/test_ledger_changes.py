"""Rows of a ledger in two versions: which are new, which have lost something, and what became of the epochs."""

import numpy as np
import pytest
import zarr

from gnssice_batch.store.layout.file_rows import FILE_CHUNK_ROWS
from gnssice_batch.store.reading.chunk_changes import Change
from gnssice_batch.store.reading.ledger_changes import ledger_change
from tests.support.older_layout import put_back
from tests.support.small_groups import put_ledger


def row(uri, written=0, joined=0, observations=0, times=(), status="ok"):
    """A row of the ledger; of a file without epochs no times are told."""
    told = {"uri": uri, "status": status, "epochs_written": written, "epochs_joined": joined}
    return told | {"observations_written": observations} | dict(zip(("first_epoch", "last_epoch"), times, strict=False))


def group(*rows):
    made = zarr.create_group(zarr.storage.MemoryStore(), path="rec")
    made.create_group("metadata")
    put_ledger(made, rows)
    return made


STAYS = row("stays", 9, 1, 90, (0, 80))
BEFORE = (
    row("loses", 10, 2, 40, (0, 90)),
    row("gains", 20, 0, 80, (100, 290)),
    row("has fewer values", 5, 0, 20, (300, 340)),
    row("is refused", 4, 0, 16, (400, 430)),
    STAYS,
)
AFTER = (
    row("loses", 10, 5, 40, (0, 90)),
    row("gains", 21, 0, 80, (100, 290)),
    row("has fewer values", 5, 0, 19, (300, 340)),
    row("is refused", 4, 0, 16, (400, 430), "partial"),
    STAYS,
    row("new", 7, 1, 24, (500, 560)),
    row("new and empty", status="rejected"),
)
"""Of the epochs 3 are lost, 1 is gained, 6 are of new rows."""


@pytest.mark.parametrize("chunks", [None, {0}, {0, 3}])
def test_rows_and_epochs_that_are_new_changed_or_gone(chunks):
    found = ledger_change(group(*BEFORE), group(*AFTER), chunks)
    assert found.files == Change(added=2, changed=4)
    assert found.epochs == Change(added=4, changed=3)
    assert found.fresh.tolist() == [[500, 560]]


def test_seen_the_other_way_rows_are_gone():
    found = ledger_change(group(*AFTER), group(*BEFORE), None)
    assert found.files == Change(changed=4, removed=2)
    assert found.epochs == Change(changed=3, removed=4)
    assert found.fresh.shape == (0, 2)


def test_a_group_that_is_new_or_gone_is_told_by_its_sums():
    for before, after, change in ((None, group(*AFTER), Change), (group(*AFTER), None, lambda n: Change(removed=n))):
        found = ledger_change(before, after, None)
        assert (found.files, found.epochs) == (change(7), change(5 + 21 + 5 + 4 + 8 + 6))
        assert found.fresh.shape == (0, 2)


def test_no_group_has_no_rows():
    found = ledger_change(None, None, None)
    assert (found.files, found.epochs) == (Change(), Change())


def test_only_chunks_that_were_written_are_looked_at():
    many = [row(str(number), 1, 0, 4, (number, number)) for number in range(FILE_CHUNK_ROWS + 2)]
    others = [*many[:-1], row("last", 3, 0, 4, (129, 131))]
    others[0] = row("0", 0, 0, 4)
    before, after = group(*many), group(*others)
    assert ledger_change(before, after, {1}).epochs == Change(added=2)
    assert ledger_change(before, after, {0}).epochs == Change(removed=1)
    assert ledger_change(before, after, None).epochs == Change(1, 1, 0)
    nothing = ledger_change(before, after, set())
    assert (nothing.files, nothing.epochs, nothing.fresh.shape) == (Change(), Change(), (0, 2))
    assert nothing.fresh.dtype == np.int64


def test_all_rows_are_looked_at_where_one_ledger_has_an_older_form_whatever_was_written():
    before, after = group(*BEFORE), group(*AFTER)
    put_back(before)
    found = ledger_change(before, after, {0})
    assert (found.files, found.epochs) == (Change(2, 4), Change(4, 3))
    back = ledger_change(after, before, {0})
    assert (back.files, back.epochs) == (Change(0, 4, 2), Change(0, 3, 4))
