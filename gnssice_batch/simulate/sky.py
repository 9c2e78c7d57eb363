"""The sky over a receiver: satellites on circular orbits, in azimuth, elevation, range."""

from dataclasses import dataclass
from functools import cache
from math import cos, radians, sin, sqrt, tau
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.rinex.primitives.jit import with_arrays
from gnssice_batch.simulate.plan import DAY_NS, SimulatedReceiver

_GM: Final = 3.986004418e14
_SIDEREAL: Final = 1.00273790935
"""Turns of the Earth per day of 86,400 s."""
EARTH_RAD_S: Final = _SIDEREAL * tau / 86400
_DAY_NS: Final = DAY_NS
_SEMI_MAJOR_M: Final = 6378137.0
_ECCENTRICITY_2: Final = 6.69437999014e-3
MASK_SIN: Final = 0.08715574274765817
"""Sine of the elevation mask of 5 degrees."""

_WALKER: Final = {
    "G": (32, 6, 26_559.7e3, 55.0),
    "R": (24, 3, 25_508.0e3, 64.8),
    "E": (27, 3, 29_600.3e3, 56.0),
    "C": (27, 3, 27_906.1e3, 55.0),
}
"""Satellites, planes, radius in m, inclination in degrees."""
_FIRST_PRN: Final = {"C": 19}
_GEOSYNCHRONOUS: Final = {
    "J": ((1, 41.0, 135.0), (2, 41.0, 127.0), (3, 0.1, 137.0), (4, 41.0, 145.0)),
    "S": ((23, 0.0, 31.5), (26, 0.0, 63.9), (36, 0.0, 5.0), (37, 0.0, 145.0), (44, 0.0, -121.0)),
}
"""PRN, inclination and longitude of the ascending node, in degrees."""
_GEOSYNCHRONOUS_M: Final = 42_164.2e3


@dataclass(frozen=True, slots=True)
class Constellation:
    """The satellites of some systems, in the order in which their records are written."""

    svs: tuple[str, ...]
    orbits: npt.NDArray[np.float64]
    """(S, 5): radius in m, turns per day, inclination, node and phase in rad."""


class Sky(NamedTuple):
    """The satellites as seen by a receiver, each (E, S)."""

    sin_elevation: npt.NDArray[np.float64]
    azimuth: npt.NDArray[np.float64]
    """Radians from north over east."""
    range_m: npt.NDArray[np.float64]
    rate_m_s: npt.NDArray[np.float64]


class Motion(NamedTuple):
    """Where a satellite is and how it moves, in the Earth-fixed frame."""

    position_m: npt.NDArray[np.float64]
    """(3,) m."""
    velocity_m_s: npt.NDArray[np.float64]
    along_rad: float
    """Angle from the ascending node."""
    node_rad: float
    """Longitude of the ascending node."""


@cache
def constellation(systems: str) -> Constellation:
    """Return the satellites of the systems."""
    rows = [row for system in systems for row in (_walker(system) if system in _WALKER else _geosynchronous(system))]
    return Constellation(tuple(sv for sv, _ in rows), np.array([orbit for _, orbit in rows]))


