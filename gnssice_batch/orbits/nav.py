"""RINEX navigation files of versions 2, 3, 4, read to ephemerides."""

from collections import Counter
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.orbits.ephemerides import ELEMENTS, STATE, STATE_SYSTEMS, Ephemerides, merged, nothing
from gnssice_batch.orbits.records import FIRST_NUMBER_2, WIDTH, Form, cut
from gnssice_batch.orbits.text import as_columns, numbers, numbers_at
from gnssice_batch.orbits.times import (
    DAY_NS,
    NO_TIME,
    SECOND_NS,
    WEEK_NS,
    LeapSeconds,
    calendar_ns,
    declared_leaps,
    from_bdt,
    from_utc,
    nearest,
)
from gnssice_batch.orbits.unpacking import MOST_BYTES, texts

_SYSTEM_OF_TYPE: Final = {"N": "G", "G": "R", "H": "S", "E": "E", "L": "E", "J": "J"}
"""Satellite system of a file of RINEX 2 by its type."""

_HEAD_2: Final = ((0, 2), (3, 5), (6, 8), (9, 11), (12, 14), (15, 17), (17, 22))
_HEAD_3: Final = ((1, 3), (4, 8), (9, 11), (12, 14), (15, 17), (18, 20), (20, 23))
"""Columns of a satellite's number and of a date in the first line of a record."""

_PLACES: Final = (12, 11, 9, 16, 14, 18, 7, 6, 20, 19, 8, 10, 17, 5, 13, 15)
"""Of the numbers of a record, four a line from 0, the date being the first: those of `ELEMENTS` but the rates."""
_A_DOT, _DELTA_N_DOT, _SENT = 4, 21, 28
_TOE_IS_TOC: Final = "GJ"
"""Systems whose newer messages have one reference for clock and orbit: that of the first line."""
_LARGEST: Final = np.array(
    [604_800, 1e4, 0.9, *[10] * 4, 1e-6, 1e-6, 1e-5, *[1e-3] * 2, *[1e4] * 2, *[1e-3] * 2, 10, 1e-9]
)
"""Ten times and more what the messages of any system have room for, by `ELEMENTS`: what is larger is damaged."""
_SMALLEST_SQRT_A: Final = 2_500
_EARTH_M, _FARTHEST_M, _FASTEST_M_S = 6.4e6, 1e8, 1e4
_STATE_PLACES: Final = (4, 8, 12, 5, 9, 13, 6, 10, 14)
_STATE_SENT: Final = 3
_WHOLE_STATE_LINE: Final = FIRST_NUMBER_2 - WIDTH + 3 * WIDTH
_DAMAGED: Final = b"    ?"
_QUARTER_NS: Final = 900 * SECOND_NS

Array = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]


def read_nav(content: bytes, max_bytes: int = MOST_BYTES) -> Ephemerides:
    """Read a RINEX navigation file.

    Parameters
    ----------
    content
        The file, as it is or compressed in any way the product unpacks; the members of an archive are read together.
    max_bytes
        What it may unpack to.

    Returns
    -------
    Ephemerides
        Orbits of GPS, Galileo, BeiDou, QZSS, NavIC (Kepler elements), GLONASS and SBAS (states). What can't be used is
        skipped and counted: ``unknown_message`` (a message of RINEX 4 without an orbit model here),
        ``bad_epoch_record``, ``bad_satellite``, ``bad_value``, ``line_count``, ``truncated``, ``stray_line``,
        ``other_member`` (in an archive, what is no navigation file).

    Raises
    ------
    ReadError
        If it can't be unpacked, or is no navigation file (``not_orbits``), of an unknown version, or without an end
        of its header.
    """
    return merged(texts(content, max_bytes, _read_text, _counting))


def _counting(counts: Counter[Reason]) -> Ephemerides:
    """Return nothing but counts."""
    empty = nothing()
    return Ephemerides(empty.sv, empty.reference_ns, empty.sent_ns, empty.values, MappingProxyType(dict(counts)))


def _read_text(text: bytes) -> Ephemerides:
    """Read an unpacked file."""
    lines = _without_cut_line(text)
    version, system = _kind(lines)
    end = next((at for at, line in enumerate(lines) if line[60:].startswith(b"END OF HEADER")), -1)
    if end < 0:
        raise ReadError(Reason.NO_END_OF_HEADER, "the navigation header has no END OF HEADER", line=len(lines))
    declared = [line for line in lines[:end] if line[60:].startswith(b"LEAP SECONDS")]
    leaps = declared_leaps(declared[-1]) if declared else LeapSeconds()
    records = cut(lines[end + 1 :], version, system)
    parts = [_ephemerides(form, found, leaps) for form, found in records.found.items()]
    return merged([*parts, _counting(records.counts)])


def _without_cut_line(text: bytes) -> list[bytes]:
    """Return the lines; a last one without line end may end inside a number, which would be another: it is damaged."""
    lines = text.splitlines()
    if lines and not text.endswith((b"\n", b"\r")) and lines[-1][:1] == b" " and len(lines[-1]) < _WHOLE_STATE_LINE:
        lines[-1] = _DAMAGED
    return lines


