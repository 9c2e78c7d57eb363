"""A run whose storage fails goes on from its journal by itself; what is wrong otherwise it does not try again."""

import socket

import icechunk
import pytest

from gnssice_batch import StoreError, run
from gnssice_batch.errors import RunConflictError
from gnssice_batch.job import replanning
from gnssice_batch.job.execution import NoProgress
from gnssice_batch.job.replanning import while_storage_fails
from gnssice_batch.storage.location import location
from gnssice_batch.store.reading.contents import stored_receivers
from gnssice_batch.store.repository import RepositoryOptions, open_existing, open_repository
from gnssice_batch.store.storages import storage
from tests.job.test_at_a_distance import GROUP, fill, settings
from tests.support.object_stores.faults import Fault, Rule
from tests.support.object_stores.stores import fresh

pytestmark = pytest.mark.processes


class Attempts:
    """Fails as told, attempt by attempt, then gives something; notes the stages that are told."""

    def __init__(self, *failures):
        self.failures, self.made = list(failures), 0

    def __call__(self):
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(replanning, "_FIRST_PAUSE_S", 0.0)


def failed(cause):
    error = StoreError("what was tried")
    error.__cause__ = cause
    return error


def test_it_starts_again_where_the_storage_has_failed():
    attempts = Attempts(failed(icechunk.StorageError("reading a body")), failed(ConnectionResetError("reset")))
    assert while_storage_fails(attempts, NoProgress()) == "done"
    assert attempts.made == 3


def test_what_icechunk_says_anywhere_in_a_run_is_an_error_of_the_store():
    assert while_storage_fails(Attempts(icechunk.StorageError("reading a body")), NoProgress()) == "done"
    with pytest.raises(StoreError, match="no such branch"):
        while_storage_fails(Attempts(icechunk.IcechunkError("no such branch")), NoProgress())


def test_it_gives_up_in_the_end():
    attempts = Attempts(*(failed(TimeoutError("silent")) for _ in range(9)))
    with pytest.raises(StoreError, match="what was tried"):
        while_storage_fails(attempts, NoProgress())
    assert attempts.made == 4


def test_each_pause_is_about_three_times_as_long_as_the_one_before(monkeypatch):
    pauses = []
    monkeypatch.setattr(replanning, "_FIRST_PAUSE_S", 1.0)
    monkeypatch.setattr(replanning.time, "sleep", pauses.append)
    with pytest.raises(StoreError):
        while_storage_fails(Attempts(*(failed(TimeoutError("silent")) for _ in range(9))), NoProgress())
    assert all(least <= pause <= 3 * least for pause, least in zip(pauses, (0.5, 1.5, 4.5), strict=True))


def test_what_icechunk_says_at_last_is_an_error_of_the_store_too():
    with pytest.raises(StoreError, match="reading a body"):
        while_storage_fails(Attempts(*[icechunk.StorageError("reading a body")] * 9), NoProgress())


@pytest.mark.parametrize(
    "error",
    [
        StoreError("the merged changes are not the planned write units"),
        RunConflictError("another process is at work"),
        failed(PermissionError("denied")),
        failed(ValueError("not a fork")),
    ],
)
def test_other_errors_end_it_at_once(error):
    attempts = Attempts(error)
    with pytest.raises(StoreError):
        while_storage_fails(attempts, NoProgress())
    assert attempts.made == 1


@pytest.fixture
def published(tmp_path, object_servers):
    """A published store on S3."""
    place = fresh("s3", tmp_path, object_servers("moto"))
    fill(place)
    assert run(settings(place)).snapshot
    return place


@pytest.mark.heavy
@pytest.mark.parametrize("fault", [Fault.RESET, Fault.TRUNCATE])
def test_reading_a_store_goes_on_after_half_an_answer(published, proxy, fault):
    between = proxy(published)
    through = settings(published.through(between.address))
    where = f"{published.url}/stores/site/rinex"
    for first in range(4):
        between.begin(rules=[Rule(fault, ("GET",), first=first, count=2)])
        repository = open_existing(through_location(where, through))
        assert stored_receivers(repository) == (GROUP,)
        assert between.counts().faults


def through_location(where, chosen):
    return location(where, chosen.store.storage_options)


def test_what_a_process_chooses_for_itself_is_not_kept_with_the_repository(tmp_path, object_servers):
    place = fresh("s3", tmp_path, object_servers("moto"))
    where = through_location(f"{place.url}/repository", settings(place))
    options = RepositoryOptions(max_tries=3, max_backoff_s=1.5, requests_per_object=4, max_concurrent_requests=33)
    for _ in range(2):
        mine = open_repository(where, options).handle.config
        assert (mine.storage.retries.max_tries, mine.storage.retries.max_backoff_ms) == (3, 1500)
        assert mine.storage.concurrency.max_concurrent_requests_for_object == 4
        assert (mine.storage.timeouts.connect_timeout_ms, mine.storage.timeouts.read_timeout_ms) == (5000, 30_000)
        assert mine.max_concurrent_requests == 33
        kept = icechunk.Repository.fetch_config(storage_of(where))
        assert kept.inline_chunk_threshold_bytes == 512
        assert (kept.storage.retries, kept.storage.timeouts, kept.storage.concurrency) == (None, None, None)
        assert kept.max_concurrent_requests is None


def test_a_server_that_takes_connections_and_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        options = {
            "endpoint_url": f"http://127.0.0.1:{silent.getsockname()[1]}", "allow_http": True, "region": "us-east-1",
            "path_style": True, "access_key_id": "a", "secret_access_key": "testtest",
        }  # fmt: skip
        with pytest.raises(StoreError, match="timeout"):
            open_repository(location("s3://b/p", options), RepositoryOptions(max_tries=1, read_timeout_s=0.3))


def storage_of(where):
    return storage(where)
