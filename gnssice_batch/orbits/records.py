"""Navigation text cut into records, sorted by how their lines are to be read."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gnssice_batch.errors import Reason

FIRST_NUMBER_2: Final = 22
FIRST_NUMBER_3: Final = 23
"""Columns in which the first number of a record begins, in RINEX 2 and later."""
WIDTH: Final = 19
"""Columns of a number."""

_SYSTEMS: Final = b"GRECJIS"
_KEPLER_LINES: Final = 8
_STATE_LINES: Final = 4
_MESSAGES: Final = {
    **{(system, b"LNAV"): 8 for system in "GJI"},
    **{(system, b"CNAV"): 9 for system in "GJ"},
    **{(system, b"CNV2"): 10 for system in "GJ"},
    **{("E", message): 8 for message in (b"INAV", b"FNAV")},
    **{("C", message): 8 for message in (b"D1", b"D2")},
    **{("C", message): 10 for message in (b"CNV1", b"CNV2")},
    ("C", b"CNV3"): 9,
    ("R", b"FDMA"): 5,
    ("S", b"SBAS"): 4,
}
"""Lines of the messages of RINEX 4 that orbits can be computed from."""
MODERN: Final = frozenset({b"CNAV", b"CNV1", b"CNV2", b"CNV3"})
"""Those whose elements have rates, and whose last line begins with the time of sending."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the lines of a record are read."""

    system: str
    lines: int
    first_number: int
    """Column in which the first number of the first line begins."""
    modern: bool = False


@dataclass(slots=True)
class Records:
    """The records of a file, by form; those that can't be used are counted."""

    found: dict[Form, list[Sequence[bytes]]]
    counts: Counter[Reason]


def cut(lines: Sequence[bytes], version: int, system: str) -> Records:
    """Return the records of a file's body.

    Parameters
    ----------
    lines
        The body's lines.
    version
        2, 3 or 4.
    system
        The system of a file of version 2, whose records bear numbers only.
    """
    records = Records(defaultdict(list), Counter())
    kept = [line for line in lines if not line.isspace() and line]
    if version == 2:
        starts = [at for at, line in enumerate(kept) if not line[:3].isspace()]
        _plain(kept, starts, records, system)
    elif version == 3:
        starts = [at for at, line in enumerate(kept) if line[0] in _SYSTEMS]
        _plain(kept, starts, records, "")
    else:
        _framed(kept, records)
    return records


def _spans(starts: Sequence[int], end: int) -> Iterator[tuple[int, int]]:
    return pairwise([*starts, end])


def _plain(lines: Sequence[bytes], starts: Sequence[int], records: Records, system: str) -> None:
    """Sort the records of RINEX 2 or 3, which begin with their satellite."""
    if lines and (not starts or starts[0] > 0):
        records.counts[Reason.STRAY_LINE] += starts[0] if starts else len(lines)
    for start, end in _spans(starts, len(lines)):
        letter = system or chr(lines[start][0])
        expected = _STATE_LINES if letter in "RS" else _KEPLER_LINES
        _keep(
            lines[start:end],
            Form(letter, expected, FIRST_NUMBER_2 if system else FIRST_NUMBER_3),
            records,
            last=end == len(lines),
        )


def _framed(lines: Sequence[bytes], records: Records) -> None:
    """Sort the records of RINEX 4, which begin with ``> EPH G01 LNAV``; those of other kinds hold no orbit."""
    starts = [at for at, line in enumerate(lines) if line.startswith(b">")]
    if lines and (not starts or starts[0] > 0):
        records.counts[Reason.STRAY_LINE] += starts[0] if starts else len(lines)
    for start, end in _spans(starts, len(lines)):
        words = lines[start].split()
        if words[1:2] != [b"EPH"]:
            continue
        system, message = chr((words[2:3] or [b" "])[0][0]), (words[3:4] or [b""])[0]
        expected = _MESSAGES.get((system, message))
        if expected is None:
            records.counts[Reason.UNKNOWN_MESSAGE] += 1
            continue
        form = Form(system, expected, FIRST_NUMBER_3, message in MODERN)
        _keep(lines[start + 1 : end], form, records, last=end == len(lines))


def _keep(lines: Sequence[bytes], form: Form, records: Records, *, last: bool) -> None:
    """Keep a record that has its lines; a GLONASS record of 3.05 has one more, which says nothing of the orbit."""
    needed = _STATE_LINES if form.system == "R" else form.lines
    if len(lines) < needed:
        records.counts[Reason.TRUNCATED if last else Reason.LINE_COUNT] += 1
        return
    spare = len(lines) - needed - (form.system == "R")
    if spare > 0:
        records.counts[Reason.STRAY_LINE] += spare
    records.found[Form(form.system, needed, form.first_number, form.modern)].append(lines[:needed])
