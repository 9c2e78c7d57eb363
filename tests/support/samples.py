"""Small RINEX and CRINEX texts, written by hand field by field, for table tests."""

from dataclasses import replace
from datetime import datetime, timedelta

from gnssice_batch.rinex import Observations, Reading, read
from gnssice_batch.rinex.observations.values import MISSING

G_TYPES = "G    4 C1C L1C D1C S1C"
TIMES_3 = "> 2025 01 01 00 00"
TIMES_2 = " 25  1  1  0  0"
GPS_EPOCH = datetime(1980, 1, 6)  # noqa: DTZ001 - GPS time


def record(content: str, label: str) -> str:
    return f"{content:<60}{label}\n"


def header(version: str, *records: str, system: str = "M", time_system: str = "GPS") -> str:
    first = record(f"{version:>9}{'':11}{'OBSERVATION DATA':<20}{system}", "RINEX VERSION / TYPE")
    time = record(f"  2025     1     1     0     0    0.0000000     {time_system}", "TIME OF FIRST OBS")
    return first + "".join(records) + time + record("", "END OF HEADER")


def header3(*records: str, version: str = "3.04", types: str = G_TYPES, time_system: str = "GPS") -> str:
    return header(version, record("TEST", "MARKER NAME"), record(types, "SYS / # / OBS TYPES"), *records,
                  time_system=time_system)  # fmt: skip


def header2(*records: str, version: str = "2.11", types: str = "     4    C1    L1    D1    S1", system: str = "G",
            time_system: str = "GPS") -> str:  # fmt: skip
    return header(version, record("TEST", "MARKER NAME"), record(types, "# / TYPES OF OBSERV"), *records, system=system,
                  time_system=time_system)  # fmt: skip


def epoch3(seconds: float, count: int, flag: int = 0, clock: str = "") -> str:
    return f"{TIMES_3}{seconds:11.7f}  {flag}{count:3d}{'':6}{clock}".rstrip() + "\n"


def epoch2(seconds: float, svs: str, flag: int = 0) -> str:
    return f"{TIMES_2}{seconds:11.7f}  {flag}{len(svs) // 3:3d}{svs}\n"


def field(value: float | None, lli: str = " ", ssi: str = " ") -> str:
    return ("" if value is None else f"{value:.3f}").rjust(14) + lli + ssi


def satellite(sv: str, *values: float | None) -> str:
    return (sv + "".join(field(value) for value in values)).rstrip() + "\n"


ROW = (20000000.123, 105000000.456, -1234.5, 45.25)
WHOLE = satellite("G01", *ROW)
GOOD = epoch3(30, 1) + WHOLE


def compact(version: str, rinex_header: str) -> str:
    return (
        record(f"{version:<20}{'COMPACT RINEX FORMAT':<40}", "CRINEX VERS   / TYPE")
        + record("tests               tests               01-Jan-25 00:00", "CRINEX PROG / DATE")
        + rinex_header
    )


def reading(*parts: str) -> Reading:
    return read("".join(parts).encode("latin-1"))


def only(*parts: str) -> Observations:
    """The one part of a file, without the columns that fill up a block and must be empty."""
    (part,) = reading(*parts).parts
    width = max(map(len, part.columns.values()))
    assert (part.value[:, width:] == MISSING).all()
    assert (part.lli[:, width:] == -1).all()
    assert (part.ssi[:, width:] == -1).all()
    return replace(part, value=part.value[:, :width], lli=part.lli[:, :width], ssi=part.ssi[:, :width])


def counts(*parts: str) -> dict[str, int]:
    return {str(reason): count for reason, count in reading(*parts).accounting.counts.items()}


def times(part: Observations) -> list[datetime]:
    return [GPS_EPOCH + timedelta(microseconds=time / 10) for time in part.time_100ns.tolist()]
