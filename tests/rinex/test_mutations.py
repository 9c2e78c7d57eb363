"""No damage crashes the reader, hangs it, or makes it lose a line without a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import mutations
from tests.support.samples import epoch3, header3, reading, record, satellite

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_whole_file_is_read():
    assert all(mutations.check(packed(whole)) for whole, packed in mutations.kinds().values())


def test_damaged_files_are_read_or_rejected_and_every_line_is_accounted_for():
    taken = mutations.run(150, seed=1)
    assert all(count > 10 for kind, count in taken.items() if kind not in {"gz", "Z"})


def test_zero_dopplers_before_a_new_marker_do_not_count_behind_it():
    moved = epoch3(15, 1, flag=3) + record("OTHER", "MARKER NAME")
    parts = reading(header3(), epoch3(0, 1), satellite("G01", 1, None, 0.0), moved).parts
    assert [(part.header.marker_name, len(part.time_100ns)) for part in parts] == [("TEST", 1), ("OTHER", 0)]


@pytest.mark.fuzz
def test_no_kernel_leaves_its_arrays_on_twenty_thousand_damaged_files_of_each_kind(tmp_path):
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.support.mutations", "20000", os.environ.get("FUZZ_SEED", "1")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
