"""Credentials that end in the middle of a run: it stops with what it has, and no file is rejected for it."""

import pytest

from gnssice_batch import AccessDeniedError, run
from gnssice_batch.config import Settings
from gnssice_batch.operate.open_runs import open_runs
from gnssice_batch.operate.quarantine import refused
from gnssice_batch.storage import filesystems
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from tests.support.object_stores.faults import Fault, Rule
from tests.support.object_stores.stores import fresh
from tests.support.runs import DAY_ONE_S, name, rinex, span_s

pytestmark = pytest.mark.processes

FILES = {name(DAY_ONE_S + 21600 * n, "06H"): rinex(span_s(DAY_ONE_S + 21600 * n, 1)) for n in range(4)}


@pytest.fixture(params=["s3", "azure"])
def chosen(request, tmp_path, object_servers, proxy):
    """Settings of a run whose archive is behind a proxy, a file published, three to come, and the proxy."""
    store = fresh(request.param, tmp_path, object_servers({"s3": "moto", "azure": "azurite"}[request.param]))
    between = proxy(store)
    archive = store.through(between.address)
    folder = folder_at(location(f"{store.url}/archive", store.options))
    settings = Settings.model_validate(
        {
            "site": "site",
            "archive": {
                "url": folder.url,
                "layout": "{receiver}/**",
                "storage_options": archive.options,
                "ahead_bytes": 0,
            },
            "store": {"url": f"{store.url}/stores", "storage_options": store.options},
            "chunks": {"epoch": 720},
            "grid": {"interval_s": 30, "phase_s": 0},
            "run": {"partition_units": 1},
        }
    )
    (first, content), *others = FILES.items()
    folder.write(first, content)
    assert run(settings).snapshot
    for path, later in others:
        folder.write(path, later)
    yield settings, between
    filesystems.forget()


@pytest.mark.heavy
def test_a_run_stops_and_goes_on_when_they_are_there_again(chosen):
    settings, between = chosen
    for first in range(12):
        between.begin(rules=[Rule(Fault.EXPIRED, ("GET",), first=first, count=None)])
        with pytest.raises(AccessDeniedError, match="does not give this file") as raised:
            run(settings)
        assert raised.value.exit_code == 3
        if (left := open_runs(settings)) and left[0].partitions:
            break
    assert [one.partitions for one in left] == [1]
    assert refused(settings) == ()
    between.begin()
    report = run(settings)
    assert report.snapshot
    assert refused(settings) == ()
    assert open_runs(settings) == ()


@pytest.mark.heavy
def test_one_refusal_is_asked_again_with_credentials_of_now(chosen):
    settings, between = chosen
    between.begin(rules=[Rule(Fault.EXPIRED, ("GET",), first=1)])
    assert run(settings).snapshot
    assert refused(settings) == ()
    assert between.counts().faults
