"""Branches begun, published and removed, versions set back and taken again, so that nothing is lost."""

import json
from datetime import timedelta
from functools import partial

import icechunk
import pytest
import zarr

from gnssice_batch import IcechunkStore
from gnssice_batch.cli import main
from gnssice_batch.errors import ConfigError, RunConflictError, StoreError
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.operate import branches
from gnssice_batch.operate.branches import (
    create_branch,
    create_tag,
    delete_branch,
    list_branches,
    list_tags,
    publish_branch,
    rollback,
)
from gnssice_batch.operate.garbage import collect_garbage
from gnssice_batch.operate.open_runs import for_writing
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.store.branches import carry_out, move_to
from tests.cli.test_runs import interrupted
from tests.failures.small import EMPTY_REPOSITORY
from tests.support.runs import DAY_ONE_S, head, name, repository, rinex, settings, span_s, write

GROUP = "rec"
FILES = {hour: name(DAY_ONE_S + 3600 * hour, "01H") for hour in range(8)}


def add(folder, *hours):
    write(folder / "archive", {FILES[hour]: rinex(span_s(DAY_ONE_S + 3600 * hour, 1)) for hour in hours})


def on(chosen, branch):
    return chosen.model_copy(update={"run": chosen.run.model_copy(update={"branch": branch})})


@pytest.fixture
def chosen(tmp_path):
    """A store of one version."""
    add(tmp_path, 0)
    made = settings(tmp_path)
    run(made)
    return made


@pytest.fixture
def tried(tmp_path, chosen):
    """A branch with one version more than main."""
    create_branch(chosen, "trial")
    add(tmp_path, 1)
    return run(on(chosen, "trial")).snapshot


def test_a_branch_is_tried_and_published(chosen, tried):
    before = head(chosen)
    assert before != tried
    found = {one.name: (one.head, one.ahead, one.behind) for one in list_branches(chosen)}
    assert found == {"main": (before, 0, 0), "trial": (tried, 1, 0)}
    assert [version.id for version in publish_branch(chosen, "trial", dry_run=True).gained] == [tried]
    assert head(chosen) == before
    assert [version.id for version in publish_branch(chosen, "trial").gained] == [tried]
    assert head(chosen) == tried
    assert publish_branch(chosen, "trial").gained == ()
    assert run(chosen).snapshot is None


def test_versions_of_main_are_not_lost(tmp_path, chosen, tried):
    add(tmp_path, 2)
    mine = run(chosen).snapshot
    with pytest.raises(RunConflictError, match=f"'main' has versions that 'trial' lacks \\(2 {mine}"):
        publish_branch(chosen, "trial")
    assert (head(chosen), {one.name: one.behind for one in list_branches(chosen)}["trial"]) == (mine, 1)
    assert tried


def test_a_branch_that_is_moved_meanwhile_is_left(tmp_path, chosen, tried, monkeypatch):
    def late(repository, move):
        add(tmp_path, 2)
        run(chosen)
        carry_out(repository, move)

    monkeypatch.setattr(branches, "carry_out", late)
    with pytest.raises(RunConflictError, match="somebody has moved 'main'"):
        publish_branch(chosen, "trial")
    assert head(chosen) not in {tried, None}


@pytest.mark.parametrize("by_store", [False, True])
def test_a_rollback_that_comes_too_late_leaves_no_tag(tmp_path, chosen, monkeypatch, by_store):
    first = head(chosen)
    add(tmp_path, 1)
    run(chosen)

    def late(repository, move):
        add(tmp_path, 2)
        run(chosen)
        carry_out(repository, move)

    monkeypatch.setattr("gnssice_batch.store.branches.carry_out", late)
    back = IcechunkStore.open_or_create(str(repository(chosen))).rollback if by_store else partial(rollback, chosen)
    with pytest.raises(RunConflictError, match="somebody has moved 'main'"):
        back(first)
    assert list_tags(chosen) == {}


def test_what_is_taken_back_comes_back(tmp_path, chosen):
    first = head(chosen)
    add(tmp_path, 1, 2)
    second = run(chosen).snapshot
    assert rollback(chosen, first, dry_run=True).move.after == first
    assert head(chosen) == second
    done = rollback(chosen, first[:6])
    assert ([version.id for version in done.move.lost], head(chosen)) == ([second], first)
    assert {name: version.id for name, version in list_tags(chosen).items()} == {done.tag: second}
    again = run(chosen)
    assert sum(one.written.epochs for one in again.files[GROUP]) == 240
    assert rollback(chosen, done.tag).move.after == second
    assert head(chosen) == second
    assert run(chosen).snapshot is None
    assert rollback(chosen, second).tag is None


def test_no_branch_is_moved_below_an_open_run(tmp_path, chosen):
    first = head(chosen)
    add(tmp_path, 1)
    second = run(chosen).snapshot
    create_branch(chosen, "trial")
    add(tmp_path, 7)
    run(on(chosen, "trial"))
    add(tmp_path, 6)
    interrupted(chosen, partitions=1)
    for move in (lambda: rollback(chosen, first), lambda: publish_branch(chosen, "trial")):
        with pytest.raises(RunConflictError, match=r"not published yet on 'main': 20.*runs abandon"):
            move()
    assert head(chosen) == second
    delete_branch(chosen, "trial")
    rollback(chosen, first, force=True)
    assert head(chosen) == first
    assert sum(one.written.epochs for one in run(chosen).files[GROUP]) == 360


