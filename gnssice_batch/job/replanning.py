"""Starting the phases of a run again, when another run was faster or the storage has failed."""

import random
import time
from collections.abc import Callable

from gnssice_batch.errors import RunConflictError, StoreError
from gnssice_batch.job.counting import Progress
from gnssice_batch.log import logger
from gnssice_batch.store.faults import as_store_errors, failed_storage

_log = logger(__name__)

_TRIES = 5
_JITTER_S = 0.5
_STARTS = 4
_FIRST_PAUSE_S = 1.0


class MovedError(RunConflictError):
    """The target branch has moved and the work does not fit; its journal stands."""

    def __init__(self, message: str, run: str) -> None:
        super().__init__(message)
        self.run = run


def while_storage_fails[R](attempt: Callable[[], R], progress: Progress) -> R:
    """Start the phases again from their journal where the storage has failed, however far they had come.

    Raises
    ------
    StoreError
        When it fails every time, or when it is not the storage that failed.
    """
    for number in range(1, _STARTS):
        try:
            with as_store_errors():
                return attempt()
        except StoreError as error:
            if isinstance(error, RunConflictError) or not failed_storage(error):
                raise
            pause_s = _FIRST_PAUSE_S * 3 ** (number - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads the starts
            _log.warning("going on from the journal in %.1f s: %s", pause_s, error)
        progress.stage("going on from the journal, the storage failed", 0)
        time.sleep(pause_s)
    with as_store_errors():
        return attempt()


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
