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
    x, y, z = np.moveaxis(positions_m - receiver, -1, 0)
    east, north, up = uvw2enu(x, y, z, latitude, longitude, deg=False)
    theta = np.arctan2(np.hypot(east, north), up)
    phi = np.arctan2(east, north)
    phi += np.where(phi < 0, 2 * np.pi, 0)
    phi[phi >= 2 * np.pi] = 0
    return theta, phi
