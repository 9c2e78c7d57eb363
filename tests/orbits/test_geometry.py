"""Angles at places where they are known."""

import numpy as np
import pytest

from gnssice_batch.orbits import angles

EQUATOR_M, POLE_M = 6_378_137.0, 6_356_752.314245
UP = 2e7
EAST, NORTH, SOUTH, WEST = (np.pi / 2, 0.0, np.pi, 3 * np.pi / 2)
PLACES = {
    "equator": ((EQUATOR_M, 0, 0), {"up": (UP, 0, 0), "east": (0, 1, 0), "north": (0, 0, 1)}),
    "equator at 90 E": ((0, EQUATOR_M, 0), {"up": (0, UP, 0), "east": (-1, 0, 0), "north": (0, 0, 1)}),
    "north pole": ((0, 0, POLE_M), {"up": (0, 0, UP), "east": (0, 1, 0), "north": (-1, 0, 0)}),
    "south pole": ((0, 0, -POLE_M), {"up": (0, 0, -UP), "east": (0, 1, 0), "north": (1, 0, 0)}),
}


@pytest.mark.parametrize("place", PLACES)
def test_angles_at_the_equator_and_the_poles(place):
    receiver, axes = PLACES[place]
    up, east, north = (np.array(axes[name], float) for name in ("up", "east", "north"))
    directions = {
        0.0: north,
        np.pi / 4: north + east,
        EAST: east,
        SOUTH: -north,
        WEST: -east,
        7 * np.pi / 4: north - east,
    }
    for azimuth, direction in directions.items():
        level = direction / np.linalg.norm(direction)
        for zenith in (0.3, np.pi / 2, 2.0):
            seen = np.array(receiver) + UP * np.sin(zenith) * level + np.cos(zenith) * up
            theta, phi = angles(seen[None], receiver)
            np.testing.assert_allclose(theta, [zenith], atol=1e-9)
            np.testing.assert_allclose(np.angle(np.exp(1j * (phi - azimuth))), [0], atol=1e-9)
            assert 0 <= phi[0] < 2 * np.pi


@pytest.mark.parametrize("place", PLACES)
def test_a_satellite_in_the_zenith(place):
    receiver, axes = PLACES[place]
    theta, phi = angles(np.array(receiver) + np.array(axes["up"], float), receiver)
    assert theta < 1e-9
    assert 0 <= phi < 2 * np.pi


def test_shapes_are_kept_and_what_is_missing_stays_so():
    positions = np.full((3, 4, 3), 2e7)
    positions[1, 2] = np.nan
    theta, phi = angles(positions, (EQUATOR_M, 0, 0))
    assert theta.shape == phi.shape == (3, 4)
    assert np.argwhere(np.isnan(theta)).tolist() == np.argwhere(np.isnan(phi)).tolist() == [[1, 2]]
