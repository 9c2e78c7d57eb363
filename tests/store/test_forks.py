"""Forks carry no credentials of whatever kind, and run no code but this program's."""

import pickle

import icechunk
import msgpack
import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.credentials import forget, hold
from gnssice_batch.storage.location import location
from gnssice_batch.store import forks
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.repository import RepositoryOptions, open_repository
from gnssice_batch.store.storages import S3Fetcher, fetcher_of, storage
from tests.support.object_stores.stores import icechunk_storage

pytestmark = pytest.mark.processes

VALUES = np.random.default_rng(1).integers(0, 2**60, 1000)
"""Too many to be compressed to what is kept in a manifest."""


def written_fork(repository):
    session = repository.handle.writable_session("main")
    zarr.create_group(session.store)
    session.commit("root")
    fork = repository.handle.writable_session("main").fork()
    zarr.create_array(fork.store, name="x", shape=(2000,), chunks=(1000,), dtype="i8")[:1000] = VALUES
    return fork_bytes(fork)


def secrets(store):
    return [
        store.options[name] for name in ("access_key_id", "secret_access_key", "account_key") if name in store.options
    ]


def test_no_key_is_in_a_fork_and_who_holds_the_options_can_open_it(object_stores):
    where = location(f"{object_stores.url}/rinex", object_stores.options)
    content = written_fork(open_repository(where))
    assert not [secret for secret in secrets(object_stores) if secret.encode() in content and secret != "test"]
    forget()
    hold(where.url, where.options)
    assert zarr.open_array(fork_of(content).store, path="x")[0] == VALUES[0]
    session = open_repository(where).handle.writable_session("main")
    session.merge(fork_of(content))
    session.commit("merged")


def test_who_does_not_hold_the_keys_is_told_so(object_stores, monkeypatch):
    if object_stores.kind == "local":
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AZURE_STORAGE_ACCOUNT_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    where = location(f"{object_stores.url}/rinex", object_stores.options)
    content = written_fork(open_repository(where, RepositoryOptions(max_tries=1)))
    forget()
    if object_stores.kind == "s3":
        with pytest.raises(icechunk.IcechunkError, match="no AWS credentials: environment, profile"):
            zarr.open_array(fork_of(content).store, path="x")[0]


def test_keys_in_a_fork_are_refused(object_stores):
    if object_stores.kind == "local":
        return
    where = location(f"{object_stores.url}/rinex", object_stores.options)
    open_repository(where)
    fork = icechunk.Repository.open(icechunk_storage(object_stores.below("rinex"))).writable_session("main").fork()
    with pytest.raises(StoreError, match="carries keys"):
        fork_bytes(fork)
    with pytest.raises(StoreError, match="carries keys"):
        fork_of(fork.__getstate__()["_session"])
    portable = icechunk.Repository.open(storage(where, portable=True)).writable_session("main").fork()
    with pytest.raises(StoreError, match="carries keys"):
        fork_bytes(portable)


class Trap:
    def __reduce__(self):
        return eval, ("1/0",)


FORMS = (
    lambda pickled: {"type": "S3Storage", "credentials": {"pickled_function": list(pickled), "initial": None}},
    lambda pickled: {"type": "S3Storage", "credentials": {"pickled_function": pickled, "initial": None}},
    lambda pickled: ["S3Storage", ["refreshable", ["PythonCredentialsFetcher", list(pickled), None]]],
    lambda pickled: ["S3Storage", ["refreshable", ["PythonCredentialsFetcher", pickled, None]]],
)
"""How a pickled function may be written that Icechunk would read."""


def test_code_in_a_fork_is_never_run(tmp_path):
    """Whoever can write a journal could name a function that Icechunk unpickles when it asks for credentials."""
    local = written_fork(open_repository(str(tmp_path / "rinex")))
    for pickled in (pickle.dumps(Trap()), pickle.dumps(S3Fetcher("s3://b/p", "{}")) + b"."):
        assert fetcher_of(pickled) is None
    assert fetcher_of(pickle.dumps(S3Fetcher("s3://b/p", "{}"))) == S3Fetcher("s3://b/p", "{}")
    for form in FORMS:
        with pytest.raises(StoreError, match="not this program's"):
            fork_of(_with_storage(local, pickle.dumps(Trap()), form))


@pytest.mark.parametrize(
    "storage",
    [
        {"type": "S3Storage", "credentials": "static"},
        {"type": "S3Storage", "config": [{"s3_credential_type": "static"}]},
        ["S3Storage", {"credentials": {"credentials": "static"}}],
    ],
)
def test_a_fork_that_tells_of_keys_is_refused_without_any_server(tmp_path, storage):
    local = written_fork(open_repository(str(tmp_path / "rinex")))
    with pytest.raises(StoreError, match="it carries keys of its storage"):
        fork_of(_with_storage(local, b"", lambda _: storage))
    other = {"type": "S3Storage", "region": "static"}
    with pytest.raises(StoreError) as refused:
        fork_of(_with_storage(local, b"", lambda _: other))
    assert "keys" not in str(refused.value)


def _with_storage(content, pickled, form):
    """Put a storage with credentials from a function into a fork, as fields and as bare lists."""
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
    unpacker.feed(content)
    start = 1
    unpacker.read_array_header()
    ends = [start]
    for _ in range(10):
        unpacker.skip()
        ends.append(unpacker.tell())
    storage = msgpack.packb(form(pickled))
    return content[: ends[2]] + storage + content[ends[3] :]


def test_what_the_forks_of_a_run_share_is_looked_at_once(tmp_path, monkeypatch):
    content = written_fork(open_repository(str(tmp_path / "rinex")))
    checked, check = [], forks._check_way
    monkeypatch.setattr(forks, "_check_way", lambda way: checked.append(way) or check(way))
    forks._checked.clear()
    for _ in range(9):
        fork_of(fork_bytes(fork_of(content)))
    assert len(checked) == 1
    assert content.startswith(checked[0])
    with pytest.raises(StoreError, match="not this program's"):
        fork_of(_with_storage(content, pickle.dumps(Trap()), FORMS[0]))
