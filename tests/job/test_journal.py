"""The journal: what is kept is believed only when it is whole, wherever it lies, and no start replaces another's."""

import os
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnssice_batch.errors import Reason, RunConflictError, StoreError
from gnssice_batch.job.journal import RunRecord, _remove, begin, open_journals, resumable
from gnssice_batch.job.orphans import new_name
from gnssice_batch.job.sealing import FORMAT, seal, unseal
from gnssice_batch.job.segment_writer import FULL_BYTES
from gnssice_batch.job.segments import record
from gnssice_batch.model.values import (
    Done,
    EpochRows,
    FileFacts,
    FileOutcome,
    Partition,
    PartitionOutcome,
    Refusal,
    SourceFile,
    Span,
    Status,
    Tally,
    rank,
)
from gnssice_batch.records import dump, encode
from gnssice_batch.storage import disk
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.options import options_of
from gnssice_batch.store.writing.structure import Structure

RECORD = RunRecord("20250101T000000-abc", "settings", "main", "BASE", "2025-01-01T00:00:00+00:00", "gnssice_batch 0")


def finished(fork=b"\x00fork\xff", key="a.1"):
    file = SourceFile("a/ract001a00.25d.gz", "a", 10, "etag", 1, 2)
    facts = FileFacts("00ff", "3.04", span=Span(1, 2), rank=rank(3, "3.04", 2, "00ff"), skipped={Reason.COMMENT: 2})
    refusal = Refusal(Reason.TRUNCATED, "", 7, b"> 20\xff")
    part = FileOutcome(file, Status.PARTIAL, facts, refusal, Tally(2, 9), {Reason.OFF_GRID: Tally(1, 3)}, (key,))
    rows = EpochRows.of(4, np.array([-2, -1, 5], np.int32))
    outcome = PartitionOutcome(key, fork, (part,), (rows,), (0,), {3: Tally(1, 1)}, (), 10, 0.5, 1)
    return Done(Partition(key, "a", 0, 1), 0, 2, "digest", (file,), (8,), outcome)


@pytest.fixture
def folder(object_stores):
    return Folder(object_stores.url, options_of(object_stores.options)).below("runs")


@pytest.fixture
def local(tmp_path):
    return Folder(str(tmp_path / "runs"))


def again(folder):
    """A new start, as a process would make it that finds the one before dead."""
    for journal in open_journals(folder):
        content = unseal(journal.folder.read("lease.json"))
        journal.folder.write("lease.json", seal(content | {"host": "dead", "beat": "2020-01-01T00:00:00+00:00"}))
    return resumable(folder, "settings", "main")


def test_a_partition_comes_back_as_it_was_kept(folder):
    with begin(folder, RECORD) as begun:
        begun.keep(finished())
    (journal,) = open_journals(folder)
    (back,) = journal.partitions().values()
    assert journal.record == RECORD
    assert (back.partition, back.files, back.rows, back.outcome.files) == (
        finished().partition,
        finished().files,
        (8,),
        finished().outcome.files,
    )
    assert back.outcome.fork == b"\x00fork\xff"
    assert back.outcome.displaced == {3: Tally(1, 1)}
    np.testing.assert_array_equal(back.outcome.epochs[0].source, [-2, -1, 5])


def test_the_text_that_a_worker_has_made_is_what_is_kept(local):
    """Word for word as if the coordinator had made it."""
    done = finished()
    document = encode(dump(done.outcome))
    given = replace(done, outcome=replace(done.outcome, document=document))
    assert record("a.1", given) == record("a.1", done)
    with begin(local, RECORD) as journal:
        journal.keep(replace(given, outcome=replace(given.outcome, document=document.replace(b"digest", b"digesT"))))
    (back,) = journal.partitions().values()
    assert dump(back) == dump(done)
    assert back.outcome.files[0].file is back.files[0]


def kept(folder, *records):
    """A journal with these partitions and drops in one segment, and the segment's name and content."""
    journal = begin(folder, RECORD)
    for each in records:
        journal.drop(each) if isinstance(each, str) else journal.keep(each)
    journal.flush()
    (name,) = segments(journal)
    return journal, name, journal.folder.read(name)


