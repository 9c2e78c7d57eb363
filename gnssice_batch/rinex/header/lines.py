"""A line of a header: what it says, then its label."""

from typing import Final

LABEL_COLUMN: Final = 60
"""Columns of what a header line says; its label stands behind them."""


def label_of(line: str) -> str:
    """Return the label in columns 61 to 80 of a header line."""
    return line[LABEL_COLUMN : LABEL_COLUMN + 20].strip()
