"""Refused files: listed with the place of the fault, and read again when asked, or by themselves where it may help."""

import json
import logging

import pytest

import gnssice_batch.planning.rules
from gnssice_batch.cli import main
from gnssice_batch.errors import ConfigError, RefusedError, StoreError
from gnssice_batch.job.report import exit_code
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from gnssice_batch.operate.quarantine import refused, retry_of
from gnssice_batch.planning.plan import Retry, select
from gnssice_batch.store.layout.ledger import StoredRefusal
from tests.support.runs import (
    DAY_ONE_S,
    check_ledger,
    head,
    ledger,
    messages,
    name,
    rinex,
    row,
    settings,
    span_s,
    stored,
    write,
)

GROUP = "rec"
GOOD, BAD, CUT, GONE = (name(DAY_ONE_S + 3600 * hour, "01H") for hour in (0, 1, 2, 3))


def hour_of(uri):
    return rinex(span_s(DAY_ONE_S + 3600 * (GOOD, BAD, CUT, GONE).index(uri), 1))


@pytest.fixture
def chosen(tmp_path):
    """A store with a good file, one that is no RINEX, one that breaks off, and one that the archive did not give."""
    chosen = settings(tmp_path, run={"max_refused_fraction": 1})
    files = {GOOD: hour_of(GOOD), BAD: b"<html>404</html>\n", CUT: hour_of(CUT)[:-40]}
    archive = write(tmp_path / "archive", files)
    (archive / GONE).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_bytes(hour_of(GONE))
    _lock(tmp_path)
    run(chosen)
    return chosen


def _lock(folder):
    """Let the archive fail to give one file that it lists: a link that leads nowhere."""
    (folder / "elsewhere").rename(folder / "kept")


def _unlock(folder):
    (folder / "kept").rename(folder / "elsewhere")


def test_the_list_says_why_and_where(chosen):
    found = {file.file: file for file in refused(chosen)}
    assert set(found) == {BAD, GONE}
    bad = found[BAD]
    assert (bad.receiver, bad.status, bad.reason) == (GROUP, "rejected", "not_rinex")
    assert bad.first_bytes.startswith("<html>404")
    assert bad.reasons == {"not_rinex": 1}
    assert not bad.older_reader
    assert found[GONE].reason == "unreadable"


def test_the_list_in_parts(chosen):
    assert {file.file for file in refused(chosen, partial=True)} == {BAD, CUT, GONE}
    assert [file.file for file in refused(chosen, (), ("truncated",), partial=True)] == [CUT]
    assert [file.file for file in refused(chosen, (GROUP,), ("not_rinex",))] == [BAD]
    assert refused(chosen, (), ("empty",)) == ()
    with pytest.raises(ConfigError, match="no receiver 'nobody'; there are rec"):
        refused(chosen, ("nobody",))
    with pytest.raises(ConfigError, match="no reason 'because'"):
        retry_of(chosen, (), ("because",))


def test_there_is_no_quarantine_before_the_first_run(tmp_path):
    with pytest.raises(StoreError, match="no repository"):
        refused(settings(tmp_path))


def test_an_unreadable_file_is_tried_again_by_every_run_and_commits_nothing_until_it_is_read(chosen, tmp_path):
    standing = head(chosen)
    again = run(chosen)
    assert (again.snapshot, again.files, head(chosen)) == (None, {}, standing)
    assert [outcome.file.uri for outcome in again.refused_again] == [GONE]
    assert exit_code(again, 0) == 0
    assert again.up_to_date == 3
    _unlock(tmp_path)
    report = run(chosen)
    assert [(o.file.uri, o.status) for o in report.files[GROUP]] == [(GONE, Status.OK)]
    assert GONE in stored(chosen, GROUP).uri
    check_ledger(chosen, GROUP)
    assert {file.file for file in refused(chosen)} == {BAD}
    assert run(chosen).snapshot is None


def test_an_unreadable_file_neither_breaks_a_run_nor_fails_it(chosen):
    """It was news once: a run that stops at the first rejected file, or at too many, is not stopped by it again."""
    strict = chosen.model_copy(update={"run": chosen.run.model_copy(update={"on_error": "fail"})})
    assert run(strict).snapshot is None
    wary = {"breaker_files": 1, "breaker_fraction": 0}
    assert run(chosen.model_copy(update={"run": chosen.run.model_copy(update=wary)})).snapshot is None


def test_a_new_rejected_file_still_stops_a_run_that_is_told_so(chosen, tmp_path):
    write(tmp_path / "archive", {name(DAY_ONE_S + 3600 * 5, "01H"): b"<html>"})
    with pytest.raises(RefusedError):
        run(chosen.model_copy(update={"run": chosen.run.model_copy(update={"on_error": "fail"})}))


def test_a_retry_that_fails_in_the_same_way_is_a_no_op(chosen):
    standing, rows = head(chosen), ledger(chosen, GROUP)["uri"].size
    report = run(chosen, retry=Retry())
    assert (report.snapshot, head(chosen), ledger(chosen, GROUP)["uri"].size) == (None, standing, rows)
    assert {outcome.file.uri for outcome in report.refused_again} == {BAD, GONE}
    assert report.files == {}