def segments(journal):
    return sorted(name for name in journal.folder.entries() if name.startswith("partitions/"))


DAMAGES = {
    "a value": lambda whole: whole.replace(b'"00ff"', b'"00fe"', 1),
    "a character": lambda whole: whole.replace(b"digest", b"digesT", 1),
    "a character in a head": lambda whole: head_of(whole, 1, b"%d" % FORMAT, b"1"),
    "the magic of a head": lambda whole: head_of(whole, 1, b"gnssice", b"gnssicE"),
    "a line end in the middle": lambda whole: whole.replace(b"digest", b"dig\nst", 1),
    "all of it": lambda whole: b"gnssice-journal".join(
        part for at, part in enumerate(whole.split(b"gnssice-journal")) if at != 2
    ),
}


def head_of(whole, number, old, new):
    """The head of a record, the index being number 0, with something replaced."""
    parts = whole.split(b"gnssice-journal")
    parts = [parts[0], *(b"gnssice-journal" + each for each in parts[1:])]
    parts[number + 1] = parts[number + 1].replace(old, new, 1)
    return b"".join(parts)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_record_costs_no_other(local, damage):
    journal, name, whole = kept(local, finished(key="a.1"), finished(key="a.2"), finished(key="a.3"))
    damaged = damage(whole)
    assert damaged != whole
    journal.folder.write(name, damaged)
    assert journal.partitions().keys() == {"a.2", "a.3"}


