"""SIGTERM at any time ends the program in order, the first process of a container too."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gnssice_batch.cli.stopping import Terminated, stopped_by_sigterm
from gnssice_batch.job.interruption import stoppable

ROOT = Path(__file__).resolve().parents[2]
STOP_AT_IMPORT = """
import os, signal, sys

class Stop:
    sent = False

    def find_spec(self, name, path, target=None):
        if name == sys.argv[1] and not Stop.sent:
            Stop.sent = True
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Stop())
from gnssice_batch.cli import main
main(sys.argv[2:])
"""


def settings(folder):
    (folder / "archive").mkdir()
    path = folder / "settings.yaml"
    path.write_text(f"site: here\narchive: {{url: {folder}/archive}}\nstore: {{url: {folder}/stores}}\n")
    return path


@pytest.mark.processes
@pytest.mark.parametrize("module", ["gnssice_batch.cli.entry", "typer", "pydantic", "yaml", "icechunk", "distributed"])
def test_the_program_is_stopped_while_it_imports(tmp_path, module):
    said = tmp_path / "said"
    command = ["run", "-c", str(settings(tmp_path)), "--termination-log", str(said)]
    ended = subprocess.run(
        [sys.executable, "-c", STOP_AT_IMPORT, module, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 7, ended.stderr
    assert ended.stderr == "Error: interrupted: stopped by SIGTERM: start again\n"
    assert json.loads(said.read_text()) | {"files": {}} == {
        "exit_code": 7,
        "run": None,
        "message": "interrupted: stopped by SIGTERM: start again",
        "report": None,
        "files": {},
    }
    assert not (tmp_path / "stores").exists()


def as_first_process(*command):
    """Start a command as the first process of its own process namespace."""
    first = ["unshare", "--pid", "--fork", "--kill-child"]
    probe = subprocess.run([*first, "true"], check=False, capture_output=True) if shutil.which("unshare") else None
    if probe is None or probe.returncode:
        pytest.skip("no process namespaces can be made here")
    return subprocess.Popen([*first, sys.executable, *command], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def only_child(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 30
    while not children.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return int(children.read_text())


@pytest.mark.processes
@pytest.mark.parametrize("after_s", [0.3, 0.6, 1.0])
def test_the_first_process_of_a_container_is_stopped(tmp_path, after_s):
    """The kernel hands that one no signal it has no handler for; here it listens to a fifo that is never written."""
    os.mkfifo(tmp_path / "settings.yaml")
    with as_first_process("-m", "gnssice_batch", "run", "-c", str(tmp_path / "settings.yaml")) as process:
        first = only_child(process)
        time.sleep(after_s)
        asked = time.monotonic()
        while process.poll() is None and time.monotonic() < asked + 30:
            os.kill(first, signal.SIGTERM)
            time.sleep(0.2)
        assert process.wait() == 7, process.stderr.read()


def test_a_run_has_its_own_reaction_and_gives_the_former_back():
    with stopped_by_sigterm() as stop:
        with stoppable(10) as asked:
            os.kill(os.getpid(), signal.SIGTERM)
            assert asked.requested
            assert not stop.requested
        with pytest.raises(Terminated) as ended:
            os.kill(os.getpid(), signal.SIGTERM)
        assert ended.value.code == 7
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Terminated):
            stop.raise_if_requested()


def test_nothing_is_changed_afterwards_nor_in_other_threads():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def beside():
        with stopped_by_sigterm():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=beside)
    thread.start()
    thread.join()
    assert seen == [before]
    with stopped_by_sigterm():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.heavy
def test_the_library_leaves_the_signal_alone():
    code = "import signal, gnssice_batch.api, gnssice_batch.cli, gnssice_batch.job.run\n"
    code += "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
