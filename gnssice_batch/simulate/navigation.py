"""The orbits of the simulated sky as a RINEX 3 navigation file, such as a receiver writes beside its observations."""

import gzip
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.orbits.ephemerides import ELEMENTS, STATE_SYSTEMS, Ephemerides, merged
from gnssice_batch.orbits.kepler import constants
from gnssice_batch.orbits.motion import state_rate
from gnssice_batch.orbits.times import BDT_WEEK_0, WEEK_NS, LeapSeconds, from_bdt, from_utc, to_bdt, to_utc
from gnssice_batch.simulate.files import faults_as_config_errors
from gnssice_batch.simulate.plan import DAY_NS, SECOND_NS, SimulationPlan
from gnssice_batch.simulate.sky import EARTH_RAD_S, constellation, motion
from gnssice_batch.simulate.text import moment

FOLDER: Final = "navigation"
"""Of the navigation files, below the archive."""

_HOUR_NS: Final = 3600 * SECOND_NS
_EVERY_NS: Final = {"R": _HOUR_NS // 2, "S": _HOUR_NS // 6}
_KEPLER_EVERY_NS: Final = 2 * _HOUR_NS
_SMALLEST: Final = 1e-99
_ORDER: Final = (
    *("", "", "", "", "crs", "delta_n", "m0", "cuc", "e", "cus", "sqrt_a", "toe_s", "cic", "omega0", "cis"),
    *("i0", "crc", "omega", "omega_dot", "i_dot", "", "", "", "", "", "", ""),
)
"""The numbers of a record of Kepler elements up to its last line; what has no name here is clock, issue, accuracy."""
_WEEK_AT: Final = 21

Times = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]


def write_navigation(target: Path, plan: SimulationPlan) -> list[Path]:
    """Write what the satellites of a plan's sky send, a file per day, below an archive.

    Parameters
    ----------
    target
        Folder of the archive.
    plan
        The plan of its observations.

    Returns
    -------
    list of Path
        The files, by day.

    Raises
    ------
    ConfigError
        When one can't be written.
    """
    paths = []
    for day_ns in range(plan.start_ns, plan.end_ns, DAY_NS):
        path = target / navigation_path(day_ns)
        sent = sky_ephemerides(plan.systems, day_ns, min(day_ns + DAY_NS, plan.end_ns))
        with faults_as_config_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(navigation_text(sent), mtime=0))
        paths.append(path)
    return paths


def navigation_path(day_ns: int) -> Path:
    """Return the path, below the archive, of the file of the day that begins at a GPS time."""
    start = moment(day_ns)
    return Path(FOLDER, f"{start:%y%j}", f"BRDC00SIM_R_{start:%Y%j%H%M}_01D_MN.rnx.gz")


