"""Chunks of two versions of an array are held against each other by their sizes, one by one and by lists alike."""

import icechunk
import pytest
import zarr

from gnssice_batch.store.reading import chunk_changes
from gnssice_batch.store.reading.chunk_changes import Change, ChunkChange, Shift, all_added, array_change
from tests.support.small_groups import put_chunks

PATH = "/Xylo/X"
BOTH_WAYS = pytest.mark.usefixtures("both_ways")


@pytest.fixture(params=[0, 256], ids=["by lists", "one by one"])
def both_ways(request, monkeypatch):
    """How many chunks are asked for their sizes each."""
    monkeypatch.setattr(chunk_changes, "_ONE_BY_ONE", request.param)


def versions(before, after, dims=1):
    """Sessions of two versions of an array with chunks of these sizes, by their first index."""
    stored = icechunk.Repository.create(icechunk.in_memory_storage())
    found = []
    for sizes in (before, after):
        session = stored.writable_session("main")
        root = zarr.open_group(session.store)
        if "Xylo" in root:
            del root["Xylo"]
        root.create_array(PATH[1:], shape=(100, 2)[:dims], chunks=(1, 2)[:dims], dtype="i1")
        put_chunks(session, PATH, {index_of(first, dims): size for first, size in sizes.items()})
        found.append(stored.readonly_session(snapshot_id=session.commit("changed")))
    return found


def index_of(first, dims):
    return (first, 0)[:dims]


def listed(firsts, dims=1):
    return [index_of(first, dims) for first in firsts]


class TestValues:
    def test_changes_are_added_part_by_part(self):
        assert Change(1, 2, 3) + Change(10, 20, 30) == Change(11, 22, 33)
        one = ChunkChange(Change(1, 2, 3), Change(4, 5, 6), 7, 8)
        other = ChunkChange(Change(10, 20, 30), Change(40, 50, 60), 70, 80)
        assert one + other == ChunkChange(Change(11, 22, 33), Change(44, 55, 66), 77, 88)

    @pytest.mark.parametrize("change", [Change(added=1), Change(changed=1), Change(removed=1)])
    def test_any_part_makes_a_change(self, change):
        assert change
        assert not Change()

    def test_from_the_later_version_what_was_added_is_what_is_removed(self):
        one = ChunkChange(Change(1, 2, 3), Change(4, 5, 6), 7, 8)
        assert one.reversed() == ChunkChange(Change(3, 2, 1), Change(6, 7, 4), 5, 8)
        assert one.reversed().reversed() == one


@BOTH_WAYS
@pytest.mark.parametrize("dims", [1, 2])
def test_of_an_array_that_stays_what_is_listed_is_added_changed_or_removed(dims):
    before = {0: 10, 1: 20, 2: 30, 5: 7, 6: 1}
    after = {0: 10, 1: 25, 2: 30, 3: 40, 4: 1}
    found = array_change(*versions(before, after, dims), PATH, listed([1, 2, 3, 4, 5, 6, 7], dims))
    assert found == ChunkChange(Change(2, 2, 2), Change(41, 55, 8), 50, 0)


@BOTH_WAYS
def test_what_is_not_listed_is_no_change():
    found = array_change(*versions({0: 10, 1: 20}, {0: 10, 1: 25}), PATH, listed([1]))
    assert found == ChunkChange(Change(changed=1), Change(changed=25), 20, 0)
    assert array_change(*versions({0: 10}, {0: 10}), PATH, []) == ChunkChange()


@BOTH_WAYS
@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("other", [6, 9], ids=["as it was", "by another program"])
def test_of_an_array_that_moved_only_what_was_written_or_has_another_size_is_changed(dims, other):
    before = {0: 10, 1: 20, 2: 1, 3: 6, 4: 8}
    after = {1: 50, 3: 10, 4: 20, 5: 1, 6: other}
    shift = Shift((3, 0)[:dims], lambda index: index[0] == 4)
    found = array_change(*versions(before, after, dims), PATH, listed(range(8), dims), shift)
    if other == 6:
        assert found == ChunkChange(Change(1, 1, 1), Change(50, 20, 8), 20, 3)
    else:
        assert found == ChunkChange(Change(1, 2, 1), Change(50, 29, 8), 26, 2)


@BOTH_WAYS
def test_an_array_that_moved_there_and_back_has_none_that_moved():
    shift = Shift((0,), lambda index: index[0] == 1)
    found = array_change(*versions({0: 5, 1: 6, 2: 7}, {0: 5, 1: 6, 2: 7}), PATH, listed([0, 1, 2]), shift)
    assert found == ChunkChange(Change(changed=1), Change(changed=6), 6, 0)


@BOTH_WAYS
def test_chunks_are_found_by_their_index_in_either_version():
    shift = Shift((3,), lambda index: index[0] == 4)
    found = array_change(*versions({0: 10}, {3: 10, 4: 5}), PATH, listed([1]), shift)
    assert found == ChunkChange(Change(added=1), Change(added=5), 0, 1)


def test_all_chunks_of_arrays_that_are_new_are_added():
    stored = icechunk.Repository.create(icechunk.in_memory_storage())
    session = stored.writable_session("main")
    root = zarr.open_group(session.store)
    for name, sizes in (("Xylo/X", {0: 10, 1: 20, 99: 3}), ("Xylo/X1", {5: 600}), ("empty", {})):
        root.create_array(name, shape=(100,), chunks=(1,), dtype="i1")
        put_chunks(session, name, {(first,): size for first, size in sizes.items()})
    session = stored.readonly_session(snapshot_id=session.commit("made"))
    assert all_added(session, ["/Xylo/X", "/Xylo/X1", "/empty"]) == ChunkChange(Change(added=4), Change(added=633))
    assert all_added(session, []) == ChunkChange()
