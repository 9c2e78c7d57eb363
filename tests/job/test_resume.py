"""What an earlier start has done is believed only where it still means what it meant when it was done."""

from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.job.journal import RunRecord, begin
from gnssice_batch.job.resume import Resumed, _matching_axis, resume
from gnssice_batch.job.rounds import _still_holds
from gnssice_batch.model.template import VARIABLES, digest, grown_axis, signal_axis
from gnssice_batch.model.values import Assignment, Done, Partition, PartitionOutcome
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.commit import merge
from gnssice_batch.store.writing.signals import complete_signals
from gnssice_batch.store.writing.structure import (
    StructureChange,
    discard_staging,
    ensure_root,
    make_structure,
    staging_branch,
)
from gnssice_batch.store.writing.units import open_work_fork, write_epochs
from tests.support.templates import UNIT, template

RECORD = RunRecord("20250101T000000-abc", "settings", "main", "BASE", "2025-01-01T00:00:00+00:00", "gnssice_batch 0")
MADE = template()
SIDS = MADE.axis.sids
KEY = "rec.0"
DONE = Done(
    Partition(KEY, "rec", 0, 1),
    MADE.grid.origin_ns,
    len(SIDS) - 1,
    digest(SIDS[:-1]),
    (),
    (),
    PartitionOutcome(KEY, b"fork", (), (), (0,), {}, (), 10, 0.5, 1),
)
"""A partition that was written before the last signal was met."""

OTHERS = {
    "the same signals in another order": replace(MADE, axis=signal_axis(SIDS[::-1])),
    "another signal among them": replace(MADE, axis=signal_axis((SIDS[0], "E01|E1|C", *SIDS[1:]))),
    "an axis that begins earlier": replace(MADE, grid=replace(MADE.grid, origin_ns=MADE.grid.origin_ns - 1)),
}


def planned(made):
    return Assignment(DONE.partition, made.grid, made.axis, (), (), ())


@pytest.fixture
def journal(tmp_path):
    with begin(Folder(str(tmp_path / "runs")), RECORD) as journal:
        journal.keep(DONE)
        journal.flush()
        yield journal


def test_what_was_done_stands_where_signals_were_only_appended(journal):
    grown = replace(MADE, axis=grown_axis(MADE.axis, ["E09|E1|C"]))
    assert _matching_axis(journal, {KEY: DONE}, {"rec": grown}) == {KEY: DONE}
    journal.flush()
    assert list(journal.partitions()) == [KEY]
    assert _still_holds(planned(grown), DONE)


@pytest.mark.parametrize("made", OTHERS.values(), ids=OTHERS)
def test_what_was_done_on_other_axes_is_done_again(journal, made):
    """The numbers of its cells would mean other signals, or other times."""
    assert _matching_axis(journal, {KEY: DONE}, {"rec": made}) == {}
    journal.flush()
    assert journal.partitions() == {}
    assert not _still_holds(planned(made), DONE)


def test_what_was_done_of_a_receiver_that_the_structure_lacks_is_dropped(journal):
    assert _matching_axis(journal, {KEY: DONE}, {"other": MADE}) == {}
    journal.flush()
    assert journal.partitions() == {}


def test_a_partition_of_other_units_does_not_stand_for_one():
    assert not _still_holds(replace(planned(MADE), partition=replace(DONE.partition, units=2)), DONE)


WIDER = replace(MADE, axis=grown_axis(MADE.axis, ["E09|E1|C"]))
LONGER = replace(MADE, grid=replace(MADE.grid, size=MADE.grid.size + UNIT))


def staged(repository, made, run="run"):
    change = StructureChange((made,), "rinex3")
    return make_structure(repository, repository.head(), staging_branch(run, 1), change)


def written(structure, made, unit=0):
    """The fork of a worker that has filled a write unit."""
    work = open_work_fork(structure.work_fork, replace(planned(made), partition=Partition(KEY, "rec", unit, 1)))
    shape = (UNIT, len(made.axis.sids))
    write_epochs(work, unit * UNIT, {spec.name: np.ones(shape, spec.dtype) for spec in VARIABLES})
    return work.as_bytes()


def published(repository, structure, *forks):
    """What another run has published."""
    session = repository.handle.writable_session("main")
    ensure_root(session, "rinex3")
    merge(session, structure, forks)
    complete_signals(session, structure.units)
    session.commit("another run")


@pytest.fixture
def repository(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


def test_a_start_goes_on_where_nothing_has_changed(repository, journal):
    structure = staged(repository, MADE)
    journal.keep_structure(structure)
    assert resume(repository, "main", journal) == Resumed(structure, {"rec": MADE}, {KEY: DONE}, repository.head())


def test_groups_that_the_structure_leaves_as_they_are_are_planned_as_they_stand(repository, journal):
    published(repository, staged(repository, MADE))
    journal.keep_structure(staged(repository, MADE, "other"))
    found = resume(repository, "main", journal)
    assert (found.templates, found.done) == ({}, {KEY: DONE})


def test_without_its_structure_nothing_stands(repository, journal):
    assert resume(repository, "main", journal) == Resumed()
    journal.flush()
    assert journal.partitions() == {}


def test_without_the_branch_of_its_structure_nothing_stands(repository, journal):
    journal.keep_structure(staged(repository, MADE))
    discard_staging(repository, "run")
    assert resume(repository, "main", journal) == Resumed()
    journal.flush()
    assert journal.partitions() == {}


def test_what_is_in_a_group_that_another_run_has_made_meanwhile_is_done_again(repository, journal):
    journal.keep_structure(staged(repository, MADE))
    published(repository, staged(repository, MADE, "other"))
    assert resume(repository, "main", journal) == Resumed(head=repository.head())
    journal.flush()
    assert (journal.structure(), journal.partitions()) == (None, {})


def test_where_only_the_structure_is_outrun_what_was_done_stands(repository, journal):
    published(repository, staged(repository, MADE))
    journal.keep_structure(staged(repository, WIDER))
    published(repository, staged(repository, LONGER, "other"))
    assert resume(repository, "main", journal) == Resumed(done={KEY: DONE}, head=repository.head())
    journal.flush()
    assert (journal.structure(), list(journal.partitions())) == (None, [KEY])


@pytest.mark.parametrize(("unit", "stands"), [(0, False), (1, True)])
def test_a_unit_that_another_run_has_written_is_done_again(repository, journal, unit, stands):
    published(repository, staged(repository, MADE))
    structure = staged(repository, MADE)
    journal.keep_structure(structure)
    rival = staged(repository, MADE, "other")
    published(repository, rival, written(rival, MADE, unit))
    found = resume(repository, "main", journal)
    assert (found.structure == structure, found.done) == (stands, {KEY: DONE} if stands else {})
    journal.flush()
    assert list(journal.partitions()) == ([KEY] if stands else [])


def test_of_two_partitions_that_alone_is_done_again_of_which_another_run_has_written_a_unit(repository, journal):
    other = Partition("rec.1", "rec", 1, 1)
    beside = replace(DONE, partition=other, outcome=replace(DONE.outcome, key=other.key, written_units=(1,)))
    journal.keep(beside)
    journal.flush()
    published(repository, staged(repository, MADE))
    journal.keep_structure(staged(repository, MADE))
    rival = staged(repository, MADE, "other")
    published(repository, rival, written(rival, MADE, 0))
    found = resume(repository, "main", journal)
    assert (found.structure, found.done) == (None, {other.key: beside})
    journal.flush()
    assert list(journal.partitions()) == [other.key]
