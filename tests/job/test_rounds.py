"""The rounds of a run: what reading shows to be planned wrongly is planned again, and nothing twice."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import GnssiceError, InterruptedRunError, PlanError, Reason, RefusedError, StoreError
from gnssice_batch.job import rounds
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.journal import RunRecord, begin
from gnssice_batch.model.values import Span, Status, Tally
from gnssice_batch.planning.breaker import BreakerLimits
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.reading.contents import stored_templates
from gnssice_batch.store.repository import open_repository
from tests.support.rounds import (
    ANY,
    HOUR_NS,
    UNIT_NS,
    Elsewhere,
    Worker,
    execution,
    file,
    ingestion,
    key,
    outcome,
    part,
    prepared,
)

RECORD = RunRecord("20250101T000000-abc", "settings", "main", "BASE", "2025-01-01T00:00:00+00:00", "gnssice_batch 0")
FIRST, SECOND = key(0), key(1)


@pytest.fixture
def repository(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


@pytest.fixture
def work(tmp_path, repository):
    with begin(Folder(str(tmp_path / "runs")), RECORD) as journal, Aside() as aside:
        yield ingestion(aside, repository, journal)


@pytest.fixture
def worker(monkeypatch):
    made = Worker()
    monkeypatch.setattr(rounds, "ingest_partition", made)
    return made


def new_signal(assignment):
    return outcome(assignment, unknown=("E01|E1|C",))


def rejecting(reason):
    return lambda assignment: outcome(assignment, *(part(one, Status.REJECTED, reason) for one in assignment.files))


def test_every_partition_is_done_once_in_a_structure_that_has_its_group(tmp_path, repository, work, worker):
    mine, told = execution()
    plan = prepared(tmp_path, file(0), file(1))
    structure = rounds.ingest(plan, work, ANY, mine)
    assert [name for name, _, _ in worker.calls] == [FIRST, SECOND]
    assert stored_templates(repository, branch=structure.branch).keys() == {"rec"}
    work.journal.flush()
    assert work.done.keys() == work.journal.partitions().keys() == {FIRST, SECOND}
    assert work.journal.structure() == structure == work.structure
    assert told.stages == [("ingest", 2)]
    assert told.tasks == [(FIRST, 10), (SECOND, 10)]
    assert (told.counts.partitions_planned, told.counts.files_planned, told.counts.files_done) == (2, 2, 2)
    assert told.counts.partitions == {"finished": 2, "resumed": 0}
    assert work.structures == 0, "it was made on the branch that was there for it"


def test_a_new_signal_costs_its_own_partition_a_second_reading_and_widens_the_axis(tmp_path, repository, work, worker):
    mine, told = execution()
    worker.told[FIRST] = [new_signal]
    structure = rounds.ingest(prepared(tmp_path, file(0), file(1)), work, ANY, mine)
    assert [call[:2] for call in worker.calls] == [(FIRST, 3), (SECOND, 4), (FIRST, 4)]
    assert told.stages == [("ingest", 2), ("ingest again", 1)]
    assert told.counts.partitions["finished"] == 2
    assert stored_templates(repository, branch=structure.branch)["rec"].axis.sids[3:] == ("E01|E1|C",)
    assert work.read.keys() == {file(0).uri}


def test_in_this_process_the_structure_of_a_new_group_is_made_when_it_is_first_written_to(tmp_path, work, worker):
    mine, _ = execution()
    worker.told[FIRST] = [new_signal]
    rounds.ingest(prepared(tmp_path, file(0), file(1)), work, ANY, mine)
    assert [call[2] for call in worker.calls] == ["later", "at once", "at once"]
    assert work.structures == 0, "no structure was made without the signal"


def test_tasks_elsewhere_are_given_the_fork_of_a_structure_that_is_made(tmp_path, work, worker):
    mine, _ = execution(Elsewhere())
    structure = rounds.ingest(prepared(tmp_path, file(0)), work, ANY, mine)
    assert worker.calls == [(FIRST, 3, structure.work_fork)]
    assert worker.context.bounds.keys() == {"rec"}


def test_a_partition_that_met_a_new_signal_goes_to_the_worker_that_has_read_its_files(tmp_path, work, worker):
    tasks = Elsewhere()
    mine, _ = execution(tasks)
    worker.told[FIRST] = [new_signal]
    rounds.ingest(prepared(tmp_path, file(0), file(1)), work, ANY, mine)
    assert tasks.near == {FIRST: "tcp://one", SECOND: ""}
    assert work.structures == 1, "another one, that extends the first"


def test_a_file_that_reaches_further_than_its_name_says_is_planned_again(tmp_path, work, worker):
    mine, told = execution(Elsewhere())
    longer = replace(file(0), end_ns=file(0).start_ns + UNIT_NS + HOUR_NS)
    worker.told[FIRST] = [lambda assignment: outcome(assignment, replace(part(longer), file=file(0)))]
    rounds.ingest(prepared(tmp_path, file(0), file(5)), work, ANY, mine)
    assert [name for name, _, _ in worker.calls] == [FIRST, key(5), SECOND]
    assert told.stages == [("ingest", 2), ("ingest again", 1)]
    assert work.structures == 0, "the axis had room for it"


def test_what_never_settles_ends_the_run_and_is_named(tmp_path, work, worker, monkeypatch):
    monkeypatch.setattr(rounds, "_MOST_ROUNDS", 3)
    worker.told[FIRST] = [new_signal] * 9
    with pytest.raises(PlanError, match=f"{FIRST}: still pending after 3 rounds"):
        rounds.ingest(prepared(tmp_path, file(0), file(1)), work, ANY, execution()[0])
    assert [name for name, _, _ in worker.calls] == [FIRST, SECOND, FIRST, FIRST]


def test_a_run_that_is_told_to_stop_keeps_what_is_done(tmp_path, work, worker):
    mine, _ = execution()

    def stopping(assignment):
        mine.stop.requested = True
        return outcome(assignment)

    worker.told[FIRST] = [stopping]
    with pytest.raises(InterruptedRunError):
        rounds.ingest(prepared(tmp_path, file(0), file(1)), work, ANY, mine)
    work.journal.flush()
    assert work.journal.partitions().keys() == {FIRST}


def test_a_start_goes_on_with_what_the_one_before_has_left(tmp_path, work, worker):
    """Its plan is made anew with what was learned then; what the plan has no more is dropped."""
    plan = prepared(tmp_path, file(0), file(1))
    gone = prepared(tmp_path, file(0), file(7))
    for one in (*plan.plans[0].assignments[:1], *gone.plans[0].assignments[1:]):
        work.note_done(one, outcome(one))
    work.done = {name: replace(one, origin_ns=plan.plans[0].template.grid.origin_ns) for name, one in work.done.items()}
    work.resumed = 2
    mine, told = execution()
    rounds.ingest(replace(plan, plans=()), work, ANY, mine)
    work.journal.flush()
    assert [name for name, _, _ in worker.calls] == [SECOND]
    assert work.done.keys() == work.journal.partitions().keys() == {FIRST, SECOND}
    assert told.counts.partitions == {"finished": 2, "resumed": 2}
    assert told.stages == [("ingest", 1)]


def test_a_run_whose_files_are_all_refused_is_stopped_by_its_limits(tmp_path, work, worker):
    worker.told[FIRST] = [rejecting(Reason.EMPTY)]
    with pytest.raises(RefusedError, match="1 of 1 files were rejected for the same reason"):
        rounds.ingest(prepared(tmp_path, file(0), file(1)), work, BreakerLimits(1, 0.5), execution()[0])
    assert [name for name, _, _ in worker.calls] == [FIRST]


@pytest.mark.parametrize("known", [True, False])
def test_what_the_survey_has_refused_counts_even_where_nothing_is_left_to_be_done(tmp_path, work, worker, known):
    """But what an earlier run has refused is no news."""
    survey = SimpleNamespace(outcome=part(file(0), Status.REJECTED))
    plan = prepared(tmp_path, surveys=(survey,), refused=[file(0).uri] * known)
    if known:
        rounds.ingest(plan, work, BreakerLimits(1, 0.5), execution()[0])
    else:
        with pytest.raises(RefusedError):
            rounds.ingest(plan, work, BreakerLimits(1, 0.5), execution()[0])
    assert worker.calls == []


def test_a_file_of_an_absurd_date_is_known_as_such_when_its_partitions_are_planned_away(tmp_path, work, worker):
    far = Span(file(900).start_ns, file(900).start_ns)
    misdated = replace(file(2), uri="rec/misdated")
    plan = prepared(tmp_path, file(0), file(1), misdated)
    bounds = {"rec": replace(plan.context.bounds["rec"], gap_ns=20 * UNIT_NS)}
    plan = replace(plan, context=replace(plan.context, bounds=bounds))
    found = replace(part(misdated), facts=replace(part(misdated).facts, span=far), written=Tally())
    worker.told[key(2)] = [lambda assignment: outcome(assignment, found)]
    rounds.ingest(plan, work, ANY, execution()[0])
    assert work.implausible == {"rec/misdated"}
    assert (work.done.keys(), work.read) == ({FIRST, SECOND}, {"rec/misdated": found})


def test_a_task_that_fails_for_want_of_its_structure_tells_what_making_that_has_raised(
    tmp_path, work, worker, monkeypatch
):
    full = StoreError("no space left")

    def fails(*_):
        raise full

    monkeypatch.setattr(rounds, "structure_on", fails)
    with pytest.raises(StoreError, match="no space left") as raised:
        rounds.ingest(prepared(tmp_path, file(0)), work, ANY, replace(execution()[0], tries=3))
    assert raised.value is full
    assert len(worker.calls) == 1


def test_another_fault_of_a_task_ends_the_run(tmp_path, work, worker):
    def odd(_):
        raise ValueError("odd")

    worker.told[FIRST] = [odd]
    with pytest.raises(GnssiceError, match=f"{FIRST}: the task died of ValueError: odd"):
        rounds.ingest(prepared(tmp_path, file(0)), work, ANY, execution()[0])


def deadly_of(monkeypatch, *found, error=None):
    """Files that are told to kill whoever reads them, and with what they were asked for."""
    asked = []

    def deadly_files(files, context, memory_bytes):
        asked.append((files, context.bounds.keys(), memory_bytes))
        if error:
            raise error
        return found

    monkeypatch.setattr(rounds, "deadly_files", deadly_files)
    return asked


TWO_FILES = (file(0), replace(file(0), uri="rec/beside"))


def test_a_partition_that_kills_is_done_again_without_the_file_that_did(tmp_path, work, worker, monkeypatch, caplog):
    asked = deadly_of(monkeypatch, file(0))
    tasks = Elsewhere({FIRST: 2})
    mine, told = execution(tasks)
    rounds.ingest(prepared(tmp_path, *TWO_FILES, file(1)), work, ANY, mine)
    assert asked == [(TWO_FILES, {"rec"}, 7)]
    assert tasks.near[f"{FIRST}/files"] == "tcp://renewed"
    assert [name for name, _, _ in worker.calls] == [SECOND, FIRST]
    assert work.rejected[FIRST].keys() == {"rec/0"}
    assert work.set_aside == {}
    assert work.done[FIRST].files == TWO_FILES[::-1]
    assert told.stages == [("ingest", 2), ("ingest again", 1)]
    assert "done again without what killed its workers: rec/0" in caplog.text


@pytest.mark.parametrize("found", [(), TWO_FILES], ids=["none", "all"])
def test_a_partition_that_kills_by_no_single_file_is_set_aside(tmp_path, work, worker, monkeypatch, found):
    deadly_of(monkeypatch, *found)
    mine, told = execution(Elsewhere({FIRST: 9}))
    rounds.ingest(prepared(tmp_path, *TWO_FILES, file(1)), work, ANY, mine)
    assert [name for name, _, _ in worker.calls] == [SECOND]
    assert work.set_aside.keys() == {FIRST}
    assert work.set_aside[FIRST].files == TWO_FILES
    assert work.rejected == {}
    assert told.counts.partitions == {"finished": 1, "resumed": 0, "set_aside": 1}


def test_where_its_files_can_t_be_looked_at_a_partition_is_set_aside_and_that_is_said(
    tmp_path, work, worker, monkeypatch, caplog
):
    deadly_of(monkeypatch, error=ValueError("no child"))
    rounds.ingest(prepared(tmp_path, *TWO_FILES), work, ANY, execution(Elsewhere({FIRST: 9}))[0])
    assert work.set_aside.keys() == {FIRST}
    assert worker.calls == []
    assert "its files could not be looked at one by one: no child" in caplog.text


def test_files_that_could_be_looked_at_are_not_said_to_be_none(tmp_path, work, worker, monkeypatch, caplog):
    deadly_of(monkeypatch, file(0))
    rounds.ingest(prepared(tmp_path, *TWO_FILES), work, ANY, execution(Elsewhere({FIRST: 2}))[0])
    assert "could not be looked at" not in caplog.text
    assert len(worker.calls) == 1


def test_deadly_files_are_named_in_their_order(tmp_path, work, worker, monkeypatch, caplog):
    files = tuple(replace(file(0), uri=f"rec/{name}") for name in "abcdefgh")
    deadly_of(monkeypatch, *files[:0:-1])
    rounds.ingest(prepared(tmp_path, *files), work, ANY, execution(Elsewhere({FIRST: 2}))[0])
    assert "its workers: rec/b, rec/c, rec/d, rec/e, rec/f, rec/g, rec/h" in caplog.text
    assert len(worker.calls) == 1
