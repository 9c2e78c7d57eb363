"""Marks of parametrized tests."""

import pytest


def most_heavy(cases, light=1):
    """Mark all cases but the first few as heavy; a tuple is the values of several parameters."""
    every = list(cases)
    values = (case if isinstance(case, tuple) else (case,) for case in every[light:])
    return every[:light] + [pytest.param(*value, marks=pytest.mark.heavy) for value in values]
