"""Conditional writes are proven before the first commit: a server that ignores one holds no store."""

import pytest

from gnssice_batch.cli.entry import exit_code, message
from gnssice_batch.errors import StoreError
from gnssice_batch.storage.conditions import faults_of_conditional_writes
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from gnssice_batch.store.conditional_writes import PROOF
from gnssice_batch.store.repository import open_repository
from tests.support.object_stores.careless import careless
from tests.support.object_stores.stores import fresh

pytestmark = pytest.mark.processes


@pytest.fixture
def s3(tmp_path, object_servers):
    return fresh("s3", tmp_path, object_servers("moto"))


def place_of(store, name="rinex"):
    return location(f"{store.url}/{name}", store.options)


@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_real_servers_honour_them_and_nothing_is_left_of_the_trial(kind, tmp_path, object_servers):
    store = fresh(kind, tmp_path, object_servers({"s3": "moto", "azure": "azurite"}[kind]))
    assert faults_of_conditional_writes(place_of(store)) == []
    assert folder_at(location(store.url, store.options)).entries() == {}


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("forgets", "said"),
    [
        ({"if-match"}, "in spite of If-Match"),
        ({"if-none-match"}, "in spite of If-None-Match"),
        ({"if-match", "if-none-match"}, "in spite of If-None-Match"),
    ],
)
def test_a_server_that_forgets_a_condition_holds_no_store(s3, forgets, said):
    with careless(s3.address, forgets) as (address, _):
        other = s3.through(address)
        with pytest.raises(StoreError, match=said) as raised:
            open_repository(place_of(other))
        assert f"http://{address}" in message(raised.value)
        assert "It can hold an archive but no store" in str(raised.value)
        assert exit_code(raised.value) == 5
        assert folder_at(location(s3.url, s3.options)).entries() == {}
        folder = folder_at(location(other.url, other.options))
        folder.write("archive/file", b"content")
        assert folder.read("archive/file") == b"content"


def test_a_server_that_does_not_know_a_condition_is_told_apart(s3):
    with careless(s3.address, answers={412: 501}) as (address, _), pytest.raises(StoreError, match="answered with 501"):
        open_repository(place_of(s3.through(address)))


@pytest.mark.parametrize("refusal", [304, 404, 409])
def test_every_word_for_a_refusal_is_understood(s3, refusal):
    with careless(s3.address, answers={412: refusal}) as (address, _):
        assert faults_of_conditional_writes(place_of(s3.through(address))) == []


def test_the_proof_is_made_once_and_remembered_with_the_repository(s3):
    with careless(s3.address) as (address, seen):
        where = place_of(s3.through(address))
        kept = open_repository(where).handle.get_metadata()[PROOF]
        assert kept["server"] == f"http://{address}"
        trials = [path for _, path, _ in seen if ".probe-" in path]
        assert len(trials) > 20
        seen.clear()
        open_repository(where)
        assert not [path for _, path, _ in seen if ".probe-" in path]
    assert open_repository(place_of(s3)).handle.get_metadata()[PROOF]["server"] == f"http://{s3.address}"


def test_a_bucket_that_is_not_there_is_no_fault_of_conditions(s3):
    with pytest.raises(StoreError, match=r"can't be opened for writing") as raised:
        open_repository(location("s3://no-such-bucket-at-all/x", s3.options))
    assert "does not honour" not in str(raised.value)
