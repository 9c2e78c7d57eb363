"""What an earlier start has done is believed only where it still means what it meant when it was done."""

from dataclasses import replace

import pytest

from gnssice_batch.job.journal import RunRecord, begin
from gnssice_batch.job.resume import _matching_axis
from gnssice_batch.job.rounds import _still_holds
from gnssice_batch.model.template import digest, grown_axis, signal_axis
from gnssice_batch.model.values import Assignment, Done, Partition, PartitionOutcome
from gnssice_batch.storage.folder import Folder
from tests.support.templates import template

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
