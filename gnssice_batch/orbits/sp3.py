"""SP3 files of orbits, versions a to d, read to nodes."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.orbits.node_table import Nodes, joined
from gnssice_batch.orbits.text import as_columns, numbers, numbers_at
from gnssice_batch.orbits.times import NO_TIME, LeapSeconds, calendar_ns, from_bdt, from_utc
from gnssice_batch.orbits.unpacking import MOST_BYTES, texts

_DATE: Final = ((3, 7), (8, 10), (11, 13), (14, 16), (17, 19), (20, 31))
_UTC: Final = frozenset({"UTC", "GLO"})
_PLAIN: Final = frozenset({"", "GPS", "GAL", "QZS", "IRN", "ccc"})
_ABSENT_M: Final = 1e-3


def read_sp3(content: bytes, max_bytes: int = MOST_BYTES) -> Nodes:
    """Read an SP3 file.

    Parameters
    ----------
    content
        The file, as it is or compressed in any way the product unpacks; the members of an archive are read together.
    max_bytes
        What it may unpack to.

    Returns
    -------
    Nodes
        Positions in GPS time, whatever the file's time system; NaN where the file has none (0.0). Damaged records are
        skipped and counted: ``bad_epoch_record`` with all its positions, ``bad_satellite``, ``bad_value``.

    Raises
    ------
    ReadError
        If it can't be unpacked, is no SP3 file (``not_orbits``), is in a time system that is not known, or holds no
        epochs.
    """
    return joined(texts(content, max_bytes, _read_text, _counting))


def _counting(counts: Counter[Reason]) -> Nodes:
    return Nodes((), np.empty(0, np.int64), np.empty((0, 0, 3)), 0, dict(counts))


def _read_text(text: bytes) -> Nodes:
    """Read an unpacked file."""
    lines = text.splitlines()
    first = lines[0] if lines else b""
    if first[:1] != b"#" or first[1:2] not in {b"a", b"b", b"c", b"d"}:
        raise ReadError(Reason.NOT_ORBITS, "the first line is none of SP3", line=1, first_bytes=first)
    starts = [at for at, line in enumerate(lines) if line.startswith(b"*")]
    if not starts:
        raise ReadError(Reason.NO_EPOCHS, "the SP3 file has no epochs", line=len(lines))
    counts: Counter[Reason] = Counter()
    times = _times([lines[at] for at in starts], _time_system(lines[: starts[0]]))
    records = [at for at, line in enumerate(lines[: len(lines)]) if line.startswith(b"P") and at > starts[0]]
    epoch = np.searchsorted(starts, records) - 1
    satellites, column, positions = _positions([lines[at] for at in records], counts)
    good = (column >= 0) & (times[epoch] != NO_TIME)
    counts[Reason.BAD_EPOCH_RECORD] += int((times == NO_TIME).sum())
    return _nodes(satellites, times[epoch][good], column[good], positions[good], +counts)


def _time_system(header: Sequence[bytes]) -> str:
    """Return the time system of the first ``%c`` line; GPS where version a or b has none."""
    number, line = next(((at, line) for at, line in enumerate(header, 1) if line.startswith(b"%c")), (0, b""))
    system = line[9:12].decode("latin-1").strip()
    if system not in _PLAIN | _UTC | {"BDT"}:
        raise ReadError(Reason.UNREADABLE, f"the time system {system!r} is not known", line=number, first_bytes=line)
    return system


def _times(lines: Sequence[bytes], system: str) -> npt.NDArray[np.int64]:
    """Return the GPS times of epoch lines, `NO_TIME` for one that can't be read."""
    text = as_columns(lines)
    calendar = calendar_ns(numbers_at(text, _DATE))
    known = np.where(calendar == NO_TIME, 0, calendar)
    if system in _UTC:
        known = from_utc(known, LeapSeconds())
    elif system == "BDT":
        known = from_bdt(known)
    return np.where(calendar == NO_TIME, NO_TIME, known)


def _positions(
    lines: Sequence[bytes], counts: Counter[Reason]
) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return satellites, and of each record the satellite's number, or -1, and the position in m, (N, 3)."""
    text = as_columns(lines)
    names = [_satellite(line[1:4]) for line in lines]
    satellites = sorted({name for name in names if name})
    place = {name: at for at, name in enumerate(satellites)}
    column = np.array([place.get(name, -1) for name in names], np.int64)
    positions = numbers(text[:, 4:46].reshape(len(lines), 3, 14)) * 1e3
    counts[Reason.BAD_SATELLITE] += int((column < 0).sum())
    damaged = ~np.isfinite(positions).all(axis=1) & (column >= 0)
    counts[Reason.BAD_VALUE] += int(damaged.sum())
    absent = damaged | (np.abs(positions) < _ABSENT_M).any(axis=1)
    positions[absent] = np.nan
    return satellites, column, positions


def _satellite(name: bytes) -> str:
    """Return ``G01`` for ``G01``, ``G 1`` or ``  1``, which is GPS in version a; empty for what is no satellite."""
    letter, number = name[:1].replace(b" ", b"G").decode("latin-1"), name[1:].strip()
    return f"{letter}{int(number):02d}" if letter in "GRECJISL" and number.isdigit() else ""


def _nodes(
    satellites: Sequence[str],
    times: npt.NDArray[np.int64],
    column: npt.NDArray[np.int64],
    positions: npt.NDArray[np.float64],
    counts: Counter[Reason],
) -> Nodes:
    """Return the records as nodes."""
    times_ns, row = np.unique(times, return_inverse=True)
    table = np.full((len(times_ns), len(satellites), 3), np.nan)
    table[row, column] = positions
    spacing = int(np.median(np.diff(times_ns))) if len(times_ns) > 1 else 0
    return Nodes(tuple(satellites), times_ns, table, spacing, dict(counts))
