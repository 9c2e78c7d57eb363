"""`make chaos`: runs killed at random, here and between object stores, pairs of runs, committers; `--seed` replays."""

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from contextlib import nullcontext
from pathlib import Path

from tests.failures.committers import compete
from tests.failures.distant import Death, distant
from tests.failures.field import make_archive
from tests.failures.processes import Cluster
from tests.failures.rivals import Rivals, one_run
from tests.failures.schedules import TARGETS, Course, Schedule, Tallies, undisturbed
from tests.failures.vod_course import VodDeath, VodField

FEWEST_KILLS = 10
DISTANT_RUNS = 30
VOD_RUNS = 30


def killed(folder, archive, schedules, *, warm=True):
    """Run schedules of kills; return the tallies, and a sentence per schedule that failed."""
    tallies, failures = Tallies(), []
    with Cluster(folder / "cluster") if any(one.cluster for one in schedules) else nullcontext() as cluster:
        expected = undisturbed(folder, archive, cluster, inline=not all(one.cluster for one in schedules), warm=warm)
        for schedule in schedules:
            started = time.monotonic()
            place = folder / f"schedule_{schedule.number}"
            try:
                Course(schedule, expected, place, cluster, tallies).run()
            except Exception:  # noqa: BLE001 - the others shall run all the same
                failures.append(f"--seed {schedule.seed} --only {schedule.number}: {traceback.format_exc()}")
                print(failures[-1], flush=True)
            else:
                shutil.rmtree(place)
            print(f"schedule {schedule}: {time.monotonic() - started:.1f} s", flush=True)
    return tallies, failures


def rivalled(folder, archive, numbers, seed):
    """Run pairs of runs at one time; return a sentence per pair that failed."""
    failures = []
    one_run(folder, archive)
    for number in numbers:
        place = folder / f"pair_{number}"
        try:
            print(f"pair {Rivals(seed, number, place, archive).run()}", flush=True)
        except Exception:  # noqa: BLE001 - the others shall run all the same
            failures.append(f"--seed {seed} --pair {number}: {traceback.format_exc()}")
            print(failures[-1], flush=True)
        else:
            shutil.rmtree(place)
    return failures


def competed(folder, committers, rounds):
    """Let committers compete; return a sentence if a commit was lost."""
    acknowledged, history = compete(folder, committers, rounds)
    kept = set(acknowledged) & set(history)
    print(f"{len(kept)} of {len(acknowledged)} acknowledged commits are in the history", flush=True)
    whole = len(kept) == committers * rounds == len(history) - 1
    return [] if whole else [f"{committers} x {rounds} commits, {len(kept)} kept"]


def at_a_distance(folder, numbers, seed):
    """Run schedules between object stores; return a sentence per one that failed, and one if kills were too few."""
    kills, failures = distant(folder, [Death.of(seed, number) for number in numbers])
    print(f"{len(numbers)} runs between object stores, {kills} kills, {len(failures)} failed", flush=True)
    return failures + ([f"object stores: only {kills} kills"] if kills < len(numbers) // 2 else [])


def vod_killed(folder, numbers, seed):
    """Kill vod runs; return a sentence per one that failed, and one if kills were too few."""
    field, kills, failures = VodField(folder / "vod"), 0, []
    for number in numbers:
        started = time.monotonic()
        try:
            found = field.die(VodDeath.of(seed, number))
        except Exception:  # noqa: BLE001 - the others shall run all the same
            failures.append(f"--seed {seed} --vod {number}: {traceback.format_exc()}")
            print(failures[-1], flush=True)
        else:
            kills += found
            print(f"vod {number}: {found} kills, {time.monotonic() - started:.1f} s", flush=True)
    print(f"{len(numbers)} vod runs, {kills} kills, {len(failures)} failed", flush=True)
    return failures + ([f"vod: only {kills} kills"] if kills < len(numbers) // 2 else [])


def _seldom(tallies):
    """Return a sentence per target that was killed too seldom to show anything."""
    return [f"{each}: only {tallies.kills[each]} kills" for each in TARGETS if tallies.kills[each] < FEWEST_KILLS]


def main():
    """Run everything, print the counts and the seeds that failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of single schedules, nothing else")
    parser.add_argument("--pair", type=int, nargs="*", help="numbers of single pairs")
    parser.add_argument("--distant", type=int, nargs="*", help="numbers of single runs between object stores")
    parser.add_argument("--vod", type=int, nargs="*", help="numbers of single vod runs; without any all of them")
    parser.add_argument("--folder", type=Path, help="where to work; failed schedules stay there")
    chosen = parser.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"seed {chosen.seed}, in {folder}", flush=True)
    archive = make_archive(folder / "archive")
    everything = all(one is None for one in (chosen.only, chosen.pair, chosen.distant, chosen.vod))
    failures = competed(folder / "committers", 8, 40) if everything else []
    pairs = range(20) if everything else chosen.pair or ()
    failures += rivalled(folder, archive, pairs, chosen.seed) if pairs else []
    far = range(DISTANT_RUNS) if everything else chosen.distant or ()
    failures += at_a_distance(folder, far, chosen.seed) if far else []
    if everything or chosen.vod is not None:
        failures += vod_killed(folder, chosen.vod or range(VOD_RUNS), chosen.seed)
    numbers = range(chosen.runs) if everything else chosen.only or ()
    if numbers:
        tallies, failed = killed(folder, archive, [Schedule.of(chosen.seed, number) for number in numbers])
        failures += failed
        print(f"{len(numbers)} runs, {len(failed)} failed; {tallies}", flush=True)
        failures += _seldom(tallies) if everything else []
    if failures:
        print("\n".join(failure.splitlines()[0] for failure in failures), file=sys.stderr)
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