def _kind(lines: Sequence[bytes]) -> tuple[int, str]:
    """Return version, and the satellite system of a file of version 2."""
    first = lines[0] if lines else b""
    if not first.strip():
        raise ReadError(Reason.EMPTY, "the file is empty", line=1)
    if not first[60:].startswith(b"RINEX VERSION / TYPE"):
        raise ReadError(Reason.NOT_RINEX, "the first line is no RINEX VERSION / TYPE", line=1, first_bytes=first)
    kind = first[20:21].decode("latin-1").upper()
    version = first[:9].strip()[:1]
    if version not in {b"2", b"3", b"4"}:
        raise ReadError(
            Reason.UNSUPPORTED_VERSION, "navigation files of versions 2, 3, 4 are read", line=1, first_bytes=first
        )
    if kind != "N" and (version != b"2" or kind not in _SYSTEM_OF_TYPE):
        raise ReadError(
            Reason.NOT_ORBITS, f"a RINEX file of type {kind!r}, no navigation file", line=1, first_bytes=first
        )
    return int(version), _SYSTEM_OF_TYPE[kind] if version == b"2" else ""


def _ephemerides(form: Form, found: Sequence[Sequence[bytes]], leaps: LeapSeconds) -> Ephemerides:
    """Read the records of one form."""
    text = as_columns([line for lines in found for line in lines]).reshape(len(found), form.lines, -1)
    first = form.first_number - WIDTH
    fields = np.full((len(found), form.lines * 4), np.nan)
    fields[:, 1:] = numbers(text[:, :, first : first + 4 * WIDTH].reshape(len(found), -1, WIDTH)[:, 1:])
    head = numbers_at(text[:, 0], _HEAD_2 if form.first_number == FIRST_NUMBER_2 else _HEAD_3)
    sv = _satellites(form, text[:, 0, 0], head[:, 0])
    calendar = calendar_ns(head[:, 1:])
    counts: Counter[Reason] = Counter()
    good = _passing(np.char.not_equal(sv, ""), Reason.BAD_SATELLITE, np.ones(len(sv), bool), counts)
    good = _passing(calendar != NO_TIME, Reason.BAD_EPOCH_RECORD, good, counts)
    read = _states if form.system in STATE_SYSTEMS else _elements
    reference_ns, sent_ns, values, sound = read(form, fields, np.where(good, calendar, 0), leaps)
    good = _passing(sound, Reason.BAD_VALUE, good, counts)
    return Ephemerides(sv[good], reference_ns[good], sent_ns[good], values[good], MappingProxyType(dict(counts)))


def _passing(
    passed: npt.NDArray[np.bool_], reason: Reason, before: npt.NDArray[np.bool_], counts: Counter[Reason]
) -> npt.NDArray[np.bool_]:
    """Return which records pass one more check, and count those that do not."""
    failed = int((before & ~passed).sum())
    if failed:
        counts[reason] += failed
    return before & passed


def _satellites(form: Form, letters: npt.NDArray[np.uint8], number: Array) -> npt.NDArray[np.str_]:
    """Return the satellites of first lines, (N,); empty where there is none."""
    sound = (number >= 1) & (number <= 99) & (number % 1 == 0)
    if form.first_number != FIRST_NUMBER_2:
        sound &= letters == ord(form.system)
    names = [f"{form.system}{int(each):02d}" if good else "" for each, good in zip(number, sound, strict=True)]
    return np.array(names, "U3")


def _elements(
    form: Form, fields: Array, calendar: Times, _: LeapSeconds
) -> tuple[Times, Times, Array, npt.NDArray[np.bool_]]:
    """Return reference and sending times, (N, 18) elements, and which of them can be those of an orbit."""
    values = np.zeros((len(fields), len(ELEMENTS)))
    values[:, : len(_PLACES)] = fields[:, _PLACES]
    if form.modern:
        if form.system in _TOE_IS_TOC:
            values[:, 0] = calendar % WEEK_NS / SECOND_NS
        values[:, -2:] = fields[:, (_A_DOT, _DELTA_N_DOT)]
    sound = (np.abs(values) <= _LARGEST).all(axis=1) & (values[:, 1] > _SMALLEST_SQRT_A) & (values[:, 2] >= 0)
    reference = nearest(np.where(sound, values[:, 0], 0), WEEK_NS, calendar)
    sent = _sent(fields[:, 4 * (form.lines - 1) if form.modern else _SENT], WEEK_NS, reference)
    if form.system == "C":
        reference, sent = from_bdt(reference), from_bdt(sent)
    return reference, sent, values, sound


def _states(
    form: Form, fields: Array, calendar: Times, leaps: LeapSeconds
) -> tuple[Times, Times, Array, npt.NDArray[np.bool_]]:
    """As `_elements`, of positions, velocities and accelerations, which are written in km."""
    values = np.zeros((len(fields), len(ELEMENTS)))
    values[:, : len(STATE)] = fields[:, _STATE_PLACES] * 1e3
    place, speed, pull = (np.linalg.norm(values[:, at : at + 3], axis=1) for at in (0, 3, 6))
    sound = (place > _EARTH_M) & (place < _FARTHEST_M) & (speed < _FASTEST_M_S) & (pull < 1)
    if form.system == "S":
        return calendar, _sent(fields[:, _STATE_SENT], WEEK_NS, calendar), values, sound
    reference = (calendar + _QUARTER_NS // 2) // _QUARTER_NS * _QUARTER_NS
    sent = _sent(fields[:, _STATE_SENT] % (DAY_NS // SECOND_NS), DAY_NS, reference)
    return from_utc(reference, leaps), from_utc(sent, leaps), values, sound


def _sent(seconds: Array, period_ns: int, reference: Times) -> Times:
    """Return when records were sent; where they do not say, a week before their reference."""
    said = np.abs(seconds) <= WEEK_NS / SECOND_NS
    return np.where(said, nearest(np.where(said, seconds, 0), period_ns, reference), reference - WEEK_NS)
