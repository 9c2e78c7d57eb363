"""A journal on a disk: what its documents are at each moment, how it ends, and what each failure says."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gnssice_batch.errors import Reason, RunConflictError, StoreError
from gnssice_batch.job import journal as journals
from gnssice_batch.job.journal import _read, _record, _write, begin, entries_of, open_journals, resumable
from gnssice_batch.job.sealing import seal, unseal
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Status
from gnssice_batch.records import dump
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.writing.structure import Structure
from tests.job.test_journal import RECORD, again, finished, segments
from tests.support.leases import others

STRUCTURE = Structure("BASE", "staging", b"change", b"fork", {})
REFUSED = FileOutcome(SourceFile("a", "rec", 1, ""), Status.REJECTED, FileFacts(), Refusal(Reason.EMPTY))


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path / "runs"))


@pytest.fixture
def journal(folder):
    begun = begin(folder, RECORD)
    yield begun
    begun.at_work.writer.stop()
    begun.at_work.holding.forget()


@pytest.fixture
def hanging(monkeypatch):
    """A storage that takes no segment until the test lets it."""
    write, go_on = Folder.write, threading.Event()

    def slow(self, name, content):
        if name.startswith("partitions/"):
            go_on.wait(10)
        write(self, name, content)

    monkeypatch.setattr(Folder, "write", slow)
    yield go_on
    go_on.set()


def lose(journal):
    """Let another start take the run, and this one know it."""
    journal.folder.write("lease.json", seal(dump(others())))
    with pytest.raises(RunConflictError):
        journal.renew()


def test_a_new_journal_has_its_lease_and_its_record_and_asks_for_nothing(folder, monkeypatch):
    monkeypatch.setattr(Folder, "read_version", lambda *_: pytest.fail("nobody can have written it"))
    begin(folder, RECORD)
    assert folder.entries().keys() == {f"{RECORD.run}/lease.json", f"{RECORD.run}/run.json"}


def test_what_the_survey_has_refused_is_kept_for_a_later_start(folder, journal):
    assert journal.surveyed() == ()
    journal.keep_surveyed((REFUSED,))
    assert journal.surveyed() == (REFUSED,)
    later = again(folder)
    assert later.surveyed() == (REFUSED,)
    later.keep_surveyed(())
    assert later.surveyed() == ()
    assert len([name for name in later.folder.entries() if name.startswith("surveyed/")]) == 2


def test_of_several_starts_the_latest_counts_and_what_is_half_written_does_not(folder, journal):
    journal.keep_structure(STRUCTURE)
    later = again(folder)
    assert later.structure() == STRUCTURE
    later.keep_structure(replace(STRUCTURE, branch="later"))
    later.folder.write("structure/999999.ff.0123.unfinished", b"cut off")
    assert later.structure().branch == journal.structure().branch == "later"


def test_a_structure_that_is_damaged_is_none_and_that_is_said(journal, caplog):
    journal.keep_structure(STRUCTURE)
    (name,) = (name for name in journal.folder.entries() if name.startswith("structure/"))
    journal.folder.write(name, b"damaged")
    assert journal.structure() is None
    assert f"{name} is not used: not a journal file" in caplog.text


def test_a_start_that_finds_nothing_finished_notes_nothing(folder, journal):
    assert journal.take_in() == {}
    assert not [name for name in journal.folder.entries() if name.startswith("starts/")]
    journal.keep(finished())
    journal.flush()
    later = again(folder)
    assert later.take_in().keys() == {"a.1"}
    (name,) = (name for name in later.folder.entries() if name.startswith("starts/"))
    assert name == f"starts/{later.at_work.holding.lease.origin}"


def test_what_was_handed_in_is_there_once_flush_comes_back(journal):
    journal.keep(finished())
    journal.keep(finished(key="b"))
    journal.drop("b")
    journal.flush()
    assert (journal.partitions().keys(), journal.finished()) == ({"a.1"}, 1)


def test_whose_lease_it_is_can_be_looked_at(folder, journal):
    assert journal.lease() == journal.at_work.holding.lease
    (seen,) = open_journals(folder)
    assert seen.lease() == journal.lease()
    journal.folder.remove("lease.json")
    assert seen.lease() is None


@pytest.mark.parametrize(
    "refused",
    [
        lambda journal: journal.renew(),
        lambda journal: journal.flush(),
        lambda journal: journal.drop("a.1"),
        lambda journal: journal.keep_structure(STRUCTURE),
        lambda journal: journal.close(),
    ],
)
@pytest.mark.usefixtures("journal")
def test_a_journal_to_look_at_is_not_worked_on(folder, refused):
    (seen,) = open_journals(folder)
    with pytest.raises(StoreError, match=f"run {RECORD.run}: its journal was opened to look at"):
        refused(seen)


def test_a_good_end_keeps_everything_and_leaves_the_lease_to_this_machine(folder):
    with begin(folder, RECORD) as journal:
        journal.keep(finished())
    assert journal.partitions().keys() == {"a.1"}
    assert not journal.lease().released
    assert not journal.lease().alive()
    thread = journal.at_work.writer._thread
    thread.join(5)
    assert not thread.is_alive()


def test_an_end_by_an_error_keeps_everything_and_gives_the_run_back(folder):
    with pytest.raises(ZeroDivisionError), begin(folder, RECORD) as journal:  # noqa: PT012 - the end of the context
        journal.keep(finished())
        1 // 0  # noqa: B018 - it fails
    assert journal.partitions().keys() == {"a.1"}
    assert journal.lease().released


@pytest.mark.usefixtures("hanging")
def test_what_is_not_written_in_time_is_told(journal):
    journal.keep(finished())
    with pytest.raises(StoreError, match=r"1 records of the journal were not written in 0\.02 s"):
        journal.close(0.02)
    assert not journal.lease().alive(), "other starts of this process may have it all the same"


@pytest.mark.usefixtures("hanging")
def test_after_an_error_what_is_not_written_in_time_is_only_said(folder, monkeypatch, caplog):
    monkeypatch.setattr(journals, "_PATIENCE_S", 0.02)
    with pytest.raises(ZeroDivisionError), begin(folder, RECORD) as journal:  # noqa: PT012 - the end of the context
        journal.keep(finished())
        1 // 0  # noqa: B018 - it fails
    assert "1 records of the journal were not written in 0.02 s; what is missing is done again" in caplog.text
    assert journal.lease().released


def test_an_error_of_the_journal_itself_is_heard_once(folder, monkeypatch, caplog):
    full = OSError(28, "No space left on device")
    write = Folder.write

    def fails(self, name, content):
        if name.startswith("partitions/"):
            raise full
        write(self, name, content)

    monkeypatch.setattr(Folder, "write", fails)
    with pytest.raises(StoreError, match="No space left"), begin(folder, RECORD) as journal:  # noqa: PT012 - likewise
        journal.keep(finished())
        journal.flush()
    assert "what is missing is done again" not in caplog.text


def test_who_has_lost_a_run_writes_and_waits_for_nothing_at_its_end(journal, hanging):
    journal.keep(finished())
    lose(journal)
    journal.close()
    assert not hanging.is_set()
    assert segments(journal) == []
    with pytest.raises(RunConflictError, match="taken over by another-host"):
        journal.at_work.writer._write("partitions/late", b"")
    assert "partitions/late" not in segments(journal)


@pytest.mark.parametrize("refused", ["keep", "drop", "keep_structure", "keep_surveyed", "flush"])
def test_who_has_lost_a_run_keeps_nothing(journal, refused):
    lose(journal)
    before = journal.folder.entries().keys()
    arguments = {"keep": [finished()], "drop": ["a.1"], "keep_structure": [STRUCTURE], "keep_surveyed": [()]}
    with pytest.raises(RunConflictError, match="taken over by another-host"):
        getattr(journal, refused)(*arguments.get(refused, []))
    assert journal.folder.entries().keys() == before


def test_a_lease_that_can_t_be_given_back_is_only_said(journal, monkeypatch, caplog):
    def fails(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Folder, "write_version", fails)
    journal.give_back()
    assert "the lease was not given back: " in caplog.text


def test_the_record_goes_last_and_with_it_the_folder(journal):
    journal.keep_structure(STRUCTURE)
    seen = []
    journal.remove(lambda: seen.append(journal.folder.entries().keys()))
    assert seen == [{"run.json"}]
    assert not Path(journal.folder.url).exists()


def test_where_it_is_not_ready_the_record_stays_and_a_start_finds_it(folder, journal):
    def not_ready():
        raise StoreError("the branch is still there")

    with pytest.raises(StoreError, match="still there"):
        journal.remove(not_ready)
    assert [found.record for found in open_journals(folder)] == [RECORD]


def test_journals_are_given_oldest_first_and_what_is_none_is_left_out(folder, caplog):
    times = {"b": "2025-01-01T00:00:00+00:00", "c": "2024-01-01T00:00:00+00:00", "a": "2025-06-01T00:00:00+00:00"}
    for run, started in times.items():
        begin(folder, replace(RECORD, run=run, started=started)).at_work.holding.forget()
    folder.write("d/run.json", b"of another program")
    folder.write("e/other.json", b"of another program")
    assert [found.record.run for found in open_journals(folder)] == ["c", "b", "a"]
    assert "d is not a journal that this program can use: not a journal file" in caplog.text
    assert "e is not a journal" not in caplog.text
    assert resumable(folder, "settings", "main").record.run == "c"


@pytest.fixture
def closed(tmp_path):
    """A folder that is none, so that nothing in it can be read or written."""
    (tmp_path / "file").write_text("no folder")
    return Folder(str(tmp_path / "file"))


def test_a_journal_that_can_t_be_written_says_that_what_it_has_stands(closed):
    with pytest.raises(StoreError, match=r"file/run\.json: the journal can't be written: .*; what it has already"):
        _write(closed, "run.json", b"")


def test_a_journal_that_can_t_be_read_is_an_error_and_one_that_is_gone_is_none(folder, closed):
    with pytest.raises(StoreError, match=r"file/structure/1: the journal can't be read"):
        _read(closed, Structure, "structure/1")
    with pytest.raises(StoreError, match=r"file/run\.json: the journal can't be read"):
        _record(closed)
    assert _read(folder, Structure, "structure/1") is None
    assert _record(folder) is None


def test_journals_that_can_t_be_listed_are_an_error(closed):
    for listing in (entries_of, open_journals, lambda folder: begin(folder, RECORD)):
        with pytest.raises(StoreError, match=r"the journals at .*file can't be listed: .*Not a directory"):
            listing(closed)


def test_a_start_counts_from_the_highest_one_whose_documents_are_there(folder, journal):
    journal.folder.write("structure/000007.ab", b"")
    journal.folder.write("lease.json", b"damaged")
    journal.at_work.holding.forget()
    assert resumable(folder, "settings", "main").at_work.holding.lease.start == 8
    assert unseal(journal.folder.read("lease.json"))["start"] == 8
