"""The settings of vod."""

import pytest

from tests.support.runs import settings


def test_a_receiver_is_not_held_against_itself(tmp_path):
    pairs = {"oak": {"canopy": "canopy_01", "reference": "canopy_01"}}
    with pytest.raises(ValueError, match="compares two receivers"):
        settings(tmp_path, vod={"analyses": pairs})


@pytest.mark.parametrize("position", [[48.2, 16.4, 200.0], [0.0, 0.0, 0.0], [4.1e9, 1.2e9, 4.7e9]])
def test_a_position_is_one_on_earth_in_metres(tmp_path, position):
    with pytest.raises(ValueError, match="near the Earth's surface"):
        settings(tmp_path, vod={"position": position})
