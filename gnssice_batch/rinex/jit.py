"""How the kernels are compiled: without the interpreter's lock, and kept on disk for the next process.

They make no arrays, so they are compiled without numba's reference counts (``_nrt``), which cost twenty times what the
kernels themselves do: an array taken out of a tuple is counted with an atomic instruction, several for every field.
"""

from collections.abc import Callable
from typing import Any, cast

from numba import njit


def kernel[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that is called a few times a line at most."""
    return cast("Callable[P, R]", _compiled(function))


def inlined[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function into its callers: passing tuples of arrays costs more than what it does."""
    return cast("Callable[P, R]", _compiled(function, forceinline=True))


def _compiled(function: Callable[..., Any], **options: bool) -> object:
    decorate: Callable[..., Any] = njit
    return decorate(cache=True, nogil=True, error_model="numpy", _nrt=False, **options)(function)