def test_a_retry_takes_nothing_else(chosen, tmp_path):
    new = name(DAY_ONE_S + 3600 * 8, "01H")
    write(tmp_path / "archive", {new: rinex(span_s(DAY_ONE_S + 3600 * 8, 1))})
    _unlock(tmp_path)
    report = run(chosen, retry=Retry(frozenset({"unreadable"})))
    assert [outcome.file.uri for outcome in report.files[GROUP]] == [GONE]
    assert (report.up_to_date, report.refused_again) == (3, ())
    assert new not in ledger(chosen, GROUP)["uri"].tolist()
    assert [outcome.file.uri for outcome in run(chosen).files[GROUP]] == [new]


def test_a_newer_reader_makes_refused_files_eligible_when_asked(chosen, monkeypatch):
    """It takes them once: refused again, they are known to the new reader too."""
    older = retry_of(chosen, older_reader=True)
    assert run(chosen, retry=older).refused_again == ()
    monkeypatch.setattr(gnssice_batch.planning.software, "READER_VERSION", 99)
    assert {file.older_reader for file in refused(chosen)} == {True}
    report = run(chosen, retry=retry_of(chosen, older_reader=True))
    assert report.snapshot
    assert [outcome.file.uri for outcome in report.files[GROUP]] == [BAD]
    assert "reader 99 native" in row(chosen, GROUP, BAD)["reader"]
    assert ledger(chosen, GROUP)["uri"].tolist().count(BAD) == 2
    assert len(messages(chosen)) == 2
    check_ledger(chosen, GROUP)
    standing = head(chosen)
    run(chosen, retry=retry_of(chosen, reasons=("not_rinex",), older_reader=True))
    assert head(chosen) == standing


def test_a_reader_that_can_read_it_now(chosen, tmp_path):
    """The content is the same, the reader of the first run could not read it: here, because of its limit."""
    small = chosen.model_copy(update={"reader": chosen.reader.model_copy(update={"max_unpacked_bytes": 50_000})})
    uri = name(DAY_ONE_S + 3600 * 6, "02H")
    write(tmp_path / "archive", {uri: rinex(span_s(DAY_ONE_S + 3600 * 6, 2))})
    run(small)
    assert row(chosen, GROUP, uri)["reason"] == "unpack_limit"
    report = run(chosen, retry=retry_of(chosen, reasons=("unpack_limit",)))
    assert [(o.file.uri, o.status) for o in report.files[GROUP]] == [(uri, Status.OK)]
    assert stored(chosen, GROUP).uri.count(uri) == 240
    check_ledger(chosen, GROUP)


def test_which_files_a_retry_wants():
    refusal = StoredRefusal("truncated", "old reader")
    assert Retry().wants("rec", refusal)
    assert Retry(frozenset({"truncated"}), frozenset({"rec"}), "new reader").wants("rec", refusal)
    assert not Retry(frozenset({"empty"})).wants("rec", refusal)
    assert not Retry(receivers=frozenset({"other"})).wants("rec", refusal)
    assert not Retry(unless_reader="old reader").wants("rec", refusal)
    assert str(Retry(frozenset("ab"), frozenset("c"))) == "a b; c; "


def test_a_selection_without_a_ledger_is_everything_or_nothing():
    from gnssice_batch.model.values import SourceFile
    from gnssice_batch.store.layout.ledger import Ledger

    files = (SourceFile("a", "rec", 1, "x"), SourceFile("b", "rec", 1, "x"))
    assert select(files, Ledger()).files == files
    assert select(files, Ledger(), Retry()).files == ()
    assert select(files, Ledger(), Retry()).left == 2


@pytest.fixture
def call(capsys, tmp_path, chosen, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    config = tmp_path / "settings.yaml"
    config.write_text(json.dumps(chosen.model_dump(mode="json")))

    def command(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "-c", str(config)])
        return ended.value.code or 0, capsys.readouterr().out

    yield command
    logging.getLogger("gnssice_batch").handlers[:] = [logging.NullHandler()]


def test_the_commands(call, chosen, tmp_path):
    code, out = call("quarantine", "list")
    assert code == 0
    assert f"rec  {BAD}\n    rejected: not_rinex" in out
    assert "line begins '<html>404</html>'" in out
    assert "2 files" in out
    listed = json.loads(call("quarantine", "list", "--json", "--all")[1])["files"]
    assert {file["file"] for file in listed} == {BAD, CUT, GONE}
    code, out = call("quarantine", "retry")
    assert (code, "2 files rejected again for the same reason" in out) == (0, True)
    _unlock(tmp_path)
    code, out = call("quarantine", "retry", "--reason", "unreadable", "--receiver", GROUP)
    assert (code, "0 files rejected again" in out) == (0, True)
    assert GONE in stored(chosen, GROUP).uri
    assert call("quarantine", "retry", "--reason", "nonsense")[0] == 2
