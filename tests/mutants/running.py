"""Mutants run: a pytest session that has collected its tests, forked once for each mutant."""

import importlib
import json
import math
import os
import resource
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from tests.mutants.changes import Mutant
from tests.mutants.reach import Measuring, Reach, Reached
from tests.mutants.unthreaded import import_icechunk

POLL_S = 0.02
SLOWER = 5
"""How many times the processor time that was measured the tests of a mutant may take."""
AT_LEAST_S = 10.0
PATIENCE = 20
"""How many times as long it may take by the clock: other work on the machine slows it, and what waits for ever ends."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant."""

    status: str
    """`killed`, `survived`, `timeout` (counts as killed), `not reached` or `unusable` (counts as nothing)."""
    test: str = ""
    """Which test has killed it, or why it could not be tried."""
    tests: int = 0
    """How many tests were to be run."""
    left_out: int = 0
    """How many that reach it were not, because they would have taken too long."""
    seconds: float = 0.0


class Session:
    """A pytest session whose tests run in forks of its process, which itself runs none."""

    def __init__(self, root: Path, folder: Path, work: Callable[["Session"], None]) -> None:
        self._root, self._folder, self._work = root, folder / f"process-{os.getpid()}", work
        self._folder.mkdir(parents=True)
        self._failed = ""
        self.items: dict[str, pytest.Item] = {}

    @property
    def temporary(self) -> Path:
        """Where tests write to, one after the other."""
        return self._folder / "tmp"

    def close(self) -> None:
        """Remove what is of this process alone."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def pytest_sessionstart(self) -> None:
        import_icechunk()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        from gnssice_batch.ingest.warming import warm

        self.items = {item.nodeid: item for item in session.items}
        warm()
        self._work(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._failed:
            self._failed = report.nodeid

    def files(self) -> list[str]:
        """The files of the tests, in the order of their names."""
        return sorted({name.partition("::")[0] for name in self.items})

    def measure(self, file: str, reach: Reach) -> str:
        """Measure the tests of a file, each in turn in one fork; return what was wrong."""
        names = [name for name in self.items if name.startswith(f"{file}::")]

        def measured() -> str:
            measuring, passed = Measuring(self._root), dict[str, Reached]()
            for name in names:
                measuring.begin()
                self._failed = ""
                self._run_item(name, None)
                reached = measuring.end()
                if not self._failed:
                    passed[name] = reached
            reach.keep(file, passed)
            return f"{len(names) - len(passed)} fail" if len(passed) < len(names) else ""

        return self._forked(measured, math.inf) or ""

    def run(self, mutant: Mutant | None, names: list[str], expected_s: float) -> Result:
        """Run tests until one fails, with a mutant in the place of its function."""

        def killed() -> str:
            if mutant is not None and not put(mutant, self._root):
                return "unusable no plain function of its module"
            for name, following in zip(names, [*names[1:], None], strict=True):
                self._run_item(name, following)
                if self._failed:
                    return f"killed {self._failed}"
            return "survived"

        began = time.monotonic()
        told = self._forked(killed, AT_LEAST_S + SLOWER * expected_s)
        status, _, test = ("timeout" if told is None else told or "killed (the process ended)").partition(" ")
        return Result(status, test, len(names), 0, round(time.monotonic() - began, 2))

    def _run_item(self, name: str, following: str | None) -> None:
        item = self.items[name]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self.items[following] if following else None)

    def _forked(self, work: Callable[[], str], limit_s: float) -> str | None:
        """What a function says that runs in a fork; None where it takes too long, nothing where the fork died."""
        answer = self._folder / "answer.json"
        answer.unlink(missing_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            self._in_fork(work, answer, limit_s)
        try:
            in_time = _ended(child, PATIENCE * limit_s)
        finally:
            _end_group(child)
            shutil.rmtree(self.temporary, ignore_errors=True)
        if not in_time:
            return None
        return str(json.loads(answer.read_text(encoding="utf-8"))) if answer.exists() else ""

    def _in_fork(self, work: Callable[[], str], answer: Path, limit_s: float) -> None:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if limit_s < math.inf:
            spent_s = math.ceil(sum(os.times()[:2]) + limit_s)
            resource.setrlimit(resource.RLIMIT_CPU, (spent_s, spent_s + 5))
        with (self._folder / "output.txt").open("wb") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        try:
            answer.write_text(json.dumps(work()), encoding="utf-8")
        except (SystemExit, KeyboardInterrupt, pytest.exit.Exception) as error:
            print(repr(error), flush=True)
        except BaseException as error:  # noqa: BLE001 - a fork never goes on as its parent
            answer.write_text(json.dumps(f"unusable {error!r}"), encoding="utf-8")
        finally:
            sys.stdout.flush()
            os._exit(0)


def _ended(child: int, limit_s: float) -> bool:
    """Whether a process ends in time; one that does not is killed."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU)
        time.sleep(POLL_S)
    _end_group(child)
    os.waitpid(child, 0)
    return False


def _end_group(child: int) -> None:
    """End what a fork has started and left behind."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        return


def put(mutant: Mutant, root: Path) -> bool:
    """Let the function run the mutant's code in this process; whether that can be done."""
    module = importlib.import_module(mutant.path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    original, changed = mutant.compiled(root)
    function = _function(module, mutant.function)
    if function is None or not _same(function.__code__, original) or original.co_freevars != changed.co_freevars:
        return False
    function.__code__ = changed
    return True


def _same(one: CodeType, other: CodeType) -> bool:
    return (one.co_qualname, one.co_firstlineno) == (other.co_qualname, other.co_firstlineno)


def _function(module: Any, name: str) -> FunctionType | None:
    """The function of that name in a module, below its decorators."""
    *classes, last = name.split(".")
    owner = module
    for each in classes:
        owner = vars(owner)[each]
    found = vars(owner).get(last)
    while not isinstance(found, FunctionType) or hasattr(found, "__wrapped__"):
        for way in ("__wrapped__", "fget", "__func__", "func"):
            if (below := getattr(found, way, None)) is not None:
                found = below
                break
        else:
            return None
    return found
