"""Satellite positions from the Kepler elements that GPS, Galileo, BeiDou, QZSS, NavIC send."""

from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.orbits.ephemerides import ELEMENTS

BEIDOU_GEOSTATIONARY: Final = frozenset(f"C{number:02d}" for number in (*range(1, 6), *range(59, 64)))

_GM_GPS: Final = 3.986005e14
_GM: Final = {"E": 3.986004418e14, "C": 3.986004418e14}
_TURN_RAD_S: Final = {"C": 7.292115e-5}
_TURN_GPS_RAD_S: Final = 7.2921151467e-5
_TILT: Final = np.radians(-5.0)
_ITERATIONS: Final = 30
_ENOUGH_RAD: Final = 1e-14

Array = npt.NDArray[np.float64]


def kepler_positions(sv: npt.NDArray[np.str_], values: Array, since_s: Array) -> Array:
    """Return Earth-fixed positions.

    Parameters
    ----------
    sv
        (N,) satellites: their system gives the constants, and BeiDou's geostationary ones have a frame of their own.
    values
        (N, 18) elements, by `ELEMENTS`.
    since_s
        (N,) seconds from each one's reference time.

    Returns
    -------
    ndarray
        (N, 3) m in the system's own Earth-fixed frame, which is WGS 84 within centimetres.

    Notes
    -----
    IS-GPS-200 20.3.3.4.3, for elements with rates 30.3.3.1.3; BDS-SIS-ICD B1I 5.2.4.12; Galileo OS SIS ICD 5.1.1.
    """
    each = dict(zip(ELEMENTS, values.T, strict=True))
    found, place = np.unique(sv.astype("U1"), return_inverse=True)
    gm, turn = np.array([constants(str(system)) for system in found]).reshape(-1, 2)[place].T
    along, across, inclination = _in_plane(each, gm, since_s)
    geostationary = np.isin(sv, list(BEIDOU_GEOSTATIONARY))
    inertial = np.where(geostationary, 0.0, turn)
    node = each["omega0"] + (each["omega_dot"] - inertial) * since_s - turn * each["toe_s"]
    sin_node, cos_node = np.sin(node), np.cos(node)
    level = across * np.cos(inclination)
    positions = np.stack(
        [along * cos_node - level * sin_node, along * sin_node + level * cos_node, across * np.sin(inclination)], axis=1
    )
    positions[geostationary] = _from_tilted(positions[geostationary], (turn * since_s)[geostationary])
    return positions


def constants(system: str) -> tuple[float, float]:
    """Return the gravitational constant in m³/s², and the Earth's rate in rad/s, that a system's elements are for."""
    return _GM.get(system, _GM_GPS), _TURN_RAD_S.get(system, _TURN_GPS_RAD_S)


def _in_plane(each: dict[str, Array], gm: Array, since_s: Array) -> tuple[Array, Array, Array]:
    """Return both coordinates in the orbit's plane, counted from its node, in m, and the plane's inclination in rad."""
    axis = each["sqrt_a"] ** 2
    motion = np.sqrt(gm / axis**3) + each["delta_n"] + 0.5 * each["delta_n_dot"] * since_s
    eccentricity = each["e"]
    anomaly = _eccentric_anomaly(each["m0"] + motion * since_s, eccentricity)
    sine, cosine = np.sin(anomaly), np.cos(anomaly)
    angle = np.arctan2(np.sqrt(1 - eccentricity**2) * sine, cosine - eccentricity) + each["omega"]
    sin2, cos2 = np.sin(2 * angle), np.cos(2 * angle)
    angle = angle + each["cus"] * sin2 + each["cuc"] * cos2
    radius = (axis + each["a_dot"] * since_s) * (1 - eccentricity * cosine) + each["crs"] * sin2 + each["crc"] * cos2
    inclination = each["i0"] + each["i_dot"] * since_s + each["cis"] * sin2 + each["cic"] * cos2
    return radius * np.cos(angle), radius * np.sin(angle), inclination


def _eccentric_anomaly(mean: Array, eccentricity: Array) -> Array:
    """Solve Kepler's equation by Newton's steps."""
    anomaly = mean.copy()
    for _ in range(_ITERATIONS):
        step = (anomaly - eccentricity * np.sin(anomaly) - mean) / (1 - eccentricity * np.cos(anomaly))
        anomaly -= step
        if not (np.abs(step) > _ENOUGH_RAD).any():
            break
    return anomaly


def _from_tilted(positions: Array, turned: Array) -> Array:
    """Turn (N, 3) positions in BeiDou's frame of geostationary satellites, tilted by 5 degrees, to Earth-fixed ones."""
    x, y, z = positions.T
    y, z = y * np.cos(_TILT) + z * np.sin(_TILT), -y * np.sin(_TILT) + z * np.cos(_TILT)
    sine, cosine = np.sin(turned), np.cos(turned)
    return np.stack([x * cosine + y * sine, -x * sine + y * cosine, z], axis=1)
