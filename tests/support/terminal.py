"""A real terminal that a test types into, with the screen a person would see."""

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte

from tests.conftest import ROOT

WIDTH, HEIGHT, LINES = 100, 40, 2000
"""Size of the terminal, and lines of the screen that is kept, which never scrolls."""
READY = "\x1b]0;ready\x07"
"""The title that a prompt sets, before its sign: what came before it is the whole output of a command."""
PROMPT = "\\[\\e]0;ready\\a\\]$ "
PYTHON_PROMPT = 'import sys\nsys.ps1, sys.ps2 = (f"\\001\\x1b]0;ready\\007\\002{sign} " for sign in (">>>", "..."))\n'
LONGEST_S = 600


@contextmanager
def workplace():
    """A folder of a known length of name, so that tables break where they broke for the page; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hour_", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def environment(tools, **more):
    """The environment of a user who has installed the program, with commands of its own in a folder."""
    tools.mkdir(exist_ok=True)
    for name, words in (("gnssice-batch", "-m gnssice_batch "), ("python", "")):
        script = tools / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {words}"$@"\n', encoding="utf-8")
        script.chmod(0o755)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GNSSICE_", "AWS_", "AZURE_"))}
    path = f"{tools}{os.pathsep}{own['PATH']}"
    return {**own, "PATH": path, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "TZ": "UTC", **more}


class Terminal:
    """A shell in a pseudo-terminal, and what is on its screen."""

    def __init__(self, folder, tools):
        startup = tools / "startup.py"
        more = {"PS1": PROMPT, "PYTHONSTARTUP": str(startup), "TERM": "xterm", "INPUTRC": os.devnull, "PAGER": "cat"}
        where = environment(tools, **more)
        startup.write_text(PYTHON_PROMPT, encoding="utf-8")
        where.pop("COLUMNS", None)
        self._shell = pexpect.spawn(
            "bash", ["--norc", "--noprofile", "-i"], cwd=str(folder), env=where,
            dimensions=(HEIGHT, WIDTH), encoding="utf-8", timeout=LONGEST_S,
        )  # fmt: skip
        self._screen = pyte.Screen(WIDTH, LINES)
        self._stream = pyte.Stream(self._screen)
        self._until_ready()

    def type(self, line):
        """Type a line; return what is on the screen below it when the next prompt is there."""
        top = self._screen.cursor.y
        self._shell.sendline(line)
        self._until_ready()
        said = self._screen.display[top : self._screen.cursor.y]
        typed = -(-(len(line) + 2) // WIDTH)
        return [each.rstrip() for each in said[typed:]]

    def seen(self):
        """Return everything that is on the screen."""
        return "\n".join(self._screen.display)

    def close(self):
        """End the shell; return its exit code."""
        self._shell.sendeof()
        self._shell.expect(pexpect.EOF)
        self._shell.close()
        return self._shell.exitstatus

    def _until_ready(self):
        self._shell.expect_exact(READY)
        self._stream.feed(self._shell.before)
