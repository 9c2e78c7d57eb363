"""A vod run that is killed in any phase ends, started again, as if nothing had happened."""

import pytest

from tests.failures.launcher import VOD_PHASES
from tests.failures.vod_course import VodDeath, VodField


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A pair of half a day: two units."""
    return VodField(tmp_path_factory.mktemp("killed"), days=0.5)


@pytest.mark.parametrize("phase", VOD_PHASES)
def test_it_goes_on_where_it_was_killed(field, phase):
    death = VodDeath(list(VOD_PHASES).index(phase), (phase,), (0.5,))
    assert field.die(death) == 1
