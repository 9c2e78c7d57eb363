"""Observations as RINEX 3.04 text."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch import signals
from gnssice_batch.rinex.primitives.jit import with_arrays
from gnssice_batch.simulate.observables import CODES, MISSING, OBSERVABLES, Measured, Observations
from gnssice_batch.simulate.plan import SECOND_NS, SimulatedReceiver, SimulationPlan
from gnssice_batch.simulate.sky import constellation, position_m

GPS_ORIGIN: Final = np.datetime64("1980-01-06", "ns")
_NEWLINE, _BLANK, _MINUS, _DOT, _ZERO, _GREATER = (np.uint8(ord(sign)) for sign in "\n -.0>")
_EPOCH_BYTES: Final = 64
_RECORD_BYTES: Final = 3 + 16 * 4 * 4 + 1
_CLOCK_DIGITS: Final = 12


def moment(time_ns: int) -> datetime:
    """Return a GPS time in ns as calendar date and time (labelled UTC, counted without leap seconds)."""
    return datetime.fromtimestamp(315_964_800 + time_ns / SECOND_NS, UTC)


def header(plan: SimulationPlan, receiver: SimulatedReceiver, first_ns: int) -> str:
    """Return the header of a file that begins with an epoch."""
    x, y, z = position_m(receiver)
    first = moment(first_ns // SECOND_NS * SECOND_NS)
    second = first.second + first_ns % SECOND_NS / SECOND_NS
    records = [
        (f"{3.04:9.2f}{'':11}{'OBSERVATION DATA':20}{'M: Mixed':20}", "RINEX VERSION / TYPE"),
        (f"{'gnssice-batch':20}{'simulated':20}{'20250101 000000 UTC':20}", "PGM / RUN BY / DATE"),
        (receiver.station, "MARKER NAME"),
        (f"{'GEODETIC':20}", "MARKER TYPE"),
        (f"{'none':20}{'none':40}", "OBSERVER / AGENCY"),
        (f"{'1':20}{'SIMULATED':20}{'1':20}", "REC # / TYPE / VERS"),
        (f"{'1':20}{'SIMULATED       NONE':20}", "ANT # / TYPE"),
        (f"{x:14.4f}{y:14.4f}{z:14.4f}", "APPROX POSITION XYZ"),
        (f"{0:14.4f}{0:14.4f}{0:14.4f}", "ANTENNA: DELTA H/E/N"),
        *_observation_types(plan.systems),
        ("DBHZ", "SIGNAL STRENGTH UNIT"),
        (f"{plan.interval_s:10.3f}", "INTERVAL"),
        (f"{first:%Y    %m    %d    %H    %M}".rjust(30) + f"{second:13.7f}{'GPS':>8}", "TIME OF FIRST OBS"),
        ("     0", "RCV CLOCK OFFS APPL"),
        *_glonass(plan.systems),
        ("    18", "LEAP SECONDS"),
        ("", "END OF HEADER"),
    ]
    return "".join(f"{content:60}{label}".rstrip() + "\n" for content, label in records)


def _observation_types(systems: str) -> list[tuple[str, str]]:
    records = []
    for system in systems:
        types = [kind + code for code in CODES[system] for kind in OBSERVABLES]
        for start in range(0, len(types), 13):
            lead = f"{system}  {len(types):3d}" if start == 0 else " " * 6
            records.append((lead + "".join(f" {each}" for each in types[start : start + 13]), "SYS / # / OBS TYPES"))
    return records


def _glonass(systems: str) -> Iterable[tuple[str, str]]:
    channels = {sv: signals.glonass_channel(sv, {}) for sv in constellation(systems).svs if sv[0] == "R"}
    known = [f"{sv} {channel:2d} " for sv, channel in channels.items() if channel is not None]
    for start in range(0, len(known), 8):
        lead = f"{len(known):3d} " if start == 0 else " " * 4
        yield lead + "".join(known[start : start + 8]), "GLONASS SLOT / FRQ #"
    if known:
        yield "".join(f" {code} {0:8.3f}" for code in ("C1C", "C1P", "C2C", "C2P")), "GLONASS COD/PHS/BIS"


def body(observations: Observations) -> bytes:
    """Return the epoch records and observation records."""
    epochs, satellites = len(observations.time_ns), len(observations.svs)
    buffer = np.empty(epochs * (_EPOCH_BYTES + satellites * _RECORD_BYTES) + 1, np.uint8)
    names = np.frombuffer("".join(observations.svs).encode(), np.uint8).reshape(satellites, 3)
    size = _write(buffer, names, _fields(observations.time_ns), observations.clock_ps, observations.measured)
    return buffer[:size].tobytes()


def _fields(time_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return year, month, day, hour, minute and 100 ns ticks of the minute, (E, 6)."""
    calendar = GPS_ORIGIN + time_ns.astype("m8[ns]")
    years, months, days = (calendar.astype(f"M8[{unit}]") for unit in "YMD")
    minutes = (calendar - days).astype("m8[m]").astype(np.int64)
    return np.stack(
        [
            years.astype(np.int64) + 1970,
            (months - years).astype(np.int64) + 1,
            (days - months.astype("M8[D]")).astype(np.int64) + 1,
            minutes // 60,
            minutes % 60,
            time_ns % (60 * SECOND_NS) // 100,
        ],
        axis=1,
    )


