"""The compilation of the kernels: without the interpreter's lock, cached on disk.

They make no arrays, so they are compiled without numba's reference counts (``_nrt``), which cost twenty times what the
kernels themselves do: an array taken out of a tuple is counted with an atomic instruction, several for every field.

numba keeps a compiled kernel as long as the file it stands in has the same time and size, though it holds what other
files say too (their functions, the numbers of `Reason`). Here it is kept as long as the content of all these files is
the same, wherever they were copied.

Both are not in numba's public interface. Without the first the kernels are only slower; without the second they are
compiled in every process, because a kept kernel could be an old one. So they are where numba finds no folder it may
write to: `NUMBA_CACHE_DIR` or its copy (see `kept_kernels`), ``__pycache__`` beside the sources, or the user's cache
folder.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from numba import njit
from numba.core.cpu import CPUTargetOptions

from gnssice_batch.rinex.primitives.kept_kernels import use_writable_folder

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


def with_arrays[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that may make arrays; it divides as Python does."""
    return cast("Callable[P, R]", _kept(function, {"nogil": True}))


def kept_in(function: Callable[..., object]) -> str | None:
    """Return the folder that a compiled function is kept in; None where it is not kept."""
    folder: str | None = getattr(getattr(function, "_cache", None), "cache_path", None)
    return folder


def _compiled(function: Callable[..., Any], **options: bool) -> object:
    return _kept(function, {"nogil": True, "error_model": "numpy", **_without_counts(), **options})


def _kept(function: Callable[..., Any], options: dict[str, Any]) -> object:
    use_writable_folder()
    decorate: Callable[..., Any] = njit
    try:
        compiled = decorate(cache=True, **options)(function)
    except RuntimeError:
        return decorate(**options)(function)
    kept: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if not hasattr(kept, "_source_stamp"):
        return decorate(**options)(function)
    digest = _sources_digest() + _digest(Path(function.__code__.co_filename).parent)
    kept._source_stamp = digest  # noqa: SLF001 - numba has no public way to say what a kernel depends on
    return compiled


@cache
def _without_counts() -> dict[str, bool]:
    """Return the option that leaves reference counts out, if this numba has it."""
    return {"_nrt": False} if hasattr(CPUTargetOptions, "_nrt") else {}


@cache
def _digest(folder: Path) -> str:
    """Return a digest of the files of a folder that hold kernels."""
    contents = [path.read_bytes() for path in sorted(folder.glob("*.py"))]
    return sha256(b"".join(content for content in contents if b"primitives.jit import" in content)).hexdigest()


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