def test_a_segment_that_is_cut_off_keeps_what_is_before(local):
    journal, name, whole = kept(local, finished(key="a.1"), finished(key="a.2"), finished(key="a.3"))
    for length, left in ((len(whole) - 2, 2), (len(whole) // 2, 1), (60, 0), (0, 0)):
        journal.folder.write(name, whole[:length])
        assert len(journal.partitions()) == left


def test_a_later_record_that_is_damaged_does_not_bring_the_earlier_back(local):
    """Neither a partition that was done again, nor one that was dropped."""
    for later, old, new in ((finished(b"later"), b"bGF0ZXI=", b"bGF0ZXo="), ("a.1", b'"done":null', b'"done":nulL')):
        journal, name, whole = kept(local, finished(), finished(key="b"), later)
        assert whole.count(old) == 1
        journal.folder.write(name, whole.replace(old, new))
        assert journal.partitions().keys() == {"b"}
        journal.close()
        journal.remove()


def test_without_its_index_the_records_of_a_segment_stand(local):
    journal, name, whole = kept(local, finished(), finished(key="b"))
    journal.folder.write(name, whole.replace(b'"index"', b'"Index"'))
    assert journal.partitions().keys() == {"a.1", "b"}
    assert journal.finished() == 2


def test_later_records_replace_earlier_ones(folder):
    journal, _, _ = kept(folder, finished(b"one"), finished(b"two"), finished(key="b"), "b")
    assert {key: done.outcome.fork for key, done in journal.partitions().items()} == {"a.1": b"two"}
    assert journal.finished() == 1
    journal.keep(finished(b"three", key="b"))
    journal.flush()
    assert journal.partitions().keys() == {"a.1", "b"}
    assert journal.finished() == 2


def test_a_journal_of_many_partitions_is_few_files(local):
    """However slowly they come."""
    with begin(local, RECORD) as journal:
        for number in range(100):
            journal.keep(finished(bytes(3000), key=f"a.{number:03d}"))
            journal.flush()
        names = segments(journal)
    assert 4 <= len(names) <= 10
    assert len(journal.partitions()) == journal.finished() == 100
    assert max(len(journal.folder.read(name)) for name in names) < FULL_BYTES + 8000


def test_an_index_longer_than_what_is_read_at_first(local):
    with begin(local, RECORD) as journal:
        journal.keep(finished(bytes(10), key="a" * 40_000))
        journal.keep(finished(bytes(10), key="b" * 40_000))
    assert journal.finished() == 2


def test_what_the_start_before_writes_late_does_not_count(folder):
    late = begin(folder, RECORD)
    for key in ("a.1", "a.2"):
        late.keep(finished(b"early", key=key))
    late.flush()
    journal = again(folder)
    assert journal.take_in().keys() == {"a.1", "a.2"}
    journal.keep(finished(b"mine"))
    journal.flush()
    for key in ("a.1", "a.3"):
        late.keep(finished(b"late", key=key))
    late.flush()
    for found in (journal, again(folder)):
        forks = {key: done.outcome.fork for key, done in found.partitions().items()}
        assert forks == {"a.1": b"mine", "a.2": b"early"}
        assert found.finished() == 2


def test_a_structure_that_the_start_before_writes_late_does_not_count(folder):
    late = begin(folder, RECORD)
    late.keep_structure(Structure("BASE", "early", b"change", b"work", {}))
    journal = again(folder)
    assert journal.structure().branch == "early"
    journal.drop_structure()
    late.keep_structure(Structure("BASE", "late", b"change", b"work", {}))
    assert journal.structure() is None
    assert again(folder).structure() is None


def test_where_the_lease_is_damaged_a_start_still_comes_after_those_before(local):
    first = begin(local, RECORD)
    second = again(local)
    second.keep(finished(b"second"))
    second.close()
    first.close()
    second.folder.write("lease.json", b"")
    third = resumable(local, "settings", "main")
    assert third.at_work.holding.lease.start == 3
    third.keep(finished(b"third"))
    third.flush()
    assert third.partitions()["a.1"].outcome.fork == b"third"


def test_a_record_of_starts_that_is_damaged_costs_what_was_before_it(local, caplog):
    with begin(local, RECORD) as first:
        first.keep(finished())
    journal = again(local)
    journal.take_in()
    (name,) = (name for name in journal.folder.entries() if name.startswith("starts/"))
    journal.folder.write(name, b"")
    assert journal.partitions() == {}
    assert "nor what was finished before it" in caplog.text


def test_a_journal_that_is_looked_at_is_not_written(local):
    begin(local, RECORD).close()
    (journal,) = open_journals(local)
    with pytest.raises(StoreError, match="to look at"):
        journal.keep(finished())


def test_the_end_of_a_run_that_failed_keeps_what_was_finished(local):
    with pytest.raises(KeyboardInterrupt), begin(local, RECORD) as journal:  # noqa: PT012 - the end of the context
        journal.keep(finished())
        died()
    assert journal.partitions().keys() == {"a.1"}


def test_a_journal_of_another_format_is_left_alone_and_said(folder, monkeypatch, caplog):
    """The one before kept the sources of epochs one by one."""
    with monkeypatch.context() as patch:
        patch.setattr("gnssice_batch.job.sealing.FORMAT", FORMAT - 1)
        with begin(folder, RECORD) as journal:
            journal.keep(finished())
    assert resumable(folder, "settings", "main") is None
    assert f"is not a journal that this program can use: not a journal file of format {FORMAT}" in caplog.text


def test_a_structure_takes_the_place_of_the_one_before(folder):
    journal = begin(folder, RECORD)
    assert journal.structure() is None
    for branch in ("one", "two"):
        journal.keep_structure(Structure("BASE", branch, b"change", b"work", {"/a/SNR": frozenset({(0, 0)})}))
    kept = journal.structure()
    assert (kept.branch, kept.units) == ("two", {"/a/SNR": frozenset({(0, 0)})})
    journal.drop_structure()
    assert journal.structure() is None


def test_only_the_same_settings_and_branch_go_on_with_a_run(folder):
    begin(folder, RECORD).close()
    assert resumable(folder, "other settings", "main") is None
    assert resumable(folder, "settings", "other") is None
    assert resumable(folder, "settings", "main").record == RECORD


def test_a_run_at_work_elsewhere_is_left_alone(folder):
    journal = begin(folder, RECORD)
    text = journal.folder.read("lease.json")
    lease = unseal(text) | {"host": "another-host", "beat": "2999-01-01T00:00:00+00:00"}
    journal.folder.write("lease.json", seal(lease))
    with pytest.raises(RunConflictError, match="another-host"):
        resumable(folder, "settings", "main")
    journal.folder.write("lease.json", seal(lease | {"beat": "2020-01-01T00:00:00+00:00"}))
    assert resumable(folder, "settings", "main") is not None


def test_removed_journals_are_gone(folder):
    with begin(folder, RECORD) as journal:
        journal.keep(finished())
    journal.remove()
    assert open_journals(folder) == ()


@pytest.mark.parametrize("name", ["remove", "remove_file"])
def test_a_journal_that_can_t_be_removed_is_told_and_found_again(local, monkeypatch, name):
    def refused(*_, **__):
        raise OSError(13, "Permission denied")

    with begin(local, RECORD) as journal:
        journal.keep(finished())
    with monkeypatch.context() as patch:
        patch.setattr(Folder, name, refused)
        if name == "remove":
            with pytest.raises(StoreError, match=r"the journal can't be removed: .*Permission denied; start again"):
                journal.remove()
        else:
            with pytest.raises(StoreError, match=r"run\.json: the journal can't be removed"):
                _remove(journal.folder, "run.json")
    assert [found.record for found in open_journals(local)] == [RECORD]


@pytest.mark.parametrize("removals", range(6))
def test_a_removal_that_is_cut_short_leaves_nothing_that_a_start_does_not_find(local, monkeypatch, removals):
    folder = local
    with begin(folder, RECORD) as journal:
        journal.keep(finished())
        journal.keep_structure(Structure("BASE", "staging", b"change", b"fork", {}))
        journal.keep_surveyed(())
        journal.flush()
        journal.take_in()
    with monkeypatch.context() as patch:
        left = iter(range(removals))
        whole = disk.remove
        patch.setattr(disk, "remove", lambda path: whole(path) if next(left, None) is not None else died())
        with pytest.raises(KeyboardInterrupt):
            journal.remove()
    for found in open_journals(folder):
        found.remove()
    assert folder.entries() == {}


def died():
    raise KeyboardInterrupt


def test_a_lease_without_a_record_is_swept_away_when_its_process_is_dead(folder):
    held = []
    for run, host in (("dead", "another-host"), ("alive", socket.gethostname())):
        journal = begin(folder, replace(RECORD, run=run))
        held.append(journal)
        lease = unseal(journal.folder.read("lease.json")) | {"host": host, "beat": "2020-01-01T00:00:00+00:00"}
        journal.folder.write("lease.json", seal(lease))
        journal.folder.remove("run.json")
    folder.write("not/ours/lease.json", b"anything")
    begin(folder, RECORD)
    left = {"alive/lease.json", "not/ours/lease.json", f"{RECORD.run}/lease.json", f"{RECORD.run}/run.json"}
    assert set(folder.entries()) == left


@pytest.mark.parametrize("written", ["lease.json.0123456789abcdef.unfinished", "partitions/000001.feed.000000"])
def test_what_a_start_wrote_before_its_lease_or_too_late_is_swept_away_when_it_is_old(local, written):
    old, young = new_name(), "20200101T000000-00f00d"
    for run in (old, young, "not-ours"):  # the last is no name of a run
        local.write(f"{run}/{written}", b"anything")
        if run != young:
            os.utime(Path(local.url) / run / written, (1_577_836_800, 1_577_836_800))
    begin(local, RECORD)
    left = {name.partition("/")[0] for name in local.entries()}
    assert left == {young, "not-ours", RECORD.run}


def test_a_record_that_was_not_written_to_its_end_goes_with_its_lease(local):
    journal = begin(local, replace(RECORD, run="dead"))
    lease = unseal(journal.folder.read("lease.json")) | {"host": "another-host", "beat": "2020-01-01T00:00:00+00:00"}
    journal.folder.write("lease.json", seal(lease))
    journal.folder.remove("run.json")
    journal.folder.write("run.json.0123456789abcdef.unfinished", b"cut off")
    begin(local, RECORD)
    assert {name.partition("/")[0] for name in local.entries()} == {RECORD.run}
