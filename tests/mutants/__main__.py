"""`make mutants`: each guard of the package taken out in turn, and the tests that should notice it."""

import argparse
import signal
import sys
from pathlib import Path

import pytest

from tests.mutants.changes import Mutant, mutants
from tests.mutants.kept import Kept, summary
from tests.mutants.reach import Reach
from tests.mutants.running import Result, Session

ROOT = Path(__file__).resolve().parents[2]
AREAS = ("store", "job", "planning", "ingest", "rinex/observations")
TESTS = ("planning", "ingest", "rinex", "model", "store", "verification", "operate", "job", "failures", "cli")
FLAGS = ("-q", "-s", "--no-header", "--no-summary", "-p", "no:cacheprovider")
NOT_RUN = "not (heavy or long or fuzz or chaos or e2e or alone)"


def all_mutants(areas):
    """Every mutant of folders of the package, in the order of their files."""
    paths = [path for area in areas for path in sorted((ROOT / "gnssice_batch" / area).rglob("*.py"))]
    return [each for path in paths for each in mutants(ROOT, path.relative_to(ROOT).as_posix())]


def chosen(options):
    """The mutants that are to be run."""
    found = all_mutants(options.areas)
    if options.sample:
        found = sampled(found, options.sample, options.seed)
    found = [each for each in found if not options.only or any(word in each.name for word in options.only)]
    part, parts = options.part
    return found[part - 1 :: parts]


def part_of(text: str) -> tuple[int, int]:
    """`2/3` as the second of three parts."""
    part, _, parts = text.partition("/")
    if not 1 <= int(part) <= int(parts):
        raise ValueError(text)
    return int(part), int(parts)


def sampled(found, count, seed):
    """Some mutants, drawn: each has a place of its own by the seed, so that more are drawn beside the same ones.

    They are in the order of their places: what has been tried when a run is ended is a smaller sample.
    """
    return sorted(found, key=lambda each: each.place(seed))[:count]


def tests_of(mutant: Mutant, reach: Reach, most_s: float) -> tuple[list[str], int]:
    """The tests that reach a mutant, as many as may be run in a time, and how many more there are."""
    tests = reach.tests_of(*mutant.reached_by)
    fitting = [name for at, name in enumerate(tests) if at == 0 or reach.seconds(tests[: at + 1]) <= most_s]
    return fitting, len(tests) - len(fitting)


def in_order(files, places):
    """Files of tests in the order in which these or their folders were named."""
    return sorted(files, key=lambda file: next(at for at, one in enumerate(places) if file.startswith(f"tests/{one}")))


def work(session: Session, options, wanted: list[Mutant], kept: Kept) -> None:
    reach = Reach(options.folder, ROOT, f"{options.marks} {options.words}")
    files = in_order(session.files(), options.tests)
    for number, file in enumerate(missing := reach.missing(files), 1):
        wrong = session.measure(file, reach)
        print(f"reach {number}/{len(missing)} {file} {wrong}", file=sys.__stdout__, flush=True)
    if options.measure:
        return
    reach.load(each for each in files if each not in reach.missing(files))
    todo = [each for each in wanted if not kept.has(each) or (options.again and not kept.killed(each))]
    for number, mutant in enumerate(todo, 1):
        names, left_out = tests_of(mutant, reach, options.seconds)
        expected_s = reach.seconds(names)
        result = session.run(None if options.control else mutant, names, expected_s) if names else Result("not reached")
        kept.add(mutant, result, left_out)
        print(f"{number}/{len(todo)} {kept.line(mutant)}", file=sys.__stdout__, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--areas", nargs="+", default=AREAS, help="folders of the package")
    parser.add_argument("--sample", type=int, help="draw so many mutants; without it all are run")
    parser.add_argument("--seed", type=int, default=1, help="which are drawn")
    parser.add_argument("--only", nargs="+", help="of these, those whose name has one of these words in it")
    parser.add_argument("--part", type=part_of, default=(1, 1), metavar="K/N", help="one of N processes' part of these")
    parser.add_argument("--again", action="store_true", help="run those, too, that no test killed")
    parser.add_argument("--control", action="store_true", help="change nothing: all should survive")
    parser.add_argument("--seconds", type=float, default=60.0, help="most that the tests of one mutant may take")
    parser.add_argument("--measure", action="store_true", help="only find out which test reaches what")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="files and folders of tests")
    parser.add_argument("--marks", default=NOT_RUN, help="expression that says which marks these have")
    parser.add_argument("--words", default="", help="expression of words that their names have, as of pytest's -k")
    parser.add_argument("--folder", type=Path, default=ROOT / ".mutants", help="where results are kept")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options.folder.mkdir(parents=True, exist_ok=True)
    kept = Kept(options.folder / ("control.jsonl" if options.control else "results.jsonl"))
    wanted = [] if options.measure else chosen(options)
    session = Session(ROOT, options.folder, lambda started: work(started, options, wanted, kept))
    places = [str(ROOT / "tests" / each) for each in options.tests]
    flags = [*FLAGS, f"--basetemp={session.temporary}", "-m", options.marks, "-k", options.words]
    code = pytest.main([*flags, *places], plugins=[session])
    session.close()
    if not options.measure:
        print(summary(kept, wanted))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
