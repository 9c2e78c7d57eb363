"""A run plans again while others are faster, and goes on from its journal while the storage fails."""

import icechunk
import pytest

from gnssice_batch.errors import PlanError, RunConflictError, StoreError
from gnssice_batch.job import replanning
from gnssice_batch.job.execution import NoProgress
from gnssice_batch.job.replanning import MovedError, until_it_fits, while_storage_fails

TRIES = 5
STARTS = 4


class Stages(NoProgress):
    """Keeps the stages that are told."""

    def __init__(self):
        self.told = []

    def stage(self, name, tasks):
        self.told.append((name, tasks))


@pytest.fixture
def stages():
    return Stages()


@pytest.fixture
def pauses(monkeypatch):
    """What is paused for, each time as long as it may be at most."""
    made = []
    monkeypatch.setattr(replanning.time, "sleep", made.append)
    monkeypatch.setattr(replanning.random, "uniform", lambda _, most: most)
    monkeypatch.setattr(replanning, "_FIRST_PAUSE_S", 1.0)
    return made


def failing(times, error):
    """An attempt that fails so often, then gives how often it was made."""
    made = []

    def attempt():
        made.append(error)
        if len(made) <= times:
            raise error
        return len(made)

    return attempt


def failed_storage():
    error = StoreError("the journal can't be read")
    error.__cause__ = ConnectionResetError("reset")
    return error


def test_what_fits_at_once_is_planned_once(stages, pauses):
    assert until_it_fits(failing(0, None), stages) == 1
    assert while_storage_fails(failing(0, None), stages) == 1
    assert (stages.told, pauses) == ([], [])


def test_a_run_that_was_outrun_plans_again_after_a_pause_that_grows(stages, pauses, caplog):
    moved = MovedError("the branch moved", "20250101T000000-abc")
    assert until_it_fits(failing(TRIES - 1, moved), stages) == TRIES
    assert stages.told == [("planning again, another run published first", 0)] * (TRIES - 1)
    assert pauses == [0.5, 1.0, 2.0, 4.0]
    assert {(record.message, record.run) for record in caplog.records} == {
        ("planning again: the branch moved", "20250101T000000-abc")
    }


def test_the_pause_of_one_that_was_outrun_may_be_none_at_all(stages, pauses, monkeypatch):
    """So that of several the first does not wait."""
    monkeypatch.setattr(replanning.random, "uniform", lambda least, _: least)
    until_it_fits(failing(1, MovedError("moved", "run")), stages)
    assert pauses == [0]


def test_a_run_that_is_always_outrun_says_so_with_the_last_reason(stages, pauses):
    with pytest.raises(RunConflictError, match=r"other runs were faster 5 times.*Last: the branch moved") as raised:
        until_it_fits(failing(99, MovedError("the branch moved", "run")), stages)
    assert not isinstance(raised.value, MovedError)
    assert len(pauses) == TRIES


@pytest.mark.parametrize("error", [RunConflictError("at work elsewhere"), PlanError(["a conflict"])])
def test_what_another_plan_does_not_help_ends_the_run(stages, pauses, error):
    with pytest.raises(type(error)):
        until_it_fits(failing(1, error), stages)
    assert pauses == []


def test_a_conflict_knows_its_run_and_its_reason():
    moved = MovedError("the branch moved", "run")
    assert (str(moved), moved.run) == ("the branch moved", "run")


def test_each_new_start_is_told_and_waits_longer(stages, pauses, caplog):
    assert while_storage_fails(failing(STARTS - 1, failed_storage()), stages) == STARTS
    assert stages.told == [("going on from the journal, the storage failed", 0)] * (STARTS - 1)
    assert pauses == [1.5, 4.5, 13.5]
    assert "going on from the journal in 1.5 s: the journal can't be read" in caplog.text


def test_a_pause_is_spread_by_half_of_it_each_way(stages, pauses, monkeypatch):
    bounds = []
    monkeypatch.setattr(replanning.random, "uniform", lambda *both: bounds.append(both) or 1.0)
    while_storage_fails(failing(1, failed_storage()), stages)
    assert (bounds, pauses) == ([(0.5, 1.5)], [1.0])


def test_a_storage_that_fails_every_time_is_told_in_the_end(stages, pauses):
    with pytest.raises(StoreError, match="can't be read"):
        while_storage_fails(failing(STARTS, failed_storage()), stages)
    assert len(pauses) == STARTS - 1


def test_what_is_no_fault_of_the_storage_ends_the_run_at_once(stages, pauses):
    with pytest.raises(StoreError, match="not the planned write units"):
        while_storage_fails(failing(1, StoreError("the merged changes are not the planned write units")), stages)
    assert pauses == []


@pytest.mark.parametrize("times", [1, STARTS])
def test_whatever_icechunk_says_is_an_error_of_the_store(stages, pauses, times):
    attempt = failing(times, icechunk.StorageError("reading a body"))
    if times < STARTS:
        assert while_storage_fails(attempt, stages) == 2
        return
    with pytest.raises(StoreError, match="reading a body"):
        while_storage_fails(attempt, stages)
    assert len(pauses) == STARTS - 1


def test_a_run_that_another_has_taken_is_not_gone_on_with_though_the_storage_had_failed(stages, pauses):
    taken = RunConflictError("taken over")
    taken.__cause__ = ConnectionResetError("reset")
    with pytest.raises(RunConflictError):
        while_storage_fails(failing(1, taken), stages)
    assert pauses == []
