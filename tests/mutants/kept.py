"""Results of mutants, kept in a file that grows line by line, so that a run goes on where it was ended."""

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from tests.mutants.changes import Mutant
from tests.mutants.running import Result

KILLED = {"killed", "timeout"}
SURE = 1.96
"""Standard deviations that hold 95 % of the cases."""


class Kept:
    """The latest result of each mutant whose function is still as it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[tuple[str, str], Result] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            found = json.loads(line)
            self._results[found["name"], found["source"]] = Result(**found["result"])

    def has(self, mutant: Mutant) -> bool:
        """Whether there is a result."""
        return (mutant.name, mutant.source) in self._results

    def of(self, mutant: Mutant) -> Result:
        """The result of a mutant."""
        return self._results[mutant.name, mutant.source]

    def killed(self, mutant: Mutant) -> bool:
        """Whether a test has noticed it."""
        return self.of(mutant).status in KILLED

    def add(self, mutant: Mutant, result: Result, left_out: int) -> None:
        """Keep a result."""
        told = replace(result, left_out=left_out)
        self._results[mutant.name, mutant.source] = told
        found = {"name": mutant.name, "source": mutant.source, "line": mutant.line, "result": asdict(told)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")

    def line(self, mutant: Mutant) -> str:
        """What is told of a mutant, on one line."""
        found = self.of(mutant)
        tests = f"{found.tests} tests{f' of {found.tests + found.left_out}' if found.left_out else ''}"
        return (
            f"{found.status}: {mutant.path}:{mutant.line} {mutant.before[:100]} -> {mutant.after[:140]}"
            f" ({found.test or tests}, {found.seconds:g} s) [{mutant.name}]"
        )


def summary(kept: Kept, mutants: Iterable[Mutant]) -> str:
    """The score by folder and altogether, with the survivors."""
    known = [each for each in mutants if kept.has(each) and kept.of(each).status != "unusable"]
    alive = [each for each in known if not kept.killed(each)]
    areas = Counter(_area(each) for each in known)
    lost = Counter(_area(each) for each in alive)
    rows = [_row(area, count - lost[area], count) for area, count in sorted(areas.items())]
    return "\n".join([*map(kept.line, alive), *rows, _row("all", len(known) - len(alive), len(known))])


def _area(mutant: Mutant) -> str:
    return mutant.path.split("/")[:2][-1]


def _row(name: str, killed: int, count: int) -> str:
    low, high = interval(killed, count)
    share = 100 * killed / count if count else 0
    return f"{name}: {killed} of {count} killed, {share:.1f} % (95 % sure: {100 * low:.1f} to {100 * high:.1f} %)"


def interval(killed: int, count: int) -> tuple[float, float]:
    """Between what the share of all mutants lies, by Wilson's score, when so many of a sample are killed."""
    if not count:
        return 0.0, 1.0
    share, square = killed / count, SURE**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = SURE * math.sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    return middle - half, middle + half
