"""Runs whose object store fails now and then: each ends in the right store, or says why and can be gone on with."""

import time

import pytest
import xarray as xr

from gnssice_batch import ArchiveError, StoreError, run
from gnssice_batch.model.values import Status
from gnssice_batch.operate.open_runs import open_runs
from tests.job.test_at_a_distance import dataset, fill, settings
from tests.support.object_stores.faults import Fault, Rule, schedule
from tests.support.object_stores.stores import SERVER, fresh
from tests.support.runs import DAY_ONE_S, name, rinex, span_s

pytestmark = [pytest.mark.processes, pytest.mark.heavy]

GROUPS = ("rec", "other")
FILES = {
    name(DAY_ONE_S + 3600 * hour, "06H").replace("rec/", f"{group}/"): rinex(
        span_s(DAY_ONE_S + 3600 * hour, 6), svs=svs
    )
    for group in GROUPS
    for hour, svs in {0: ("G01",), 6: ("G01", "R03"), 12: ("G02",)}.items()
}
REQUESTS = {"s3": 250, "azure": 250}
"""Of an undisturbed run, about."""
SCHEDULES = {"s3": 20, "azure": 10}
SHORT = 2
MOST_STARTS = 8
LONG = {
    "gone_for_a_minute": [Rule(Fault.GONE, first=120, seconds=60)],
    "gone_for_a_minute_at_the_begin": [Rule(Fault.GONE, first=3, seconds=60)],
    "gone_for_a_minute_at_the_end": [Rule(Fault.GONE, ("PUT",), first=185, seconds=60)],
    "stalls_of_ten_seconds": [
        Rule(Fault.STALL, first=first, seconds=10, kinds=kinds)
        for first, kinds in [(5, ("GET",)), (60, ("GET",)), (10, ("PUT",)), (70, ("PUT",)), (0, ("LIST",))]
    ],
    "credentials_expire": [Rule(Fault.EXPIRED, first=150, count=120)],
    "credentials_expire_for_whoever_writes": [Rule(Fault.EXPIRED, ("PUT",), first=60, count=8)],
}
"""What lasts longer than a schedule's faults, each on both storages."""


CASES = [
    pytest.param(kind, seed, marks=() if seed < SHORT else pytest.mark.chaos, id=f"{kind}-{seed}")
    for kind, count in SCHEDULES.items()
    for seed in range(count)
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    place = fresh("local", tmp_path_factory.mktemp("local"), None)
    fill(place, FILES)
    run(settings(place))
    return held(place)


def held(place):
    found = {}
    for group in GROUPS:
        with dataset(place, group) as made:
            found[group] = made.load().drop_attrs()
    return found


@pytest.fixture(autouse=True)
def brief_pauses():
    """Pauses as they are: how long a server may be away depends on them."""


@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_a_schedule_of_faults(kind, seed, tmp_path, object_servers, proxy, undisturbed):
    place = fresh(kind, tmp_path, object_servers(SERVER[kind]))
    survives(place, proxy, schedule(seed, REQUESTS[kind]), undisturbed, f"{kind} {seed}")


@pytest.mark.chaos
@pytest.mark.parametrize("what", LONG)
@pytest.mark.parametrize("kind", SERVER)
def test_what_lasts_longer(kind, what, tmp_path, object_servers, proxy, undisturbed):
    place = fresh(kind, tmp_path, object_servers(SERVER[kind]))
    counts, errors = survives(place, proxy, LONG[what], undisturbed, f"{kind} {what}")
    assert counts.faults
    assert not errors or "credentials" in what


def survives(place, proxy, rules, expected, name):
    """Start until it is done; hold the store against an undisturbed one; return counts and errors on the way."""
    fill(place, FILES)
    between = proxy(place, *rules)
    chosen, errors, began = settings(place.through(between.address)), [], time.monotonic()
    while len(errors) < MOST_STARTS:
        try:
            report = run(chosen)
            break
        except (ArchiveError, StoreError) as error:
            errors.append(error)
    counts, seconds = between.counts(), time.monotonic() - began
    told = [f"{type(error).__name__}: {error}" for error in errors]
    print(f"{name}: {counts.requests.total()} requests, {dict(counts.faults)}, {seconds:.0f} s, errors {told}")
    assert len(errors) < MOST_STARTS, errors
    assert {error.exit_code for error in errors} <= {3, 5}, errors
    assert {outcome.status for files in report.files.values() for outcome in files} <= {Status.OK}
    assert open_runs(settings(place)) == ()
    found = held(place)
    for group, dataset_ in expected.items():
        xr.testing.assert_identical(found[group], dataset_)
    return counts, errors
