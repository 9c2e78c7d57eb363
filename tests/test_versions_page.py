"""docs/versions.md as it stands: its commands run, one after the other, and say what the page shows."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PROMPT = "$ gnssice-batch "
CHANGING = (
    (r"\b[0-9A-Z]{20}\b", "ID"),
    (r"before-rollback-\S+", "UNDO"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\+00:00|Z)?", "TIME"),
    (r"\b[\d.,]+ ([kMG]?B|s)\b", "SIZE"),
    (r"\b[\d,]+ (chunk|manifest|object|copies)s?\b", r"MANY \1"),
)
"""What is another each time, and what stands for it."""


def masked(text):
    for what, by in CHANGING:
        text = re.sub(what, by, text)
    return [line.rstrip() for line in text.splitlines()]


def steps():
    """Each command line and what the page shows below it."""
    for block in BLOCKS:
        for step in block.split(PROMPT)[1:]:
            words, _, shown = step.partition("\n")
            yield shlex.split(words), shown


@pytest.mark.processes
@pytest.mark.heavy
def test_the_page(tmp_path):
    own = {name: value for name, value in os.environ.items() if not name.startswith("GNSSICE_")}
    environment = {**own, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    for words, shown in steps():
        command = [sys.executable, "-m", "gnssice_batch", *words]
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, (words, ended.stdout, ended.stderr)
        if shown:
            assert masked(ended.stdout) == masked(shown), words


def test_every_command_for_versions_is_on_the_page():
    told = {words[0] for words, _ in steps()}
    assert told >= {"versions", "diff", "branch", "tag", "rollback", "expire", "gc", "migrate"}
    assert "[versions](docs/versions.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
