"""What a run is as a kind of job: when it is idle, what it refuses to plan, whether it has anything to publish."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import ArchiveError, Reason, StoreError
from gnssice_batch.job.ingestion import Ingestion
from gnssice_batch.job.report import Proof
from gnssice_batch.job.run import _Ingesting, _Planned, _Run
from gnssice_batch.job.target import target_of
from gnssice_batch.model.values import FileFacts, PartitionOutcome, Status
from gnssice_batch.planning.changes import Change
from gnssice_batch.planning.rewriting import Rewriting
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.store.layout.ledger import StoredRefusal
from tests.support.rounds import execution, file, part, prepared
from tests.support.runs import settings

MINE, OTHER = (part(file(0, receiver), Status.REJECTED) for receiver in ("rec", "other"))
KNOWN = StoredRefusal(MINE.refusal.reason, "")


@pytest.fixture
def kind(tmp_path):
    (tmp_path / "archive").mkdir()
    chosen = settings(tmp_path)
    return _Run(target_of(chosen), rules_of(chosen), "units", None)


def ingesting(kind, plan, *outcomes):
    """A run whose files were all refused in their partitions."""
    work = Ingestion(None, None)
    for one in outcomes:
        work.note_rejected(PartitionOutcome(one.file.receiver, None, (one,)))
    return _Ingesting(kind, plan, work)


def test_a_tag_that_another_version_has_is_told_before_anything_is_read(kind):
    def check_tag(head):
        raise StoreError(f"checked against {head}")

    start = SimpleNamespace(repository=None, check_tag=check_tag)
    empty = replace(
        kind, rules=replace(kind.rules, archive=kind.rules.archive.model_copy(update={"may_be_empty": True}))
    )
    with pytest.raises(StoreError, match="checked against None"):
        empty.plan(start, None)


def test_a_run_is_idle_where_no_receiver_has_anything_to_do(kind, tmp_path):
    busy = prepared(tmp_path, file(0))
    assert not _Planned(kind, busy).idle
    assert _Planned(kind, replace(busy, plans=())).idle


def test_the_end_of_a_run_is_counted_by_its_report_and_changes_at_stations_are_warned_of(kind, caplog):
    mine, told = execution()
    changed = {"rec": (Change("rec/0", "antenna", "OLD", "NEW"),)}
    kind.ended(SimpleNamespace(files={"rec": (MINE,)}, bytes_read=70, changes=changed), mine)
    assert (told.counts.files["rejected"], told.counts.bytes_read) == (1, 70)
    assert "rec: antenna changes from OLD to NEW with rec/0" in caplog.text


@pytest.mark.parametrize(
    ("outcomes", "refused", "news"),
    [((MINE,), {}, True), ((MINE,), {"rec/0": KNOWN}, False), ((MINE, OTHER), {"rec/0": KNOWN}, True)],
    ids=["new", "as before", "one of two receivers"],
)
def test_there_is_something_to_publish_as_soon_as_any_ledger_gets_a_row(kind, tmp_path, outcomes, refused, news):
    plan = prepared(tmp_path, *(one.file for one in outcomes))
    run = ingesting(kind, replace(plan, backlog=replace(plan.backlog, refused=refused)), *outcomes)
    assert run.prove(execution()[0]) is news
    assert run.files == {one.file.receiver: (replace(one, partitions=()),) for one in outcomes}
    assert run.proof == Proof("units")


def test_units_are_not_made_again_without_what_they_were_made_of(kind, tmp_path):
    again = {"rec": Rewriting(frozenset({0}), (file(0),), {"rec/0": "00ff"})}
    plan = prepared(tmp_path, file(0), rewriting=again)
    with pytest.raises(ArchiveError, match=rf"rec/0: {Reason.EMPTY}"):
        ingesting(kind, plan, replace(MINE, facts=FileFacts(span=MINE.facts.span))).prove(execution()[0])
