"""Segments of a journal as they are written, and what is believed of them that are damaged or of dead starts."""

from dataclasses import replace
from pathlib import Path

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.job import segments as module
from gnssice_batch.job.sealing import seal, unsealed
from gnssice_batch.job.segments import (
    finished_keys,
    names_in,
    note_start,
    read_segments,
    record,
    segment,
    segment_name,
)
from gnssice_batch.records import dump
from gnssice_batch.storage.folder import Folder
from tests.job.test_journal import finished

FIRST, SECOND = "000001.aa", "000002.bb"


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path / "run"))


def kept(key):
    return record(key, finished(key=key))


def put(folder, *records, origin=FIRST, number=0, damage=lambda content: content):
    """Write a segment; its name."""
    name = segment_name(origin, number)
    folder.write(name, damage(segment(records)))
    return name.partition("/")[2]


def spoiling(number):
    """The content of a segment with a character changed in one of its documents, the index being number 0."""

    def damage(content):
        lines = content.split(b"\n")
        lines[2 * number + 1] = lines[2 * number + 1].replace(b'"', b"'", 1)
        return b"\n".join(lines)

    return damage


def without_index(content):
    return b"\n".join(content.split(b"\n")[2:])


def test_a_segment_is_an_index_and_a_record_for_each_partition():
    done, dropped = kept("a"), record("b", None)
    assert (done.key, done.stands, dropped.key, dropped.stands) == ("a", True, "b", False)
    content = segment([done, dropped])
    index, first, second = unsealed(content)
    assert index == {"index": [["a", True], ["b", False]]}
    assert first["outcome"] == dump(finished(key="a").outcome)
    assert (first["key"], first["done"]["rows"]) == ("a", [8])
    assert "outcome" not in first["done"]
    assert second == {"key": "b", "done": None}
    lines = content.split(b"\n")
    assert (len(lines), lines[-1]) == (7, b"")
    assert content == b"\n".join([*lines[:2], done.sealed, dropped.sealed, b""])


def test_a_partition_that_was_dropped_is_none_of_those_that_are_finished(folder):
    name = put(folder, kept("a"), kept("b"), record("a", None), kept("c"))
    found = read_segments(folder)
    assert list(found.partitions) == ["b", "c"]
    assert found.records == {name: 4}
    assert finished_keys(folder) == {"b", "c"}
    back = found.partitions["b"]
    assert back.outcome.files[0].file is back.files[0]


