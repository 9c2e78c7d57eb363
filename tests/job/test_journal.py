"""The journal: what is kept is believed only when it is whole, and no key stands in it."""

import socket
from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.errors import Reason, RunConflictError
from gnssice_batch.job.journal import FORMAT, RunRecord, begin, open_journals, resumable, seal, unseal
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
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.writing.structure import Structure

RECORD = RunRecord("20250101T000000-abc", "settings", "main", "BASE", "2025-01-01T00:00:00+00:00", "gnssice_batch 0")


def finished(fork=b"\x00fork\xff"):
    file = SourceFile("a/ract001a00.25d.gz", "a", 10, "etag", 1, 2)
    facts = FileFacts("00ff", "3.04", span=Span(1, 2), rank=rank(3, "3.04", 2, "00ff"), skipped={Reason.COMMENT: 2})
    refusal = Refusal(Reason.TRUNCATED, "", 7, b"> 20\xff")
    part = FileOutcome(file, Status.PARTIAL, facts, refusal, Tally(2, 9), {Reason.OFF_GRID: Tally(1, 3)}, ("a.1",))
    rows = EpochRows(4, np.array([-2, -1, 5], np.int32))
    outcome = PartitionOutcome("a.1", fork, (part,), (rows,), (0,), {3: Tally(1, 1)}, (), 10, 0.5, 1)
    return Done(Partition("a.1", "a", 0, 1), 0, 2, "digest", (file,), (8,), outcome)


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path):
    return Folder(str(tmp_path / "runs")) if request.param == "local" else Folder(f"memory://{tmp_path.name}")


def test_a_partition_comes_back_as_it_was_kept(folder):
    begin(folder, RECORD).keep(finished())
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


def test_a_torn_partition_is_not_believed(folder):
    journal = begin(folder, RECORD)
    journal.keep(finished())
    whole = journal.folder.read("partitions/a.1")
    for damaged in (whole[:-1], whole[:40], b"", whole.replace(b"digest", b"digesT"), whole.replace(b" 3 ", b" 1 ", 1)):
        journal.folder.write("partitions/a.1", damaged)
        assert journal.partitions() == {}


def test_a_journal_of_another_format_is_left_alone_and_said(folder, monkeypatch, caplog):
    """Forks of the one before did not hold the coordinates along the epochs."""
    with monkeypatch.context() as patch:
        patch.setattr("gnssice_batch.job.journal.FORMAT", FORMAT - 1)
        begin(folder, RECORD).keep(finished())
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
    begin(folder, RECORD)
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
    begin(folder, RECORD).remove()
    assert open_journals(folder) == ()


@pytest.mark.parametrize("removals", range(6))
def test_a_removal_that_is_cut_short_leaves_nothing_that_a_start_does_not_find(folder, monkeypatch, removals):
    journal = begin(folder, RECORD)
    journal.keep(finished())
    journal.keep_structure(Structure("BASE", "staging", b"change", b"fork", {}))
    journal.keep_surveyed(())
    with monkeypatch.context() as patch:
        left = iter(range(removals))
        whole = Folder.remove
        patch.setattr(
            Folder, "remove", lambda self, name="": whole(self, name) if next(left, None) is not None else died()
        )
        with pytest.raises(KeyboardInterrupt):
            journal.remove()
    for found in open_journals(folder):
        found.remove()
    assert folder.entries() == {}


def died():
    raise KeyboardInterrupt


def test_a_lease_without_a_record_is_swept_away_when_its_process_is_dead(folder):
    for run, host in (("dead", "another-host"), ("alive", socket.gethostname())):
        journal = begin(folder, replace(RECORD, run=run))
        lease = unseal(journal.folder.read("lease.json")) | {"host": host, "beat": "2020-01-01T00:00:00+00:00"}
        journal.folder.write("lease.json", seal(lease))
        journal.folder.remove("run.json")
    folder.write("not/ours/lease.json", b"anything")
    begin(folder, RECORD)
    left = {"alive/lease.json", "not/ours/lease.json", f"{RECORD.run}/lease.json", f"{RECORD.run}/run.json"}
    assert set(folder.entries()) == left
