"""What older rows of a ledger lose where write units are made again: all they hold there, by what they hold beside."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import Reason
from gnssice_batch.job.rewritten import _reached, taken_off
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Span, Status, Tally
from gnssice_batch.planning.rewriting import Rewriting
from gnssice_batch.store.reading.cells import StoredCells
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.commit import merge
from gnssice_batch.store.writing.ledger_rows import Provenance, append_files
from gnssice_batch.store.writing.structure import StructureChange, ensure_root, make_structure, staging_branch
from tests.support.templates import template

READ, UNIT = 2880, 5760
"""Epochs of a read unit, a day, and of a write unit, two days."""
GRID = replace(template().grid, unit=UNIT, read_unit=READ, size=3 * UNIT)
MADE = replace(template(), grid=GRID)
PROVENANCE = Provenance("run", "reader", "2025-01-01T00:00:00+00:00", "message")
LONG, INSIDE, REFUSED, BEFORE, EMPTIED, SINGLE, DAYS = range(7)
"""Rows of the ledger, by what their files hold."""


def row(first, last, epochs, values, status=Status.OK, joined=0):
    """The outcome of a file whose epochs lie between two slots."""
    facts = FileFacts("00ff", span=Span(GRID.time_ns(first), GRID.time_ns(last)))
    refusal = Refusal(Reason.EMPTY) if status is Status.REJECTED else None
    file = SourceFile(f"{first}-{last}", "rec", 1, "")
    return FileOutcome(file, status, facts, refusal, Tally(epochs, values), joined=joined)


ROWS = (
    row(100, 2 * UNIT + 10, 21, 59, joined=2),
    row(UNIT + 10, UNIT + 19, 10, 29),
    row(UNIT, UNIT + 100, 0, 0, Status.REJECTED),
    row(200, 204, 5, 15),
    row(UNIT, UNIT + 5, 0, 0),
    row(UNIT + 30, UNIT + 30, 1, 3),
    row(READ, 2 * UNIT, 3, 9),
)
HELD = {
    LONG: (range(100, 110), range(UNIT, UNIT + 5), range(2 * UNIT + 1, 2 * UNIT + 5)),
    INSIDE: (range(UNIT + 10, UNIT + 20),),
    BEFORE: (range(200, 205),),
    SINGLE: (range(UNIT + 30, UNIT + 31),),
    DAYS: (range(READ, READ + 1), range(UNIT + 40, UNIT + 41), range(2 * UNIT, 2 * UNIT + 1)),
}
GUESTS = {UNIT + 11: 2, 2 * UNIT + 10: 0}
"""Slot to the signal that is from the long file, where another one, or none, is the main source of the epoch."""


def fill(group):
    """Write three signals of what each file holds, those of guests among them."""
    values, source = np.full((GRID.size, 3), np.nan, np.float32), np.full(GRID.size, -1, np.int32)
    joined = np.full((GRID.size, 3), -1, np.int32)
    for number, spans in HELD.items():
        for span in spans:
            values[span.start : span.stop], source[span.start : span.stop] = 40.0, number
    for slot, signal in GUESTS.items():
        values[slot, signal], joined[slot, signal] = 41.0, LONG
        source[slot] = INSIDE
    group["SNR"][:], group["source_file"][:], group["metadata/joined/source_file"][:] = values, source, joined


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A repository, and the backlog of its second write unit."""
    repository = open_repository(str(tmp_path_factory.mktemp("site") / "rinex"))
    structure = make_structure(
        repository, repository.head(), staging_branch("r", 0), StructureChange((MADE,), "rinex3")
    )
    session = repository.handle.writable_session("main")
    ensure_root(session, "rinex3")
    merge(session, structure, [])
    group = zarr.open_group(session.store, path="rec")
    fill(group)
    append_files(group, ROWS, PROVENANCE, {})
    return repository, backlog(session.commit("a run"))


def backlog(snapshot, receiver="rec"):
    again = Rewriting(frozenset({GRID.origin_ns + GRID.unit_ns}))
    return SimpleNamespace(snapshot=snapshot, rewriting={receiver: again})


def test_rows_lose_what_they_hold_in_the_units_that_are_made_again(published):
    """A row that holds nothing any more, that was refused or that lies beside the units loses nothing."""
    lost, joined = taken_off(*published, "rec")
    assert lost == {LONG: Tally(6, 16), INSIDE: Tally(10, 29), SINGLE: Tally(1, 3), DAYS: Tally(1, 3)}
    assert joined == {LONG: -1, INSIDE: 0, SINGLE: 0, DAYS: 0}


def test_only_what_the_rows_reach_beside_these_units_is_read(published, monkeypatch):
    """What else there is may be damaged, and so may be the epochs of the axis."""
    read, spans = StoredCells.read, []

    def noted(self, span, without=()):
        spans.append((span.start, span.stop, without))
        return read(self, span, without)

    monkeypatch.setattr(StoredCells, "read", noted)
    taken_off(*published, "rec")
    long = [(0, READ, ("epoch",)), (READ, UNIT, ("epoch",)), (2 * UNIT, 2 * UNIT + READ, ("epoch",))]
    assert spans == [*long, *long[1:]]


def test_where_nothing_is_made_again_nothing_is_lost(published):
    repository, found = published
    assert taken_off(repository, found, "other") == ({}, {})
    assert taken_off(repository, backlog(None), "rec") == ({}, {})


@pytest.mark.parametrize(
    ("first", "last", "units"),
    [
        (0, 0, [0]),
        (UNIT - 1, UNIT, [0, 1]),
        (UNIT, 2 * UNIT - 1, [1]),
        (-UNIT, UNIT, [0, 1]),
        (2 * UNIT, 9 * UNIT, [2]),
        (-9 * UNIT, 9 * UNIT, [0, 1, 2]),
        (-2 * UNIT, -1, []),
        (3 * UNIT, 4 * UNIT, []),
    ],
)
def test_a_row_reaches_the_units_of_the_axis_that_its_epochs_span(first, last, units):
    times = {"first_epoch": [0, GRID.time_ns(first)], "last_epoch": [0, GRID.time_ns(last)]}
    ledger = {name: np.array(values, np.int64) for name, values in times.items()}
    assert list(_reached(ledger, 1, GRID)) == units
