"""What the commit of a run adds to its cells: rows of ledgers, the rows that epochs came from, the coverage."""

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import JOINED_SOURCE, unit_chunks
from gnssice_batch.model.values import EpochRows, FileFacts, FileOutcome, SourceFile, Span, Status, Tally
from gnssice_batch.store.layout.coverage import coverage_attributes
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing import publish as module
from gnssice_batch.store.writing.changes import changed_units
from gnssice_batch.store.writing.ledger_rows import append_files, row_counts
from gnssice_batch.store.writing.publish import GroupChange, Publication, SourcedRows
from gnssice_batch.store.writing.structure import StructureChange, make_structure
from tests.store.writing.test_ledger_rows import PROVENANCE, file_rows
from tests.support.templates import UNIT, template

MADE, OTHER = template(), template(receiver="other")
GRID = MADE.grid


def outcome(uri, epochs=2, first=0):
    span = Span(GRID.time_ns(first), GRID.time_ns(first + epochs - 1))
    facts = FileFacts(sha256=uri, epochs=epochs, span=span)
    return FileOutcome(SourceFile(uri, "rec", 1, ""), Status.OK, facts, None, Tally(epochs, epochs))


@pytest.fixture
def repository(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


@pytest.fixture
def structure(repository):
    return make_structure(repository, repository.head(), "staging-run", StructureChange((MADE, OTHER), "rinex3"))


@pytest.fixture
def session(repository, structure):
    """One in which the structure is merged already."""
    return repository.handle.writable_session(structure.branch)


def sourced(start, uris, foreseen, *sources, joined=False):
    """Rows of a read unit, of which those not given are of no file."""
    source = np.full(UNIT, -1, np.int32)
    source[: len(sources)] = sources
    return SourcedRows(EpochRows.of(start, source, joined=joined), tuple(uris), tuple(foreseen))


def publication(structure, files, *epochs, displaced=None, receiver="rec"):
    made = {"rec": MADE, "other": OTHER}
    changes = {receiver: GroupChange(made[receiver], None, epochs, files, displaced or {})}
    changes |= {name: GroupChange(one, None, (), (), {}) for name, one in made.items() if name != receiver}
    return Publication("run", structure, "rinex3", (), changes, {}, PROVENANCE, {})


def group_of(session, receiver="rec"):
    return zarr.open_group(session.store, path=receiver, mode="r+")


def written(session, one):
    """Write the sources as the worker has them: under the foreseen rows."""
    for part in one.groups["rec"].epochs:
        rows = slice(part.rows.start, part.rows.start + UNIT)
        group_of(session)["source_file"][rows] = part.rows.with_rows(part.foreseen)


def sources(session, start, count):
    return group_of(session)["source_file"][start : start + count].tolist()


def test_rows_and_coverage_are_written_and_their_chunks_told(session, structure):
    one = publication(structure, [outcome("a"), outcome("b")], sourced(UNIT, "ab", (0, 1), -1, -2, -3, -3))
    written(session, one)
    before = changed_units(session)
    told = one.completing(session)()
    assert {path: found for path, found in changed_units(session).items() if path not in before} == told
    assert {"/rec/metadata/files", "/rec/metadata/table/epochs", "/rec/sv", "/other/sv"} <= told.keys()
    assert "/other/metadata/files" not in told
    assert [row["uri"] for row in file_rows(group_of(session))] == ["a", "b"]
    attributes = group_of(session).attrs
    assert (attributes["first_epoch_ns"], attributes["last_epoch_ns"]) == (
        GRID.time_ns(UNIT + 1),
        GRID.time_ns(UNIT + 3),
    )
    assert attributes["origin_ns"] == GRID.origin_ns
    assert attributes["Institution"] == "none"
    assert "first_epoch_ns" not in group_of(session, "other").attrs
    assert sources(session, UNIT, 5) == [-1, 0, 1, 1, -1]


@pytest.mark.parametrize("at_once", [1, 32])
def test_receivers_are_gone_through_a_few_at_a_time(session, structure, monkeypatch, at_once):
    monkeypatch.setattr(module, "_RECEIVERS_AT_ONCE", at_once)
    publication(structure, [outcome("a")], receiver="other").completing(session)()
    assert row_counts(zarr.open_group(session.store, mode="r"), ["rec", "other"]) == {"rec": 0, "other": 1}


def test_what_better_files_took_is_taken_from_older_rows(session, structure):
    append_files(group_of(session), [outcome("old", 9)], PROVENANCE, {})
    change = publication(structure, [], displaced={0: Tally(2, 3)})
    change.completing(session)()
    assert file_rows(group_of(session))[0]["epochs_written"] == 7


def test_coverage_only_grows(session, structure):
    group_of(session).update_attributes(coverage_attributes(Span(GRID.time_ns(0), GRID.time_ns(1))))
    one = publication(structure, [outcome("a")], sourced(UNIT, "a", (0,), -2))
    one.completing(session)()
    attributes = group_of(session).attrs
    assert (attributes["first_epoch_ns"], attributes["last_epoch_ns"]) == (GRID.time_ns(0), GRID.time_ns(UNIT))


def test_what_the_head_covers_is_told_by_its_attributes_else_by_its_ledger(session):
    assert module._held(session, ["rec", "nothing"]) == {"rec": None, "nothing": None}
    append_files(group_of(session), [outcome("a", 3, first=4)], PROVENANCE, {})
    by_ledger = Span(GRID.time_ns(4), GRID.time_ns(6))
    assert module._held(session, ["rec", "other"]) == {"rec": by_ledger, "other": None}
    told = Span(GRID.time_ns(1), GRID.time_ns(2))
    group_of(session).update_attributes(coverage_attributes(told))
    assert module._held(session, ["other", "rec"]) == {"other": None, "rec": told}


class TestRowsThatWereForeseenWrongly:
    @pytest.fixture
    def session(self, session):
        """Another run's row has come first."""
        append_files(group_of(session), [outcome("theirs")], PROVENANCE, {})
        return session

    def test_epochs_are_numbered_anew_where_any_row_is_another(self, session, structure):
        moved = sourced(UNIT, "ab", (0, 1), -2, -3, -1, 0)
        partly = sourced(0, "ab", (1, 7), -2, -3)
        one = publication(structure, [outcome("a"), outcome("b")], moved, partly)
        written(session, one)
        one.completing(session)()
        assert sources(session, UNIT, 5) == [1, 2, -1, 0, -1]
        assert sources(session, 0, 3) == [1, 2, -1]

    def test_those_as_foreseen_are_not_written_again(self, session, structure):
        fits = sourced(UNIT, "b", (2,), -2)
        one = publication(structure, [outcome("a"), outcome("b")], sourced(0, "a", (0,), -2), fits)
        group_of(session)["source_file"][UNIT] = 55
        one.completing(session)()
        assert (sources(session, 0, 2), sources(session, UNIT, 1)) == ([1, -1], [55])

    def test_joined_signals_too_where_there_are_any(self, session, structure):
        part = sourced(UNIT, "ab", (1, 2), -2, joined=True)
        plain = sourced(0, "ab", (7, 8), -2)
        one = publication(structure, [outcome("b"), outcome("a")], part, plain)
        joined = group_of(session)[JOINED_SOURCE]
        joined[UNIT : UNIT + 2] = [[1, 2, 0], [-1, -1, 2]]
        joined[:1] = [[7, 8, -1]]
        one.completing(session)()
        assert joined[UNIT : UNIT + 2].tolist() == [[2, 1, 0], [-1, -1, 1]]
        assert joined[:1].tolist() == [[7, 8, -1]]
        assert sources(session, UNIT, 2) == [2, -1]

    def test_a_group_without_joined_signals_needs_none(self, session, structure):
        del group_of(session)["metadata/joined"]
        one = publication(structure, [outcome("a")], sourced(0, "a", (0,), -2))
        one.completing(session)()
        assert sources(session, 0, 1) == [1]

    def test_an_epoch_of_a_file_without_a_row_is_refused(self, session, structure):
        one = publication(structure, [outcome("a")], sourced(0, ["a", "gone"], (0, 1), -2, -3))
        with pytest.raises(StoreError, match="epochs of a or gone would have no ledger row; nothing was published"):
            one.completing(session)()

    def test_a_file_without_a_row_and_without_epochs_is_none(self, session, structure):
        one = publication(structure, [outcome("a")], sourced(0, ["gone", "a"], (0, 1), -3))
        one.completing(session)()
        assert sources(session, 0, 1) == [1]


def test_the_changes_of_a_run_are_its_planned_units(repository, session, structure):
    planned = unit_chunks(MADE, [1])
    one = Publication("run", structure, "rinex3", (), publication(structure, []).groups, planned, PROVENANCE, {})
    source = {"/rec/source_file": frozenset({(1,)})}
    assert one.differences({**structure.units, **planned, **source}) == []
    wrong = one.differences({**structure.units, **planned, "/rec/source_file": frozenset({(0,), (1,)})})
    assert wrong == ["/rec/source_file:  1 chunks outside the written units ((0,))"]
    assert len(one.differences({**structure.units, **source})) == len(planned)
    assert one.message == "message"
    assert one.misfits(repository, repository.handle.readonly_session("main")) == ()
    assert one.misfits(repository, session) == ("rec was made by another run", "other was made by another run")
