"""Object stores at a distance: real servers, 50 ms per request, one process on one core.

A proxy of the tests stands between job and server: it holds every request back for 50 ms, however large, and counts it.
Servers and proxy keep off the core of the job where there is a second one; with their own work they take part in every
second that is measured. What is compared with the local disk is measured in turns with it. What can't be measured is
said, and counts as a bar that is not met.
"""

import shutil
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.distance import LATENCY_S, Distance, JobError, copy, distance, failed, job, leave_job_core
from benchmarks.figures import Figure, at_least, at_most
from benchmarks.files import AJAC, RACT, observation_files
from benchmarks.ledgers import FILES, RECEIVERS, SITE, ledgers
from benchmarks.opening import SIGNAL, mostly_holes, whole_year
from gnssice_batch.rinex import dense, read
from tests.support.object_stores.companion import Counts
from tests.support.object_stores.listing_stub import BUCKET, ListingStub
from tests.support.object_stores.stores import SERVER, ObjectStore, filesystem

TITLE = f"Object stores: {1000 * LATENCY_S:.0f} ms per request"

_NAMES = {"s3": "S3", "azure": "Azure"}
_SLOWER = {"s3": 1.5, "azure": 1.6}
_RUNS = 3
_OPENINGS = 5
_TAKEN_IN = 6_000
_RESUMED = 100_000


def figures() -> Iterator[Figure]:
    """Every figure of object stores."""
    for kind in SERVER:
        yield from _runs(kind) if RACT.is_dir() else ()
    yield from _plan() if RACT.is_dir() else ()
    yield from _journal()
    yield from _opening() if AJAC.is_dir() else ()


def _runs(kind: str) -> Iterator[Figure]:
    """Ract from a server to the same server, against the same run on the local disk."""
    name, most = f"ract from {_NAMES[kind]} to {_NAMES[kind]}", _SLOWER[kind]
    try:
        with distance(kind) as apart:
            place = apart.place()
            _upload(place.below("archive"))
            away = apart.away(place)
            planned = _planned(away)
            apart.proxy.begin(LATENCY_S)
            found = job("object_stores_run", **_of(away), runs=_RUNS)
            counts = apart.proxy.counts()
    except JobError as error:
        yield from failed(error, {name: f"<= {most} x", f"{name}: requests": "as planned"})
        return
    slower = statistics.median(a / b for a, b in zip(found["away"], found["local"], strict=True))
    local, distant = (statistics.median(found[where]) for where in ("local", "away"))
    yield at_most(f"{name}, against local disk", slower, most, "x", f" ({distant:.2f} s against {local:.2f} s)")
    yield _one_get(name, counts)
    yield _puts(name, counts, planned)
    yield Figure(f"{name}: all requests of a run", _said(counts))


def _upload(place: ObjectStore) -> None:
    files, path = filesystem(place)
    for file in observation_files(RACT):
        files.pipe_file(f"{path}/{file.name}", file.read_bytes())


def _of(place: ObjectStore) -> dict[str, Any]:
    return {"url": place.url, "options": dict(place.options)}


def _planned(place: ObjectStore) -> Mapping[str, int] | JobError:
    """The requests that the plan foresees, by kind."""
    try:
        return job("object_stores_run", **_of(place), runs=0)["requests"]
    except JobError as error:
        return error


def _one_get(name: str, counts: Counts) -> Figure:
    files = len(observation_files(RACT))
    asked = {what: count / _RUNS for what, count in counts.objects.items() if "/archive/" in what}
    gets = [count for what, count in asked.items() if what.startswith("GET ")]
    others = sum(asked.values()) - sum(gets)
    measured = f"{min(gets):.3g} to {max(gets):.3g}, and {others:g} other requests"
    return Figure(
        f"{name}: GETs of each of {files} source files",
        measured,
        "1",
        {*gets, len(gets) / files} == {1.0} and not others,
    )


def _puts(name: str, counts: Counts, planned: Mapping[str, int] | JobError) -> Figure:
    what, puts = f"{name}: PUTs of a run", counts.requests["PUT"] / _RUNS
    if isinstance(planned, JobError):
        return Figure(what, f"{puts:g}; the plan failed: {planned}", "as planned", met=False)
    return Figure(what, f"{puts:g}", f"{planned['PUT']}", puts == planned["PUT"])


def _said(counts: Counts) -> str:
    each = Counter({kind: count / _RUNS for kind, count in counts.requests.items()})
    kinds = ", ".join(f"{count:.3g} {kind}" for kind, count in each.most_common())
    sent, received = (size / _RUNS / 1e6 for size in (counts.sent_bytes, counts.received_bytes))
    return f"{kinds}; {sent:.1f} MB sent, {received:.1f} MB received, at most {counts.most_under_way} at a time"


def _plan() -> Iterator[Figure]:
    """A million new keys, against a repository of many receivers with as many ledger rows."""
    with ListingStub(FILES, RECEIVERS, LATENCY_S, observation_files(RACT)[0]) as stub:
        yield from _listed(stub)
        yield from _planned_against_ledgers(stub)


