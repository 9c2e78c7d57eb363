"""The columns of each system, from the observation types that a header declares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gnssice_batch import signals
from gnssice_batch.rinex.header.values import UNKNOWN_FACTOR, Header
from gnssice_batch.rinex.kernels.buffers import LEAP_100NS, SYSTEM_OF, Tables
from gnssice_batch.rinex.kernels.numbers import PSEUDO_OBSERVABLE, UNKNOWN_CODE, UNKNOWN_SCALE
from gnssice_batch.rinex.observations.values import BLOCK, Column
from gnssice_batch.signals import SYSTEMS

type Overrides = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a file by system letter; headers further down add to it and never take away."""

    columns: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Greatest number of columns of a system, rounded up to whole blocks, at least one."""
        most = max((len(columns) for columns in self.columns.values()), default=0) or 1
        return BLOCK * ceil(most / BLOCK)


def extend(layout: Layout, header: Header, overrides: Overrides) -> tuple[Layout, Tables]:
    """Return the layout with a header's types added, and where each of them goes; neither is to be changed."""
    codes = {system: header.codes(system) for system in SYSTEMS}
    scaled = SYSTEMS if header.scale_factors else ""
    scales = {system: tuple(header.scale(system, code) for code in codes[system]) for system in scaled}
    chosen = tuple((system, tuple(pairs.items())) for system, pairs in overrides.items())
    declared = Declared(header.version, tuple(codes.items()), tuple(scales.items()), chosen)
    return _extend(tuple(layout.columns.items()), declared)


class Declared(NamedTuple):
    """What a header declares, by system; hashable, for the headers of an archive repeat."""

    version: str
    codes: tuple[tuple[str, tuple[str, ...]], ...]
    scales: tuple[tuple[str, tuple[int, ...]], ...]
    """A factor for each code, 0 where it is unknown; empty for a header without any."""
    overrides: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@lru_cache(maxsize=1024)
def _extend(known: tuple[tuple[str, tuple[Column, ...]], ...], declared: Declared) -> tuple[Layout, Tables]:
    width = max(len(codes) for _, codes in declared.codes) or 1
    column_of = np.full((len(SYSTEMS), width), -1 - UNKNOWN_CODE, np.int16)
    counts = np.zeros(len(SYSTEMS), np.int64)
    columns = dict(known)
    for number, (system, codes) in enumerate(declared.codes):
        held = list(columns.get(system, ()))
        _place(_declared_columns(system, codes, declared), held, column_of[number])
        counts[number] = len(codes)
        if held:
            columns[system] = tuple(held)
    return Layout(columns), Tables(SYSTEM_OF, counts, column_of, LEAP_100NS)


def _declared_columns(system: str, codes: tuple[str, ...], declared: Declared) -> list[Column | int]:
    """Return the column that each declared type of a system is stored in, or the number of the reason why it is not."""
    overrides = {letter: dict(pairs) for letter, pairs in declared.overrides}
    read = signals.columns(system, codes, declared.version, overrides)
    scales = dict(declared.scales).get(system, (1,) * len(codes))
    return [_column(one, code, scale) for one, code, scale in zip(read, codes, scales, strict=True)]


def _column(signal: signals.SignalColumn | None, code: str, scale: int) -> Column | int:
    if signal is None:
        return PSEUDO_OBSERVABLE if signals.is_pseudo_observable(code) else UNKNOWN_CODE
    if scale == UNKNOWN_FACTOR:
        return UNKNOWN_SCALE
    return Column(signal.code, signal.kind, signal.band, signal.letter, scale, signal.rank)


def _place(declared: list[Column | int], known: list[Column], column_of: npt.NDArray[np.int16]) -> None:
    """Fill one system's part of the tables, adding new columns to the known ones."""
    for j, column in enumerate(declared):
        if isinstance(column, int):
            column_of[j] = -1 - column
            continue
        if column not in known:
            known.append(column)
        column_of[j] = known.index(column)
