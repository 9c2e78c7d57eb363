"""Two runs at one time on one repository: started a moment apart, one perhaps killed, both started again until done."""

import random
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from tests.failures.field import RECEIVERS, ReceiverStatus, assert_equal, journals, settings_of, write_settings
from tests.failures.processes import coordinator, finished
from tests.support.runs import branches

AGAIN = {-9, 6, 7}
"""Exit codes after which a run is started again: killed, another run won, interrupted."""
MOST_STARTS = 10
LATE = ["**/*0[89]00_01H*", "**/*1?00_01H*"]
"""The last four hours of each receiver."""

KINDS = {
    "two receivers": ({"include": ["canopy_01/**"]}, {"include": ["reference_01/**"]}),
    "backfill beside incremental": ({"exclude": LATE}, {"include": LATE}),
    "the same run twice": ({}, {}),
    "first backfills of one group": ({"include": ["**/*"]}, {"include": ["canopy_01/**", "reference_01/**"]}),
    "prepend racing an append": ({"include": ["**/*000[0-7]*_01H*", "**/*0[0-5]00_0?H*"]}, {"include": LATE}),
}
"""Name to what of the archive each of the two takes."""


@dataclass
class Rivals:
    """One pair, following from seed and number alone."""

    seed: int
    number: int
    folder: Path
    archive: Path

    def run(self):
        """Let both finish; hold the store against one that a single run made; return the kind and the exit codes."""
        chance = random.Random(f"rivals/{self.seed}/{self.number}")
        kind = list(KINDS)[self.number % len(KINDS)]
        configs = [
            write_settings(self.folder, self.archive, name=f"run_{which}", archive={**section, "may_be_empty": True})
            for which, section in enumerate(KINDS[kind])
        ]
        if kind == "prepend racing an append" or chance.random() < 0.3:
            self._seeded()
        codes = self._race(configs, chance)
        self._rest()
        return f"{self.number} ({kind}): exit codes {codes}"

    def _seeded(self):
        """A store that holds the middle of the archive already."""
        config = write_settings(
            self.folder, self.archive, name="middle", archive={"include": ["**/*0600_01H*"], "may_be_empty": True}
        )
        assert finished(coordinator(config)) == 0, config.with_suffix(".log").read_text()

    def _race(self, configs, chance):
        codes = {0: [], 1: []}
        running = {}
        for which, config in enumerate(configs):
            running[which] = coordinator(config)
            time.sleep(chance.uniform(0, 1.5))
        if chance.random() < 0.5:
            time.sleep(chance.uniform(0, 2))
            running[chance.randrange(2)].kill()
        for which in cycle((0, 1)):
            if which in running and running[which].poll() is not None:
                code = running.pop(which).returncode
                codes[which].append(code)
                assert code in {0, *AGAIN}, configs[which].with_suffix(".log").read_text()[-4000:]
                assert len(codes[which]) < MOST_STARTS, codes
                if code:
                    time.sleep(0.3)
                    running[which] = coordinator(configs[which])
            if not running:
                return codes
            time.sleep(0.02)
        return codes

    def _rest(self):
        """Take what neither had, and hold the whole against a store that was made in one run."""
        settings = settings_of(self.folder / "run_0.yaml")
        assert branches(settings) == {"main"}
        whole = write_settings(self.folder, self.archive, name="whole")
        assert finished(coordinator(whole)) == 0, whole.with_suffix(".log").read_text()
        assert journals(settings) == []
        once = settings_of(self.folder.parent / "once" / "config.yaml")
        for receiver in RECEIVERS:
            assert_equal(ReceiverStatus.of(settings, receiver), ReceiverStatus.of(once, receiver), ledger_too=False)


def one_run(folder, archive):
    """Make the store that the others are held against."""
    config = write_settings(folder / "once", archive)
    assert finished(coordinator(config), 600) == 0, config.with_suffix(".log").read_text()
