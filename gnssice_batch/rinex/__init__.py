"""RINEX observation files of every version, read as integers; could be published alone."""

from typing import Final

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
from gnssice_batch.rinex.read import Reading, ReadOptions, read, read_header

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
