"""How a command has ended, in one line of JSON, at every end."""

import json
from pathlib import Path

import pytest

from gnssice_batch.cli import main
from gnssice_batch.cli.termination import MOST_BYTES, Ending, ending, message_line, told_at_the_end
from tests.failures.small import hourly
from tests.support.runs import write


@pytest.fixture
def command(tmp_path):
    """The arguments of a run over two files; its report is kept, its ending told."""
    archive = write(tmp_path / "archive", hourly(0, 6))
    sets = [
        "site=here",
        f"archive.url={archive}",
        "archive.layout={receiver}/**",
        f"store.url={tmp_path}/stores",
        "chunks.epoch=720",
        f"run.report_url={tmp_path}/reports",
    ]
    options = [word for each in sets for word in ("--set", each)]
    return ["run", *options, "--termination-log", str(tmp_path / "ending")]


def ended(folder, *arguments):
    """Run a command; return its exit code and what it told."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    said = (folder / "ending").read_text()
    assert said.count("\n") == 1
    return end.value.code or 0, json.loads(said)


def test_a_run_tells_its_files_and_where_its_report_is(tmp_path, command, capsys):
    code, said = ended(tmp_path, *command)
    report = f"{tmp_path}/reports/{said['run']}.json"
    assert (code, said["exit_code"], said["report"]) == (0, 0, report)
    assert said["files"] == {"ok": 2, "partial": 0, "rejected": 0, "up_to_date": 0}
    kept = json.loads((tmp_path / "reports" / f"{said['run']}.json").read_text())
    assert (kept["run"], kept["kept_at"]) == (said["run"], report)
    assert said["message"] == f"published as {kept['snapshot']}"
    last = capsys.readouterr().err.splitlines()[-1]
    assert "ended with exit code 0" in last
    assert "files: 2 ok, 0 partial, 0 rejected" in last
    assert f"report: {report}" in last


def test_a_run_with_nothing_to_do_keeps_its_report_under_its_start_time(tmp_path, command):
    ended(tmp_path, *command)
    code, said = ended(tmp_path, *command)
    assert (code, said["message"]) == (0, "nothing new, nothing published")
    assert said["report"] == f"{tmp_path}/reports/{said['run'].partition('-')[0]}.json"
    assert said["files"] == {"ok": 0, "partial": 0, "rejected": 0, "up_to_date": 2}
    assert json.loads(Path(said["report"]).read_text())["up_to_date"] == 2


def test_a_report_that_cant_be_written_is_told_and_changes_nothing(tmp_path, command, capsys):
    (tmp_path / "reports").write_text("no folder")
    code, said = ended(tmp_path, *command)
    assert (code, said["report"]) == (0, None)
    assert said["message"].startswith("published as ")
    assert said["message"].endswith(f"the report can't be written to {tmp_path}/reports")
    assert "WARNING the report can't be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        (["--set", "archive.url=/nowhere"], 3, "the archive can't be read"),
        (["--set", "nothing=1"], 2, "the settings are wrong"),
        (["--no-such-option"], 2, "the command line is wrong"),
    ],
)
def test_an_error_is_told(tmp_path, command, changed, code, message):
    found, said = ended(tmp_path, *command, *changed)
    assert (found, said["exit_code"]) == (code, code)
    assert said["message"].startswith(message)
    assert said["report"] is None


def test_too_many_rejected_files_are_told_with_the_report(tmp_path, command):
    write(tmp_path / "archive", {"rec/STAT00SIM_R_20250031200_01H_30S_MO.rnx": b"rubbish"})
    code, said = ended(tmp_path, *command)
    assert (code, said["files"]["rejected"]) == (1, 1)
    assert "1 of 3 files are rejected" in said["message"]
    assert said["report"]


def test_an_internal_error_is_told(tmp_path, command, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("gnssice_batch.job.run.prepare", broken)
    code, said = ended(tmp_path, *command)
    assert (code, said["message"]) == (70, "internal error: ZeroDivisionError: by nothing")
    assert said["run"]


def test_ctrl_c_is_told(tmp_path, command, monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("gnssice_batch.job.run.prepare", pressed)
    code, said = ended(tmp_path, *command)
    assert (code, said["exit_code"]) == (130, 130)


def test_the_place_may_come_from_the_environment(tmp_path, command, monkeypatch):
    monkeypatch.setenv("TERMINATION_LOG", str(tmp_path / "ending"))
    assert ended(tmp_path, *command[:-2])[0] == 0
    assert ended(tmp_path, "status", "--set", "site=here")[0] == 2


def test_a_place_that_cant_be_written_is_found_out_before_the_work_begins(tmp_path, command, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command[:-1], str(tmp_path / "no" / "folder")])
    assert end.value.code == 2
    assert f"--termination-log {tmp_path}/no/folder can't be written: there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "stores").exists()


def test_one_of_the_environment_does_no_harm(tmp_path, command, capsys, monkeypatch):
    monkeypatch.setenv("TERMINATION_LOG", str(tmp_path / "no" / "folder"))
    with pytest.raises(SystemExit) as end:
        main(command[:-2])
    assert not end.value.code
    assert "the termination message can't be written" in capsys.readouterr().err


@pytest.mark.parametrize("letter", ["x", "\u00e4", "\U0001f600"])
def test_a_long_message_is_cut_to_what_kubernetes_keeps(letter):
    line = message_line(2, Ending(run="run", message=letter * 10_000, report="s3://b/r.json", files={"ok": 1}))
    assert 3000 < len(line) <= MOST_BYTES
    assert json.loads(line)["message"].endswith("...")


def test_outside_of_a_command_nothing_is_told():
    ending().message = "nobody reads this"
    assert ending().message == ""
    with told_at_the_end([]) as said:
        assert ending() is said