def _listed(stub: ListingStub) -> Iterator[Figure]:
    what = f"listing {FILES / 1e6:g} M keys"
    try:
        found = _all_files(job("object_stores_plan", "list", archive=_archive(stub), store={"url": "s", "options": {}}))
    except JobError as error:
        yield from failed(error, {what: "<= 60 s"})
        return
    requests = stub.counts().requests
    yield at_most(what, found["seconds"], 60, "s", f" ({requests.total()} requests)")
    yield Figure(f"{what}: memory of the process", f"{found['peak'] / 1e9:.3g} GB")


def _planned_against_ledgers(stub: ListingStub) -> Iterator[Figure]:
    what = f"plan against {RECEIVERS} receivers and {FILES / 1e6:g} M ledger rows, listing left out"
    memory = f"memory of planning {FILES / 1e6:g} M keys"
    try:
        with distance("s3") as apart:
            place = apart.place()
            copy(ledgers(), place.below(f"{SITE}/rinex"))
            apart.proxy.begin(LATENCY_S)
            found = _all_files(job("object_stores_plan", "plan", archive=_archive(stub), store=_of(apart.away(place))))
            requests = apart.proxy.counts().requests
    except JobError as error:
        yield from failed(error, {memory: "<= 1.5 GB", what: "<= 90 s"})
        return
    yield at_most(memory, found["peak"] / 1e9, 1.5, "GB")
    yield at_most(what, found["seconds"] - found["listing"], 90, "s", f" ({requests.total()} requests)")


def _archive(stub: ListingStub) -> dict[str, Any]:
    keys = {"access_key_id": "test", "secret_access_key": "testtest"}
    options = {"region": "us-east-1", "endpoint_url": f"http://{stub.address}", "path_style": True, "allow_http": True}
    return {"url": f"s3://{BUCKET}", "options": options | keys}


def _all_files(found: dict[str, Any]) -> dict[str, Any]:
    if found["files"] != FILES:
        msg = f"{found['files']} of {FILES} files were found"
        raise JobError(msg)
    return found


def _journal() -> Iterator[Figure]:
    """Finished partitions kept, and found again."""
    kept, found_again = "partitions taken in, journaled and acknowledged", f"resume from {_RESUMED:,} partitions"
    with distance("s3") as apart:
        try:
            found = job("object_stores_journal", "keep", **_of(apart.away(apart.place())), partitions=_TAKEN_IN)
            yield at_least(kept, found["partitions"] / found["seconds"], 300, "per s")
        except JobError as error:
            yield from failed(error, {kept: ">= 300 per s"})
        try:
            yield _resumed(apart, found_again)
        except JobError as error:
            yield from failed(error, {found_again: "<= 120 s"})


def _resumed(apart: Distance, what: str) -> Figure:
    place = apart.place()
    with TemporaryDirectory() as folder:
        job("object_stores_journal", "keep", url=folder, options={}, partitions=_RESUMED)
        copy(Path(folder), place)
    found = job("object_stores_journal", "resume", **_of(apart.away(place)))
    if found["partitions"] != _RESUMED:
        msg = f"{found['partitions']} of {_RESUMED} partitions were found again"
        raise JobError(msg)
    return at_most(what, found["seconds"], 120, "s")


def _opening() -> Iterator[Figure]:
    """A dataset opened, and one signal of a year read, each in a fresh process."""
    opened, signal = (
        "open_dataset on S3, 10 years at 5 s",
        f"SNR of {SIGNAL.replace('|', ' ')} over a year at 30 s on S3, opened before",
    )
    leave_job_core()
    day = dense(read(observation_files(AJAC)[0].read_bytes()).parts[0])
    with distance("s3") as apart, TemporaryDirectory() as folder:
        places = {}
        for name, made in (
            ("decade", lambda path: mostly_holes(path, day, 5)),
            ("year", lambda path: whole_year(path, day)),
        ):
            made(Path(folder, name))
            places[name] = apart.place()
            copy(Path(folder, name), places[name])
            shutil.rmtree(Path(folder, name))
        yield _in_fresh_processes(apart, places["decade"], ("open", "seconds"), opened, 1.5)
        yield _in_fresh_processes(apart, places["year"], ("signal", "SNR"), signal, 2.5)


def _in_fresh_processes(apart: Distance, place: ObjectStore, asked: tuple[str, str], what: str, bar: float) -> Figure:
    away = apart.away(place)
    apart.proxy.begin(LATENCY_S)
    try:
        found = [
            job("opening", asked[0], away.url, storage_options=dict(away.options))[asked[1]] for _ in range(_OPENINGS)
        ]
    except JobError as error:
        return next(failed(error, {what: f"<= {bar} s"}))
    requests = apart.proxy.counts().requests.total() / _OPENINGS
    return at_most(what, statistics.median(found), bar, "s", f" ({requests:.3g} requests)")
