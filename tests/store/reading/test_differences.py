"""Differences of two versions, held against all chunks of both of them."""

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta

import icechunk
import numpy as np
import pytest
import zarr
from zarr.core.buffer import default_buffer_prototype

from gnssice_batch.errors import StoreError
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.branches import create_branch
from gnssice_batch.operate.differences import as_json, compare
from gnssice_batch.operate.garbage import collect_garbage
from gnssice_batch.operate.trim import trim
from gnssice_batch.store.reading import chunk_changes
from gnssice_batch.store.reading.chunk_changes import Change, ChunkChange
from gnssice_batch.store.reading.contents import first_snapshot
from gnssice_batch.store.reading.ledger_changes import ledger_change
from gnssice_batch.store.repository import make_branch, open_existing
from tests.support.older_layout import put_back_stored
from tests.support.runs import (
    DAY_ONE_S,
    DAY_S,
    VARIABLES,
    head,
    name,
    repository,
    rinex,
    settings,
    span_s,
    write,
)

GROUP = "rec"
UNIT_S = 720 * 30


def file_at(start_s, hours=1, **words):
    return {name(start_s, f"{hours:02d}H"): rinex(span_s(start_s, hours), **words)}


@pytest.fixture
def chosen(tmp_path):
    write(tmp_path / "archive", file_at(DAY_ONE_S) | file_at(DAY_ONE_S + UNIT_S))
    chosen = settings(tmp_path)
    run(chosen)
    return chosen


def later(chosen, tmp_path, files):
    """The head, and what it is after a run with more files."""
    before = head(chosen)
    write(tmp_path / "archive", files)
    return before, run(chosen).snapshot


def changed(chosen, change, branch="main"):
    """Let another program change the repository; the version before and after."""
    stored = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    session = stored.writable_session(branch)
    before = session.snapshot_id
    change(session, zarr.open_group(session.store))
    return before, session.commit("another program")


def compared(chosen, before, after=None):
    """The difference, also seen from the other side and with the listing of many chunks."""
    found = compare(target_of(chosen), before, after)
    back = compare(target_of(chosen), found.after.id, found.before.id)
    assert tuple(one.reversed() for one in back.groups) == found.groups
    return {one.name: one for one in found.groups}


def chunks_of(chosen, snapshot, group):
    """All chunks of a group: by path and index their bytes."""
    stored = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    session = stored.readonly_session(snapshot_id=snapshot)

    async def all_of(path):
        keys = [tuple(index) async for index in session.chunk_coordinates(path)]
        store, prototype = session.store, default_buffer_prototype()
        return {
            (path, key): (await store.get("/".join([path[1:], "c", *map(str, key)]), prototype)).to_bytes()
            for key in keys
        }

    found = {}
    for node in stored.inspect_snapshot(snapshot)["nodes"]:
        if node["node_type"] == "array" and node["path"].startswith(f"/{group}/"):
            found |= asyncio.run(all_of(node["path"]))
    return found


def nowhere(_):
    return 0


def counted(old, new, shift=nowhere):
    """What is different between chunks, those that are the same in another place moved."""
    moved = {(path, (index[0] + shift(path), *index[1:])): data for (path, index), data in old.items()}
    both = moved.keys() & new.keys()
    others = [key for key in both if moved[key] != new[key]]
    more, less = new.keys() - moved.keys(), moved.keys() - new.keys()
    return ChunkChange(
        Change(len(more), len(others), len(less)),
        Change(
            sum(len(new[key]) for key in more),
            sum(len(new[key]) for key in others),
            sum(len(moved[key]) for key in less),
        ),
        sum(len(moved[key]) for key in others),
        sum(1 for key in both if shift(key[0]) and moved[key] == new[key]),
    )


@pytest.mark.parametrize("one_by_one", [0, 256])
def test_what_a_run_adds(chosen, tmp_path, monkeypatch, one_by_one):
    monkeypatch.setattr(chunk_changes, "_ONE_BY_ONE", one_by_one)
    before, after = later(
        chosen, tmp_path, file_at(DAY_ONE_S + 3600, svs=("G01", "E05")) | file_at(DAY_ONE_S + 2 * UNIT_S)
    )
    found = compared(chosen, before)[GROUP]
    assert (found.state, found.own) == ("changed", True)
    assert (found.epochs, found.files) == (Change(240), Change(2))
    assert found.signals == Change(added=1)
    exact = counted(chunks_of(chosen, before, GROUP), chunks_of(chosen, after, GROUP))
    assert found.chunks.chunks.added == exact.chunks.added
    assert found.chunks.size_bytes.added == exact.size_bytes.added
    assert found.chunks.chunks.removed == found.chunks.size_bytes.removed == found.chunks.moved == 0
    assert found.chunks.chunks.changed >= exact.chunks.changed > 0


