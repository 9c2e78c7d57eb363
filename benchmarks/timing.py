"""How things are measured: on one core, warmed up, in turns, and memory in a process of its own."""

import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_STATUS = Path("/proc/self/status")
_CLEAR_PEAK = "5"
_KIB = 1024
_TRIM_THRESHOLD, _MMAP_MAX, _MOST = -1, -4, (1 << 31) - 1
"""Of ``mallopt`` in ``malloc.h``."""


def pin() -> int:
    """Keep this process, and what it starts from now on, on one core; call it before anything starts threads."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


@dataclass(frozen=True, slots=True)
class Series:
    """Seconds of the repetitions of one thing."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        """The fastest one."""
        return min(self.seconds)

    def less(self, seconds: float) -> "Series":
        """The same with something subtracted that is not to be counted."""
        return Series(tuple(each - seconds for each in self.seconds))

    def __str__(self) -> str:
        return f"{shown(self.median)} (best {shown(self.best)})"


def measure(things: Mapping[str, Callable[[], object]], repeats: int, warm_up: int = 1) -> dict[str, Series]:
    """Measure several things in turns, so that whatever else the machine does meets them alike."""
    for _ in range(warm_up):
        for thing in things.values():
            thing()
    found: dict[str, list[float]] = {name: [] for name in things}
    for _ in range(repeats):
        for name, thing in things.items():
            found[name].append(_seconds(thing))
    return {name: Series(tuple(seconds)) for name, seconds in found.items()}


def ratio(one: Series, other: Series) -> float:
    """Median of one against the other, repetition by repetition."""
    return statistics.median(a / b for a, b in zip(one.seconds, other.seconds, strict=True))


def _seconds(thing: Callable[[], object]) -> float:
    gc.collect()
    started = time.perf_counter()
    result = thing()
    seconds = time.perf_counter() - started
    del result
    return seconds


def in_child(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> dict[str, float]:
    """Run a module of these benchmarks in a fresh process and return what its last line says, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        check=True, cwd=_ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})},
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def keep_memory() -> None:
    """Let this process keep all memory that it has had, up to 2 GB that is free, where the C library is glibc."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, _MOST)


def resident_bytes() -> int:
    """Memory this process has now."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """The most memory this process had since it started, or since `forget_peak`."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Let `peak_bytes` begin anew."""
    Path("/proc/self/clear_refs").write_text(_CLEAR_PEAK, encoding="ascii")


def _status(name: str) -> int:
    line = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith(name))
    return int(line.split()[1]) * _KIB


def shown(seconds: float) -> str:
    """Seconds for people."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def total_bytes(paths: Sequence[Path]) -> int:
    """Size of files together."""
    return sum(path.stat().st_size for path in paths)
