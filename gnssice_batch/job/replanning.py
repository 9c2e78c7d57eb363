"""Replanning when another run was faster, so that the work does not fit its result."""

import random
import time
from collections.abc import Callable

from gnssice_batch.errors import RunConflictError
from gnssice_batch.job.execution import Progress
from gnssice_batch.log import logger

_log = logger(__name__)

_TRIES = 5
_JITTER_S = 0.5


class MovedError(RunConflictError):
    """The target branch has moved and the work does not fit; its journal stands."""

    def __init__(self, message: str, run: str) -> None:
        super().__init__(message)
        self.run = run


def until_it_fits[R](attempt: Callable[[], R], progress: Progress) -> R:
    """Plan and publish, again whenever another run was faster and this one's work does not fit any more.

    Raises
    ------
    RunConflictError
        When others were faster every time.
    """
    for number in range(_TRIES):
        try:
            return attempt()
        except MovedError as moved:
            _log.warning("planning again: %s", moved, extra={"run": moved.run})
            progress.stage("planning again, another run published first", 0)
            time.sleep(random.uniform(0, _JITTER_S * 2**number))  # noqa: S311 - spreads the tries, keeps no secret
            last = moved
    msg = f"other runs were faster {_TRIES} times; nothing of this run was published: start it again. Last: {last}"
    raise RunConflictError(msg)
