"""Write a navigation file with made-up orbits of every system, and RTKLIB's positions from it, as a golden file.

Run it from the root of the repository, `python -m tests.golden.make_rtklib_golden`; it needs pyrtklib. The elements are
drawn, in the sizes that satellites have: nothing is copied from a real file. Positions are chosen as RTKLIB chooses an
ephemeris, the nearest in time and of two equally near the later one, at times on each side of every change.
"""

import itertools
import json
import tempfile
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np

from tests.support import rtklib

HERE = Path(__file__).resolve().parent
GPS_EPOCH = datetime.fromisoformat("1980-01-06")
AXIS_M = {"G": 26_560e3, "E": 29_600e3, "C": 27_906e3, "J": 42_164e3, "I": 42_164e3}
moment = datetime.fromisoformat
DRAWN = {
    "e": (0.001, 0.02),
    "i0": (0.9, 1.0),
    "omega0": (-3, 3),
    "omega": (-3, 3),
    "m0": (-3, 3),
    "delta_n": (3e-9, 5e-9),
    "i_dot": (-4e-10, 4e-10),
    "omega_dot": (-8e-9, -5e-9),
    **dict.fromkeys(("cuc", "cus"), (-9e-6, 9e-6)),
    **dict.fromkeys(("crc", "crs"), (-300, 300)),
    **dict.fromkeys(("cic", "cis"), (-3e-7, 3e-7)),
}
KEPLER = {
    "G01": (moment("2019-04-06T22:00:00"), 2, 3),  # over the GPS week 2047 to 2048, week 0 again in ten bits
    "G32": (moment("2024-12-31T23:59:44"), 2, 2),
    "E02": (moment("2025-01-01T00:00:00"), 1, 3),
    "E14": (moment("2025-01-04T23:50:00"), 1, 2),
    "C03": (moment("2025-01-01T00:00:00"), 1, 3),  # geostationary
    "C60": (moment("2025-01-04T23:00:00"), 1, 2),  # too
    "C08": (moment("2025-01-01T00:00:00"), 1, 2),
    "C30": (moment("2025-01-04T23:00:00"), 1, 2),
    "J02": (moment("2025-01-01T01:00:00"), 1, 2),
    "I06": (moment("2025-01-01T01:00:00"), 1, 2),
}
"""First reference time in the system's own time, hours between references, ephemerides."""
STATES = {
    "R07": (moment("2016-12-31T23:15:00"), 30, 4),  # over a leap second
    "R20": (moment("2025-01-01T00:15:00"), 30, 2),
    "S36": (moment("2025-01-01T00:01:04"), 4, 2),
}
"""The same with minutes."""


def number(value):
    return f"{value:19.12E}"


def lines(sv, at, numbers):
    first = f"{sv} {at:%Y %m %d %H %M %S}" + "".join(map(number, numbers[:3]))
    rest = ["    " + "".join(map(number, numbers[at : at + 4])) for at in range(3, len(numbers), 4)]
    return "\n".join([first, *rest, ""])


def kepler(sv, at, drawn):
    each = {key: drawn.uniform(*limits) for key, limits in DRAWN.items()}
    if sv in {"C03", "C60"}:
        each |= {"i0": drawn.uniform(0.05, 0.1), "omega_dot": 2e-9}
    second = (at - GPS_EPOCH).total_seconds()
    week, toe = divmod(second, 604_800)
    week -= 1356 if sv[0] == "C" else 0
    axis = 42_164e3 if sv in {"C03", "C60", "C08"} else AXIS_M[sv[0]]
    order = ["crs", "delta_n", "m0", "cuc", "e", "cus", None, None, "cic", "omega0", "cis", "i0", "crc", "omega"]
    body = [each.get(key, 0.0) for key in [*order, "omega_dot", "i_dot"]]
    body[6:8] = [axis**0.5, toe]
    codes = 0b10_0000_0001 if sv[0] == "E" else 0.0
    return lines(sv, at, [1e-4, 1e-12, 0, 1, *body, codes, week, 0, 2, 0, 0, 0, toe - 1800, 0])


def state(sv, at, drawn):
    direction = drawn.normal(size=3)
    place = direction / np.linalg.norm(direction) * (25_508 if sv[0] == "R" else 42_164)
    speed = np.cross(place, drawn.normal(size=3))
    speed *= (3.2 if sv[0] == "R" else 0.002) / np.linalg.norm(speed)
    pull = drawn.normal(size=3) * 1e-9
    second = (at - GPS_EPOCH).total_seconds() % 604_800
    rows = [value for row in zip(place, speed, pull, (0, 1, 0), strict=True) for value in row]
    return lines(sv, at, [1e-5, 0, second, *rows])


def text():
    drawn = np.random.default_rng(16)
    head = [
        (f"{3.04:9.2f}{'':11}{'N: GNSS NAV DATA':20}{'M: MIXED':20}", "RINEX VERSION / TYPE"),
        ("", "END OF HEADER"),
    ]
    records = [f"{content:60}{label}\n" for content, label in head]
    for table, make, unit in ((KEPLER, kepler, timedelta(hours=1)), (STATES, state, timedelta(minutes=1))):
        for sv, (first, every, count) in table.items():
            records += [make(sv, first + each * every * unit, drawn) for each in range(count)]
    return "".join(records)


def positions(content):
    """Return [sv, time in ns, x, y, z in m] on each side of every change, at references, and near the limits."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "made.rnx").write_text(content)
        found = list(rtklib.issues(rtklib.read(Path(folder) / "made.rnx")))
    rows = []
    for sv in sorted({sv for sv, *_ in found}):
        mine = sorted((reference, at) for name, reference, at in found if name == sv)
        references = [reference for reference, _ in mine]
        changes = [(one + other) // 2 for one, other in itertools.pairwise(references)]
        times = [*references, *changes, *(change - 1_000_000 for change in changes)]
        times += [references[0] - 420 * 10**9, references[-1] + 420 * 10**9]
        for time_ns in sorted(times):
            _, _, at = min((abs(time_ns - reference), -reference, at) for reference, at in mine)
            rows.append([sv, time_ns, *at(time_ns)])
    return rows


def main():
    content = text()
    (HERE / "made_up_orbits.rnx").write_text(content)
    golden = {"pyrtklib": version("pyrtklib"), "positions": positions(content)}
    (HERE / "made_up_orbits.rtklib.json").write_text(json.dumps(golden).replace("], [", "],\n["))


if __name__ == "__main__":
    main()
