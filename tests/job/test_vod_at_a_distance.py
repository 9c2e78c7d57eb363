"""Vod between object stores, on a cluster's workers, against a rival: what a local run makes."""

import threading

import pytest

from gnssice_batch import open_dataset
from gnssice_batch.config import Settings
from gnssice_batch.errors import RunConflictError
from gnssice_batch.job import coordinator
from gnssice_batch.job.run import run
from gnssice_batch.job.vod import vod
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from tests.support import canopies
from tests.support.canopies import GROUP, arrays, same, vod_settings
from tests.support.object_stores.stores import fresh

pytestmark = [pytest.mark.processes, pytest.mark.heavy]


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Half a day, published, with its vod."""
    folder = tmp_path_factory.mktemp("local")
    chosen = canopies.observed(folder, canopies.plan(0.5))
    vod(chosen)
    return folder, chosen


@pytest.fixture
def copy(local, tmp_path):
    """The same observations without vod."""
    canopies.copied(local[0], tmp_path / "copy")
    return vod_settings(tmp_path / "copy", site="other", store={"url": str(tmp_path / "copy/others")})


def test_from_an_object_store_into_one(local, tmp_path, object_servers):
    folder, chosen = local
    place = fresh("s3", tmp_path, object_servers("moto"))
    options = dict(place.options)
    remote = folder_at(location(place.url, place.options))
    for path in [*(folder / "archive").rglob("*.*"), *(folder / "orbits").rglob("*.*")]:
        remote.write(str(path.relative_to(folder)), path.read_bytes())
    there = Settings.model_validate(
        {
            "site": "site",
            "archive": {"url": f"{place.url}/archive", "layout": "{receiver}/**", "storage_options": options},
            "store": {"url": f"{place.url}/stores", "storage_options": options},
            "chunks": {"epoch": 720},
            "grid": {"interval_s": 30, "phase_s": 0},
            "vod": {"orbits": {"url": f"{place.url}/orbits", "storage_options": options}},
        }
    )
    run(there)
    report = vod(there)
    assert report.used_in_all.requests["PUT"] > 0
    assert vod(there).snapshot is None
    found = open_dataset(f"{place.url}/stores/site/vod", GROUP, storage_options=options).load()
    here = open_dataset(f"{chosen.store.url}/site/vod", GROUP).load()
    for name in ("VOD", "theta", "phi", "source_orbit"):
        assert found[name].identical(here[name]), name


def test_on_workers_of_a_cluster(local, copy):
    run(copy)
    cluster = {"kind": "local", "workers": 2, "dashboard_port": None}
    report = vod(copy.model_copy(update={"cluster": type(copy.cluster).model_validate(cluster)}))
    assert report.partitions == 2
    same(arrays(copy), arrays(local[1]))


def test_a_rival_that_published_first_leaves_nothing_to_do(local, copy, monkeypatch):
    """Both plan the same units; who comes second plans again, and finds them made."""
    run(copy)
    publish, other = coordinator.publish, []

    def late(*arguments):
        if not other:
            other.append(None)
            monkeypatch.setattr(coordinator, "publish", publish)
            rival = copy.model_copy(update={"attributes": {"Institution": "rival"}})
            thread = threading.Thread(target=lambda: other.append(vod(rival)))
            thread.start()
            thread.join()
        return publish(*arguments)

    monkeypatch.setattr(coordinator, "publish", late)
    report = vod(copy)
    assert other[1].snapshot is not None
    assert report.snapshot is None
    assert canopies.commits(copy) == 1
    same(arrays(copy), arrays(local[1]))


def test_a_run_of_the_same_settings_refuses_a_second_one_at_a_time(copy, monkeypatch):
    run(copy)
    publish, refused = coordinator.publish, []

    def while_another_starts(*arguments):
        with pytest.raises(RunConflictError) as error:
            vod(copy)
        refused.append(error)
        return publish(*arguments)

    monkeypatch.setattr(coordinator, "publish", while_another_starts)
    assert vod(copy).snapshot is not None
    assert len(refused) == 1
