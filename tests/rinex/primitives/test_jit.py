"""Kernels work, only slower, under a numba without what of its inside they use; and are kept for the next process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[3]

OTHER_NUMBA = """
from numba.core import caching, cpu
delattr(next(one for one in cpu.CPUTargetOptions.__mro__ if "_nrt" in vars(one)), "_nrt")
caching.IndexDataCacheFile.__init__ = lambda self, cache_path, filename_base, source_stamp: None
caching.IndexDataCacheFile.load = caching.IndexDataCacheFile.save = None
"""
CALL = """
from gnssice_batch.rinex.primitives.time import days_in_month, days_since_gps_epoch
assert (days_in_month(2024, 2), days_since_gps_epoch(1980, 1, 7)) == (29, 1)
print(sum(days_in_month.stats.cache_hits.values()), sum(days_in_month.stats.cache_misses.values()))
"""


def run(code: str, folder: Path, **environment: str) -> str:
    variables = {**os.environ, "NUMBA_CACHE_DIR": str(folder), **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.mark.heavy
def test_kernels_work_under_a_numba_that_is_otherwise_inside(tmp_path):
    assert run(OTHER_NUMBA + CALL, tmp_path) == "0 1"
    assert not any(tmp_path.rglob("*.nbc"))


@pytest.mark.heavy
def test_a_second_process_compiles_nothing(tmp_path):
    assert run(CALL, tmp_path) == "0 1"
    assert run(CALL, tmp_path) == "1 0"


@pytest.mark.heavy
def test_where_nothing_can_be_kept_kernels_are_compiled(tmp_path):
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": ""}
    for _ in range(2):
        assert run(CALL, tmp_path, **nowhere) == "0 1"


@pytest.mark.heavy
def test_simulated_noise_needs_no_folder_either(tmp_path):
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": ""}
    code = "from gnssice_batch.simulate.noise import uniforms; print(uniforms(7, 0, 3).shape)"
    assert run(code, tmp_path, **nowhere) == "(3,)"