DAMAGES = {
    "its index": (spoiling(0), {"a", "b", "c"}, 4, "its index is not read"),
    "a record": (spoiling(1), {"b", "c"}, 4, "partitions done again: a"),
    "two records": (lambda content: spoiling(1)(spoiling(3)(content)), {"b"}, 4, "partitions done again: a, c"),
    "a record that drops": (spoiling(4), {"a", "b", "c"}, 4, "partitions done again: d"),
    "its end": (lambda content: b"\n".join(content.split(b"\n")[:4]), {"a"}, 4, "partitions done again: b, c, d"),
    "all of it": (lambda _: b"", set(), 0, "its index is not read"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_is_said_and_costs_no_more_than_itself(folder, caplog, damage):
    spoil, left, records, said = damage
    name = put(folder, kept("a"), kept("b"), kept("c"), record("d", None), damage=spoil)
    found = read_segments(folder)
    assert (set(found.partitions), found.records) == (left, {name: records})
    assert [one.getMessage() for one in caplog.records] == [
        f"{folder.url}/partitions/{name} is cut off or changed; {said}"
    ]
    caplog.clear()
    indexed = {"a", "b", "c"} if "again" in said else left
    assert finished_keys(folder) == indexed


def test_a_whole_segment_is_not_spoken_of(folder, caplog):
    put(folder, kept("a"), record("b", None))
    assert (list(read_segments(folder).partitions), finished_keys(folder)) == (["a"], {"a"})
    assert caplog.records == []


def test_of_a_partition_that_was_made_twice_both_records_have_to_be_whole(folder):
    """Which of them is the later one can't be told from what is left."""
    put(folder, kept("a"), kept("a"), kept("b"), damage=spoiling(2))
    assert list(read_segments(folder).partitions) == ["b"]


def test_records_without_an_index_are_all_read(folder):
    name = put(folder, kept("a"), kept("b"), record("a", None), damage=without_index)
    assert (list(read_segments(folder).partitions), read_segments(folder).records) == (["b"], {name: 3})
    assert finished_keys(folder) == {"b"}


def test_other_files_beside_segments_are_none(folder):
    put(folder, kept("a"))
    name = f"{FIRST}.00000001"
    folder.write(f"partitions/{name}.unfinished", segment([kept("b")]))
    assert (list(read_segments(folder).partitions), finished_keys(folder)) == (["a"], {"a"})


def test_an_index_may_be_longer_than_what_is_read_at_first(folder, monkeypatch):
    put(folder, *(record(f"{number}", None) for number in range(20)), kept("a"))
    monkeypatch.setattr(module, "_INDEX_BYTES", 60)
    assert finished_keys(folder) == {"a"}


class TestBounds:
    """What a start that is believed dead writes later does not count."""

    def test_so_many_records_are_believed_as_were_found(self, folder):
        name = put(folder, kept("a"), record("b", None), kept("b"), kept("c"))
        put(folder, kept("d"), number=1)
        put(folder, kept("e"), origin=SECOND)
        note_start(folder, SECOND, {name: 1})
        assert list(read_segments(folder).partitions) == ["a", "e"]
        assert finished_keys(folder) == {"a", "e"}
        assert set(read_segments(folder).records.values()) == {4, 1}

    @pytest.mark.parametrize("damage", [spoiling(0), without_index])
    def test_so_many_are_read_where_the_index_is_not(self, folder, damage):
        name = put(folder, kept("a"), kept("b"), damage=damage)
        note_start(folder, SECOND, {name: 1})
        assert list(read_segments(folder).partitions) == ["a"]
        assert finished_keys(folder) == {"a"}

    def test_the_latest_start_decides(self, folder):
        name = put(folder, kept("a"), kept("b"))
        note_start(folder, SECOND, {name: 1})
        note_start(folder, "000003.aa", {name: 2})
        folder.write("starts/000004.aa.unfinished", b"")
        put(folder, kept("c"), origin=SECOND)
        assert list(read_segments(folder).partitions) == ["a", "b"]
        assert finished_keys(folder) == {"a", "b"}

    def test_a_record_that_was_damaged_later_is_still_said(self, folder, caplog):
        name = put(folder, kept("a"), kept("b"), damage=spoiling(2))
        note_start(folder, SECOND, {name: 1})
        assert list(read_segments(folder).partitions) == ["a"]
        assert caplog.records == []

    def test_where_it_is_damaged_nothing_before_it_is_believed(self, folder, caplog):
        put(folder, kept("a"))
        put(folder, kept("b"), origin=SECOND)
        folder.write(f"starts/{SECOND}", seal({"records": {}})[:-1])
        assert (list(read_segments(folder).partitions), finished_keys(folder)) == (["b"], {"b"})
        assert f"{folder.url}/{SECOND} is not used, nor what was finished before it" in caplog.text


class TestStorage:
    def test_what_is_gone_is_empty(self, folder):
        """Another process has removed the journal meanwhile."""
        assert module._content(folder, "partitions/none") == b""

    def test_what_can_not_be_read_is_said(self, folder):
        Path(folder.url, "partitions", "folder").mkdir(parents=True)
        with pytest.raises(StoreError, match=r"/run/partitions/folder: the journal can't be read: "):
            module._content(folder, "partitions/folder")

    def test_what_can_not_be_listed_is_said(self, folder, monkeypatch):
        def fail(_):
            raise PermissionError("no")

        monkeypatch.setattr(Folder, "entries", fail)
        with pytest.raises(StoreError, match=r"/run/partitions: the journal can't be listed: no"):
            names_in(folder, "partitions")

    def test_what_can_not_be_written_is_said(self, folder):
        folder.write("starts", b"a file")
        with pytest.raises(StoreError, match=rf"/run/starts/{SECOND}: the journal can't be written: .* already stands"):
            note_start(folder, SECOND, {})


def test_the_text_that_a_worker_has_made_is_what_is_kept():
    done = finished(key="a")
    made = record("a", replace(done, outcome=replace(done.outcome, document=b'{"made":1}')))
    assert made.sealed.endswith(b',"outcome":{"made":1}}')
