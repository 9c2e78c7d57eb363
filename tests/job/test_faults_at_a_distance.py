"""Runs whose object store fails now and then: each ends in the right store, or says why and can be gone on with."""

import pytest
import xarray as xr

from gnssice_batch import ArchiveError, StoreError, run
from gnssice_batch.operate.open_runs import open_runs
from tests.job.test_at_a_distance import dataset, fill, settings
from tests.support.object_stores.faults import schedule
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
MOST_STARTS = 6


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


@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_a_schedule_of_faults(kind, seed, tmp_path, object_servers, proxy, undisturbed):
    place = fresh(kind, tmp_path, object_servers(SERVER[kind]))
    fill(place, FILES)
    between = proxy(place, *schedule(seed, REQUESTS[kind]))
    chosen = settings(place.through(between.address))
    errors = []
    while len(errors) < MOST_STARTS:
        try:
            run(chosen)
            break
        except (ArchiveError, StoreError) as error:
            errors.append(error)
    counts = between.counts()
    print(f"{kind} {seed}: {counts.requests.total()} requests, {dict(counts.faults)}, errors {errors}")
    assert len(errors) < MOST_STARTS, errors
    assert {error.exit_code for error in errors} <= {3, 5}, errors
    assert open_runs(settings(place)) == ()
    for group, expected in undisturbed.items():
        xr.testing.assert_identical(held(place)[group], expected)
