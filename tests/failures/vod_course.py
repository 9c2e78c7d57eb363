"""Vod runs that are killed, and started again until they are done, held against an undisturbed one."""

import json
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from gnssice_batch.job.run import run
from tests.failures.launcher import VOD_PHASES
from tests.failures.processes import ROOT
from tests.support import canopies

MOST_STARTS = 12
DONE_S = 300
LINES = ("plan", "structure", "kept", "merge", "removal")
"""Phases whose lines are counted; units are met by time."""


@dataclass(frozen=True)
class VodDeath:
    """Where the first start of a run dies; the next one may die too."""

    number: int
    phases: tuple[str, ...]
    shares: tuple[float, ...]

    @staticmethod
    def of(seed, number, most=3):
        """Make one from seed and number: the first phase goes round all of them."""
        chance = random.Random(f"vod/{seed}/{number}")
        phases = list(VOD_PHASES)
        first = phases[number % len(phases)]
        more = [chance.choice(phases) for _ in range(chance.choice([0, 0, 1, 2]))]
        chosen = tuple([first, *more][:most])
        return VodDeath(number, chosen, tuple(chance.random() for _ in chosen))

    def options(self):
        """Return the launcher's word for each death."""
        return [
            f"{phase}:{'line' if phase in LINES else 'time'}:{share}"
            for phase, share in zip(self.phases, self.shares, strict=True)
        ]


class VodField:
    """A pair with published observations, what an undisturbed vod run makes of it, how long its phases are."""

    def __init__(self, folder, days=1.0):
        self.folder = Path(folder)
        canopies.archive(self.folder, canopies.plan(days))
        run(canopies.vod_settings(self.folder))
        self.extents = self.folder / "extents.json"
        measured = {}
        for how in ("lines", "seconds"):
            place = self.copy(how)
            launch(place, "--measure", how, extents=place / "extents.json")
            found = json.loads((place / "extents.json").read_text())
            for phase, extent in found.items():
                measured.setdefault(phase, {})[how] = extent
        self.extents.write_text(json.dumps(measured))
        self.expected = held(canopies.vod_settings(place))

    def copy(self, name):
        """Return a folder with the observations published and no vod yet."""
        place = self.folder / name
        place.mkdir()
        shutil.copytree(self.folder / "stores", place / "stores")
        shutil.copytree(self.folder / "orbits", place / "orbits")
        return place

    def die(self, death):
        """Run to the end through the kills of a death; return how often it was killed."""
        place = self.copy(f"death_{death.number}")
        kills = 0
        for option in [*death.options(), *[""] * MOST_STARTS]:
            how = ["--die", option] if option else []
            code = launch(place, *how, extents=self.extents)
            kills += code == -signal.SIGKILL
            if code == 0:
                break
        assert code == 0, f"death {death}: ended with {code}"
        check_whole(canopies.vod_settings(place), self.expected)
        shutil.rmtree(place)
        return kills


def check_whole(chosen, expected):
    """Assert that a repository holds what it should: one commit, nothing beside it, every cell, every row."""
    canopies.same(held(chosen), expected)
    found = canopies.repository(chosen)
    assert canopies.commits(chosen) == 1
    assert set(found.handle.list_branches()) == {"main"}
    left = Path(f"{chosen.store.url}/{chosen.site}/vod.runs")
    assert not left.exists() or not [path for path in left.rglob("*") if path.is_file()]


def held(chosen):
    """All cells of the analysis, and its ledgers but for what tells of the run."""
    found = canopies.arrays(chosen)
    group = canopies.group(chosen)
    orbits = [json.loads(row) for row in group["metadata/orbits"][:]]
    found["orbits"] = [(row["uri"], row["hash"], row["satellites"]) for row in orbits]
    table = group["metadata/table"]
    attrs = [json.loads(text) for text in table["attrs"][:]]
    rows = zip([one["unit_start_ns"] for one in attrs], table["epochs"][:].tolist(), strict=True)
    found["table"] = sorted(rows)
    return found


def launch(place, *options, extents):
    """Start vod in a process of its own; return its exit code."""
    config = place / "settings.yaml"
    if not config.exists():
        config.write_text(yaml.safe_dump(written(place)))
    command = [sys.executable, "-m", "tests.failures.launcher", str(config), "--command", "vod", "--extents"]
    with (place / "log").open("ab") as log:
        call = [*command, str(extents), *options]
        ended = subprocess.run(call, cwd=ROOT, stdout=log, stderr=log, timeout=DONE_S, check=False)
    return ended.returncode


def written(place):
    """Return the settings of `canopies.vod_settings` as a file has them."""
    return {
        "site": "site",
        "archive": {"url": str(place / "archive"), "layout": "{receiver}/**"},
        "store": {"url": str(place / "stores")},
        "chunks": {"epoch": 720},
        "grid": {"interval_s": 30, "phase_s": 0},
        "vod": {"orbits": {"url": str(place / "orbits")}},
    }
