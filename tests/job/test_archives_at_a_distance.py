"""Archives of real files from object store to object store, on two workers: every cell is that of a local run."""

import pytest
import xarray as xr

from gnssice_batch import ledger, open_dataset, run
from gnssice_batch.config import Settings
from tests.job.test_archives_real import AJAC, RACT
from tests.support.object_stores.stores import SERVER, filesystem, fresh

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.heavy,
    pytest.mark.processes,
    pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning"),  # of Azure's library: files are uploaded
]

ARCHIVES = {"ract": RACT, "ajac": AJAC}
FILES = {"ract": 120, "ajac": 2}
THREADS = {"s3": 4, "azure": 1}
"""Tasks of a worker at a time."""
PER_RUN = ["run", "read_at", "etag"]
"""Columns of the ledger that say when and by whom a file was taken, and what its storage says of it."""
PER_GROUP = ["Created"]


def settings(place, **sections):
    options = dict(place.options)
    return Settings.model_validate(
        {
            "site": "site",
            "archive": {"url": f"{place.url}/archive", "layout": "{receiver}/**", "storage_options": options},
            "store": {"url": f"{place.url}/stores", "storage_options": options},
            "chunks": {"epoch": 2880},
            **sections,
        }
    )


def fill(place, name, shared_data):
    files, path = filesystem(place)
    for file in sorted((shared_data / "rinex" / ARCHIVES[name]).iterdir()):
        files.put_file(str(file), f"{path}/archive/{name}/{file.name}")


def held(place, name):
    """Return what a store holds: the whole axis with all its attributes, and the rows of the ledger."""
    where, options = f"{place.url}/stores/site/rinex", dict(place.options)
    with open_dataset(where, name, trim=False, storage_options=options) as made:
        found = made.load()
    found.attrs = {key: value for key, value in found.attrs.items() if key not in PER_GROUP}
    return found, ledger(where, name, storage_options=options).drop(columns=PER_RUN)


@pytest.fixture(scope="module", params=ARCHIVES)
def local(request, shared_data, tmp_path_factory):
    """The name of an archive, and what a local run in one process makes of it."""
    place = fresh("local", tmp_path_factory.mktemp("local"), None)
    fill(place, request.param, shared_data)
    assert run(settings(place)).snapshot
    return request.param, held(place, request.param)


@pytest.mark.parametrize("kind", SERVER)
def test_every_cell_is_that_of_a_local_run(kind, local, shared_data, tmp_path, object_servers):
    name, (expected, rows) = local
    place = fresh(kind, tmp_path, object_servers(SERVER[kind]))
    fill(place, name, shared_data)
    workers = {"kind": "local", "workers": 2, "threads_per_worker": THREADS[kind], "dashboard_port": None}
    chosen = settings(place, cluster=workers)
    report = run(chosen)
    assert report.snapshot
    assert len(report.files[name]) == len(rows) == FILES[name]
    found, ledger_rows = held(place, name)
    xr.testing.assert_identical(found, expected)
    assert int(found.SNR.notnull().sum()) > 100_000
    assert ledger_rows.equals(rows)
    assert run(settings(place)).snapshot is None