def _walker(system: str) -> list[tuple[str, tuple[float, ...]]]:
    count, planes, radius, inclination = _WALKER[system]
    turns = sqrt(_GM / radius**3) * 86400 / tau
    first = _FIRST_PRN.get(system, 1)
    rows: list[tuple[str, tuple[float, ...]]] = []
    for number in range(count):
        plane, slot = number % planes, number // planes
        node = tau * plane / planes + 0.7 * ord(system)
        phase = tau * slot / -(-count // planes) + tau * plane / count
        rows.append((f"{system}{first + number:02d}", (radius, turns, radians(inclination), node, phase)))
    return rows


def _geosynchronous(system: str) -> list[tuple[str, tuple[float, ...]]]:
    """With the Earth's rate and its angle zero on GPS day 0, the node of a fixed longitude is that longitude."""
    return [
        (f"{system}{prn:02d}", (_GEOSYNCHRONOUS_M, _SIDEREAL, radians(inclination), radians(longitude), 0.0))
        for prn, inclination, longitude in _GEOSYNCHRONOUS[system]
    ]


def position_m(receiver: SimulatedReceiver) -> npt.NDArray[np.float64]:
    """Return the receiver's Earth-fixed position, (3,) in m (WGS 84)."""
    latitude, longitude = radians(receiver.latitude_deg), radians(receiver.longitude_deg)
    normal = _SEMI_MAJOR_M / sqrt(1 - _ECCENTRICITY_2 * sin(latitude) ** 2)
    across = (normal + receiver.height_m) * cos(latitude)
    up = (normal * (1 - _ECCENTRICITY_2) + receiver.height_m) * sin(latitude)
    return np.array([across * cos(longitude), across * sin(longitude), up])


def _axes(receiver: SimulatedReceiver) -> npt.NDArray[np.float64]:
    """Return the unit vectors east, north, up, (3, 3)."""
    latitude, longitude = radians(receiver.latitude_deg), radians(receiver.longitude_deg)
    east = (-sin(longitude), cos(longitude), 0.0)
    north = (-sin(latitude) * cos(longitude), -sin(latitude) * sin(longitude), cos(latitude))
    up = (cos(latitude) * cos(longitude), cos(latitude) * sin(longitude), sin(latitude))
    return np.array([east, north, up])


def seen(receiver: SimulatedReceiver, satellites: Constellation, time_ns: npt.NDArray[np.int64]) -> Sky:
    """Return where the receiver sees the satellites at (E,) times of GPS ns since 1980-01-06."""
    shape = (len(time_ns), len(satellites.svs))
    sky = Sky(*(np.empty(shape) for _ in range(4)))
    _look(time_ns, satellites.orbits, position_m(receiver), _axes(receiver), sky)
    return sky


def motion(orbit: npt.NDArray[np.float64], time_ns: int) -> Motion:
    """Return the motion on an orbit at a GPS time in ns since 1980-01-06, as `seen` has it."""
    day, second = divmod(time_ns, _DAY_NS)
    position, velocity = _motion(orbit, day, second * 1e-9)
    node = float(orbit[3]) - _angle(_SIDEREAL, day, second * 1e-9)
    along = float(orbit[4]) + _angle(float(orbit[1]), day, second * 1e-9)
    return Motion(np.array(position), np.array(velocity), along, node)


@with_arrays
def _look(time_ns: np.ndarray, orbits: np.ndarray, place: np.ndarray, axes: np.ndarray, sky: Sky) -> None:
    for e in range(time_ns.size):
        day = time_ns[e] // _DAY_NS
        second = (time_ns[e] - day * _DAY_NS) * 1e-9
        for s in range(orbits.shape[0]):
            position, velocity = _motion(orbits[s], day, second)
            x, y, z = position[0] - place[0], position[1] - place[1], position[2] - place[2]
            distance = np.sqrt(x * x + y * y + z * z)
            sky.range_m[e, s] = distance
            sky.rate_m_s[e, s] = (x * velocity[0] + y * velocity[1] + z * velocity[2]) / distance
            sky.sin_elevation[e, s] = (axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z) / distance
            east = axes[0, 0] * x + axes[0, 1] * y
            north = axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z
            sky.azimuth[e, s] = np.arctan2(east, north)


@with_arrays
def _angle(turns_per_day: float, day: int, second: float) -> float:
    """Return an angle that grows by turns per day; whole turns are taken off first, to keep the digits."""
    whole_days = turns_per_day * day
    return float(tau * (whole_days - np.floor(whole_days) + turns_per_day * second / 86400.0))


@with_arrays
def _motion(orbit: np.ndarray, day: int, second: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return Earth-fixed position in m and velocity in m/s of a satellite."""
    radius, turns, inclination = orbit[0], orbit[1], orbit[2]
    along = orbit[4] + _angle(turns, day, second)
    node = orbit[3] - _angle(_SIDEREAL, day, second)
    su, cu, sl, cl = np.sin(along), np.cos(along), np.sin(node), np.cos(node)
    si, ci = np.sin(inclination), np.cos(inclination)
    n, w = turns * tau / 86400.0, -EARTH_RAD_S
    position = (radius * (cu * cl - su * ci * sl), radius * (cu * sl + su * ci * cl), radius * su * si)
    across = radius * (-n * su * cl - w * cu * sl - n * cu * ci * sl - w * su * ci * cl)
    beside = radius * (-n * su * sl + w * cu * cl + n * cu * ci * cl - w * su * ci * sl)
    return position, (across, beside, radius * n * cu * si)
