"""Where the declared observation types of a header are stored: columns by system, in order of appearance."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gnssice_batch import signals
from gnssice_batch.rinex.buffers import LEAP_100NS, SYSTEM_OF, Tables
from gnssice_batch.rinex.codes import SYSTEMS
from gnssice_batch.rinex.header import Header
from gnssice_batch.rinex.observations import Column

type Overrides = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a file by system letter; headers further down add to it and never take away."""

    columns: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Greatest number of columns of a system, at least one."""
        return max((len(columns) for columns in self.columns.values()), default=0) or 1


def extend(layout: Layout, header: Header, overrides: Overrides) -> tuple[Layout, Tables]:
    """Return the layout with a header's types added, and where each of them goes."""
    width = max((len(header.codes(system)) for system in SYSTEMS), default=0) or 1
    column_of = np.full((len(SYSTEMS), width), -1, np.int16)
    zero_counts = np.zeros((len(SYSTEMS), width), np.int8)
    counts = np.zeros(len(SYSTEMS), np.int64)
    columns = dict(layout.columns)
    for number, system in enumerate(SYSTEMS):
        declared = _declared(header, system, overrides)
        known = list(columns.get(system, ()))
        _place(declared, known, column_of[number], zero_counts[number])
        counts[number] = len(declared)
        if known:
            columns[system] = tuple(known)
    return Layout(columns), Tables(SYSTEM_OF, counts, column_of, zero_counts, LEAP_100NS)


def _declared(header: Header, system: str, overrides: Overrides) -> list[Column | None]:
    """Return the column that each declared type of a system is stored in, None for one that is not."""
    codes = header.codes(system)
    read = signals.columns(system, codes, header.version, overrides)
    return [
        None if one is None else Column(one.code, one.kind, one.band, one.letter, header.scale(system, code))
        for code, one in zip(codes, read, strict=True)
    ]


def _place(
    declared: list[Column | None], known: list[Column], column_of: npt.NDArray[np.int16], zero: npt.NDArray[np.int8]
) -> None:
    """Fill one system's part of the tables, adding new columns to the known ones."""
    for j, column in enumerate(declared):
        if column is None:
            continue
        if column not in known:
            known.append(column)
        column_of[j] = known.index(column)
        zero[j] = column.kind == "D"
