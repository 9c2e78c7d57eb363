"""Ctrl-C at any time ends the program with one line, which says what is journaled."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gnssice_batch.cli.stopping import Interrupted, ended_by_ctrl_c, interruption_message
from gnssice_batch.cli.termination import Ending
from gnssice_batch.job.run import run
from tests.cli.test_stopping import STOP_AT_IMPORT
from tests.failures.field import journaled, settings_of, write_settings
from tests.failures.small import hourly
from tests.support.runs import write

ROOT = Path(__file__).resolve().parents[2]
FILES = hourly(*range(0, 216, 6))


def heard():
    """A shell may have started the tests in the background, and so let them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def course(tmp_path):
    """Settings of a run on a local cluster, and the run in a process group of its own, as a terminal makes it."""
    archive = write(tmp_path / "files", FILES)
    sections = {"chunks": {"epoch": 720}, "cluster": {"kind": "local", "workers": 2}, "log": {"level": "warning"}}
    config = write_settings(tmp_path, archive, archive={"layout": "{receiver}/**"}, **sections)
    with subprocess.Popen(
        [sys.executable, "-m", "gnssice_batch", "run", "-c", str(config)],
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=heard,  # noqa: PLW1509 - one thread
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        yield config, process
        process.kill()


def until(process, condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pressed(process):
    """Send Ctrl-C to all processes of a run, as a terminal does; return the exit code and all that they have said."""
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def has_workers(process):
    """Whether processes were started for workers; the first is Python's own, which watches over shared memory."""
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    return sum(len(path.read_text().split()) for path in tasks) > 1


@pytest.mark.processes
@pytest.mark.heavy
def test_one_line_says_what_is_journaled(course):
    config, process = course
    chosen = settings_of(config)
    until(process, lambda: len(journaled(chosen)) >= 3)
    code, said = pressed(process)
    told = re.fullmatch(
        r"Error: interrupted: (\d+) of 36 partitions of run (\S+) are journaled; start again to go on\n", said
    )
    assert told, said
    assert code == 130
    assert 3 <= int(told[1]) <= 36
    report = run(chosen.model_copy(update={"cluster": chosen.cluster.model_copy(update={"kind": "inline"})}))
    assert report.resumed == int(told[1])


@pytest.mark.processes
@pytest.mark.heavy
def test_nothing_is_said_of_workers_that_are_starting(course):
    _, process = course
    until(process, lambda: has_workers(process))
    assert pressed(process) == (130, "Error: interrupted\n")


@pytest.mark.processes
@pytest.mark.parametrize("module", ["gnssice_batch.cli.entry", "typer", "icechunk"])
def test_the_program_is_interrupted_while_it_imports(tmp_path, module):
    program = STOP_AT_IMPORT.replace("SIGTERM", "SIGINT")
    command = [
        "status",
        "--set",
        "site=here",
        "--set",
        f"archive.url={tmp_path}",
        "--set",
        f"store.url={tmp_path}/stores",
    ]
    ended = subprocess.run(
        [sys.executable, "-c", program, module, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heard,
    )
    assert (ended.returncode, ended.stderr) == (130, "Error: interrupted\n")


@pytest.mark.processes
def test_before_the_program_hears_it_python_ends_without_a_traceback():
    """The first module of the command line is a stranger's here, which presses Ctrl-C."""
    program = "import signal, sys; sys.modules['gnssice_batch.cli'] = None; import os, importlib.abc, runpy\n"
    program += "class Press(importlib.abc.MetaPathFinder):\n"
    program += "    def find_spec(self, name, path, target=None):\n"
    program += "        if name == 'gnssice_batch.cli': os.kill(os.getpid(), signal.SIGINT)\n"
    program += "del sys.modules['gnssice_batch.cli']; sys.meta_path.insert(0, Press())\n"
    program += "runpy.run_module('gnssice_batch', run_name='__main__')\n"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heard,
    )
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


def test_once_more_does_not_disturb_the_end(capsys, monkeypatch):
    monkeypatch.setattr(signal, "SIG_DFL", signal.SIG_IGN)
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    steps = []
    try:
        with pytest.raises(Interrupted) as end, ended_by_ctrl_c():  # noqa: PT012 - what happens on its way
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
                steps.append("the end was not disturbed")
    finally:
        signal.signal(signal.SIGINT, former)
    assert (end.value.code, steps) == (130, ["the end was not disturbed"])
    assert capsys.readouterr().err == "Error: interrupted\n"


def test_what_is_ignored_stays_ignored():
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ended_by_ctrl_c():
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, former)


def test_what_is_told():
    assert interruption_message(Ending()) == "interrupted"
    assert interruption_message(Ending(message="published as X")) == "interrupted; published as X"
    assert "before it had a plan; start again, run R" in interruption_message(Ending("R"))
    assert "2 of 3 partitions of run R are" in interruption_message(Ending("R", planned=3, finished=2))
    assert "its end too" in interruption_message(Ending("R", planned=3, finished=2), by_force=True)
