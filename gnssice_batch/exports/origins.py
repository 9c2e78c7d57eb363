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
_ROW_BITS: Final = 32
"""Of the number of a ledger row."""


def rows_in_order(source: npt.NDArray[np.int32]) -> tuple[list[int], list[int]]:
    """The ledger rows that epochs (N,) come from, each once in order of appearance, with the first epoch of each."""
    rows, first = np.unique(source, return_index=True)
    appearing = sorted(zip(first.tolist(), rows.tolist(), strict=True))
    kept = [(epoch, row) for epoch, row in appearing if row != NO_SOURCE]
    return [row for _, row in kept], [epoch for epoch, _ in kept]


def guests_in_order(
    source: npt.NDArray[np.int32], joined: npt.NDArray[np.int32]
) -> Iterator[tuple[tuple[int, int], int]]:
    """Files that only signals are from, each with the file of their epoch, and the first epoch of such a pair.

    Parameters
    ----------
    source
        (N,) the ledger row that each epoch is from.
    joined
        (N, S) the ledger row of signals that are from another one.
    """
    epoch, signal = np.nonzero(joined != NO_SOURCE)
    pairs = joined[epoch, signal].astype(np.int64) << _ROW_BITS | source[epoch].astype(np.int64)
    found, first = np.unique(pairs, return_index=True)
    for at in np.argsort(first, kind="stable").tolist():
        guest, host = divmod(int(found[at]), 1 << _ROW_BITS)
        yield (guest, host), int(epoch[first[at]])


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
        if told := _otherwise(before, now):
            yield f"From {_shown(time_ns)} on: {told}"
        before = now


def headers_of_guests(
    ledger: Mapping[str, npt.NDArray[Any]], pairs: Iterable[tuple[int, int]], times_ns: Iterable[int]
) -> Iterator[str]:
    """What headers of files that only signals are from say otherwise than that of the epochs' file.

    Parameters
    ----------
    pairs
        Ledger rows of the signals' file and of the epochs' file.
    times_ns
        When each of the pairs begins.
    """
    for (guest, host), time_ns in zip(pairs, times_ns, strict=True):
        if told := _otherwise(facts_of(ledger, host), facts_of(ledger, guest)):
            name = str(ledger["uri"][guest]).rpartition("/")[2]
            yield f"Signals joined from {_shown(time_ns)} on from {name}: {told}"


def _otherwise(before: HeaderFacts, now: HeaderFacts) -> str:
    """What a header says that another one does not."""
    if now is before:
        return ""
    was, its = asdict(before), asdict(now)
    return ", ".join(
        f"{name} {its[name] or 'none'}" for name in its if its[name] != was[name] and name not in _NO_CHANGE
    )


def _shown(time_ns: int) -> str:
    return str(gps_datetime(time_ns))[:19].replace("T", " ")


@lru_cache(maxsize=4096)
def _facts(text: str) -> HeaderFacts:
    told = {name: value for name, value in json.loads(text).items() if name in _NAMES}
    values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in told.items()}
    return HeaderFacts(**values)
