"""Marks of parametrized tests."""

import pytest


def most_heavy(cases, light=1):
    """Mark all cases but the first few as heavy; a tuple is the values of several parameters."""
    every = list(cases)
    return every[:light] + [_heavy(case) for case in every[light:]]


def _heavy(case):
    if hasattr(case, "marks"):
        return pytest.param(*case.values, marks=[*case.marks, pytest.mark.heavy], id=case.id)
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.heavy)
