"""What a run has learned from its files: it is what the next plan, the journal and a later start know."""

from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.job.ingestion import Ingestion, finished_partition, ingestion_of
from gnssice_batch.job.journal import RunRecord, begin
from gnssice_batch.job.resume import Resumed
from gnssice_batch.job.work import Begun
from gnssice_batch.model.template import grown_axis
from gnssice_batch.model.values import (
    Assignment,
    FileFacts,
    FileOutcome,
    Partition,
    PartitionOutcome,
    Refusal,
    SourceFile,
    Span,
    Status,
    Tally,
)
from gnssice_batch.planning.plan import Learned
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.writing.structure import Structure
from tests.support.templates import template

RECORD = RunRecord("20250101T000000-abc", "settings", "main", "BASE", "2025-01-01T00:00:00+00:00", "gnssice_batch 0")
MADE = template()
PARTITION = Partition("rec.0", "rec", 0, 1)
ONE, TWO, THREE = (SourceFile(name, "rec", 10, "") for name in ("1", "2", "3"))
SPAN = Span(5, 9)
ASSIGNMENT = Assignment(PARTITION, MADE.grid, MADE.axis, (ONE, TWO), (SPAN, SPAN), (7, 8))
EMPTY = Refusal(Reason.EMPTY)


def part(file, status=Status.OK, written=3, **facts):
    refusal = EMPTY if status is Status.REJECTED else None
    return FileOutcome(file, status, FileFacts(span=SPAN, **facts), refusal, Tally(written, written))


def outcome(*parts, key="rec.0", unknown=(), document=b""):
    return PartitionOutcome(key, b"fork", parts, written_units=(0,), unknown_sids=unknown, document=document)


REJECTED = part(TWO, Status.REJECTED, 0)


@pytest.fixture
def journal(tmp_path):
    with begin(Folder(str(tmp_path / "runs")), RECORD) as journal:
        yield journal


@pytest.fixture
def work(journal):
    begun = Future()
    begun.set_result(Begun(None, journal, None))
    return Ingestion(None, begun)


def test_a_plan_learns_true_spans_lacking_signals_and_what_files_gave(work):
    """A file that was refused gives nothing, whatever its epochs are."""
    work.learn("rec", outcome(part(ONE), REJECTED, unknown=("E01|E1|C",)))
    work.learn("rec", outcome(part(THREE), unknown=("G09|L1|C",)))
    work.done["rec.0"] = finished_partition(ASSIGNMENT, outcome(part(ONE), part(THREE, written=0)))
    signals = {"rec": frozenset({"E01|E1|C", "G09|L1|C"})}
    assert work.learned == Learned({"1": SPAN, "2": None, "3": SPAN}, signals, frozenset({"1"}))


def test_a_group_grows_by_what_its_own_files_have_shown(work):
    work.learn("rec", outcome(part(ONE, channels={"R01": 1, "R02": 2}), part(TWO, channels={"R03": 3})))
    work.learn("rec", outcome(part(THREE, channels={"R02": -7}), unknown=("E01|E1|C",)))
    work.learn("other", outcome(part(THREE, channels={"R04": 4}), unknown=("E02|E1|C",)))
    grown = work.grown(replace(MADE, channels={"R01": 6}))
    assert grown.axis == grown_axis(MADE.axis, ["E01|E1|C"])
    assert grown.channels == {"R01": 6, "R02": -7, "R03": 3}, "what the group has stored stays"
    assert work.grown(replace(MADE, receiver="new")).channels == {}


def test_files_that_were_refused_are_kept_by_partition(work):
    work.note_rejected(outcome(part(ONE)))
    assert work.rejected == {}
    work.note_rejected(outcome(part(ONE), REJECTED))
    later = part(THREE, Status.REJECTED)
    work.note_rejected(outcome(later))
    assert work.rejected == {"rec.0": {"2": REJECTED, "3": later}}


def test_files_that_kill_are_refused_and_give_nothing_to_any_later_plan(work):
    work.rejected["rec.0"] = {"2": REJECTED}
    work.note_deadly("rec.0", [ONE])
    assert work.spans == {"1": None}
    assert work.rejected["rec.0"].keys() == {"1", "2"}
    deadly = work.rejected["rec.0"]["1"]
    assert (deadly.status, deadly.refusal.reason, deadly.partitions) == (
        Status.REJECTED,
        Reason.KILLED_WORKERS,
        ("rec.0",),
    )
    assert deadly.refusal.detail == "this file killed its workers again and again"


