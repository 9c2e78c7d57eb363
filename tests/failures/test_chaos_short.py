"""The short version of `make chaos`: kills on a cluster (inline ones: test_3_coordinator), rivals, committers."""

import pytest

from tests.failures.chaos import killed
from tests.failures.committers import compete
from tests.failures.field import make_archive
from tests.failures.rivals import Rivals, one_run
from tests.failures.schedules import TARGETS, Schedule

pytestmark = pytest.mark.heavy
SEED = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("chaos")


@pytest.fixture(scope="module")
def archive(folder):
    return make_archive(folder / "archive", days=0.25)


def test_killed_on_a_cluster(folder, archive, capsys):
    targets = ("tasks", "merge", "scheduler")
    schedules = [Schedule.of(SEED, TARGETS.index(target), most_kills=1, cluster=True) for target in targets]
    tallies, failures = killed(folder, archive, schedules, warm=False)
    with capsys.disabled():
        print(f"\n{tallies}")
    assert not failures
    assert tallies.kills == dict.fromkeys(targets, 1)


def test_two_runs_at_one_time(folder, archive):
    one_run(folder, archive)
    print(Rivals(SEED, 4, folder / "pair", archive).run())


def test_no_acknowledged_commit_is_lost(folder):
    acknowledged, history = compete(folder / "committers", 4, 5)
    assert len(set(acknowledged)) == 20
    assert set(acknowledged) <= set(history)
