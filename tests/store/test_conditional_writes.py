"""Conditional writes are proven before the first commit: a server that ignores one holds no store."""

import logging
from functools import partial

import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr

from gnssice_batch import IcechunkStore, run
from gnssice_batch.cli.entry import exit_code, message
from gnssice_batch.errors import StoreError
from gnssice_batch.storage.conditions import faults_of_conditional_writes
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from gnssice_batch.store.conditional_writes import PROOF, is_proven, remember
from gnssice_batch.store.repository import open_repository
from tests.job.test_at_a_distance import FILES, fill, settings
from tests.job.test_proof import At
from tests.support.object_stores.careless import careless
from tests.support.object_stores.stores import fresh, icechunk_storage

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


@pytest.mark.heavy
@pytest.mark.parametrize("word", [304, 404, 409, 412])
class TestWhoeverIsSlower:
    """Another commits between the request of a commit and the server, which says in its own word that it was late.

    It says no more than that word; the last is the only one that Icechunk knows by itself.
    """

    @pytest.fixture
    def late(self, s3, word):
        """A store by way of a server that has its own word, and who is faster at the next commits, one each."""
        faster = []

        def before(command, path, headers):
            moves = command == "PUT" and path.partition("?")[0].endswith("/repo")
            if moves and "if-match" in map(str.lower, headers) and faster:
                faster.pop()()

        with careless(s3.address, answers={412: word}, before=before) as (address, _):
            yield s3.through(address), faster

    @staticmethod
    def another(store, number):
        """A commit that reaches the server by itself."""
        repository = icechunk.Repository.open(icechunk_storage(store.below("site/rinex")))
        session = repository.writable_session("main")
        zarr.create_array(session.store, name=f"other_{number}", shape=(1,), dtype="i4")
        session.commit("another was faster")

    def test_a_transaction_goes_on_top(self, late, s3):
        away, faster = late
        store = IcechunkStore.open_or_create(f"{away.url}/site/rinex", dict(away.options))
        for mine, others in {"begun": 0, "own": 2}.items():
            with store.transaction() as txn:
                xr.Dataset({mine: ("y", np.arange(4.0))}).to_zarr(store, mode="a")
                faster += [partial(self.another, s3, number) for number in range(others)]
                txn.commit(mine)
            assert not faster
        said = [version.message for version in store.list_versions()]
        assert said == ["begun", "another was faster", "another was faster", "own"]

    def test_a_run_goes_on_top_and_does_not_start_again(self, late, s3, caplog):
        away, faster = late
        chosen = settings(away, store={"url": away.url, "storage_options": dict(away.options)})
        (first, content), (second, later), *_ = FILES.items()
        fill(s3, {first: content})
        assert run(chosen).snapshot
        fill(s3, {second: later})
        others = [partial(self.another, s3, number) for number in range(2)]
        with caplog.at_level(logging.INFO, "gnssice_batch"):
            assert run(chosen, At("publish", lambda: faster.extend(others))).snapshot
        assert not faster
        assert "moved during the commit, trying again" in caplog.text
        assert "going on from the journal" not in caplog.text


def test_a_proof_is_of_one_server_and_nothing_else_that_is_kept_is_one():
    handle = icechunk.Repository.create(icechunk.in_memory_storage())
    here, there = (location(f"s3://bucket/{host}", {"endpoint_url": f"http://{host}"}) for host in ("here", "there"))
    assert not is_proven(handle, here)
    handle.update_metadata({PROOF: "here"})
    assert not is_proven(handle, here)
    remember(handle, here)
    assert (is_proven(handle, here), is_proven(handle, there)) == (True, False)