def sky_ephemerides(systems: str, start_ns: int, end_ns: int) -> Ephemerides:
    """Return what the satellites of the simulated sky send, for all times of [start, end] and an hour around it."""
    satellites = constellation(systems)
    parts = []
    for at, sv in enumerate(satellites.svs):
        every_ns = _EVERY_NS.get(sv[0], _KEPLER_EVERY_NS)
        offset_ns = every_ns // 2 if sv[0] == "R" else 0
        first = (start_ns - _HOUR_NS - offset_ns) // every_ns
        last = -((-end_ns - _HOUR_NS + offset_ns) // every_ns)
        marks = np.arange(first, last + 1) * every_ns + offset_ns
        parts.append(_sent(sv, satellites.orbits[at], marks[marks >= 0]))
    return merged(parts)


def _sent(sv: str, orbit: Array, marks_ns: Times) -> Ephemerides:
    """Return the ephemerides of a satellite for the marks of its own time system."""
    reference_ns = _gps_time(sv, marks_ns)
    make = _state if sv[0] in STATE_SYSTEMS else _elements
    values = np.array([make(sv, orbit, int(time)) for time in reference_ns]).reshape(-1, len(ELEMENTS))
    return Ephemerides(np.full(len(marks_ns), sv), reference_ns, reference_ns - _HOUR_NS // 2, values)


def _gps_time(sv: str, own_ns: Times) -> Times:
    """Return GPS time of times in a satellite's own system."""
    if sv[0] == "R":
        return from_utc(own_ns, LeapSeconds())
    return from_bdt(own_ns) if sv[0] == "C" else own_ns


def _own_time(sv: str, gps_ns: Times) -> Times:
    """Return times in a satellite's own system of GPS times."""
    if sv[0] == "R":
        return to_utc(gps_ns)
    return to_bdt(gps_ns) if sv[0] == "C" else gps_ns


def _elements(sv: str, orbit: Array, time_ns: int) -> list[float]:
    """Return the Kepler elements of a circular orbit at a time, by `ELEMENTS`."""
    radius, turns, inclination = orbit[:3]
    moving = motion(orbit, time_ns)
    gm, earth_rad_s = constants(sv[0])
    toe_s = int(_own_time(sv, np.array([time_ns]))[0]) % WEEK_NS / SECOND_NS
    found = {
        "toe_s": toe_s,
        "sqrt_a": np.sqrt(radius),
        "i0": inclination,
        "omega0": _turned(moving.node_rad + earth_rad_s * toe_s),
        "m0": _turned(moving.along_rad),
        "delta_n": turns * 2 * np.pi / 86400 - np.sqrt(gm / radius**3),
        "omega_dot": earth_rad_s - EARTH_RAD_S,
    }
    return [float(found.get(name, 0.0)) for name in ELEMENTS]


def _turned(angle: float) -> float:
    """Return an angle within half a turn of zero."""
    return float(np.remainder(angle + np.pi, 2 * np.pi) - np.pi)


def _state(sv: str, orbit: Array, time_ns: int) -> list[float]:
    """Return position, velocity, acceleration; of GLONASS only what its model of motion does not have already."""
    moving = motion(orbit, time_ns)
    state = np.concatenate([moving.position_m, moving.velocity_m_s])
    half_ns = SECOND_NS // 2
    pull = motion(orbit, time_ns + half_ns).velocity_m_s - motion(orbit, time_ns - half_ns).velocity_m_s
    if sv[0] == "R":
        pull = pull - state_rate(state[None], np.zeros((1, 3)))[0, 3:]
    return [*state, *pull, *[0.0] * (len(ELEMENTS) - 9)]


def navigation_text(ephemerides: Ephemerides) -> bytes:
    """Return ephemerides as a RINEX 3.04 navigation file.

    Parameters
    ----------
    ephemerides
        Numbers are written with 13 digits, times in seconds; rates of the semi-major axis and of the mean motion, which
        the messages of RINEX 3 do not have, are left out. GLONASS references are on quarter hours of UTC.

    Returns
    -------
    bytes
        The file, without clocks, delays or accuracies, which are zero.
    """
    records = [
        (f"{3.04:9.2f}{'':11}{'N: GNSS NAV DATA':20}{'M: MIXED':20}", "RINEX VERSION / TYPE"),
        (f"{'gnssice-batch':20}{'simulated':20}{'20250101 000000 UTC':20}", "PGM / RUN BY / DATE"),
        ("", "END OF HEADER"),
    ]
    head = "".join(f"{content:60}{label}\n" for content, label in records)
    rows = zip(
        ephemerides.sv.tolist(),
        *(_each_own_time(ephemerides.sv, times) for times in (ephemerides.reference_ns, ephemerides.sent_ns)),
        ephemerides.values,
        strict=True,
    )
    return (head + "".join(_record(*row) for row in rows)).encode()


def _each_own_time(svs: npt.NDArray[np.str_], gps_ns: Times) -> list[int]:
    own_ns = gps_ns.copy()
    for system in "RC":
        mine = svs.astype("U1") == system
        own_ns[mine] = _own_time(system, gps_ns[mine])
    return [int(time) for time in own_ns]


def _record(sv: str, reference_ns: int, sent_ns: int, values: Array) -> str:
    """Return the lines of an ephemeris, its times in its own time system."""
    sent_s = (sent_ns - reference_ns // WEEK_NS * WEEK_NS) / SECOND_NS
    if sv[0] in STATE_SYSTEMS:
        kilometres = values[:9].reshape(3, 3).T / 1e3
        numbers = [0.0, 0.0, sent_s % (WEEK_NS / SECOND_NS), *(number for row in kilometres for number in (*row, 0.0))]
    else:
        each = dict(zip(ELEMENTS, values.tolist(), strict=True))
        numbers = [each.get(name, 0.0) for name in _ORDER]
        numbers[_WEEK_AT] = float(reference_ns // WEEK_NS - (BDT_WEEK_0 if sv[0] == "C" else 0))
        numbers += [sent_s, 0.0]
    first = f"{sv} {moment(reference_ns):%Y %m %d %H %M %S}" + "".join(map(_number, numbers[:3]))
    lines = ["    " + "".join(map(_number, numbers[at : at + 4])) for at in range(3, len(numbers), 4)]
    return "\n".join([first, *lines, ""])


def _number(value: float) -> str:
    """Return a number as D19.12 with the exponent E."""
    return f"{value if abs(value) > _SMALLEST else 0.0:19.12E}"
