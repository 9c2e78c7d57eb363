"""What starting costs: processor time of a fresh process, beyond that of a Python that does nothing."""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.figures import Figure, at_most

TITLE = "Start-up: processor time of a fresh process"

_REPEATS = 9
_HELP_S, _IMPORT_S = 0.5, 0.3


def figures() -> Iterator[Figure]:
    """Every figure of starting."""
    nothing = _processor_s("-c", "pass")
    yield Figure("Python's own start", f"{nothing:.3f} s")
    imported = _processor_s("-c", "import gnssice_batch") - nothing
    yield at_most("`import gnssice_batch`, beyond it", imported, _IMPORT_S, "s")
    for command in ("--help", "inspect --help"):
        seconds = _processor_s("-m", "gnssice_batch", *command.split())
        yield at_most(f"`gnssice-batch {command}`", seconds, _HELP_S, "s")


def _processor_s(*arguments: str) -> float:
    """The median of user and system time together."""
    return statistics.median(_once(arguments) for _ in range(_REPEATS))


def _once(arguments: tuple[str, ...]) -> float:
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
