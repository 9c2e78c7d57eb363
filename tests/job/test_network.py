"""Networks whose files come one a run, in changing order."""

import shutil

import numpy as np
import pytest

from gnssice_batch import ledger, run, status, verify
from gnssice_batch.simulate import SimulationPlan, network, simulate
from tests.support.runs import settings

RUNS, RECEIVERS, PERIOD_S = 20, 3, 900


@pytest.fixture
def arriving(tmp_path):
    """Files of each run: of every receiver one, in an order of its own; some come a run late, with the next one."""
    plan = SimulationPlan(network(RECEIVERS), days=RUNS * PERIOD_S / 86_400, outage_fraction=0.0, seed=3)
    simulate(tmp_path / "all", plan)
    random = np.random.default_rng(13)
    runs = [[] for _ in range(RUNS)]
    for folder in sorted((tmp_path / "all").iterdir()):
        files = sorted(folder.rglob("*.crx.gz"))
        assert len(files) == RUNS
        for number, place in enumerate(random.permutation(RUNS).tolist()):
            runs[min(number + int(random.integers(5) == 0), RUNS - 1)].append(files[place])
    return runs


@pytest.mark.heavy
def test_what_20_runs_in_changing_order_have_stored_is_what_the_files_hold(tmp_path, arriving):
    chosen = settings(tmp_path)
    for files in arriving:
        for path in files:
            to = tmp_path / "archive" / path.relative_to(tmp_path / "all")
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, to)
        assert run(chosen).snapshot
    report = verify(chosen, None)
    assert (report.agrees, report.differences, report.proof.files) == (True, 0, RUNS * RECEIVERS)
    found = status(chosen).receivers
    assert [sum(one.files.values()) for one in found] == [RUNS] * RECEIVERS
    files = {one.receiver: ledger(report.url, one.receiver) for one in found}
    assert [one.filled for one in found] == [files[one.receiver].epochs_read.sum() for one in found]
