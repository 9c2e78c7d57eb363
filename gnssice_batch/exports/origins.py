"""What the ledger says of the files that epochs come from."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.model.grid import gps_datetime
from gnssice_batch.model.values import NO_SOURCE, HeaderFacts
from gnssice_batch.rinex.names import parse_name

COLUMNS: Final = ("uri", "marker", "header")
"""Of the ledger."""
_STATION: Final = 9
_NO_COUNTRY: Final = "00XXX"
_NAMES: Final = frozenset(field.name for field in fields(HeaderFacts))
_NO_CHANGE: Final = frozenset({"rinex2_names"})
"""How types are named says nothing of the station."""


def rows_in_order(source: npt.NDArray[np.int32]) -> tuple[list[int], list[int]]:
    """The ledger rows that epochs (N,) come from, each once in order of appearance, with the first epoch of each."""
    rows, first = np.unique(source, return_index=True)
    appearing = sorted(zip(first.tolist(), rows.tolist(), strict=True))
    kept = [(epoch, row) for epoch, row in appearing if row != NO_SOURCE]
    return [row for _, row in kept], [epoch for epoch, _ in kept]


def station_of(ledger: Mapping[str, npt.NDArray[Any]], row: int, receiver: str) -> str:
    """Nine characters that name a station, as the name of its file has them, else its marker, else the receiver."""
    hint = parse_name(str(ledger["uri"][row]))
    name = hint.station if hint else str(ledger["marker"][row]) or receiver
    letters = re.sub(r"[^A-Z0-9]", "", name.upper())
    return letters if len(letters) == _STATION else f"{letters[:4]:X<4}{_NO_COUNTRY}"


def facts_of(ledger: Mapping[str, npt.NDArray[Any]], row: int) -> HeaderFacts:
    """What the header of a file says."""
    return _facts(str(ledger["header"][row]) or "{}")


def changes(ledger: Mapping[str, npt.NDArray[Any]], rows: Sequence[int], times_ns: Iterable[int]) -> Iterator[str]:
    """What the header of each file says otherwise than that of the file before it.

    Parameters
    ----------
    times_ns
        When each of the files begins.
    """
    before = facts_of(ledger, rows[0]) if rows else HeaderFacts()
    for row, time_ns in zip(rows, times_ns, strict=True):
        now = facts_of(ledger, row)
        if now is before:
            continue
        was, its = asdict(before), asdict(now)
        told = [f"{name} {its[name] or 'none'}" for name in its if its[name] != was[name] and name not in _NO_CHANGE]
        if told:
            yield f"From {_shown(time_ns)} on: {', '.join(told)}"
        before = now


def _shown(time_ns: int) -> str:
    return str(gps_datetime(time_ns))[:19].replace("T", " ")


@lru_cache(maxsize=4096)
def _facts(text: str) -> HeaderFacts:
    told = {name: value for name, value in json.loads(text).items() if name in _NAMES}
    values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in told.items()}
    return HeaderFacts(**values)
