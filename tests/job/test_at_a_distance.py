"""Runs from an object store to an object store: what a local run makes, each file asked for once."""

import io
import tarfile
import time
import zipfile

import numpy as np
import pytest
import xarray as xr

from gnssice_batch import open_dataset, run, verify
from gnssice_batch.config import Settings
from gnssice_batch.operate.maintenance import maintain
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


@pytest.mark.heavy
def test_a_store_is_maintained_wherever_it_lies(object_stores):
    chosen = settings(object_stores, maintain={"keep_days": 0, "garbage_days": 0})
    repository = folder_at(location(f"{object_stores.url}/stores/site/rinex", object_stores.options))
    for path, content in FILES.items():
        fill(object_stores, {path: content})
        run(chosen)
    with dataset(object_stores) as made:
        before = made.load()
    there = repository.entries()
    time.sleep(1.1)  # a listing tells whole seconds
    told = maintain(chosen, dry_run=True)
    assert repository.entries() == there
    done = maintain(chosen)
    assert done == told
    assert (done.collected.expired, done.collected.manifests > 0, done.collected.copies >= 8) == (3, True, True)
    left = repository.entries()
    gone = {name: entry.size_bytes for name, entry in there.items() if name not in left}
    assert sum(name.startswith("overwritten/") for name in gone) == done.collected.copies
    assert sum(size for name, size in gone.items()) == done.collected.size_bytes
    with dataset(object_stores) as made:
        xr.testing.assert_identical(made.load(), before)
    assert verify(chosen).agrees


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


DAYS = 5


def members():
    """Files of several days, the later ones with a signal that the earlier ones lack."""
    for day in range(DAYS):
        start_s = DAY_ONE_S + 86_400 * day
        yield f"rec{day + 1:03d}0.25o", rinex(span_s(start_s, 24), svs=("G01", "G02") if day < 3 else ("G01", "E05"))


def zipped():
    with zipfile.ZipFile(packed := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in members():
            archive.writestr(path, content)
    return packed.getvalue()


def tarred():
    with tarfile.open(fileobj=(packed := io.BytesIO()), mode="w:gz") as archive:
        for path, content in members():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


CONTAINERS = {"rec/STAT00XXX_R_20250010000_05D_30S_MO.rnx.zip": zipped, "rec/days.tar.gz": tarred}


@pytest.mark.heavy
@pytest.mark.parametrize("path", CONTAINERS)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_container_of_many_days_is_fetched_once_a_worker(path, workers, tmp_path, object_servers, proxy):
    place = fresh("s3", tmp_path, object_servers("moto"))
    fill(place, {path: CONTAINERS[path]()})
    between = proxy(place)
    cluster = {"kind": "local", "workers": workers} if workers else {}
    store = {"url": str(tmp_path / "stores")}
    report = run(settings(place.through(between.address), cluster=cluster, store=store))
    assert report.snapshot
    assert sum(outcome.written.epochs for outcome in report.files[GROUP]) == DAYS * 2880
    asked = [count for what, count in between.counts().objects.items() if what.endswith(path.rpartition("/")[2])]
    header = path == "rec/days.tar.gz"
    assert header < sum(asked) <= max(workers, 1) + header
    assert report.planned.file_gets == 1


@pytest.mark.heavy
def test_what_is_larger_than_all_that_may_be_kept_is_planned_for_as_it_is_fetched(tmp_path, object_servers, proxy):
    place = fresh("s3", tmp_path, object_servers("moto"))
    path = next(iter(CONTAINERS))
    fill(place, {path: zipped()})
    between = proxy(place)
    store = {"url": str(tmp_path / "stores")}
    chosen = settings(place.through(between.address), chunks={"epoch": 2880}, store=store)
    chosen = chosen.model_copy(update={"archive": chosen.archive.model_copy(update={"kept_bytes": 1})})
    report = run(chosen)
    asked = [count for what, count in between.counts().objects.items() if what.endswith(path.rpartition("/")[2])]
    assert report.planned.file_gets == DAYS
    assert sum(asked) == DAYS
