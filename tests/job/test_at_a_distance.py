"""Runs from an object store to an object store: what a local run makes, each file asked for once."""

import numpy as np
import pytest
import xarray as xr

from gnssice_batch import open_dataset, run, verify
from gnssice_batch.config import Settings
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from tests.support.marks import most_heavy
from tests.support.object_stores.stores import SERVER, fresh
from tests.support.runs import DAY_ONE_S, name, rinex, span_s

pytestmark = pytest.mark.processes

GROUP = "rec"
HOURS = {0: ("G01", "G02"), 6: ("G01", "R03"), 12: ("G01", "E05"), 18: ("G02", "C11")}
"""Satellites of the files by hour: only the first and the last are in a sample of two."""
FILES = {
    name(DAY_ONE_S + 3600 * hour, "06H"): rinex(span_s(DAY_ONE_S + 3600 * hour, 6), svs=svs)
    for hour, svs in HOURS.items()
}


def settings(place, **sections):
    """Settings of a run whose archive and store are in one place."""
    options = dict(place.options)
    return Settings.model_validate(
        {
            "site": "site",
            "archive": {"url": f"{place.url}/archive", "layout": "{receiver}/**", "storage_options": options},
            "store": {"url": f"{place.url}/stores", "storage_options": options},
            "chunks": {"epoch": 720},
            "grid": {"interval_s": 30, "phase_s": 0},
            "run": {"partition_units": 1, "sample_files": 2},
            **sections,
        }
    )


def fill(place, files=FILES):
    archive = folder_at(location(f"{place.url}/archive", place.options))
    for path, content in files.items():
        archive.write(path, content)


def dataset(place, group=GROUP):
    return open_dataset(f"{place.url}/stores/site/rinex", group, storage_options=dict(place.options))


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    place = fresh("local", tmp_path_factory.mktemp("local"), None)
    fill(place)
    run(settings(place))
    with dataset(place) as made:
        yield made.load()


def test_a_store_is_the_same_wherever_it_lies(object_stores, local):
    fill(object_stores)
    report = run(settings(object_stores))
    assert report.snapshot
    assert sum(outcome.written.epochs for outcome in report.files[GROUP]) == 4 * 720
    with dataset(object_stores) as made:
        xr.testing.assert_identical(made.load().drop_attrs(), local.drop_attrs())
        assert np.isfinite(made["Phase"]).sum() == 8 * 720
    assert run(settings(object_stores)).snapshot is None
    assert verify(settings(object_stores)).agrees


@pytest.mark.parametrize("kind", SERVER)
@pytest.mark.parametrize("limits", most_heavy([{}, {"ahead_bytes": 0}]))
@pytest.mark.parametrize("cluster", [{}, pytest.param({"kind": "local", "workers": 2}, marks=pytest.mark.heavy)])
def test_each_file_is_asked_for_once_though_signals_come_that_the_sample_does_not_show(
    kind, limits, cluster, tmp_path, object_servers, proxy
):
    place = fresh(kind, tmp_path, object_servers(SERVER[kind]))
    fill(place)
    between = proxy(place)
    chosen = settings(place.through(between.address), cluster=cluster)
    chosen = chosen.model_copy(update={"archive": chosen.archive.model_copy(update=limits)})
    assert run(chosen).snapshot
    objects = between.counts().objects
    asked = [
        (what.partition(" ")[0], what.rpartition("/")[2], count) for what, count in objects.items() if ".rnx" in what
    ]
    assert sorted(asked) == sorted(("GET", path.rpartition("/")[2], 1) for path in FILES)
    between.begin()
    assert run(chosen).snapshot is None
    assert not [what for what in between.counts().objects if ".rnx" in what]


@pytest.mark.heavy
def test_without_room_for_them_files_are_asked_for_again(tmp_path, object_servers, proxy):
    place = fresh("s3", tmp_path, object_servers("moto"))
    fill(place)
    between = proxy(place)
    chosen = settings(place.through(between.address))
    nothing = {"kept_bytes": 0}
    archive, reader = (section.model_copy(update=nothing) for section in (chosen.archive, chosen.reader))
    chosen = chosen.model_copy(update={"archive": archive, "reader": reader})
    assert run(chosen).snapshot
    asked = [count for what, count in between.counts().objects.items() if "/archive/" in what]
    assert (len(asked), max(asked)) == (4, 2)
