"""The chunks that a commit of references changes are held against those that were written."""

from gnssice_batch.store.writing.references import Written


def noted():
    found = Written({}, {}, {"/copied"})
    found.note(found.references, "one", [(0,), (1,)])
    found.note(found.references, "one", [(2,)])
    found.note(found.removed, "two", [(7,)])
    return found


def wrong(found, moved=None):
    return list(noted().wrong({path: frozenset(indices) for path, indices in found.items()}, moved or {}))


def test_what_was_written_removed_or_moved_is_right():
    right = {"/one": [(0,), (1,), (2,)], "/two": [(7,)], "/copied": [(3,), (4,)]}
    assert wrong(right) == []
    assert wrong(right | {"/three": [(5,)]}, {"/three": frozenset({(5,)})}) == []


def test_chunks_that_nobody_planned_are_counted_and_one_is_named():
    assert wrong({"/one": [(0,), (1,), (2,), (9,), (8,)], "/two": [(7,)]}) == [
        "/one: 2 chunks not planned, (8,) for one"
    ]
    assert wrong({"/one": [(0,), (1,), (2,)], "/three": [(5,)]}) == ["/three: 1 chunks not planned, (5,) for one"]


def test_chunks_that_are_missing_are_counted_and_one_is_named():
    assert wrong({"/one": [(1,)]}) == ["/one: 2 chunks missing, (0,) for one"]
    assert wrong({}) == ["/one: 3 chunks missing, (0,) for one"]