def test_epochs_that_a_better_file_gives(chosen, tmp_path):
    before, _ = later(
        chosen, tmp_path, {name(DAY_ONE_S, "02H"): rinex(span_s(DAY_ONE_S, 2), svs=("G01", "G02", "R03", "E05"))}
    )
    found = compared(chosen, before)[GROUP]
    assert found.epochs == Change(120, 120, 0)
    assert found.files == Change(1, 1, 0)


@pytest.mark.parametrize("one_by_one", [0, 256])
def test_an_axis_that_begins_earlier(chosen, tmp_path, monkeypatch, one_by_one):
    """What only has another place is no change, though Icechunk says that it was written there."""
    monkeypatch.setattr(chunk_changes, "_ONE_BY_ONE", one_by_one)
    before, after = later(chosen, tmp_path, file_at(DAY_ONE_S - DAY_S) | file_at(DAY_ONE_S + 3600))
    found = compared(chosen, before)[GROUP]
    assert (found.epochs, found.files, found.signals) == (Change(240), Change(2), Change())
    units = DAY_S // UNIT_S
    along = {*VARIABLES, "epoch", "epoch_flag", "rx_clock_offset", "epoch_offset", "source_file"}
    shift = lambda path: units if path.rpartition("/")[2] in along else 0  # noqa: E731
    exact = counted(chunks_of(chosen, before, GROUP), chunks_of(chosen, after, GROUP), shift)
    assert (found.chunks.chunks.added, found.chunks.size_bytes.added) == (exact.chunks.added, exact.size_bytes.added)
    assert found.chunks.moved > 0
    assert found.chunks.moved + found.chunks.chunks.changed >= exact.moved + exact.chunks.changed
    assert found.chunks.chunks.changed < 30


@pytest.mark.parametrize("one_by_one", [0, 256])
def test_a_chunk_that_another_program_wrote_is_not_only_moved(chosen, tmp_path, monkeypatch, one_by_one):
    """The ledger says nothing of it: it has another size."""
    monkeypatch.setattr(chunk_changes, "_ONE_BY_ONE", one_by_one)

    def noisy(session, root):
        del session
        snr = root[GROUP]["SNR"]
        snr[:720] = np.random.default_rng(1).normal(40, 5, (720, snr.shape[1]))

    before, _ = changed(chosen, noisy)
    write(tmp_path / "archive", file_at(DAY_ONE_S - DAY_S))
    run(chosen)
    found = compared(chosen, before)[GROUP].chunks
    quiet = compared(chosen, head_before(chosen))[GROUP].chunks
    assert found.chunks.changed == quiet.chunks.changed + 1
    assert found.moved == quiet.moved - 1 > 0
    assert found.size_bytes.changed > quiet.size_bytes.changed + 720 * 3


def head_before(chosen):
    """The version before the newest."""
    stored = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    return list(stored.ancestry(branch="main"))[1].id


def test_an_axis_that_is_cut_back(chosen):
    def stretched(session, root):
        del session
        group = root[GROUP]
        for array_name, array in group.arrays():
            if array.metadata.dimension_names[0] == "epoch":
                array.resize((array.shape[0] + 720, *array.shape[1:]))
                if array_name == "epoch":
                    array[-720:] = array[-721] + 30 * 10**9 * np.arange(1, 721)
        joined = group["metadata/joined"]
        for _, array in joined.arrays():
            array.resize((array.shape[0] + 720, *array.shape[1:]))

    changed(chosen, stretched)
    before = head(chosen)
    assert trim(chosen).snapshot
    found = compared(chosen, before)[GROUP]
    assert (found.epochs, found.files) == (Change(), Change())
    assert found.chunks.chunks == Change(removed=1)


@pytest.mark.heavy
def test_groups_that_come_and_go(chosen):
    empty = next(iter(reversed(list(open_existing(str(repository(chosen))).handle.ancestry(branch="main"))))).id
    first = head(chosen)
    found = compared(chosen, empty, first)[GROUP]
    everything = counted({}, chunks_of(chosen, first, GROUP))
    assert (found.state, found.chunks) == ("added", everything)
    assert (found.epochs, found.signals, found.files) == (Change(240), Change(3), Change(2))

    def away(session, root):
        del session, root[GROUP]

    _, gone = changed(chosen, away)
    assert compared(chosen, first, gone)[GROUP].state == "removed"
    assert compared(chosen, first, gone)[GROUP].epochs == Change(removed=240)
    assert compared(chosen, empty, gone) == {}
    again = run(chosen).snapshot
    found = compared(chosen, first, again)[GROUP]
    assert found.state == "made anew"
    assert (found.epochs, found.signals) == (Change(240, 0, 240), Change(3, 0, 3))
    whole = counted({}, chunks_of(chosen, again, GROUP))
    assert (found.chunks.chunks.added, found.chunks.size_bytes.added) == (whole.chunks.added, whole.size_bytes.added)
    assert found.chunks.size_bytes.removed == everything.size_bytes.added


