"""RINEX observation files of every version, read as integers; could be published alone."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gnssice_batch.rinex.failures import failures_as_read_errors
    from gnssice_batch.rinex.header.values import Header
    from gnssice_batch.rinex.observations.dense import Dense, dense, signals
    from gnssice_batch.rinex.observations.values import (
        MISSING,
        MISSING_INDICATOR,
        Accounting,
        Column,
        Observations,
        Offence,
    )
    from gnssice_batch.rinex.reading import Reading, ReadOptions, read, read_header

__all__ = [
    "MISSING",
    "MISSING_INDICATOR",
    "READER_VERSION",
    "Accounting",
    "Column",
    "Dense",
    "Header",
    "Observations",
    "Offence",
    "ReadOptions",
    "Reading",
    "dense",
    "failures_as_read_errors",
    "read",
    "read_header",
    "signals",
]

READER_VERSION: Final = 2
"""Raised whenever a file may be read otherwise than before; ledgers keep it, to try refused files again."""

_PLACES: Final = {
    "failures": "failures_as_read_errors",
    "header.values": "Header",
    "observations.dense": "Dense dense signals",
    "observations.values": "MISSING MISSING_INDICATOR Accounting Column Observations Offence",
    "reading": "Reading ReadOptions read read_header",
}
"""Module to the public names that it gives."""


def __getattr__(name: str) -> object:
    """Import a public name when it is used: what compiles the kernels takes longer to load than a look at a store."""
    for module, names in _PLACES.items():
        if name in names.split():
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
