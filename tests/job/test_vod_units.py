"""Units of a vod run are made once, kept in the journal, proven; what does not hold any more is made again."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest
import zarr
from distributed import KilledWorker

from gnssice_batch.canopy.recomputing import Recomputed
from gnssice_batch.cluster.executor import Finished, InProcess
from gnssice_batch.errors import InterruptedRunError, StoreError
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.counting import Counting
from gnssice_batch.job.execution import Execution, NoProgress
from gnssice_batch.job.interruption import Stop
from gnssice_batch.job.making import made_before
from gnssice_batch.job.vod_report import VodProof
from gnssice_batch.job.vod_units import _still_holds, finished_unit, made_of
from gnssice_batch.model.values import Done
from gnssice_batch.model.vod_values import VodMade
from gnssice_batch.records import dump, encode
from gnssice_batch.store.repository import STAGING
from gnssice_batch.store.writing.structure import Structure, stage
from tests.support.histories import commit, on_disk
from tests.support.vod_plans import (
    RUN,
    analysis_template,
    facts,
    finish,
    kept,
    key,
    made_unit,
    orbit,
    outcome,
    plan,
    plans,
    stored,
    units_of,
)

KILLED = KilledWorker("task", SimpleNamespace(address="tcp://worker"), 3)
STRUCTURE = Structure("BASE", "staging", b"change", b"work fork", {})


class Workers(InProcess):
    """Give back what was said, or what a task died of, instead of computing it."""

    def __init__(self, given):
        self.given, self.tasks = given, []

    def run(self, tasks):
        for task in tasks:
            self.tasks.append(task)
            given = self.given[task.key]
            yield Finished(task.key, error=given) if isinstance(given, Exception) else Finished(task.key, given)


class Told(NoProgress):
    """Keep what is told."""

    def __init__(self):
        self.stages, self.ended, self.counts = [], [], None

    def stage(self, name, tasks):
        self.stages.append((name, tasks))

    def finished(self, key, size_bytes):
        self.ended.append((key, size_bytes))

    def counted(self, counts):
        self.counts = counts


def execution(given, *, stopped=False):
    return Execution(Workers(given), 1, Counting(Told()), Stop(requested=stopped))


def told(run):
    return run.progress._told


@pytest.fixture
def aside():
    with Aside() as found:
        yield found


@pytest.fixture
def three():
    return plan("a", (0, 1, 2), None, {("x", "e"): 0}, (orbit("x"),))


def given(plan):
    """What workers give back: with the outcome as the journal keeps it."""
    found = [outcome(one, made_unit(one.unit), bytes_read=one.unit + 1) for one in plan.assignments]
    return {one.key: replace(one, document=encode(dump(one))) for one in found}


class TestMade:
    """Every unit is sent out, with the structure that it is written into."""

    @pytest.fixture
    def units(self, tmp_path, aside, three):
        repository = on_disk(tmp_path)
        staged = stage(repository, repository.head(), f"{STAGING}{RUN}.0")
        found = plans(three, head=None)
        return units_of(tmp_path / "journals", found, aside, repository=repository, staged=staged)

    def test_units_are_made_and_kept(self, units, three):
        run = execution(given(three))
        structure = units.make(run)
        keys = [key("a", number) for number in range(3)]
        assert [task.key for task in run.tasks.tasks] == keys
        assert {task.arguments for task in run.tasks.tasks} == {
            (one, structure.work_fork, None) for one in three.assignments
        }
        assert list(units.work.done) == list(units.made) == keys
        assert all(done.outcome.document == b"" for done in units.work.done.values())
        assert units.made[keys[1]] == made_unit(1)
        units.work.journal.flush()
        assert list(units.work.journal.partitions()) == keys
        assert told(run).stages == [("vod", 3)]
        assert told(run).ended == [(keys[0], 1), (keys[1], 2), (keys[2], 3)]
        counts = told(run).counts
        assert (counts.partitions_planned, counts.files_planned, counts.bytes_read) == (3, 1, 6)
        assert counts.partitions == {"finished": 3, "resumed": 0}

    def test_their_group_is_made_on_the_first_staging_branch(self, units, three):
        structure = units.make(execution(given(three)))
        assert (structure.branch, structure.base) == (f"{STAGING}{RUN}.0", units.work.repository.head())
        assert "/tau_omega/a/sid" in structure.units
        assert units.work.journal.structure() == structure
        assert units.templates == {"tau_omega/a": three.template}
        assert units.work.structures == 0
        assert units.work.making.result() is structure

    def test_the_root_says_nothing_of_a_source(self, units, three):
        branch = units.make(execution(given(three))).branch
        store = units.work.repository.handle.readonly_session(branch).store
        assert "source_format" not in zarr.open_group(store, mode="r").attrs

    def test_a_group_that_is_as_it_has_to_be_is_not_touched(self, units):
        mine = plan("a", (0,), stored("a"))
        units.found = plans(mine, head=None)
        structure = units.make(execution(given(mine)))
        assert (structure.units, units.templates, units.work.making.templates) == ({}, {}, {})

    def test_a_second_structure_extends_the_first_on_a_branch_of_its_own(self, units, three):
        first = units.make(execution(given(three)))
        more = plan("b", (5,))
        units.found = plans(three, more, head=None)
        commit(units.work.repository, 1)
        second = units.make(execution(given(more)))
        assert (second.base, second.branch) == (first.base, second.branch)
        assert second.branch.startswith(f"{STAGING}{RUN}-1-")
        assert {"/tau_omega/a/sid", "/tau_omega/b/sid"} <= second.units.keys()
        assert units.work.structures == 1
        assert units.templates.keys() == {"tau_omega/a", "tau_omega/b"}
        assert units.make(execution({})) is second

    @pytest.mark.parametrize("planned", [True, False])
    def test_without_a_branch_it_is_made_on_what_was_planned_on_or_the_head(self, tmp_path, aside, three, planned):
        repository = on_disk(tmp_path)
        first, last = commit(repository, 1), commit(repository, 2)
        found = plans(three, head=first if planned else None)
        units = units_of(tmp_path / "journals", found, aside, repository=repository)
        structure = units.make(execution(given(three)))
        assert (structure.base, structure.branch[:-4]) == (first if planned else last, f"{STAGING}{RUN}-1-")

    def test_one_that_killed_its_workers_is_set_aside_and_the_others_go_on(self, units, three):
        run = execution({**given(three), key("a", 1): KILLED})
        units.make(run)
        assert units.killed == {key("a", 1)}
        assert units.work.done.keys() == {key("a", 0), key("a", 2)}
        assert told(run).counts.partitions["set_aside"] == 1

    def test_one_without_orbits_is_told_and_kept(self, units, three, caplog):
        results = given(three)
        results[key("a", 2)] = replace(results[key("a", 2)], written_units=(), fork=None, document=b"")
        with caplog.at_level(logging.WARNING):
            units.make(execution(results))
        assert [record.partition for record in caplog.records if "orbits are missing" in record.message] == [
            key("a", 2)
        ]
        assert key("a", 2) in units.work.done

    def test_a_run_that_was_told_to_stop_says_so(self, units, three):
        with pytest.raises(InterruptedRunError):
            units.make(execution(given(three), stopped=True))

    def test_what_a_task_died_of_ends_the_run(self, units, three):
        with pytest.raises(StoreError, match="no answer"):
            units.make(execution({**given(three), key("a", 0): StoreError("no answer")}))


class TestGoneOnWith:
    """Units that an earlier start has made are not made again while they hold."""

    @pytest.fixture
    def units(self, tmp_path, aside, three):
        """Unit 0 as it would be made, 1 of other orbits; the structure of then; a unit that is not wanted any more."""
        units = units_of(tmp_path, plans(three), aside, templates={"tau_omega/a": three.template})
        first, second, _ = three.assignments
        finish(units, first, made_unit(0))
        finish(units, second, made_unit(7))
        gone = units.work.done[key("a", 0)]
        units.work.done["gone"] = replace(gone, partition=replace(gone.partition, key="gone"))
        for done in units.work.done.values():
            units.work.journal.keep(done)
        units.made.clear()
        units.work.making = made_before(STRUCTURE)
        return units

    def test_only_the_others_are_made(self, units, three):
        run = execution(given(three))
        assert units.make(run) is STRUCTURE
        assert [task.key for task in run.tasks.tasks] == [key("a", 1), key("a", 2)]
        assert {task.arguments[1] for task in run.tasks.tasks} == {b"work fork"}
        assert units.work.resumed == 1
        assert units.made == {key("a", number): made_unit(number) for number in range(3)}
        assert told(run).stages == [("vod", 2)]
        assert told(run).counts.partitions == {"finished": 3, "resumed": 1}

    def test_what_does_not_hold_is_dropped_from_the_journal(self, units, three):
        with pytest.raises(StoreError):
            units.make(execution(dict.fromkeys(given(three), StoreError("no answer"))))
        units.work.journal.flush()
        assert list(units.work.journal.partitions()) == list(units.work.done) == [key("a", 0)]

    def test_a_group_that_has_to_become_another_gets_another_structure(self, units, three):
        units.templates["tau_omega/a"] = analysis_template("a", signals=2)
        with pytest.raises(StoreError):
            units.make(execution(given(three)))
        making = units.work.making
        assert (making.templates, making.extended.result()) == ({"tau_omega/a": three.template}, STRUCTURE)


@pytest.mark.parametrize(
    "change",
    [
        {"origin_ns": 1},
        {"axis_digest": "other"},
        {"rows": (1,)},
        {"partition": replace(plan("a", (0,)).assignments[0].partition, units=2)},
    ],
)
def test_a_unit_holds_that_would_be_made_the_same(three, change):
    assignment = three.assignments[0]
    done = finished_unit(assignment, outcome(assignment, made_unit(0)))
    assert _still_holds(assignment, done)
    assert not _still_holds(assignment, replace(done, **change))


@pytest.mark.parametrize("change", [{"snapshot": "OTHER"}, {"orbits_digest": "other"}])
def test_a_unit_of_other_observations_or_orbits_does_not_hold(three, change):
    assignment = three.assignments[0]
    told = kept(replace(made_unit(0), **change))
    done = finished_unit(assignment, replace(outcome(assignment, made_unit(0)), kept=told))
    assert not _still_holds(assignment, done)


def test_what_is_kept_of_a_unit_is_what_it_was_made_of(three):
    assignment = three.assignments[1]
    given = outcome(assignment, made_unit(1, orbits=(facts("x", lost={"y": 1}),)))
    found = finished_unit(assignment, given)
    axis = three.template.axis
    partition = assignment.partition
    assert found == Done(partition, assignment.grid.origin_ns, 3, axis.digest, (orbit("x"),), (0,), given)
    assert made_of(given) == made_unit(1, orbits=(facts("x", lost={"y": 1}),))
    assert isinstance(made_of(given), VodMade)


def test_analyses_without_work_and_without_a_group_are_left_out(tmp_path, three):
    found = plans(three, plan("old", current=stored("old")), plan("none"))
    units = units_of(tmp_path, found)
    assert [one.name for one in units.plans] == ["tau_omega/a", "tau_omega/old"]
    assert units.assignments == {one.partition.key: one for one in three.assignments}


class TestProven:
    """Units are computed again before anything is published."""

    @pytest.fixture
    def many(self):
        return plan("a", range(8), None, {("x", "e"): 0}, (orbit("x"),))

    def units(self, folder, many, level, left=()):
        units = units_of(folder, plans(many), level=level)
        for one in many.assignments:
            finish(units, one, made_unit(one.unit), written=one.unit not in left)
            units.work.journal.keep(units.work.done[one.partition.key])
        return units

    def compared(self, many, differing=()):
        return {
            f"verify/{one.partition.key}": Recomputed(
                one.partition.key, 10, (f"VOD of {one.unit} differs",) if one.unit in differing else ()
            )
            for one in many.assignments
        }

    def test_none_at_the_lowest_level(self, tmp_path, many):
        units, run = self.units(tmp_path, many, "units", left=(3,)), execution({})
        assert units.prove(run) is True
        assert (units.proof, told(run).stages) == (VodProof("units", 7, 0, 0), [])

    @pytest.mark.parametrize("level", ["units", "sample", "full"])
    def test_nothing_that_was_written_is_nothing_to_publish(self, tmp_path, many, level):
        units, run = self.units(tmp_path, many, level, left=range(8)), execution({})
        assert units.prove(run) is False
        assert (units.proof, told(run).stages) == (VodProof(level, 0, 0, 0), [])

    def test_all_that_were_written_at_the_highest(self, tmp_path, many):
        units, run = self.units(tmp_path, many, "full", left=(3,)), execution(self.compared(many))
        assert units.prove(run) is True
        assert units.proof == VodProof("full", 7, 7, 70)
        written = [one for one in many.assignments if one.unit != 3]
        assert [task.arguments for task in run.tasks.tasks] == [(one, b"fork", None) for one in written]
        assert told(run).stages == [("verify", 7)]
        assert told(run).ended == [(f"verify/{one.partition.key}", 0) for one in written]

    def test_some_in_between(self, tmp_path, many):
        units, run = self.units(tmp_path, many, "sample"), execution(self.compared(many))
        assert units.prove(run) is True
        assert 1 <= len(run.tasks.tasks) < 8
        assert units.proof == VodProof("sample", 8, len(run.tasks.tasks), 10 * len(run.tasks.tasks))

    def test_those_that_differ_are_dropped_and_nothing_is_published(self, tmp_path, many):
        units, run = self.units(tmp_path, many, "full"), execution(self.compared(many, differing=(2, 5)))
        with pytest.raises(StoreError, match="nothing was published") as raised:
            units.prove(run)
        assert str(raised.value).splitlines()[1:] == ["VOD of 2 differs", "VOD of 5 differs"]
        assert units.work.journal.partitions().keys() == {key("a", number) for number in (0, 1, 3, 4, 6, 7)}

    def test_a_run_that_was_told_to_stop_is_not_proven(self, tmp_path, many):
        with pytest.raises(InterruptedRunError):
            self.units(tmp_path, many, "full").prove(execution({}, stopped=True))
