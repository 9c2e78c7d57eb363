"""A network's runs from S3 to S3 at a distance, as a pod of a CronJob makes them: coordinator and workers in one place.

Two workers of four threads: a task for a file of a quarter of an hour waits for its store three quarters of its time.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.distance import LATENCY_S, JobError, distance, failed
from benchmarks.figures import Figure, at_most
from benchmarks.timing import in_child
from tests.support.object_stores.stores import ObjectStore, filesystem

_BAR_S = 60


def figures(files: list[list[Path]]) -> Iterator[Figure]:
    """Seconds and requests of the first run and of the second.

    Parameters
    ----------
    files
        Of each run.
    """
    runs = [f"{name} from S3 to S3 at {1000 * LATENCY_S:.0f} ms a request" for name in ("first run", "second run")]
    try:
        with distance("s3") as apart:
            place = apart.place()
            words = _settings(apart.away(place))
            for what, new in zip(runs, files, strict=False):
                _upload(place, new)
                apart.proxy.begin(LATENCY_S)
                found, counts = in_child("network_run", json.dumps(words)), apart.proxy.counts()
                kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts.requests.most_common())
                yield at_most(what, found["seconds"], _BAR_S, "s", f" ({kinds})")
                yield Figure(f"{what}: coordinator", f"{found['peak'] / 1e6:.0f} MB")
    except JobError as error:
        yield from failed(error, dict.fromkeys(runs, f"<= {_BAR_S} s"))


def _upload(place: ObjectStore, new: list[Path]) -> None:
    files, path = filesystem(place)
    for file in new:
        receiver = next(part for part in file.parts if part.startswith(("canopy", "reference")))
        files.pipe_file(f"{path}/archive/{receiver}/{file.name}", file.read_bytes())


def _settings(away: ObjectStore) -> dict[str, Any]:
    reached = {"storage_options": dict(away.options), "allow_static_credentials": True}
    return {
        "site": "network",
        "archive": {"url": f"{away.url}/archive", "layout": "{receiver}/**", **reached},
        "store": {"url": f"{away.url}/stores", **reached},
        "cluster": {"kind": "local", "workers": 2, "threads_per_worker": 4},
        "log": {"level": "error", "progress": False},
    }
