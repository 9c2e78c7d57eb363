"""Runs beside each other, and plans that were wrong: headings of docs/failure-modes.md, in its order."""

import importlib
import threading
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import PlanError, RunConflictError, StoreError
from gnssice_batch.ingest import partition as ingest
from gnssice_batch.job.lease import now
from gnssice_batch.job.run import run
from gnssice_batch.job.sealing import seal, unseal
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.model.values import Partition
from gnssice_batch.operate.branches import rollback
from gnssice_batch.operate.repair import Wanted, plan_repair, repair
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.planning.plan import prove_single_owners
from tests.failures.field import journaled, settings_of, write_settings
from tests.failures.processes import coordinator, finished, wait_until
from tests.failures.small import (
    EMPTY_REPOSITORY,
    GROUP,
    Hook,
    Interrupt,
    States,
    check_as_in_one_run,
    hourly,
    interrupt,
    journal_files,
    other_group,
    site,
)
from tests.support.damage import KINDS, chunks, spoil, unit_of
from tests.support.marks import most_heavy
from tests.support.runs import DAY_ONE_S, messages, name, rinex, span_s, write

OTHER = "other"


class TestTheSameRunIsStartedTwice:
    @pytest.mark.heavy
    def test_the_second_ends_with_6_while_the_first_is_at_work(self, tmp_path):
        files = hourly(0, 6, 12)
        archive = write(tmp_path / "archive", files)
        config = write_settings(tmp_path / "sub", archive, archive={"layout": "{receiver}/**"}, chunks={"epoch": 720})
        chosen, codes = settings_of(config), []
        run(chosen, Hook("ingest", lambda: codes.append(finished(coordinator(config)))))
        assert codes == [6], config.with_suffix(".log").read_text()[-2000:]
        check_as_in_one_run(tmp_path / "sub", chosen, files)

    @pytest.mark.heavy
    def test_started_at_one_moment_they_make_one_store(self, tmp_path):
        files = hourly(*range(0, 48, 6))
        chosen = site(tmp_path, files)
        ends = []

        def attempt():
            try:
                ends.append(run(chosen).snapshot)
            except RunConflictError as conflict:
                ends.append(conflict)

        threads = [threading.Thread(target=attempt) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert any(isinstance(end, str) for end in ends), ends
        run(chosen)
        assert len(messages(chosen)) == 1
        check_as_in_one_run(tmp_path, chosen, files)


class TestARunIsTakenOverByAnotherStart:
    @pytest.mark.heavy
    def test_it_publishes_nothing_and_its_journal_stands(self, tmp_path):
        files = hourly(0, 6, 12)
        chosen = site(tmp_path, files)

        def lease(**changes):
            (path,) = journal_files(chosen, "lease.json")
            other = {"host": "another-host", "token": "other", "beat": now(), "released": False}
            path.write_bytes(seal(unseal(path.read_bytes()) | other | changes))

        with pytest.raises(RunConflictError, match="taken over by another-host"):
            run(chosen, Hook("ingest", lease, after=2))
        assert messages(chosen) == []
        renewal = threading.Timer(1.5, lease)
        renewal.start()
        with pytest.raises(RunConflictError, match="at work on another-host"):
            run(chosen)
        renewal.join()
        lease(beat="2020-01-01T00:00:00+00:00")
        assert run(chosen).resumed == 3
        check_as_in_one_run(tmp_path, chosen, files)

    def test_it_stops_as_soon_as_it_knows(self, tmp_path, monkeypatch):
        """A heartbeat finds out; no further partition is kept."""
        monkeypatch.setattr("gnssice_batch.job.start._BEAT_S", 0.01)
        chosen = site(tmp_path, hourly(*range(0, 48, 6)))

        def given_up():
            (path,) = journal_files(chosen, "lease.json")
            path.unlink()
            assert wait_until(lambda: not beating())

        hook = Hook("ingest", given_up, after=2)
        with pytest.raises(RunConflictError, match="given up"):
            run(chosen, hook)
        assert len(hook.ingested) == 2
        assert messages(chosen) == []


def beating():
    return [thread for thread in threading.enumerate() if thread.name == "lease"]


class TestTwoFirstBackfillsMakeOneGroup:
    @pytest.mark.parametrize("killed", most_heavy([True, False]))
    def test_the_second_plans_again_on_the_group_that_stands(self, tmp_path, killed):
        mine, theirs = hourly(0, 6, 12), hourly(7, 13, 24, svs=("G01", "E05"))
        chosen, other = site(tmp_path, mine), site(tmp_path, theirs, "theirs")
        if killed:
            with pytest.raises(Interrupt):
                run(chosen, Hook("ingest", interrupt, after=2))
            run(other)
            run(chosen)
        else:
            run(chosen, Hook("ingest", lambda: run(other)))
        assert len(messages(chosen)) == 2
        check_as_in_one_run(tmp_path, chosen, mine | theirs)


class TestTwoFirstBackfillsMakeDifferentGroups:
    @pytest.mark.parametrize("killed", most_heavy([True, False]))
    def test_both_are_published_and_nothing_is_done_again(self, tmp_path, killed):
        mine, theirs = hourly(0, 6, 12), other_group(hourly(0, 6))
        chosen, other = site(tmp_path, mine), site(tmp_path, theirs, "theirs")
        hook = Hook("ingest", interrupt if killed else lambda: run(other), after=2)
        if killed:
            with pytest.raises(Interrupt):
                run(chosen, hook)
            run(other)
            assert run(chosen).resumed == 2
        else:
            run(chosen, hook)
            assert len(hook.ingested) == 3
        check_as_in_one_run(tmp_path, chosen, mine | theirs, GROUP, OTHER)


class TestAPrependRacesAnAppend:
    @pytest.mark.parametrize(
        ("second", "killed"),
        [
            ("prepend", True),
            pytest.param("prepend", False, marks=pytest.mark.heavy),
            pytest.param("append", False, marks=pytest.mark.heavy),
            pytest.param("append", True, marks=pytest.mark.long),
        ],
    )
    def test_both_are_there(self, tmp_path, second, killed):
        stored, before, behind = hourly(0, 6), hourly(-30, -24), hourly(12, 18)
        run(site(tmp_path, stored, "stored"))
        mine, theirs = (before, behind) if second == "prepend" else (behind, before)
        chosen, other = site(tmp_path, mine), site(tmp_path, theirs, "theirs")
        if killed:
            with pytest.raises(Interrupt):
                run(chosen, Hook("ingest", interrupt))
            run(other)
            run(chosen)
        else:
            run(chosen, Hook("ingest", lambda: run(other)))
        assert len(messages(chosen)) == 3
        check_as_in_one_run(tmp_path, chosen, stored | before | behind)

    @pytest.mark.heavy
    @pytest.mark.parametrize("killed", [pytest.param(False, marks=pytest.mark.long), True])
    def test_a_backfill_into_units_that_a_prepend_shifts(self, tmp_path, killed):
        stored, before, between = hourly(0, 48), hourly(-30), hourly(12, 18, 24)
        run(site(tmp_path, stored, "stored"))
        chosen, other = site(tmp_path, between), site(tmp_path, before, "theirs")
        if killed:
            with pytest.raises(Interrupt):
                run(chosen, Hook("ingest", interrupt, after=2))
            run(other)
            run(chosen)
        else:
            run(chosen, Hook("ingest", lambda: run(other)))
        check_as_in_one_run(tmp_path, chosen, stored | before | between)


class TestABackfillBesideAnIncrementalRun:
    @pytest.mark.heavy
    def test_other_units_are_published_side_by_side(self, tmp_path):
        stored, backfill, late = hourly(0, 72), hourly(*range(6, 60, 6)), hourly(66)
        run(site(tmp_path, stored, "stored"))
        chosen, other = site(tmp_path, backfill), site(tmp_path, late, "late")
        hook = Hook("ingest", lambda: run(other))
        run(chosen, hook)
        assert len(hook.ingested) == 9
        check_as_in_one_run(tmp_path, chosen, stored | backfill | late)

    @pytest.mark.heavy
    def test_one_unit_is_done_again_on_top_of_the_other(self, tmp_path):
        stored, backfill, late = hourly(0), hourly(1, 6), hourly(2, svs=("G01", "G09"))
        run(site(tmp_path, stored, "stored"))
        chosen, other = site(tmp_path, backfill), site(tmp_path, late, "late")
        run(chosen, Hook("ingest", lambda: run(other)))
        check_as_in_one_run(tmp_path, chosen, stored | backfill | late)


STEPS = {
    "_adopted": "start",
    "resume": "run",
    "find_backlog": "run",
    "prepare": "run",
    "ensure_branch": "start",
    "_begin": "start",
    "ingest": "run",
    "publish": "coordinator",
    "_clear": "start",
}
"""Function to the module of the coordinator that calls it."""

STORED, MINE = hourly(0, 48), hourly(6, 12, 18)
MOVES = {
    "a prepend": hourly(-30),
    "the same units": hourly(1, 13, svs=("G01", "G07")),
    "another group": other_group(hourly(0, 6)),
    "other units": hourly(24),
    "the very same files": hourly(6, 12),
}
QUICK = {step: {"a prepend"} for step in STEPS}
"""Of each step the moves that are among the quick tests."""
QUICK |= {step: {"the same units"} for step in ("find_backlog", "prepare")}
QUICK |= {"publish": MOVES.keys(), "ingest": {"a prepend", "the same units"}}


def _marks(step, move):
    return () if move in QUICK[step] else (pytest.mark.long,)


BETWEEN = [pytest.param(step, move, marks=_marks(step, move)) for step in STEPS for move in MOVES]


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """A site that another run writes too: with a run in it half done, and with none."""
    folder = tmp_path_factory.mktemp("sites")
    states, chosen = States(folder), site(folder, MINE)
    run(site(folder, STORED, "stored"))
    states.keep("begun")
    with pytest.raises(Interrupt):
        run(chosen, Hook("ingest", interrupt, after=2))
    states.keep("half done")
    return SimpleNamespace(states=states, chosen=chosen, folder=folder)


class TestAnotherRunMovedTheBranchBetweenTwoSteps:
    """A run that an earlier start has left half done; the branch moves just before one of its steps."""

    @pytest.mark.parametrize(("step", "move"), most_heavy(BETWEEN, 5))
    def test_both_are_there_whole(self, sites, monkeypatch, step, move):
        sites.states.bring_back("begun" if step == "_begin" else "half done")
        other = site(sites.folder, MOVES[move], f"theirs, {move}")
        moved = move_before(monkeypatch, step, other)
        run(sites.chosen)
        assert moved
        groups = [GROUP, OTHER] if move == "another group" else [GROUP]
        check_as_in_one_run(sites.folder / move, sites.chosen, STORED | MINE | MOVES[move], *groups)

    def test_the_branch_was_set_back(self, sites):
        sites.states.bring_back("half done")
        rollback(sites.chosen, EMPTY_REPOSITORY, force=True)
        run(sites.chosen)
        check_as_in_one_run(sites.folder / "set back", sites.chosen, MINE)


class TestSomethingWasPlannedWrongly:
    @pytest.mark.heavy
    def test_names_that_promise_too_little_and_unknown_signals(self, tmp_path):
        start_s = DAY_ONE_S + 5 * 3600
        files = hourly(0, 18) | {name(start_s, "01H"): rinex(span_s(start_s, 9), ("G01", "E11"))}
        chosen = site(tmp_path, files, run={"sample_files": 1})
        hook = Hook()
        run(chosen, hook)
        assert len(hook.ingested) > 4
        check_as_in_one_run(tmp_path, chosen, files)

    def test_two_owners_of_a_unit_are_refused(self):
        with pytest.raises(PlanError, match="write unit 2 of rec belongs to"):
            prove_single_owners([Partition("rec.a", "rec", 1, 2), Partition("rec.b", "rec", 2, 1)])


class TestAWorkerWritesWrongValues:
    @pytest.fixture
    def wrong(self, monkeypatch):
        """A worker whose pseudoranges of one epoch are a metre off, as long as this says so."""
        fill_block, state = ingest.fill_block, SimpleNamespace(on=True)

        def a_metre_off(block, *arguments):
            fill_block(block, *arguments)
            if state.on:
                block.arrays["Pseudorange"][5] += 1

        monkeypatch.setattr(ingest, "fill_block", a_metre_off)
        return state

    def test_a_full_proof_publishes_nothing_and_the_next_start_makes_it_again(self, tmp_path, wrong):
        files = hourly(0, 6)
        chosen = site(tmp_path, files, run={"verify": "full"})
        with pytest.raises(StoreError, match=r"nothing was published: .* differences.*\n.*Pseudorange is"):
            run(chosen)
        assert messages(chosen) == []
        assert journaled(chosen) == set()
        wrong.on = False
        report = run(chosen)
        assert (report.resumed, report.proof.level, report.proof.files) == (0, "full", 2)
        check_as_in_one_run(tmp_path, chosen, files)

    def test_a_proof_of_units_says_nothing_of_values_and_the_command_finds_them(self, tmp_path, wrong):
        chosen = site(tmp_path, hourly(0))
        assert run(chosen).proof.cells == 0
        wrong.on = False
        report = verify_store(chosen, None)
        assert not report.agrees
        assert "Pseudorange" in report.first[0]


class TestAStoredChunkIsDamaged:
    @pytest.mark.parametrize("kind", most_heavy(KINDS))
    def test_it_is_named_once_repaired_and_gone_on_from(self, tmp_path, kind):
        """A run of two units meets it in the second; after the repair it makes both on the version that is whole."""
        files, more = hourly(0, 6), hourly(1, 7)
        chosen = site(tmp_path, files, run={"partition_units": 1})
        run(chosen)
        path = next(path for path in chunks(chosen) if unit_of(chosen, path) == 1)
        spoil(path, kind)
        write(tmp_path / "archive", more)
        hook = Hook()
        with pytest.raises(DamagedError, match=r"rec \w+ 2025-01-01T06:00:00 to .* \(write unit 1\).* repair"):
            run(chosen, hook)
        assert len(hook.ingested) == 1
        repair(chosen, plan_repair(chosen, Wanted()))
        again = Hook()
        assert run(chosen, again).resumed == 0
        assert len(again.ingested) == 2
        assert verify_store(chosen, None).agrees
        check_as_in_one_run(tmp_path, chosen, files | more)

    def test_a_run_that_makes_a_group_too(self, tmp_path):
        files, more = hourly(0), hourly(1)
        chosen = site(tmp_path, files)
        run(chosen)
        spoil(chunks(chosen)[0], "missing")
        write(tmp_path / "archive", more | other_group(files))
        with pytest.raises(DamagedError):
            run(chosen)
        repair(chosen, plan_repair(chosen, Wanted()))
        run(chosen)
        check_as_in_one_run(tmp_path, chosen, files | more | other_group(files), GROUP, OTHER)

    def test_runs_elsewhere_go_on(self, tmp_path):
        chosen = site(tmp_path, hourly(0))
        run(chosen)
        spoil(chunks(chosen)[0], "missing")
        write(tmp_path / "archive", hourly(6))
        assert run(chosen).snapshot
        assert not verify_store(chosen, None).agrees

    @pytest.mark.heavy
    def test_on_workers_it_is_not_tried_again(self, tmp_path, caplog):
        chosen = site(tmp_path, hourly(0), cluster={"kind": "local", "workers": 1})
        run(chosen)
        spoil(chunks(chosen)[0], "missing")
        write(tmp_path / "archive", hourly(1))
        with pytest.raises(DamagedError, match="write unit 0"):
            run(chosen)
        assert not [record for record in caplog.records if "attempt" in record.message]
        repair(chosen, plan_repair(chosen, Wanted()))
        run(chosen)
        check_as_in_one_run(tmp_path, chosen, hourly(0, 1))


def move_before(monkeypatch, step, other):
    """Let another run publish just before a step of this one begins, once."""
    moved = []
    module = f"gnssice_batch.job.{STEPS[step]}"
    original = getattr(importlib.import_module(module), step)

    def after_the_move(*arguments, **named):
        if not moved:
            moved.append(True)
            run(other)
        return original(*arguments, **named)

    monkeypatch.setattr(f"{module}.{step}", after_the_move)
    return moved
