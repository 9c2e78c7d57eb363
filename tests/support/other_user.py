"""Processes of a user without a passwd entry and without a home, as Kubernetes may start them."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UID = 12345
MAY_READ = "-all,+dac_read_search"
"""Of a superuser's rights the one to read: Python and its libraries may lie where only root may look."""


@contextmanager
def open_folder():
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def owned(folder):
    """Make a folder that the other user may write to."""
    folder.mkdir()
    if os.getuid() == 0:
        os.chown(folder, UID, UID)
    return folder


def locked(folder):
    """Let nobody but root write below a folder."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def start(*arguments, temporary, **environment):
    """Start Python as that user; where this is not root, as the own user, with no home either."""
    prefix = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"] if os.getuid() == 0 else []
    if prefix and not shutil.which("setpriv"):
        pytest.skip("there is no setpriv to become another user")
    prefix += [f"--inh-caps={MAY_READ}", f"--ambient-caps={MAY_READ}", "--"] if prefix else []
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        **environment,
    }
    command = [*prefix, sys.executable, "-W", "ignore", *map(str, arguments)]
    return subprocess.Popen(command, cwd="/", env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process, patience_s=300):
    """Wait for such a process; return its standard output, its exit code has to be 0."""
    output, errors = process.communicate(timeout=patience_s)
    assert process.returncode == 0, errors[-3000:]
    return output
