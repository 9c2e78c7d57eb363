"""The short version of `make chaos`: a kill in each phase, of a worker and of the scheduler; rivals; committers."""

import pytest

from tests.failures.chaos import killed
from tests.failures.committers import compete
from tests.failures.field import make_archive
from tests.failures.rivals import Rivals, one_run
from tests.failures.schedules import TARGETS

SEED = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("chaos")


@pytest.fixture(scope="module")
def archive(folder):
    return make_archive(folder / "archive", days=0.25)


def test_killed_in_every_phase(folder, archive, capsys):
    tallies, failures = killed(folder, archive, range(len(TARGETS)), SEED, most_kills=1)
    with capsys.disabled():
        print(f"\n{tallies}")
    assert not failures
    assert set(tallies.kills) == set(TARGETS)


@pytest.mark.parametrize("number", [1, 4])
def test_two_runs_at_one_time(folder, archive, number):
    if not (folder / "once").exists():
        one_run(folder, archive)
    print(Rivals(SEED, number, folder / f"pair_{number}", archive).run())


def test_no_acknowledged_commit_is_lost(folder):
    acknowledged, history = compete(folder / "committers", 4, 5)
    assert len(set(acknowledged)) == 20
    assert set(acknowledged) <= set(history)
