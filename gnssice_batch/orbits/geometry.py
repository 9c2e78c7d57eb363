"""The angles at which a receiver sees satellites."""

import numpy as np
import numpy.typing as npt
from pymap3d import ecef2geodetic, uvw2enu

Array = npt.NDArray[np.float64]


def angles(positions_m: Array, receiver_m: npt.ArrayLike) -> tuple[Array, Array]:
    """Return zenith angle and azimuth of satellites.

    Parameters
    ----------
    positions_m
        (..., 3) m, Earth-fixed.
    receiver_m
        (3,) m, Earth-fixed; the vertical is that of the WGS 84 ellipsoid.

    Returns
    -------
    theta
        (...) rad from the zenith, in [0, pi]; above pi / 2 a satellite is below the horizon.
    phi
        (...) rad from north over east, in [0, 2 pi). Both are NaN where the position is.

    Notes
    -----
    The time that the signal travels is left out, in which the Earth turns: 1e-3 degrees.
    """
    receiver = np.asarray(receiver_m, np.float64)
    latitude, longitude, _ = ecef2geodetic(*receiver, deg=False)
    axes = np.stack(uvw2enu(*np.eye(3), latitude, longitude, deg=False))
    east, north, up = axes @ (positions_m.reshape(-1, 3) - receiver).T
    theta = np.arctan2(np.sqrt(east * east + north * north), up)
    phi = np.arctan2(east, north)
    phi[phi < 0] += 2 * np.pi
    phi[phi >= 2 * np.pi] = 0
    shape = positions_m.shape[:-1]
    return theta.reshape(shape), phi.reshape(shape)
