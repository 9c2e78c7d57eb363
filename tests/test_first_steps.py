"""docs/first-steps.md as it stands: its commands and its Python run, one after the other, in an empty folder."""

import os
import re
import resource
import shlex
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "first-steps.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(console|python)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
MOST_S = 120
"""Processor time of all of it, with kernels that were compiled before."""


def steps():
    """Command lines, as the page has them."""
    for language, block in BLOCKS:
        if language == "python":
            yield [sys.executable, "-c", block]
        for line in block.splitlines() if language == "console" else ():
            program, *words = shlex.split(line.removeprefix("$ "))
            assert program == "gnssice-batch"
            yield [sys.executable, "-m", "gnssice_batch", *words]


@pytest.mark.processes
@pytest.mark.heavy
def test_the_walk_from_an_archive_to_a_plot(tmp_path):
    own = {name: value for name, value in os.environ.items() if not name.startswith("GNSSICE_")}
    environment = {**own, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "COLUMNS": "80"}
    before, said = resource.getrusage(resource.RUSAGE_CHILDREN), {}
    folder = tmp_path / "walk"
    folder.mkdir()
    for step in steps():
        ended = subprocess.run(step, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, (step, ended.stdout, ended.stderr)
        said[" ".join(step[3:5])] = ended.stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_S
    assert (folder / "snr.png").read_bytes().startswith(b"\x89PNG")
    assert "for a later run" in said["run --limit"]
    assert "2 to take" not in said["plan"]
    assert len(re.findall(r"tag|branch main", said["versions"])) == 1
    assert "bad" not in said["doctor"]


def test_the_page_leads_on():
    assert "[First steps](docs/first-steps.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
