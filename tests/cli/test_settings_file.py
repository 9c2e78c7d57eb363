"""Settings are found without an option, a dry run changes nothing, the log is short where that is asked for."""

import json
import os
import subprocess
import sys

import pytest

from gnssice_batch.cli.entry import main
from gnssice_batch.cli.settings_file import NAME, VARIABLE, found
from gnssice_batch.config.loading import load
from tests.support.runs import DAY_ONE_S, name, rinex, span_s, write

SETTINGS = "site: s\narchive: {url: %s, layout: '{receiver}/**'}\nstore: {url: %s}\nchunks: {epoch: 720}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1))})
    (tmp_path / NAME).write_text(SETTINGS % (tmp_path / "archive", tmp_path / "stores"))
    (tmp_path / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "down")
    return tmp_path


def ended(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return (end.value.code or 0, *capsys.readouterr())


def test_the_nearest_file_is_found(folder):
    assert found(folder / "deep" / "down", {}) == folder / NAME
    (folder / "deep" / NAME).write_text("")
    assert found(folder / "deep" / "down", {}) == folder / "deep" / NAME
    assert found(folder / "deep" / "down", {VARIABLE: "elsewhere.yaml"}).name == "elsewhere.yaml"
    assert found(folder / "deep" / "down", {VARIABLE: ""}) == folder / "deep" / NAME


def test_the_variable_is_no_setting(folder):
    assert load(folder / NAME, {VARIABLE: str(folder / NAME)}).site == "s"


def test_a_command_takes_it_and_says_so(folder, capsys):
    code, said, errors = ended(capsys, "plan")
    assert code == 0
    assert "1 to take" in said
    assert f"settings: {folder / NAME}\n" in errors


def test_relative_paths_are_those_of_the_folder_of_a_file_that_was_found(folder, capsys, monkeypatch):
    (folder / NAME).write_text(SETTINGS % ("archive", "stores"))
    assert ended(capsys, "run")[0] == 0
    assert (folder / "stores" / "s" / "rinex").is_dir()
    assert not (folder / "deep" / "down" / "stores").exists()
    assert ended(capsys, "plan", "--set", "store.url=elsewhere")[1].count("1 to take") == 1
    monkeypatch.setenv(VARIABLE, str(folder / NAME))
    assert ended(capsys, "status")[0] == 5
    monkeypatch.chdir(folder)
    assert ended(capsys, "status")[0] == 0


def test_a_file_that_is_named_wins(folder, capsys):
    (folder / "other.yaml").write_text((folder / NAME).read_text().replace("site: s", "site: other"))
    code, said, errors = ended(capsys, "plan", "-c", str(folder / "other.yaml"))
    assert code == 0
    assert "other/rinex" in said
    assert "settings:" not in errors


def test_without_any_it_says_what_to_do(folder, capsys):
    (folder / NAME).unlink()
    code, _, errors = ended(capsys, "plan")
    assert code == 2
    assert f"name one with --config FILE or in {VARIABLE}, or write {NAME}." in errors


def test_a_dry_run_is_a_plan(folder, capsys):
    code, said, _ = ended(capsys, "run", "--dry-run", "--report", str(folder / "plan.json"))
    assert code == 0
    assert said.startswith("Plan\n")
    assert not (folder / "stores").exists()
    assert json.loads((folder / "plan.json").read_text())["files"] == 1


@pytest.mark.usefixtures("folder")
def test_the_newest_versions_as_text_and_as_json(capsys):
    assert ended(capsys, "run")[0] == 0
    _, said, _ = ended(capsys, "log", "-n", "1")
    assert said.count("1 file, 120 epochs, rec") == 1
    assert "Repository initialized" not in said
    _, text, _ = ended(capsys, "log", "--json")
    tree = json.loads(text)
    assert tree["branch"] == "main"
    assert [version["message"] for version in tree["versions"]] == [
        "1 file, 120 epochs, rec",
        "Repository initialized",
    ]


@pytest.mark.processes
def test_names_that_standard_output_can_not_encode_are_escaped(folder):
    write(folder / "archive", {"rec/\u65e5\u672c.rnx": b"<html>"})
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "gnssice_batch", "plan", "--skipped"]
    ended = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr
    assert b"Traceback" not in ended.stderr
