"""Kernels compiled beforehand: all of them, and kept where other processes find them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gnssice_batch.ingest.warming import warm
from gnssice_batch.rinex import read
from gnssice_batch.rinex.small_files import small_files
from tests.conftest import ROOT

_READ_ALL = """
import sys
from pathlib import Path
from gnssice_batch.errors import ReadError
from gnssice_batch.rinex import dense, read
for path in Path(sys.argv[1]).rglob("*"):
    try:
        parts = read(path.read_bytes()).parts if path.is_file() else ()
    except ReadError:
        continue
    for part in parts:
        dense(part)
"""


def test_the_small_files_are_of_all_kinds():
    versions = [read(content).parts[0].header.version for content in small_files()]
    assert versions == ["2.11"] * 3 + ["3.04"] * 3


def test_warm_says_where_kernels_are_kept():
    folder = warm()
    assert folder is not None
    assert any(Path(folder).glob("crinex.parse_crinex*.nbc"))


@pytest.mark.long
def test_whoever_was_warmed_compiles_nothing_for_the_whole_corpus(tmp_path, shared_data):
    def kept() -> set[str]:
        return {path.name for path in tmp_path.rglob("*.nb?")}

    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_CPU_NAME": "generic"}
    for command in (["-m", "gnssice_batch", "warm"], ["-c", _READ_ALL, str(shared_data / "rinex")]):
        before = kept()
        subprocess.run([sys.executable, *command], check=True, cwd=ROOT, env=environment)
    assert len(before) > 100
    assert kept() == before
