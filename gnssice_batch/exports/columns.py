"""The columns of a RINEX file: which observables of which satellites stand where."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch.exports.cells import PHASE
from gnssice_batch.exports.survey import ABSENT, KINDS, Found
from gnssice_batch.model.values import SignalAxis
from gnssice_batch.signals import SYSTEMS, columns, split_sid

LETTERS: Final = "SCLD"
"""Of the kinds of values, in the order of the data variables."""
_ORDER: Final = "CLDS"
"""Of the observables of a signal in a file."""
_DIGITS: Final = "123456789"


@dataclass(frozen=True, slots=True)
class Observable:
    """One observable of a satellite system."""

    code: str
    """RINEX 3 code, e.g. ``C1C``."""
    level: int
    """Its scale factor is 10 to this power."""


class Layout(NamedTuple):
    """Where each column of each of T satellites comes from, K columns at most."""

    svs: tuple[str, ...]
    names: npt.NDArray[np.uint8]
    """(T, 3)"""
    place: npt.NDArray[np.int32]
    """(T, K) index of the signal, -1 where there is none."""
    kind: npt.NDArray[np.int8]
    """(T, K) which data variable."""
    factor: npt.NDArray[np.float64]
    """(T, K) what values are multiplied with to be whole."""
    columns: npt.NDArray[np.int64]
    """(T,) columns of the satellite's system."""

    @property
    def width(self) -> int:
        """K."""
        return int(self.place.shape[1])


class InKernel(NamedTuple):
    """Those parts of a `Layout` that kernels use."""

    names: npt.NDArray[np.uint8]
    place: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    factor: npt.NDArray[np.float64]
    columns: npt.NDArray[np.int64]


def observables(axis: SignalAxis, found: Found) -> dict[str, tuple[Observable, ...]]:
    """By system the observables that have a value or an indicator, in the order of a file.

    Of epochs without satellites they are the pseudoranges of the axis: a header without any is none.
    """
    levels: dict[str, dict[str, int]] = {}
    for j, name in enumerate(axis.sids):
        for kind in range(KINDS):
            level = int(found.level[kind, j])
            if level == ABSENT and not (kind == PHASE and found.indicated[j]):
                continue
            system, code = name[0], LETTERS[kind] + tracking(name)
            known = levels.setdefault(system, {})
            known[code] = max(level, known.get(code, 0))
    if not levels:
        levels = {name[0]: {f"C{tracking(name)}": 0} for name in axis.sids}
    ordered = sorted(levels, key=SYSTEMS.index)
    return {system: tuple(Observable(*item) for item in sorted(levels[system].items(), key=_key)) for system in ordered}


def tracking(name: str) -> str:
    """Band digit and letter of a signal, e.g. ``2I`` for ``C07|B1I|I``.

    Raises
    ------
    ValueError
        When no code is read as this signal.
    """
    sv, band, letter = split_sid(name)
    for digit in _DIGITS:
        (found,) = columns(sv[0], [f"C{digit}{letter}"], "3.05")
        if found is not None and (found.band, found.letter) == (band, letter) and found.code[1] == digit:
            return digit + letter
    message = f"no RINEX 3 code is read as {name}"
    raise ValueError(message)


def layout(axis: SignalAxis, found: Found, of_system: Mapping[str, Sequence[Observable | None]]) -> Layout:
    """The columns of the satellites that have anything in a file.

    Parameters
    ----------
    of_system
        By system what stands in its columns, None for nothing.
    """
    there = (found.level != ABSENT).any(axis=0) | (found.indicators > 0)
    places = {name: j for j, name in enumerate(axis.sids) if there[j]}
    svs = tuple(sorted({name[:3] for name in places}, key=lambda sv: (SYSTEMS.index(sv[0]), sv)))
    width = max((len(columns) for columns in of_system.values()), default=0)
    made = _empty(svs, width)
    for number, sv in enumerate(svs):
        columns_ = of_system.get(sv[0], ())
        made.columns[number] = len(columns_)
        for k, column in enumerate(columns_):
            if column is not None:
                made.place[number, k] = places.get(_signal(sv, column.code), -1)
                made.kind[number, k] = LETTERS.index(column.code[0])
                made.factor[number, k] = 1000.0 * 10**column.level
    return made


def in_kernel(made: Layout) -> InKernel:
    """The arrays of a layout, not copied."""
    return InKernel(made.names, made.place, made.kind, made.factor, made.columns)


def scaled(of_system: Mapping[str, Iterable[Observable]]) -> dict[tuple[str, int], list[str]]:
    """By system and level above 0 the codes that have it."""
    chosen: dict[tuple[str, int], list[str]] = {}
    for system, columns_ in of_system.items():
        for column in columns_:
            if column.level:
                chosen.setdefault((system, column.level), []).append(column.code)
    return chosen


def _signal(sv: str, code: str) -> str:
    (found,) = columns(sv[0], [code], "3.05")
    return f"{sv}|{found.band}|{found.letter}" if found else ""


def _empty(svs: Sequence[str], width: int) -> Layout:
    shape = (len(svs), width)
    return Layout(
        tuple(svs),
        np.frombuffer("".join(svs).encode("ascii"), np.uint8).reshape(len(svs), 3),
        np.full(shape, -1, np.int32),
        np.zeros(shape, np.int8),
        np.ones(shape),
        np.zeros(len(svs), np.int64),
    )


def _key(item: tuple[str, int]) -> tuple[str, str, int]:
    code, _ = item
    return code[1], code[2], _ORDER.index(code[0])
