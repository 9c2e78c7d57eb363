"""Schedules of kills: one run over the archive of `field`, killed again and again, started again until it is done."""

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.failures import counting
from tests.failures.field import (
    RECEIVERS,
    ReceiverStatus,
    assert_equal,
    journaled,
    journals,
    settings_of,
    write_settings,
)
from tests.failures.launcher import PHASES
from tests.failures.processes import Cluster, coordinator, finished, wait_until
from tests.support.runs import branches, messages

KILLED = -9
TARGETS = (*PHASES, "worker", "scheduler")
MOST_STARTS = 12
REMOVAL_LINES = 500
"""Of the removal, where lines are not measured: that phase is too short to be met by time."""
MOST_MISSES = 6
"""How often a run may be over before its first kill comes."""


@dataclass(frozen=True)
class Kill:
    """Who is killed, and when: after a share of a phase, or after so many partitions were begun."""

    target: str
    how: str
    share: float


@dataclass(frozen=True)
class Schedule:
    """A run and the kills that it has to live through; follows from seed and number alone."""

    seed: int
    number: int
    cluster: bool
    kills: tuple[Kill, ...]

    @staticmethod
    def of(seed, number, most_kills=3, *, cluster=False):
        """Make a schedule; its first target goes round all of them, the rest is chance, also whether it has a cluster.

        That may be asked for.
        """
        chance = random.Random(f"{seed}/{number}")
        more = [chance.choice(TARGETS) for _ in range(chance.choice([0, 1, 1, 2]))]
        targets = [TARGETS[number % len(TARGETS)], *more][:most_kills]
        cluster = cluster or not set(targets) <= set(PHASES) or chance.random() < 0.5
        return Schedule(seed, number, cluster, tuple(_kill(chance, target, cluster) for target in targets))

    def __str__(self):
        kills = ", ".join(f"{kill.target} ({kill.how} {kill.share:.3f})" for kill in self.kills)
        return f"{self.number} ({'dask' if self.cluster else 'inline'}): {kills}"


def _kill(chance, target, cluster):
    by_line = not cluster and target in PHASES and chance.random() < 0.6
    return Kill(target, "line" if by_line or target == "removal" else "time", round(chance.uniform(0, 0.98), 3))


@dataclass
class Tallies:
    """What happened, over all schedules."""

    kills: Counter = field(default_factory=Counter)
    starts: int = 0
    partitions: int = 0
    begun: int = 0
    again: int = 0
    """Readings that found new signals, which ask for another."""
    hit: int = 0
    missed: int = 0
    """Runs that were over before their kill came, and begun anew."""

    def __str__(self):
        kills = ", ".join(f"{target} {self.kills[target]}" for target in TARGETS)
        return (
            f"kills: {kills}; starts: {self.starts}, {self.missed} runs were over before their kill; partitions:"
            f" {self.partitions}, begun {self.begun} times: {self.again} met new signals, {self.hit} were hit by kills"
        )


@dataclass
class Undisturbed:
    """What a run that nobody kills does."""

    archive: Path
    extents: dict[bool, Path]
    """With a cluster or without: file of the extents of the phases."""
    partitions: int
    store_status: dict[str, ReceiverStatus]


def undisturbed(folder, archive, cluster=None, *, inline=True, warm=True):
    """Measure runs that nobody kills, inline, on a cluster or both, each after one that is not measured where asked."""
    before = ("warm",) if warm else ()
    extents = {}
    if inline:
        extents[False] = folder / "extents_inline.json"
        config = _measured(folder, archive, extents[False], (*before, "lines", "seconds"))
    if cluster:
        extents[True] = folder / "extents_dask.json"
        config = _measured(folder, archive, extents[True], (*before, "seconds"), **section(cluster))
    settings = settings_of(config)
    partitions = len(set(counting.keys(counting.events(config.parent), "begin")))
    return Undisturbed(archive, extents, partitions, {name: ReceiverStatus.of(settings, name) for name in RECEIVERS})


def _measured(folder, archive, target, what, **chosen):
    """Write how long the phases are; return the settings of the last run. A warm-up leaves the kernels compiled."""
    phases = {phase: {"lines": 0} for phase in PHASES}
    for each in what:
        config = write_settings(folder / f"{target.stem}_{each}", archive, **chosen)
        measure = config.with_name("extents.json")
        options = () if each == "warm" else ("--measure", each, "--extents", measure)
        assert finished(coordinator(config, *options), 600) == 0, config.with_suffix(".log").read_text()
        for phase, extent in json.loads(measure.read_text()).items() if options else ():
            phases[phase][each] = extent
    phases["removal"]["lines"] = phases["removal"]["lines"] or REMOVAL_LINES
    target.write_text(json.dumps(phases))
    return config


