"""The scripts in examples/ do what their pages say."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.support.terminal import environment


@pytest.mark.processes
@pytest.mark.heavy
def test_a_season_comes_back_as_it_was_simulated(tmp_path):
    script = ROOT / "examples" / "season_of_a_canopy.py"
    command = [sys.executable, "-W", "error", str(script), str(tmp_path), "--days", "3"]
    where = {"cwd": ROOT, "env": environment(tmp_path / "tools")}
    done = subprocess.run(command, **where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, largest = done.stdout.splitlines()[-1].rsplit(" ", 1)
    assert said == "3 days, largest difference"
    assert float(largest) < 0.01
    assert (tmp_path / "season.png").stat().st_size > 10_000
