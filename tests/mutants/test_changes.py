"""Mutants are found in the text of a module, put in the place of its functions, and counted honestly."""

import itertools
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.mutants.__main__ import ROOT, chosen, part_of
from tests.mutants.changes import mutants
from tests.mutants.kept import Kept, interval, summary
from tests.mutants.reach import Reach, Reached
from tests.mutants.running import Result, put

MODULE = '''"""A module."""

from functools import cache

import numba


@cache
def guarded(name: str | None, limit: int = 3) -> int:
    """Says."""
    if name is None or len(name) > limit:
        msg = f"{name} is longer than 3"
        raise ValueError(msg)
    return len([letter for letter in name if letter != "x"])


@numba.njit
def compiled(number):
    return number + 1


class Box:
    @property
    def full(self) -> bool:
        return not self.left < 1
'''
SHOWN = {
    ("guarded", "condition False: if False:"),
    ("guarded", "condition True: if True:"),
    ("guarded", "operand left out: name is None"),
    ("guarded", "operand left out: len(name) > limit"),
    ("guarded", "comparison: name is not None"),
    ("guarded", "comparison: len(name) >= limit"),
    ("guarded", "raise left out: pass"),
    ("guarded", "filter left out: for letter in name"),
    ("guarded", "comparison: letter == 'x'"),
    ("guarded", "constant: 'xX'"),
    ("Box.full", "sign: self.left < 1"),
    ("Box.full", "comparison: self.left <= 1"),
    ("Box.full", "constant: 2"),
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "guarded_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("guarded_module", None)


def test_conditions_comparisons_filters_and_constants_are_changed_but_no_message_type_or_kernel(root):
    assert {(each.function, each.after) for each in mutants(root, "guarded_module.py")} == SHOWN


def test_a_mutant_takes_the_place_of_its_function_below_decorators(root):
    import guarded_module

    found = {(each.function, each.after): each for each in mutants(root, "guarded_module.py")}
    with pytest.raises(ValueError, match="longer"):
        guarded_module.guarded("long name")
    assert put(found["guarded", "condition False: if False:"], root)
    assert guarded_module.guarded("long name") == 9
    box = guarded_module.Box()
    box.left = 1
    assert box.full
    assert put(found["Box.full", "constant: 2"], root)
    assert not box.full


def test_a_function_that_changes_loses_its_results_and_no_other(root):
    kept = Kept(root / "results.jsonl")
    for each in mutants(root, "guarded_module.py"):
        kept.add(each, Result("killed", "a test"), 0)
    (root / "guarded_module.py").write_text("\n" + MODULE.replace('!= "x"', '!= "y"'))
    again = Kept(root / "results.jsonl")
    left = {each.function for each in mutants(root, "guarded_module.py") if again.has(each)}
    assert left == {"Box.full"}


def test_what_survives_and_what_no_test_reaches_counts_against_the_score(root):
    kept = Kept(root / "results.jsonl")
    found = list(mutants(root, "guarded_module.py"))
    statuses = ["killed", "timeout", "survived", "not reached", "unusable"]
    for each, status in zip(found, statuses, strict=False):
        kept.add(each, Result(status), 0)
    assert summary(kept, found).splitlines()[-1].startswith("all: 2 of 4 killed, 50.0 %")


def test_the_share_of_all_is_told_with_what_a_sample_leaves_open():
    low, high = interval(90, 100)
    assert (round(low, 3), round(high, 3)) == (0.826, 0.945)
    assert interval(0, 0) == (0.0, 1.0)


def test_own_tests_come_first_and_then_those_of_the_other_files_in_turns(tmp_path):
    reach = Reach(tmp_path, ROOT)
    seconds = {
        "mutants/test_changes.py": {"own": 5.0},
        "mutants/example.py": {"a": 1.0, "b": 2.0},
        "conftest.py": {"c": 3.0},
    }
    for file, tests in seconds.items():
        reach.keep(f"tests/{file}", {f"tests/{file}::{name}": Reached(s, {"f": [7]}) for name, s in tests.items()})
    reach.load(f"tests/{file}" for file in seconds)
    found = reach.tests_of("f", 7, "tests/mutants/test_changes")
    assert [name.partition("::")[2] for name in found] == ["own", "a", "c", "b"]
    assert reach.tests_of("f", 8, "tests/mutants/test_changes") == []


def test_processes_share_a_sample_without_leaving_one_out_or_trying_one_twice():
    def names(part):
        drawn = SimpleNamespace(areas=["job"], sample=31, seed=1, only=None, part=part_of(part))
        return [each.name for each in chosen(drawn)]

    parts = [names(f"{number}/3") for number in (1, 2, 3)]
    assert [len(each) for each in parts] == [11, 10, 10]
    assert sorted(itertools.chain(*parts)) == sorted(names("1/1"))
    with pytest.raises(ValueError, match="4/3"):
        part_of("4/3")


@pytest.mark.heavy
@pytest.mark.processes
def test_a_run_of_one_mutant_says_which_test_has_killed_it(tmp_path):
    """The whole of it, in a process of its own: measured, forked, killed."""
    name = "gnssice_batch/job/sealing.py::unseal::condition False::2"
    chosen = ["--folder", str(tmp_path), "--tests", "mutants/example.py", "--only", name, "--areas", "job"]
    command = [sys.executable, "-m", "tests.mutants", *chosen]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "killed: gnssice_batch/job/sealing.py" in done.stdout, done.stderr
    assert "all: 1 of 1 killed" in done.stdout
