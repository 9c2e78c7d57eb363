"""Satellite positions from the positions, velocities, accelerations that GLONASS or SBAS satellites send."""

from typing import Final

import numpy as np
import numpy.typing as npt

_GM: Final = 3.9860044e14
_TURN_RAD_S: Final = 7.292115e-5
_EQUATOR_M: Final = 6_378_136.0
_J2: Final = 1.0826257e-3
_STEP_S: Final = 60.0

Array = npt.NDArray[np.float64]


def glonass_positions(values: Array, since_s: Array) -> Array:
    """Return Earth-fixed positions of GLONASS satellites, integrated by Runge-Kutta steps of a minute.

    Parameters
    ----------
    values
        (N, 18) states: position, velocity, acceleration by Sun and Moon, in m and s.
    since_s
        (N,) seconds from each one's reference time.

    Returns
    -------
    ndarray
        (N, 3) m, PZ-90.

    Notes
    -----
    GLONASS ICD L1, L2 (5.1), appendix 3.1.2.
    """
    state, pull, left = values[:, :6].copy(), values[:, 6:9], since_s.copy()
    while (np.abs(left) > 1e-9).any():
        step = np.clip(left, -_STEP_S, _STEP_S)
        state = _stepped(state, pull, step[:, None])
        left -= step
    return state[:, :3]


def _stepped(state: Array, pull: Array, step: Array) -> Array:
    """Return states a step later, by the classical method of fourth order."""
    first = state_rate(state, pull)
    second = state_rate(state + first * step / 2, pull)
    third = state_rate(state + second * step / 2, pull)
    fourth = state_rate(state + third * step, pull)
    return state + (first + 2 * second + 2 * third + fourth) * step / 6


def state_rate(state: Array, pull: Array) -> Array:
    """Return velocity and acceleration of (N, 6) states in the turning frame; `pull` is (N, 3) by Sun and Moon."""
    x, y, z, vx, vy, vz = state.T
    square = x * x + y * y + z * z
    central = _GM / (square * np.sqrt(square))
    flat = 1.5 * _J2 * central * _EQUATOR_M**2 / square
    tilt = 5 * z * z / square
    level = -central - flat * (1 - tilt) + _TURN_RAD_S**2
    ax = level * x + 2 * _TURN_RAD_S * vy + pull[:, 0]
    ay = level * y - 2 * _TURN_RAD_S * vx + pull[:, 1]
    az = (-central - flat * (3 - tilt)) * z + pull[:, 2]
    return np.stack([vx, vy, vz, ax, ay, az], axis=1)


def sbas_positions(values: Array, since_s: Array) -> Array:
    """Return Earth-fixed positions of SBAS satellites: constant acceleration; arguments as for GLONASS.

    Notes
    -----
    RTCA DO-229, A.4.4.11.
    """
    since = since_s[:, None]
    moved: Array = values[:, :3] + values[:, 3:6] * since + 0.5 * values[:, 6:9] * since**2
    return moved
