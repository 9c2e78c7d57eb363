"""`python -m tests.failures.virtual_chaos`: virtualize killed at random, started again, equal to one undisturbed."""

import argparse
import json
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
import yaml

from gnssice_batch.config import load
from gnssice_batch.store.reading.virtual import virtual_contents
from gnssice_batch.store.reading.virtual_opening import open_virtual
from gnssice_batch.store.repository import open_existing
from tests.failures.processes import finished, start
from tests.failures.virtual_launcher import NATIVE, REFERRING
from tests.support.netcdf import SIDS, archive, gnssvod, padded, write

KILLED = -9
MOST_STARTS = 6
_KINDS = len(REFERRING) + len(NATIVE)


def make_archive(folder):
    """Write an archive that virtualize does two things with: an array over time, and groups of single files."""
    archive(folder, range(6))
    write(padded(7, sids=SIDS[:3]), folder / "canopy_01" / "fewer.nc")
    for day in range(2):
        write(gnssvod(day, svs=SIDS[: day + 2]), folder / "paired" / f"{day}.nc")
    return folder


@dataclass(frozen=True)
class Place:
    """A folder with the settings of a site, and what has come of it."""

    folder: Path
    archive: Path

    @property
    def config(self):
        return self.folder / "gnssice.yaml"

    @property
    def url(self):
        return f"{self.folder}/stores/demo/virtual"

    def begin(self):
        """Write the settings."""
        self.folder.mkdir(parents=True)
        words = {"site": "demo", "archive": {"url": "rinex"}, "store": {"url": str(self.folder / "stores")}}
        self.config.write_text(yaml.safe_dump({**words, "virtual": {"url": str(self.archive)}}))
        load(self.config, {})
        return self

    def run(self, *options):
        """Run the command in a process; return its exit code."""
        log = self.folder / "log"
        return finished(start("tests.failures.virtual_launcher", self.config, *options, log=log), 300)

    def contents(self):
        """Return what the repository holds: rows without the names of runs, and every group's dataset."""
        repository = open_existing(self.url)
        rows = virtual_contents(repository).rows
        told = {uri: (row.state, row.group, row.reason, row.sha256, row.first_ns) for uri, row in rows.items()}
        groups = {row.group for row in rows.values() if row.group}
        return told, {group: open_virtual(self.url, group).load() for group in groups}

    def check(self, expected, commits):
        """Hold the repository against an undisturbed one: contents, versions, and that nothing is left beside it."""
        told, datasets = self.contents()
        assert told == expected[0]
        assert datasets.keys() == expected[1].keys()
        for group, dataset in datasets.items():
            xr.testing.assert_identical(dataset, expected[1][group])
        handle = open_existing(self.url).handle
        assert len(list(handle.ancestry(branch="main"))) == commits + 1
        assert set(handle.list_branches()) == {"main"}
        left = [path for path in (self.folder / "stores" / "demo" / "virtual.runs").rglob("*") if path.is_file()]
        assert left == []


@dataclass(frozen=True)
class Undisturbed:
    """What a run and a materialisation do that nobody kills."""

    archive: Path
    extents: dict[bool, Path]
    expected: dict[bool, object]


def undisturbed(folder, nc):
    """Measure both commands, the second one on what the first one made."""
    place = Place(folder / "undisturbed", nc).begin()
    extents, expected = {}, {}
    for native in (False, True):
        extents[native] = folder / f"extents_{native}.json"
        options = ["--native"] if native else []
        assert place.run("--extents", extents[native], *options) == 0, (place.folder / "log").read_text()
        expected[native] = place.contents()
    return Undisturbed(nc, extents, expected)


def killed(folder, seed, number, known):
    """Kill one of both commands up to three times, start it until it is done, compare; return the phases of kills."""
    chance = random.Random(f"{seed}/{number}")
    native = number % _KINDS >= len(REFERRING)
    phases = list(NATIVE if native else REFERRING)
    place = Place(folder / f"schedule_{number}", known.archive).begin()
    if native:
        assert place.run() == 0
    targets = [
        phases[number % _KINDS - (len(REFERRING) if native else 0)],
        *chance.choices(phases, k=chance.choice([0, 1, 2])),
    ]
    options = ["--native"] if native else []
    kills = []
    for target in targets:
        death = f"{target}:{chance.uniform(0, 0.95):.3f}"
        code = place.run("--die", death, "--extents", known.extents[native], *options)
        assert code in {0, KILLED}, (death, code, (place.folder / "log").read_text()[-4000:])
        kills += [target] if code == KILLED else []
    for _ in range(MOST_STARTS):
        if place.run(*options) == 0:
            break
    place.check(known.expected[native], 2 if native else 1)
    shutil.rmtree(place.folder)
    return kills


def main():
    """Run all schedules, or single ones; print the counts and what failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="virtual-chaos-"))
    known = undisturbed(folder, make_archive(folder / "nc"))
    print(json.dumps({str(native): json.loads(path.read_text()) for native, path in known.extents.items()}))
    kills, failures = Counter(), []
    for number in chosen.only if chosen.only is not None else range(chosen.runs):
        try:
            kills.update(killed(folder, chosen.seed, number, known))
        except Exception:  # noqa: BLE001 - the others shall run all the same
            failures.append(f"--seed {chosen.seed} --only {number}: {traceback.format_exc()}")
            print(failures[-1], flush=True)
    print(f"{kills.total()} kills, {dict(kills)}; {len(failures)} failed", flush=True)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
