"""Which tests reach which lines of a function, measured test by test and kept by test file."""

import ast
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

PACKAGE = "gnssice_batch"
FOLDER = "reach"
MONITORING = sys.monitoring
TOOL = MONITORING.COVERAGE_ID


@dataclass(slots=True)
class Reached:
    """What one test reaches."""

    seconds: float
    """Of processor time: other work on the machine does not count."""
    lines: dict[str, list[int]] = field(default_factory=dict)
    """By path and function, lines counted from the function's first, so that what stands above may change."""


class Reach:
    """All that is measured: which tests reach a line, quickest first.

    Parameters
    ----------
    chosen
        What chooses tests in their files: of other ones another measure is kept.
    """

    def __init__(self, folder: Path, root: Path, chosen: str = "") -> None:
        self._chosen = chosen.encode()
        self._folder = folder / FOLDER
        self._root = root
        self._tests: dict[str, Reached] = {}
        self._of_line: dict[tuple[str, int], list[str]] = {}

    def missing(self, files: Iterable[str]) -> list[str]:
        """Files of tests that have not been measured as they are now."""
        return [each for each in files if not self._kept(each).exists()]

    def load(self, files: Iterable[str]) -> None:
        """Read what is kept of files of tests."""
        for each in files:
            for name, found in json.loads(self._kept(each).read_text(encoding="utf-8")).items():
                self._tests[name] = Reached(found["seconds"], found["lines"])
        for name, reached in self._tests.items():
            for function, offsets in reached.lines.items():
                for offset in offsets:
                    self._of_line.setdefault((function, offset), []).append(name)

    def keep(self, file: str, tests: dict[str, Reached]) -> None:
        """Keep what was measured of a file of tests."""
        self._folder.mkdir(parents=True, exist_ok=True)
        content = {name: {"seconds": round(one.seconds, 3), "lines": one.lines} for name, one in tests.items()}
        unfinished = self._kept(file).with_suffix(".unfinished")
        unfinished.write_text(json.dumps(content), encoding="utf-8")
        unfinished.rename(self._kept(file))

    def tests_of(self, function: str, offset: int, mirror: str) -> list[str]:
        """The tests that reach a line: the module's own first, then the quickest of each file, then the next of each.

        Tests of one file are often alike: in a short time those of many files notice more.
        """
        found = sorted(self._of_line.get((function, offset), []), key=lambda name: self._tests[name].seconds)
        turns = Counter[str]()
        places = dict[str, tuple[bool, int]]()
        for name in found:
            own, file = name.startswith(mirror), name.partition("::")[0]
            places[name] = (not own, 0 if own else turns[file])
            turns[file] += 1
        return sorted(found, key=places.__getitem__)

    def seconds(self, names: Iterable[str]) -> float:
        """How long tests took when they were measured."""
        return sum(self._tests[name].seconds for name in names)

    def _kept(self, file: str) -> Path:
        content = self._chosen + (self._root / file).read_bytes()
        return self._folder / f"{file.replace('/', '.')}-{hashlib.sha256(content).hexdigest()[:12]}.json"


class Measuring:
    """Notes which lines of the package run; a line is told of once in each test, so that tests are hardly slower."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._package = f"{root / PACKAGE}/"
        self._lines: set[tuple[str, int]] = set()
        self._began = 0.0
        MONITORING.use_tool_id(TOOL, "mutants")
        MONITORING.register_callback(TOOL, MONITORING.events.PY_START, self._begun)
        MONITORING.register_callback(TOOL, MONITORING.events.LINE, self._line)
        MONITORING.set_events(TOOL, MONITORING.events.PY_START)

    def _begun(self, code: CodeType, offset: int) -> Any:  # noqa: ARG002 - what the interpreter gives
        if code.co_filename.startswith(self._package) and code.co_filename.endswith(".py"):
            MONITORING.set_local_events(TOOL, code, MONITORING.events.LINE)
        return MONITORING.DISABLE

    def _line(self, code: CodeType, line: int) -> Any:
        self._lines.add((code.co_filename, line))
        return MONITORING.DISABLE

    def begin(self) -> None:
        """Start to measure a test."""
        self._lines = set()
        MONITORING.restart_events()
        self._began = busy_s()

    def end(self) -> Reached:
        """What the test has reached."""
        reached = Reached(busy_s() - self._began)
        for file, line in sorted(self._lines):
            path = Path(file).relative_to(self._root).as_posix()
            if (found := function_at(self._root, path, line)) is not None:
                reached.lines.setdefault(f"{path}::{found[0]}", []).append(line - found[1])
        return reached


def busy_s() -> float:
    """Processor time of this process, and of those that it has started and waited for."""
    return sum(os.times()[:4])


def function_at(root: Path, path: str, line: int) -> tuple[str, int] | None:
    """The outermost function that a line is in, and the line it begins at."""
    return _lines(root, path).get(line)


@cache
def _lines(root: Path, path: str) -> dict[int, tuple[str, int]]:
    tree = ast.parse((root / path).read_text(encoding="utf-8"))
    return dict(_within(tree, ""))


def _within(owner: Any, prefix: str) -> Iterable[tuple[int, tuple[str, int]]]:
    for node in owner.body:
        if isinstance(node, ast.ClassDef):
            yield from _within(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                yield line, (prefix + node.name, node.lineno)
