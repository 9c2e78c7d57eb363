"""The compilation of the kernels: without the interpreter's lock, cached on disk.

They make no arrays, so they are compiled without numba's reference counts (``_nrt``), which cost twenty times what the
kernels themselves do: an array taken out of a tuple is counted with an atomic instruction, several for every field.

numba keeps a compiled kernel as long as the file it stands in has the same time and size, though it holds what other
files say too (their functions, the numbers of `Reason`). Here it is kept as long as the content of all these files is
the same, wherever they were copied.

Both are not in numba's public interface. Without the first the kernels are only slower; without the second they are
compiled in every process, because a kept kernel could be an old one. So they are where numba finds no folder it may
write to (it refuses to read from one that it may not): `NUMBA_CACHE_DIR`, ``__pycache__`` beside the sources, or the
user's cache folder.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from numba import njit
from numba.core.cpu import CPUTargetOptions

_CONSTANTS = (
    "kernels/buffers.py",
    "kernels/numbers.py",
    "observations/values.py",
    "primitives/instructions.py",
    "primitives/jit.py",
)


def kernel[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that is called a few times a line at most."""
    return cast("Callable[P, R]", _compiled(function))


def inlined[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function into its callers: passing tuples of arrays costs more than what it does."""
    return cast("Callable[P, R]", _compiled(function, forceinline=True))


def kept_in(function: Callable[..., object]) -> str | None:
    """Return the folder that a compiled function is kept in; None where it is not kept."""
    folder: str | None = getattr(getattr(function, "_cache", None), "cache_path", None)
    return folder


def _compiled(function: Callable[..., Any], **options: bool) -> object:
    decorate: Callable[..., Any] = njit
    options |= {"nogil": True, **_without_counts()}
    try:
        compiled = decorate(cache=True, error_model="numpy", **options)(function)
    except RuntimeError:
        return decorate(error_model="numpy", **options)(function)
    kept: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if not hasattr(kept, "_source_stamp"):
        return decorate(error_model="numpy", **options)(function)
    digest = _sources_digest() + _digest(function.__code__.co_filename)
    kept._source_stamp = digest  # noqa: SLF001 - numba has no public way to say what a kernel depends on
    return compiled


@cache
def _without_counts() -> dict[str, bool]:
    """Return the option that leaves reference counts out, if this numba has it."""
    return {"_nrt": False} if hasattr(CPUTargetOptions, "_nrt") else {}


@cache
def _digest(path: str) -> str:
    return sha256(Path(path).read_bytes()).hexdigest()


@cache
def _sources_digest() -> str:
    """Return a digest of all that kernels are compiled from: their own files and those with constants they hold."""
    rinex = Path(__file__).parents[1]
    digest = sha256(b"".join((rinex.parent / path).read_bytes() for path in ("errors.py", "signals/codes.py")))
    for path in sorted(rinex.rglob("*.py")):
        content = path.read_bytes()
        if b"primitives.jit import" in content or str(path.relative_to(rinex)) in _CONSTANTS:
            digest.update(content)
    return digest.hexdigest()
