"""No damage crashes the reader, hangs it, or makes it lose a line without a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import mutations, numbered_lines

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_whole_file_is_read():
    assert all(mutations.check(packed(whole)) for whole, packed in mutations.kinds().values())


def test_damaged_files_are_read_or_rejected_and_every_line_is_accounted_for():
    taken = mutations.run(150, seed=1)
    assert all(count > 10 for kind, count in taken.items() if kind not in {"gz", "Z"})


def test_no_value_of_rinex_2_stands_under_another_name_when_lines_are_lost_doubled_or_exchanged():
    assert numbered_lines.run(600, seed=1) > 550


@pytest.mark.fuzz
def test_no_kernel_leaves_its_arrays_on_twenty_thousand_damaged_files_of_each_kind(tmp_path):
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.support.mutations", "20000", os.environ.get("FUZZ_SEED", "1")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.fuzz
def test_no_value_stands_under_another_name_in_twenty_thousand_files():
    assert numbered_lines.run(20_000, seed=int(os.environ.get("FUZZ_SEED", "1"))) > 18_000