def test_groups_of_other_programs(chosen):
    def weather(session, root):
        del session
        root.create_group("weather/station").create_array("t", shape=(4,), dtype="f4", chunks=(2,))[:] = 1
        root.create_array("loose", shape=(), dtype="f4")[...] = 2

    before, made = changed(chosen, weather)
    found = compared(chosen, before)
    assert {one: (its.state, its.own, its.chunks.chunks) for one, its in found.items()} == {
        "weather": ("added", False, Change(2)),
        "/": ("changed", False, Change(1)),
    }

    def warmer(session, root):
        del session
        root["weather/station/t"][:2] = 3

    _, after = changed(chosen, warmer)
    assert compared(chosen, made, after)["weather"].chunks.chunks == Change(changed=1)
    told = as_json(compare(target_of(chosen), before, after))
    assert told["receivers"] == {}
    assert told["other_groups"]["weather"]["chunks"] == {"added": 2, "changed": 0, "removed": 0, "moved": 0}


def test_a_group_that_was_renamed(chosen):
    stored = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    before = head(chosen)
    session = stored.rearrange_session("main")
    session.move(f"/{GROUP}", "/other")
    session.commit("renamed")
    found = compared(chosen, before)
    assert {one: (its.state, its.epochs) for one, its in found.items()} == {
        "rec": ("removed", Change(removed=240)),
        "other": ("added", Change(240)),
    }


@pytest.mark.heavy
def test_a_ledger_of_another_form(chosen, tmp_path):
    put_back_stored(chosen, GROUP)
    before, _ = later(chosen, tmp_path, file_at(DAY_ONE_S + 3600))
    found = compared(chosen, before)[GROUP]
    assert (found.epochs, found.files) == (Change(120), Change(1))


def test_rows_are_compared_whether_or_not_it_is_known_which_were_written(chosen, tmp_path):
    stored = open_existing(str(repository(chosen))).handle
    versions = later(chosen, tmp_path, file_at(DAY_ONE_S + 3600) | file_at(DAY_ONE_S + 2 * 3600))
    stores = [stored.readonly_session(snapshot_id=each).store for each in versions]
    groups = [zarr.open_group(store, path=GROUP, mode="r") for store in stores]
    for chunks in (None, {0}, {0, 7}):
        found = ledger_change(*groups, chunks)
        assert (found.files, found.epochs) == (Change(added=2), Change(added=240))
    assert ledger_change(*groups, set()).files == Change()


def test_the_same_version_twice(chosen):
    assert compared(chosen, head(chosen)) == {}
    assert compared(chosen, "main", "1") == {}


def test_versions_of_two_lines_are_told_with_what_they_have_in_common(chosen, tmp_path):
    create_branch(chosen, "trial")
    on_trial = chosen.model_copy(update={"run": chosen.run.model_copy(update={"branch": "trial"})})
    common, theirs = later(on_trial, tmp_path, file_at(DAY_ONE_S + 3600))
    _, ours = later(chosen, tmp_path, file_at(DAY_ONE_S + 2 * 3600))
    with pytest.raises(StoreError, match=f"{theirs} and {ours} are on different lines.*compare each with {common}"):
        compare(target_of(chosen), "trial", "main")
    assert compared(chosen, common, "trial")[GROUP].epochs == Change(120)


def test_versions_of_two_lines_that_begin_apart_have_none_in_common(chosen, tmp_path):
    repository_ = open_existing(str(repository(chosen)))
    make_branch(repository_, "trial", first_snapshot(repository_))
    later(chosen.model_copy(update={"run": chosen.run.model_copy(update={"branch": "trial"})}), tmp_path, {})
    with pytest.raises(StoreError, match=r"on different lines.* and they have no version in common"):
        compare(target_of(chosen), "trial", "main")


def test_versions_between_which_others_have_expired(chosen, tmp_path):
    first, _ = later(chosen, tmp_path, file_at(DAY_ONE_S + 3600))
    later(chosen, tmp_path, file_at(DAY_ONE_S + 2 * 3600))
    empty = next(iter(reversed(list(open_existing(str(repository(chosen))).handle.ancestry(branch="main"))))).id
    whole = compared(chosen, empty)
    collect_garbage(chosen, timedelta(), dry_run=False)
    assert compared(chosen, empty) == whole
    with pytest.raises(StoreError, match=f"no version '{first}'"):
        compare(target_of(chosen), first)


def test_a_chunk_that_is_lost_is_not_asked_for(chosen, tmp_path):
    before, _ = later(chosen, tmp_path, file_at(DAY_ONE_S + 3600))
    found = compared(chosen, before)
    shutil.rmtree(repository(chosen) / "chunks")
    assert compared(chosen, before) == found
    assert replace(found[GROUP], own=True) == found[GROUP]
