"""Runs ract and says how much of the time went into the journal."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from benchmarks.files import RACT
from benchmarks.ingest import settings
from gnssice_batch.job.journal import Journal
from gnssice_batch.job.run import run

_METHODS = tuple(name for name, member in vars(Journal).items() if callable(member) and not name.startswith("_"))
_UNIT = 720
"""An hour at 5 s: thirty partitions of four files, smaller than any that would be chosen."""


def main() -> dict[str, float]:
    """Run once to be warm, and once that counts."""
    with TemporaryDirectory() as folder:
        run(settings(Path(folder, "warm"), RACT, "default", _UNIT))
        spent: list[float] = []
        with _watched(spent):
            report = run(settings(Path(folder, "measured"), RACT, "default", _UNIT))
    return {"run": report.seconds, "journal": sum(spent), "partitions": report.partitions}


@contextmanager
def _watched(spent: list[float]) -> Iterator[None]:
    """Note the seconds of every call that a run makes of its journal."""

    def timed(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object) -> Any:
            started = time.perf_counter()
            try:
                return method(*arguments)
            finally:
                spent.append(time.perf_counter() - started)

        return call

    with ExitStack() as stack:
        for name in _METHODS:
            stack.enter_context(patch.object(Journal, name, timed(getattr(Journal, name))))
        yield


if __name__ == "__main__":
    print(json.dumps(main()))
