"""What a user can cause at the command line ends with a sentence and an exit code, never with a traceback."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gnssice_batch.cli import main
from gnssice_batch.log import configure, logger
from gnssice_batch.visible import visible, visible_lines
from tests.failures.small import hourly
from tests.support.runs import write

STEERING = "esc\x1b[31mred"


@pytest.fixture(autouse=True)
def quiet():
    yield
    logging.getLogger("gnssice_batch").handlers[:] = [logging.NullHandler()]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Options of a small store that a run has filled, with a file among its own whose name steers terminals."""
    folder = tmp_path_factory.mktemp("reactions")
    archive = write(folder / "archive", hourly(0, 4))
    receiver = next(path for path in Path(archive).iterdir() if path.is_dir())
    (receiver / f"{STEERING}.crx").write_text("x")
    (receiver / "two\nlines\x9b.crx").write_text("")
    values = ["site=here", f"archive.url={archive}", "archive.layout={receiver}/**", f"store.url={folder}/stores"]
    options = [word for each in (*values, "chunks.epoch=720", "run.max_refused_fraction=1") for word in ("--set", each)]
    with pytest.raises(SystemExit) as end:
        main(["run", *options])
    assert not end.value.code
    return folder, options


@pytest.fixture
def call(sets, capsys):
    """Run a command; return its exit code, standard output and standard error."""

    def run(*arguments, more=()):
        chosen = [word for each in more for word in ("--set", each)]
        with pytest.raises(SystemExit) as end:
            main([*arguments, *sets[1], *chosen])
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err

    return run


@pytest.mark.parametrize(
    "command",
    [["log"], ["status"], ["verify"], ["quarantine", "list"], ["quarantine", "retry"], ["trim"], ["maintain"]],
)
def test_a_branch_that_is_not_there_is_told_with_those_that_are(call, sets, command):
    code, out, err = call(*command, more=["run.branch=nope", "log.level=error"])
    assert (code, out) == (5, "")
    missing = f"the repository {sets[0]}/stores/here/rinex has no branch 'nope'; it has main"
    assert err == f"Error: the store can't be used: {missing}\n"


def test_a_plan_of_a_branch_that_is_not_there_is_of_the_one_that_is_made(call):
    code, out, _ = call("plan", more=["run.branch=nope"])
    assert code == 0
    assert "Nothing to do" in out or "to take" in out


def test_a_tag_without_news_goes_to_the_head_and_is_never_moved(call, sets):
    snapshot = call("log")[1].split()[0]
    code, out, err = call("run", "--tag", "first")
    assert code == 0
    assert f"given to {snapshot}, the head of the branch, as nothing is new" in out
    assert f"nothing to publish: the tag first was given to {snapshot}" in err
    assert call("run", "--tag", "first")[0] == 0

    write(sets[0] / "archive", hourly(4, 5))
    before = call("log")[1]
    code, out, err = call("run", "--tag", "first", more=["log.level=error"])
    assert (code, out) == (5, "")
    assert f"has a tag 'first' already, of version {snapshot}" in err
    assert "INFO ingest" not in err
    assert call("log")[1] == before
    assert call("run", "--tag", "second")[0] == 0
    assert call("log")[1] != before


@pytest.mark.parametrize(
    ("option", "place", "why"),
    [
        ("--report", "no/folder.json", "there is no folder"),
        ("--report", ".", "it is a folder"),
        ("--termination-log", "no/folder", "there is no folder"),
    ],
)
def test_what_can_not_be_written_is_found_out_before_a_run_begins(call, tmp_path, option, place, why):
    before = call("log")[1]
    code, out, err = call("run", option, str(tmp_path / place), more=["run.branch=other"])
    assert (code, out) == (2, "")
    assert f"{option} {tmp_path / place} can't be written: {why}" in err
    assert call("log", more=["run.branch=other"])[0] == 5
    assert call("log")[1] == before


def test_names_do_not_steer_the_terminal(call):
    for command in (["quarantine", "list"], ["plan", "--skipped"], ["status"], ["inspect", f"no/{STEERING}"]):
        code, out, err = call(*command) if command[0] != "inspect" else inspect(*command)
        assert code in {0, 3}
        assert "\x1b" not in out + err
        assert "\x9b" not in out + err
    listed = call("quarantine", "list")[1]
    assert "esc\\x1b[31mred.crx" in listed
    assert "two\\x0alines\\x9b.crx" in listed
    as_json = call("quarantine", "list", "--json")[1]
    assert "\x9b" not in as_json
    assert any("two\nlines\x9b.crx" in file["file"] for file in json.loads(as_json)["files"])


def inspect(*command):
    with pytest.raises(SystemExit) as end:
        main(list(command))
    return end.value.code, "", ""


def test_a_journal_that_tells_nothing_is_of_unknown_age(call, sets):
    journal = sets[0] / "stores" / "here" / "rinex.runs" / "strange"
    journal.mkdir(parents=True)
    (journal / "run").write_text("x")
    try:
        assert "strange  stopped, its record can't be read, of unknown age" in call("runs", "list")[1]
        assert json.loads(call("runs", "list", "--json")[1])["runs"][0]["age_s"] is None
    finally:
        shutil.rmtree(journal)


def test_nor_do_log_lines(capsys):
    configure()
    logger("x").warning("lost %s", f"{STEERING}\nWARNING forged", extra={"file": STEERING})
    assert capsys.readouterr().err.count("\n") == 1
    assert visible("a\x1b\u202e\udcff\tb") == "a\\x1b\\u202e\\udcff\\x09b"
    assert visible_lines("a\nb\r") == "a\nb\\x0d"


def ended(redirected, *arguments, folder):
    """Run a command in a shell of its own; return its exit code and its standard error."""
    script = f'exec "$0" -m gnssice_batch "$@" {redirected}'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.heavy
@pytest.mark.parametrize("command", [["schema"], ["--version"]])
def test_standard_output_that_takes_nothing(tmp_path, command):
    full = "Error: standard output can't be written: No space left on device; what the command has done stands\n"
    assert ended(">/dev/full", *command, folder=tmp_path) == (5, full)
    assert ended(">&-", *command, folder=tmp_path) == (0, "")
    assert ended(">/dev/full", "status", "-c", "nope", folder=tmp_path)[0] == 2


@pytest.mark.heavy
def test_a_reader_that_has_gone():
    script = 'set -o pipefail; "$0" -m gnssice_batch schema | true'
    done = subprocess.run(["bash", "-c", script, sys.executable], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) in {(141, ""), (0, "")}
