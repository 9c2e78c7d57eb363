"""How long a process waits before it asks a storage again: one budget for all requests of all processes."""

import random
import threading
import time
from collections.abc import Callable
from typing import Final

from gnssice_batch.log import logger
from gnssice_batch.redaction import redacted

TRIES: Final = 10
"""How often one request is made at most."""
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 20.0
_LONGEST_SAID_S: Final = 120.0
_OUTAGE_S: Final = 120.0
"""A storage that has answered before, and answers nothing for so long, is given up."""
_NEVER_ANSWERED_S: Final = 8.0
"""One that has never answered, whose address may be wrong, sooner."""
_BUDGET: Final = 200.0
"""Of all processes together, in requests that are made again."""
_LEAST: Final = 5.0
"""What a process has of it, however many there are."""
_EARNED: Final = 0.5
"""What an answer adds to the budget; asking again costs 1."""

_log = logger(__name__)


class Patience:
    """Pauses that grow and are spread by chance, no shorter than a server says, as long as the budget lasts.

    What one request has met, the others know: all of them wait as long as the server has told one of them to.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._budget = self._most = _BUDGET
        self._answered = False
        self._silent_since: float | None = None
        self._not_before = 0.0

    def answered(self) -> None:
        """Note that a server has done what it was asked."""
        with self._lock:
            self._answered, self._silent_since = True, None
            self._budget = min(self._most, self._budget + _EARNED)

    def share(self, processes: int) -> None:
        """Have no more than a share of the budget: so many processes ask the same storages."""
        with self._lock:
            self._most = max(_LEAST, _BUDGET / max(processes, 1))
            self._budget = min(self._budget, self._most)

    def pause_s(self, number: int, why: object, said_s: float = 0.0) -> float | None:
        """Seconds to wait before a request is made again, which the log shows; None: it is given up.

        Parameters
        ----------
        number
            How often it was made.
        why
            What it has failed of.
        said_s
            What the server has said, in ``Retry-After``.
        """
        now = self._clock()
        with self._lock:
            self._silent_since = now if self._silent_since is None else self._silent_since
            self._not_before = max(self._not_before, now + min(said_s, _LONGEST_SAID_S))
            most_s = _OUTAGE_S if self._answered else _NEVER_ANSWERED_S
            if number >= TRIES or self._budget < 1 or now - self._silent_since > most_s:
                return None
            self._budget -= 1
            least_s = self._not_before - now
        grown_s = min(_FIRST_PAUSE_S * 2.0 ** (number - 1), _LONGEST_PAUSE_S)
        pause_s = max(0.0, least_s) + grown_s * random.uniform(0.5, 1)  # noqa: S311 - spreads requests, keeps no secret
        reason = redacted(str(why)).strip().partition("\n")[0]
        _log.warning("a storage does not answer as it should: %s; asked again in %.1f s", reason, pause_s)
        return pause_s


PATIENCE: Final = Patience()
"""Of this process."""


def seconds_said(retry_after: str | None) -> float:
    """What ``Retry-After`` says in seconds; nought for nothing and for a date."""
    return float(retry_after) if retry_after and retry_after.strip().isdigit() else 0.0