def test_an_outcome_answers_for_files_that_earlier_rounds_refused(work):
    """The text that the worker has made of it does not name them."""
    found = outcome(part(ONE), document=b"made by the worker")
    assert work.with_rejected(found) is found
    work.note_rejected(outcome(part(ONE, Status.REJECTED), REJECTED))
    answered = work.with_rejected(found)
    assert (answered.files, answered.document) == ((part(ONE), REJECTED), b"")
    assert work.with_rejected(replace(found, key="rec.1")).files == (part(ONE),)


def test_what_is_finished_is_journaled_and_known_with_the_files_of_its_plan(work, journal):
    met = replace(ONE)
    work.note_rejected(outcome(REJECTED))
    work.note_done(ASSIGNMENT, outcome(part(met), document=b""))
    journal.flush()
    assert work.done.keys() == journal.partitions().keys() == {"rec.0"}
    done = work.done["rec.0"]
    assert done.outcome.files == journal.partitions()["rec.0"].outcome.files == (part(ONE), REJECTED)
    assert done.outcome.files[0].file is ONE


def test_the_text_of_a_worker_is_kept_by_the_journal_alone(work, journal, monkeypatch):
    handed = []
    monkeypatch.setattr(type(journal), "keep", lambda _, done: handed.append(done))
    work.note_done(ASSIGNMENT, outcome(part(ONE), document=b"made by the worker"))
    assert handed[0].outcome.document == b"made by the worker"
    assert work.done["rec.0"].outcome.document == b""


def test_what_does_not_fit_any_more_is_forgotten_but_for_what_became_of_its_files(work, journal):
    work.note_done(ASSIGNMENT, outcome(part(ONE), REJECTED))
    work.forget(work.done["rec.0"])
    journal.flush()
    assert (work.done, journal.partitions()) == ({}, {})
    assert work.rejected == {"rec.0": {"2": REJECTED}}
    assert work.read == {"1": part(ONE), "2": REJECTED}


def test_a_finished_partition_says_on_what_axes_it_was_made_and_names_every_file():
    done = finished_partition(ASSIGNMENT, outcome(part(TWO), part(THREE)))
    assert (done.partition, done.origin_ns) == (PARTITION, MADE.grid.origin_ns)
    assert (done.axis_length, done.axis_digest) == (3, MADE.axis.digest)
    assert (done.files, done.rows) == ((ONE, TWO, THREE), (7, 8))


def prepared(**more):
    surveys = [SimpleNamespace(outcome=part(file), worker=worker) for file, worker in ((ONE, "tcp://one"), (TWO, ""))]
    return SimpleNamespace(learned=Learned({"0": SPAN}), surveys=surveys, **more)


def test_a_new_run_begins_with_what_its_survey_has_read():
    begun = Future()
    work = ingestion_of(None, begun, prepared(), Resumed())
    assert (work.begun, work.spans, work.readers) == (begun, {"0": SPAN}, {"1": "tcp://one"})
    assert (work.done, work.templates, work.making, work.resumed) == ({}, {}, None, 0)


def test_a_later_start_learns_again_what_the_one_before_had_learned():
    structure = Structure("BASE", "staging", b"change", b"fork", {})
    found = replace(outcome(part(ONE, channels={"R01": 1}), REJECTED), unknown_sids=())
    done = {"rec.0": finished_partition(ASSIGNMENT, found)}
    resumed = Resumed(structure, {"rec": MADE}, done, "HEAD")
    work = ingestion_of(None, Future(), prepared(), resumed)
    assert (work.done, work.templates, work.resumed) == (done, {"rec": MADE}, 1)
    assert work.making.result() is structure
    assert work.spans == {"0": SPAN, "1": SPAN, "2": None}
    assert work.channels == {"rec": {"R01": 1}}
    work.done.clear()
    work.spans.clear()
    assert resumed.done
    assert work.learned.taken == frozenset()
