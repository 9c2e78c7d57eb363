"""What changes over the series of a receiver: its place, its equipment, the names of its signals."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from math import dist
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.log import logger
from gnssice_batch.model.values import FileFacts, FileOutcome, HeaderFacts, Status
from gnssice_batch.store.layout.file_rows import NO_TIME
from gnssice_batch.store.layout.ledger import Ledger

MOVED_M: Final = 10.0
"""A position that lies further off than this is another one."""

_NAMES: Final = "signal names"
_MOST_LOGGED: Final = 10
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is other in a file than in those before it."""

    file: str
    """Path of the first file that has it."""
    what: str
    """``position``, ``marker``, ``receiver``, ``antenna``, ``antenna offset``, ``clock correction``, ...."""
    before: str
    after: str

    def __str__(self) -> str:
        """In one sentence."""
        return f"{self.what} changes from {self.before} to {self.after} with {self.file}"


def changes(outcomes: Iterable[FileOutcome], ledger: Ledger) -> tuple[Change, ...]:
    """The changes that files bring to the series of a receiver, in the order of time.

    Parameters
    ----------
    outcomes
        Files of one receiver, in any order; refused ones say nothing.
    ledger
        The files among which they lie; each is compared with the nearest before and after it.
    """
    stored = _stored(ledger)
    first_ns = ledger.first_ns[stored]
    series = sorted((_first_ns(outcome.facts), outcome.file.uri, outcome.facts.header) for outcome in _told(outcomes))
    found: list[Change] = []
    for place, between in groupby(series, lambda one: int(np.searchsorted(first_ns, one[0], "right"))):
        before, after = (_told_by(ledger, stored[at : at + 1].tolist()) for at in (max(0, place - 1), place))
        neighbours = before if place else []
        known = set(map(_of_any_file, _differences([*neighbours, *after])))
        brought = _differences([*neighbours, *((uri, header) for _, uri, header in between), *after])
        found += [change for change in brought if _of_any_file(change) not in known]
    return tuple(_names_once(found))


def _stored(ledger: Ledger) -> npt.NDArray[np.intp]:
    """The rows of the files that were taken, in the order of time."""
    rows = np.flatnonzero((ledger.status != Status.REJECTED.value) & (ledger.first_ns != NO_TIME))
    return rows[np.argsort(ledger.first_ns[rows], kind="stable")]


def _told_by(ledger: Ledger, rows: Iterable[int]) -> list[tuple[str, HeaderFacts]]:
    headers = ((str(ledger.uri[row]), ledger.header(row)) for row in rows)
    return [(uri, header) for uri, header in headers if header]


def _of_any_file(change: Change) -> tuple[str, str, str]:
    return change.what, change.before, change.after


def _differences(series: Iterable[tuple[str, HeaderFacts]]) -> Iterator[Change]:
    """The changes from file to file."""
    seen = _Seen()
    for uri, header in series:
        for what, old, new in seen.take(header):
            yield Change(uri, what, old, new)


def changes_along(series: Iterable[tuple[str, HeaderFacts]]) -> tuple[Change, ...]:
    """The changes over files of one receiver, given by path and header in the order of time."""
    return tuple(_names_once(_differences(series)))


def changes_json(found: Mapping[str, Iterable[Change]]) -> dict[str, object]:
    """The changes as plain JSON values, by receiver."""
    return {receiver: [asdict(change) for change in of_receiver] for receiver, of_receiver in found.items()}


def warn(found: Mapping[str, Iterable[Change]]) -> None:
    """Log the changes of each receiver, the first of them one by one."""
    for receiver, of_receiver in found.items():
        every = list(of_receiver)
        for change in every[:_MOST_LOGGED]:
            _log.warning("%s: %s", receiver, change)
        if len(every) > _MOST_LOGGED:
            _log.warning("%s: %d more changes: the JSON report has them all", receiver, len(every) - _MOST_LOGGED)


def _told(outcomes: Iterable[FileOutcome]) -> Iterator[FileOutcome]:
    taken = (outcome for outcome in outcomes if outcome.status is not Status.REJECTED)
    return (outcome for outcome in taken if outcome.facts.span and outcome.facts.header != HeaderFacts())


def _first_ns(facts: FileFacts) -> int:
    return facts.span.first_ns if facts.span else 0


def _names_once(found: Iterable[Change]) -> Iterator[Change]:
    """Leave out that names change again and again: where a day comes in RINEX 2 and 3, they do with every file."""
    told = set[frozenset[str]]()
    for change in found:
        both = frozenset((change.before, change.after))
        if change.what != _NAMES:
            yield change
        elif both not in told:
            told.add(both)
            yield change


class _Seen:
    """What the files of a series have said last, each thing by itself."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._position: tuple[float, ...] = ()

    def take(self, header: HeaderFacts) -> list[tuple[str, str, str]]:
        """Take a header and return what it says otherwise, with before and after; what it does not say stays."""
        found = [*self._moved(header.position_xyz_m)]
        for what, text in _texts(header).items():
            before = self._texts.get(what, text)
            if text:
                self._texts[what] = text
            if text and before.casefold() != text.casefold():
                found.append((what, before, text))
        return found

    def _moved(self, position: tuple[float, ...]) -> Iterator[tuple[str, str, str]]:
        before = self._position or position
        if position and not self._position:
            self._position = position
        if position and dist(before, position) > MOVED_M:
            self._position = position
            yield "position", _metres(before), f"{_metres(position)}, {dist(before, position):.0f} m off,"


def _texts(header: HeaderFacts) -> dict[str, str]:
    applied = header.rx_clock_offset_applied
    return {
        "marker": header.marker,
        "receiver": " ".join(filter(None, (header.receiver_type, header.receiver_number))),
        "antenna": " ".join(filter(None, (header.antenna_type, header.antenna_number))),
        "antenna offset": _metres(header.antenna_delta_hen_m),
        "clock correction": "" if applied is None else ("applied" if applied else "not applied"),
        _NAMES: _named(header),
    }


def _named(header: HeaderFacts) -> str:
    if header.rinex2_names:
        return f"those of RINEX 2 (read as {', '.join(header.rinex2_names)})"
    return "those of RINEX 3 and 4"


def _metres(numbers: tuple[float, ...]) -> str:
    return f"({' '.join(f'{metres:.4f}' for metres in numbers)}) m" if numbers else ""