@with_arrays
def _write(buffer: np.ndarray, names: np.ndarray, fields: np.ndarray, clock_ps: np.ndarray, measured: Measured) -> int:
    at = 0
    for e in range(fields.shape[0]):
        count = 0
        start = at
        at += _EPOCH_BYTES - 7
        for s in range(names.shape[0]):
            after = _record(buffer, at, names[s], measured.values[e, s], measured.lli[e, s], measured.ssi[e, s])
            count += after > at
            at = after
        _epoch_record(buffer, start, fields[e], count, clock_ps[e])
    return at


@with_arrays
def _epoch_record(buffer: np.ndarray, at: int, fields: np.ndarray, count: int, clock_ps: int) -> None:
    """Write ``> 2025 01 01 00 00  0.0000000  0 nn`` and the clock offset, F15.12 from column 42."""
    buffer[at : at + _EPOCH_BYTES - 8] = _BLANK
    buffer[at] = _GREATER
    _digits(buffer, at + 2, 4, fields[0])
    for field in range(1, 5):
        _digits(buffer, at + 4 + 3 * field, 2, fields[field])
    _decimal(buffer, at + 29, fields[5], 7)
    buffer[at + 31] = _ZERO
    _right(buffer, at + 35, count)
    _decimal(buffer, at + 56, clock_ps, _CLOCK_DIGITS)
    buffer[at + 56] = _NEWLINE


@with_arrays
def _record(buffer: np.ndarray, at: int, name: np.ndarray, values: np.ndarray, lli: np.ndarray, ssi: np.ndarray) -> int:
    """Write one satellite, if it has a value; return where the next record begins."""
    end = at
    buffer[at : at + 3] = name
    buffer[at + 3 : at + _RECORD_BYTES] = _BLANK
    for k in range(values.shape[0]):
        if values[k, 0] == MISSING:
            continue
        for o in range(4):
            end = at + 3 + 16 * (4 * k + o) + 14
            _decimal(buffer, end, values[k, o], 3)
        end_code, end_phase = at + 3 + 64 * k + 14, at + 3 + 64 * k + 30
        buffer[end_code + 1] = _ZERO + np.uint8(ssi[k])
        buffer[end_phase] = _ZERO + np.uint8(lli[k])
        buffer[end_phase + 1] = _ZERO + np.uint8(ssi[k])
    if end == at:
        return at
    buffer[end] = _NEWLINE
    return end + 1


@with_arrays
def _digits(buffer: np.ndarray, at: int, count: int, number: int) -> None:
    """Write a number with leading zeros."""
    for place in range(count):
        buffer[at + count - 1 - place] = _ZERO + np.uint8(number % 10)
        number //= 10


@with_arrays
def _right(buffer: np.ndarray, end: int, number: int) -> None:
    """Write a number that is not negative so that it ends before a place."""
    while True:
        end -= 1
        buffer[end] = _ZERO + np.uint8(number % 10)
        number //= 10
        if number == 0:
            return


@with_arrays
def _decimal(buffer: np.ndarray, end: int, number: int, decimals: int) -> None:
    """Write an integer with a decimal point before its last places, so that it ends before a place."""
    rest = abs(number)
    for place in range(decimals):
        buffer[end - 1 - place] = _ZERO + np.uint8(rest % 10)
        rest //= 10
    at = end - decimals - 1
    buffer[at] = _DOT
    while True:
        at -= 1
        buffer[at] = _ZERO + np.uint8(rest % 10)
        rest //= 10
        if rest == 0:
            break
    if number < 0:
        buffer[at - 1] = _MINUS