def test_names(chosen):
    for wrong in ("main", "staging-20250101T000000-abcdef-0-12"):
        for change in (create_branch, delete_branch):
            with pytest.raises(ConfigError, match=wrong):
                change(chosen, wrong)
    create_branch(chosen, "trial")
    with pytest.raises(StoreError, match="has a branch 'trial' already"):
        create_branch(chosen, "trial")
    with pytest.raises(StoreError, match=r"no branch 'other'; it has main, trial"):
        publish_branch(chosen, "other")
    with pytest.raises(StoreError, match="no version"):
        create_branch(chosen, "other", "nothing")
    assert delete_branch(chosen, "trial") == head(chosen)
    assert [one.name for one in list_branches(chosen)] == ["main"]


def test_a_tag_never_changes(tmp_path, chosen):
    first = create_tag(chosen, "2025.1")
    assert first.id == head(chosen)
    add(tmp_path, 1)
    run(chosen)
    with pytest.raises(StoreError, match=f"can't be tagged '2025.1': version {first.id} has it"):
        create_tag(chosen, "2025.1")
    assert create_tag(chosen, "again", "2025.1").id == first.id


def test_a_move_that_was_made_is_no_conflict(chosen, tried):
    """The answer to it may have been lost."""
    repository = for_writing(target_of(chosen))
    move = move_to(repository, "main", tried)
    carry_out(repository, move)
    carry_out(repository, move)
    assert head(chosen) == tried


def test_the_commands(tmp_path, chosen, tried, capsys):
    config = tmp_path / "settings.yaml"
    config.write_text(json.dumps(chosen.model_dump(mode="json", exclude_unset=True)))

    def said(*words):
        with pytest.raises(SystemExit) as ended:
            main([*words, "-c", str(config)])
        assert not ended.value.code
        return capsys.readouterr().out

    first = head(chosen)
    assert "1 ahead of main, 0 behind" in said("branch", "list")
    assert f"would be at {tried}" in said("branch", "publish", "trial", "--dry-run")
    assert json.loads(said("branch", "publish", "trial", "--json"))["after"] == tried
    assert "main has all of trial already" in said("branch", "publish", "trial")
    shown = said("rollback", first)
    assert "1 version taken back" in shown
    undo = shown.split()[-1]
    assert said("tag", "list").count(undo) == 1
    assert json.loads(said("rollback", undo, "--json"))["gained"][0]["id"] == tried
    assert "2025.1 is 2" in said("tag", "create", "2025.1")
    assert json.loads(said("tag", "list", "--json"))["tags"]["2025.1"]["number"] == 2
    assert "trial begins at" not in said("branch", "delete", "trial")
    assert "trial begins at 2" in said("branch", "create", "trial", "2025.1")
    assert {one["name"] for one in json.loads(said("branch", "list", "--json"))["branches"]} == {"main", "trial"}


def test_what_every_repository_begins_with_is_a_version_too(chosen):
    assert create_tag(chosen, "empty", EMPTY_REPOSITORY).number == 0
    assert create_branch(chosen, "anew", EMPTY_REPOSITORY).id == EMPTY_REPOSITORY
    assert list_tags(chosen)["empty"].tags == ("empty",)
    assert {one.name: one.behind for one in list_branches(chosen)}["anew"] == 1


def test_names_that_say_nothing_or_two_things(chosen):
    for wrong in ("", " x", "x\ny"):
        for change in (create_branch, create_tag):
            with pytest.raises(ConfigError, match="no name"):
                change(chosen, wrong)
    create_branch(chosen, "trial")
    create_tag(chosen, "2025.1")
    with pytest.raises(StoreError, match="a branch 'trial'"):
        create_tag(chosen, "trial")
    with pytest.raises(StoreError, match="a branch 'main'"):
        create_tag(chosen, "main")
    with pytest.raises(StoreError, match=r"a tag '2025\.1'"):
        create_branch(chosen, "2025.1")


def test_a_rollback_does_not_publish_another_line(tmp_path, chosen, tried):
    before = head(chosen)
    with pytest.raises(RunConflictError, match="never had what 'trial' has"):
        rollback(chosen, "trial")
    assert head(chosen) == before
    add(tmp_path, 2)
    run(chosen)
    assert rollback(chosen, "1").move.after == before
    rollback(chosen, "trial", force=True)
    assert head(chosen) == tried


@pytest.mark.usefixtures("tried")
def test_a_branch_that_goes_on_from_main_can_be_published_after_garbage_was_collected(tmp_path, chosen):
    for hour in (2, 3):
        add(tmp_path, hour)
        run(on(chosen, "trial"))
    collect_garbage(chosen, timedelta(0), dry_run=False)
    assert {one.name: (one.ahead, one.behind) for one in list_branches(chosen)}["trial"] == (3, 0)
    assert len(publish_branch(chosen, "trial").gained) == 3
    collect_garbage(chosen, timedelta(0), dry_run=False)
    delete_branch(chosen, "trial")
    assert run(chosen).snapshot is None


def test_a_damaged_head_is_left_by_a_rollback(tmp_path, chosen):
    first = head(chosen)
    add(tmp_path, 1)
    run(chosen)
    (repository(chosen) / "snapshots" / head(chosen)).unlink()
    create_tag(chosen, "whole", first)
    rollback(chosen, first, force=True)
    assert head(chosen) == first
    run(chosen)
    assert verify_store(chosen, None).agrees


def test_what_another_program_has_put_over_a_store_is_taken_back(chosen):
    first = head(chosen)
    session = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen)))).writable_session(
        "main"
    )
    zarr.create_group(session.store, path="theirs", overwrite=True)
    zarr.open_group(session.store, mode="w")
    zarr.create_group(session.store, path="theirs")
    session.commit("theirs")
    with pytest.raises(StoreError, match="not made by"):
        collect_garbage(chosen, timedelta(days=1))
    assert [version.id for version in rollback(chosen, first).move.lost] != []
    assert head(chosen) == first
