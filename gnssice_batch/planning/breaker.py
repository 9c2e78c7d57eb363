"""The circuit breaker: stops a run in which most files are rejected for one reason."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from gnssice_batch.errors import Reason, RefusedError
from gnssice_batch.model.values import FileOutcome, Status


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When a run is stopped because of what it refuses."""

    files: int
    fraction: float
    first_stops: bool = False

    def survey(self, known: Collection[str] = ()) -> "Breaker":
        """A breaker for files that are only looked at: no single one stops the run."""
        return Breaker(self.files, self.fraction, known=known)

    def work(self, known: Collection[str] = ()) -> "Breaker":
        """A breaker for files that are taken."""
        return Breaker(self.files, self.fraction, self.first_stops, known)


@dataclass(slots=True)
class Breaker:
    """Stops a run in which most files fail in the same way: an archive without access, a reader that went wrong."""

    files: int
    """Files that must have been read before it judges."""
    fraction: float
    """Part of them that one reason may refuse."""
    first_stops: bool = False
    """Whether a single rejected file ends the run."""
    known: Collection[str] = ()
    """Files that were refused before, by URI: no news if they are again."""
    _seen: set[str] = field(default_factory=set)
    _rejected: Counter[Reason] = field(default_factory=Counter)

    def check(self, outcomes: Iterable[FileOutcome]) -> None:
        """Count these outcomes, then judge by all that were counted.

        Raises
        ------
        RefusedError
            When it is too much.
        """
        last = dict[Reason, str]()
        for outcome in outcomes:
            uri = outcome.file.uri
            if uri in self._seen or uri in self.known:
                continue
            self._seen.add(uri)
            if outcome.status is Status.REJECTED and outcome.refusal:
                self._rejected[outcome.refusal.reason] += 1
                last[outcome.refusal.reason] = uri
        for reason, uri in last.items():
            self._judge(uri, reason)

    def _judge(self, uri: str, reason: Reason) -> None:
        if self.first_stops:
            msg = f"{uri}: rejected ({reason}) and run.on_error is 'fail'; nothing was published"
            raise RefusedError(msg)
        count, seen = self._rejected[reason], len(self._seen)
        if seen >= self.files and count > self.fraction * seen:
            msg = (
                f"{count} of {seen} files were rejected for the same reason ({reason}, last {uri}); the run stops here,"
                " nothing was published: mend the cause and start again, or raise run.breaker_fraction"
            )
            raise RefusedError(msg)