def section(cluster):
    """Settings of a run on a cluster."""
    return {"cluster": {"kind": "address", "address": cluster.address, "connect_timeout_s": 60}}


@dataclass
class Course:
    """One schedule on its way."""

    schedule: Schedule
    expected: Undisturbed
    folder: Path
    cluster: Cluster | None
    tallies: Tallies

    def run(self):
        """Live through all kills; a run that is over before the first one comes is begun anew, to be killed earlier."""
        first, *others = self.schedule.kills
        for number in range(MOST_MISSES):
            before = self.tallies.kills.total()
            self._live(self.folder / str(number), (first, *others))
            if self.tallies.kills.total() > before:
                return
            self.tallies.missed += 1
            first = replace(first, share=first.share / 2)
        raise AssertionError(f"over before the kill, {MOST_MISSES} times\n{self._log()}")

    def _live(self, place, kills):
        """Start as often as there are kills, then until it is done, then hold the store against the undisturbed one."""
        chosen = section(self.cluster) if self.schedule.cluster else {}
        self.place, self.hits = place, Counter()
        self.config = write_settings(place, self.expected.archive, **chosen)
        self.settings = settings_of(self.config)
        code = None
        for kill in kills:
            code = self._start(kill)
            if code == 0:
                break
        starts = 0
        while code != 0:
            starts += 1
            assert starts < MOST_STARTS, self._log()
            code = self._start(None)
        self._check()

    def _start(self, kill):
        """Start the coordinator once and kill as told; return its exit code."""
        before = len(counting.events(self.place))
        self.tallies.starts += 1
        if kill is None or kill.target not in PHASES:
            process = coordinator(self.config)
            if kill is not None:
                self._kill_in_cluster(kill, process, before)
            code = finished(process)
        else:
            death = f"{kill.target}:{kill.how}:{kill.share}"
            extents = self.expected.extents[self.schedule.cluster]
            code = finished(coordinator(self.config, "--die", death, "--extents", extents))
            if code == KILLED:
                self.tallies.kills[kill.target] += 1
                if self.schedule.cluster:
                    self.cluster.wait_until_idle()
                self._hit(before, journaled(self.settings))
        assert code in {0, KILLED, 3, 5, 7}, f"exit code {code}\n{self._log()}"
        return code

    def _kill_in_cluster(self, kill, process, before):
        wanted = 1 + int(kill.share * self.expected.partitions)
        wait_until(lambda: self._begun(before) >= wanted or process.poll() is not None)
        kept = journaled(self.settings)
        if process.poll() is not None:
            return
        if kill.target == "worker":
            if not self.cluster.kill_worker(wanted):
                return
        else:
            self.cluster.kill_scheduler()
            time.sleep(0.5)
        self.tallies.kills[kill.target] += 1
        self._hit(before, kept)

    def _begun(self, before):
        return len(counting.keys(counting.events(self.place)[before:], "begin"))

    def _hit(self, before, kept):
        """Note the partitions that were begun, and neither kept nor asked for again anyway, when a kill came."""
        last = {key: what for what, key in counting.events(self.place)[before:]}
        self.hits.update(key for key, what in last.items() if what != "unknown" and key not in kept)

    def _check(self):
        settings = self.settings
        for receiver, expected in self.expected.store_status.items():
            assert_equal(ReceiverStatus.of(settings, receiver), expected)
        assert len(messages(settings)) == 1
        assert branches(settings) == {"main"}
        assert journals(settings) == []
        noted = counting.events(self.place)
        begun, again = Counter(counting.keys(noted, "begin")), Counter(counting.keys(noted, "unknown"))
        self.tallies.partitions += len(begun)
        self.tallies.begun += begun.total()
        self.tallies.again += again.total()
        self.tallies.hit += self.hits.total()
        too_often = {key: n for key, n in begun.items() if n > 1 + again[key] + self.hits[key]}
        assert not too_often, f"begun more often than kills explain: {too_often}, hits {dict(self.hits)}"

    def _log(self):
        return self.config.with_suffix(".log").read_text()[-4000:]
