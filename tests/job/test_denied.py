"""Credentials that end in the middle of a run: it stops with what it has, and no file is rejected for it."""

from datetime import timedelta
from itertools import count

import pytest

from gnssice_batch import AccessDeniedError, run
from gnssice_batch.config import Settings
from gnssice_batch.operate.open_runs import open_runs
from gnssice_batch.operate.quarantine import refused
from gnssice_batch.storage import credentials, filesystems
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from tests.storage.identities import aws_keys, identity_service
from tests.support.object_stores.faults import Fault, Rule
from tests.support.object_stores.stores import fresh
from tests.support.runs import DAY_ONE_S, name, rinex, span_s

pytestmark = pytest.mark.processes

FILES = {name(DAY_ONE_S + 21600 * n, "06H"): rinex(span_s(DAY_ONE_S + 21600 * n, 1)) for n in range(4)}


def settings_of(url, archive_options, store_options):
    return Settings.model_validate(
        {
            "site": "site",
            "archive": {
                "url": f"{url}/archive",
                "layout": "{receiver}/**",
                "storage_options": archive_options,
                "ahead_bytes": 0,
            },
            "store": {"url": f"{url}/stores", "storage_options": store_options},
            "chunks": {"epoch": 720},
            "grid": {"interval_s": 30, "phase_s": 0},
            "run": {"partition_units": 1},
        }
    )


@pytest.fixture(params=["s3", "azure"])
def chosen(request, tmp_path, object_servers, proxy):
    """Settings of a run whose archive is behind a proxy, a file published, three to come, and the proxy."""
    store = fresh(request.param, tmp_path, object_servers({"s3": "moto", "azure": "azurite"}[request.param]))
    between = proxy(store)
    archive = store.through(between.address)
    folder = folder_at(location(f"{store.url}/archive", store.options))
    settings = settings_of(store.url, archive.options, store.options)
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


LIFE_REQUESTS = 40
TOKENS = 250


@pytest.mark.heavy
def test_a_run_that_outlives_its_tokens_ends_well(tmp_path, object_servers, proxy, monkeypatch):
    """Each is refused after so many requests; they say that they end within a minute or so, and nobody keeps them."""
    store, given = fresh("s3", tmp_path, object_servers("moto")), count()
    for path, content in FILES.items():
        folder_at(location(f"{store.url}/archive", store.options)).write(path, content)

    def answer(_path):
        return aws_keys(f"{next(given):04d}-of-a-secret-key", timedelta(seconds=61))

    rules = [Rule(Fault.EXPIRED, first=LIFE_REQUESTS, count=None, holding=f"token-{n:04d}-") for n in range(TOKENS)]
    between = proxy(store, *rules)
    keys = {"access_key_id", "secret_access_key"}
    options = {name_: value for name_, value in store.through(between.address).options.items() if name_ not in keys}
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    credentials.forget()
    with identity_service(answer) as (url, asked):
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/v1/credentials")
        settings = settings_of(store.url, options, options)
        assert run(settings).snapshot
        assert refused(settings) == ()
    assert between.counts().requests.total() > 2 * LIFE_REQUESTS
    assert 2 < len(asked) < TOKENS
    credentials.forget()
    filesystems.forget()
