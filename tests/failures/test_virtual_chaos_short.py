"""The short version of `python -m tests.failures.virtual_chaos`: a kill in every phase of virtualize."""

import pytest

from tests.failures.virtual_chaos import killed, make_archive, undisturbed

pytest.importorskip("virtualizarr")
pytestmark = [pytest.mark.heavy, pytest.mark.processes]
SEED = 11


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = tmp_path_factory.mktemp("virtual")
    return folder, undisturbed(folder, make_archive(folder / "nc"))


@pytest.mark.parametrize("number", [1, 3, 4, 5, 6, 7])
def test_killed_and_started_again_it_is_as_undisturbed(known, number):
    folder, expected = known
    assert killed(folder, SEED, number, expected)
