"""Runs between object stores whose coordinator is killed at some request, while others fail, and started again."""

import json
import random
import shutil
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass

import xarray as xr

from gnssice_batch import run
from gnssice_batch.config import Settings
from gnssice_batch.operate.open_runs import open_runs
from tests.failures.processes import finished, start
from tests.job.test_at_a_distance import fill, settings
from tests.job.test_faults_at_a_distance import FILES, held
from tests.support.object_stores import servers
from tests.support.object_stores.faults import schedule
from tests.support.object_stores.proxy import Proxy
from tests.support.object_stores.stores import SERVER, fresh

KINDS = ("s3", "s3", "azure")
KILLED = -9
ENDS = {0, KILLED, 3, 5}
MOST_STARTS = 8
PATIENCE_S = 600
_LOOK_S = 0.002


@dataclass(frozen=True)
class Death:
    """A run, the requests after which it is killed, and the faults that it meets meanwhile."""

    seed: int
    number: int
    kind: str
    kills: tuple[float, ...]
    """Shares of the requests of an undisturbed run."""

    @staticmethod
    def of(seed, number):
        """Make a death; it follows from seed and number alone."""
        chance = random.Random(f"{seed}/distant/{number}")
        kills = tuple(round(chance.uniform(0, 0.98), 3) for _ in range(chance.choice([1, 1, 2])))
        return Death(seed, number, KINDS[number % len(KINDS)], kills)

    def __str__(self):
        return f"{self.number} ({self.kind}): killed after {', '.join(f'{share:.3f}' for share in self.kills)}"


def distant(folder, deaths):
    """Let runs live through their deaths; return the number of kills, and a sentence per run that failed."""
    kills, failures = 0, []
    with ExitStack() as stack:
        address = {
            kind: stack.enter_context(servers.running(SERVER[kind], folder)) for kind in {d.kind for d in deaths}
        }
        expected = _undisturbed(folder, {kind: fresh(kind, folder, at) for kind, at in address.items()})
        for death in deaths:
            started, place = time.monotonic(), folder / f"distant_{death.number}"
            place.mkdir()
            try:
                kills += _live(death, place, fresh(death.kind, place, address[death.kind]), expected)
            except Exception:  # noqa: BLE001 - the others shall run all the same
                failures.append(f"--seed {death.seed} --distant {death.number}: {traceback.format_exc()}")
                print(failures[-1], flush=True)
            else:
                shutil.rmtree(place)
            print(f"at a distance {death}: {time.monotonic() - started:.1f} s", flush=True)
    return kills, failures


@dataclass(frozen=True)
class Expected:
    """What an undisturbed run makes, and of how many requests on each kind of storage."""

    store: dict[str, xr.Dataset]
    requests: dict[str, int]


def _undisturbed(folder, places):
    local = fresh("local", folder, None)
    fill(local, FILES)
    run(settings(local))
    requests = {}
    for kind, place in places.items():
        fill(place, FILES)
        with Proxy(place.address) as between:
            config = _written(folder / f"undisturbed_{kind}.json", settings(place.through(between.address)))
            assert finished(_coordinator(config), PATIENCE_S) == 0, config.with_suffix(".log").read_text()
            requests[kind] = between.counts().requests.total()
    return Expected(held(local), requests)


def _written(path, chosen: Settings):
    """Write settings with the keys of an emulator in them, which the settings themselves never show."""
    document = json.loads(chosen.model_dump_json(exclude_defaults=True))
    for section in ("archive", "store"):
        options = getattr(chosen, section).storage_options
        document[section]["storage_options"] |= options.secrets()
        document[section]["allow_static_credentials"] = True
    path.write_text(json.dumps(document))
    return path


def _coordinator(config):
    return start("gnssice_batch", "run", "--config", config, log=config.with_suffix(".log"))


def _live(death, folder, place, expected):
    """Start, be killed, start again until it is done, then hold the store against the undisturbed one; count kills."""
    fill(place, FILES)
    requests, killed, codes = expected.requests[death.kind], 0, []
    with Proxy(place.address, rules=schedule(death.number, requests, faults=3)) as between:
        config = _written(folder / "config.json", settings(place.through(between.address)))
        for share in death.kills:
            codes.append(_killed_after(_coordinator(config), between, int(share * requests)))
            killed += codes[-1] == KILLED
        while codes[-1] != 0:
            assert len(codes) < MOST_STARTS, f"{codes}\n{config.with_suffix('.log').read_text()[-4000:]}"
            codes.append(finished(_coordinator(config), PATIENCE_S))
    assert set(codes) <= ENDS, f"{codes}\n{config.with_suffix('.log').read_text()[-4000:]}"
    assert open_runs(settings(place)) == ()
    for group, made in held(place).items():
        xr.testing.assert_identical(made, expected.store[group])
    return killed


def _killed_after(process, between, requests):
    """Kill a process once the proxy has seen so many more requests; return its exit code."""
    before = between.counts().requests.total()
    while process.poll() is None and between.counts().requests.total() - before < requests:
        time.sleep(_LOOK_S)
    process.kill()
    return process.wait()
