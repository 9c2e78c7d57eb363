"""RTKLIB's own reading of navigation files and its positions, through pyrtklib: the yardstick of the orbits."""

from functools import cache

UNIX_TO_GPS_S = 315_964_800


@cache
def library():
    import pyrtklib

    return pyrtklib


def gps_ns(time):
    return (int(time.time) - UNIX_TO_GPS_S) * 10**9 + round(time.sec * 1e9)


def gtime(time_ns):
    rtklib = library()
    time = rtklib.gtime_t()
    time.time, time.sec = time_ns // 10**9 + UNIX_TO_GPS_S, time_ns % 10**9 * 1e-9
    return time


@cache
def name(number):
    """RINEX 3's name of a satellite number of RTKLIB."""
    buffer = library().Arr1Dchar(8)
    library().satno2id(number, buffer)
    text = "".join(chr(sign) if isinstance(sign, int) else sign for sign in buffer).partition("\0")[0].strip()
    return text if not text.isdigit() else f"J{int(text) - 192:02d}" if int(text) > 192 else f"S{int(text) - 100:02d}"


def read(path):
    rtklib = library()
    nav = rtklib.nav_t()
    rtklib.readrnx(str(path), 1, "", rtklib.obs_t(), nav, rtklib.sta_t())
    return nav


def issues(nav):
    """Yield satellite, reference time and a function of GPS time, which gives a position in m, of each ephemeris."""
    rtklib = library()
    tables = (
        (nav.eph, nav.n, rtklib.eph2pos, "toe"),
        (nav.geph, nav.ng, rtklib.geph2pos, "toe"),
        (nav.seph, nav.ns, rtklib.seph2pos, "t0"),
    )
    for table, count, position, reference in tables:
        for number in range(count):
            issue = table[number]
            yield name(issue.sat), gps_ns(getattr(issue, reference)), _positions(position, issue)


def _positions(position, issue):
    rtklib = library()
    place, clock, variance = rtklib.Arr1Ddouble(6), rtklib.Arr1Ddouble(2), rtklib.Arr1Ddouble(1)

    def at(time_ns):
        position(gtime(time_ns), issue, place, clock, variance)
        return [place[axis] for axis in range(3)]

    return at
