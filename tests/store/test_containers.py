"""The archive of virtual chunks: how a configuration names it, and what this process may read of it."""

import pickle

import icechunk
import numpy as np
import pytest
import zarr

from gnssice_batch.storage.credentials import forget, hold
from gnssice_batch.storage.location import Location, location
from gnssice_batch.storage.options import options_of
from gnssice_batch.store.containers import (
    _access,
    authorised,
    chunk_location,
    container_of,
    containers_in,
    local_folders,
    prefix_of,
    with_container,
)
from gnssice_batch.store.storages import AzureFetcher, S3Fetcher

HERE = Location("/stores/demo")
KEYS = {"access_key_id": "ID", "secret_access_key": "SECRET", "region": "eu-central-1"}
S3, AZURE = icechunk.S3Credentials, icechunk.AzureCredentials
CONFIG = icechunk.ObjectStoreConfig


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch):
    """A process that has none, and keeps none from another test."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    forget()
    yield
    forget()


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("/archive/nc", "file:///archive/nc/"),
        ("file:///archive/nc/", "file:///archive/nc/"),
        ("s3://bucket/some/day/", "s3://bucket/some/day/"),
        ("s3a://bucket", "s3://bucket/"),
        ("az://box/nc", "az://box/nc/"),
        ("abfss://box@account.dfs.core.windows.net/nc", "az://box/nc/"),
        ("gs://bucket/nc", "gs://bucket/nc/"),
        ("gcs://bucket", "gs://bucket/"),
        ("https://host/nc/BRUX//", "https://host/nc/BRUX/"),
    ],
)
def test_locations_of_files_begin_with_the_archive_as_icechunk_writes_it(url, prefix):
    assert prefix_of(Location(url)) == prefix


def test_a_file_is_located_by_the_name_of_its_archive():
    assert chunk_location("nc", "2024/day one#2.nc") == "vcc://nc/2024/day%20one%232.nc"


@pytest.mark.parametrize(
    ("url", "options", "kind", "text"),
    [
        ("/archive", {}, CONFIG.LocalFileSystem, '"/archive"'),
        ("s3://bucket/nc", {"region": "eu-central-1"}, CONFIG.S3, 'region="eu-central-1"'),
        ("s3://bucket/nc", {"endpoint_url": "https://host"}, CONFIG.S3Compatible, 'endpoint_url="https://host"'),
        ("az://box/nc", {"account_name": "account"}, CONFIG.Azure, '{"account": "account"}'),
        ("gs://bucket/nc", {}, CONFIG.Gcs, ""),
        ("https://host/nc", {}, CONFIG.Http, ""),
    ],
)
def test_a_container_says_how_its_kind_of_storage_is_reached(url, options, kind, text):
    found = container_of("nc", location(url, options))
    assert (found.name, type(found.store)) == ("nc", kind)
    assert text in repr(found.store)


def test_containers_are_told_by_their_names_else_by_their_places():
    configuration = icechunk.RepositoryConfig.default()
    assert containers_in(configuration) == {}
    named = container_of("nc", Location("/archive"))
    nameless = icechunk.VirtualChunkContainer("s3://bucket/", icechunk.s3_store())
    for one in (named, nameless):
        configuration.set_virtual_chunk_container(one)
    assert containers_in(configuration) == {"nc": named, "s3://bucket/": nameless}
    assert [str(folder) for folder in local_folders(configuration)] == ["/archive"]


def referring(tmp_path):
    """A repository in memory with an array whose one chunk is a file of an archive, of which it does not know yet."""
    (tmp_path / "nc").mkdir()
    (tmp_path / "nc" / "one day").write_bytes(np.array([7, 8], "i2").tobytes())
    handle = icechunk.Repository.create(icechunk.in_memory_storage())
    archive = Location(str(tmp_path / "nc"))
    made = with_container(handle, container_of("nc", archive), HERE)
    session = made.writable_session("main")
    zarr.create_array(session.store, name="x", shape=(2,), chunks=(2,), dtype="int16", compressors=None)
    session.store.set_virtual_ref("x/c/0", chunk_location("nc", "one day"), offset=0, length=4)
    session.commit("reference")
    return handle, archive


def cells(handle):
    return zarr.open_array(handle.readonly_session("main").store, path="x", mode="r")[:].tolist()


def test_a_repository_with_a_container_reads_the_files_of_its_archive(tmp_path):
    handle, archive = referring(tmp_path)
    found = with_container(handle, container_of("nc", archive), HERE)
    assert list(containers_in(found.config)) == ["nc"]
    assert cells(found) == [7, 8]


def test_another_place_of_an_archive_takes_that_of_the_first(tmp_path):
    handle, archive = referring(tmp_path)
    before = with_container(handle, container_of("nc", archive), HERE)
    (tmp_path / "nc").rename(tmp_path / "moved")
    moved = container_of("nc", Location(str(tmp_path / "moved")))
    after = with_container(before, moved, HERE)
    assert containers_in(after.config) == {"nc": moved}
    assert cells(after) == [7, 8]


def test_a_repository_that_is_opened_again_may_read_its_archive(tmp_path):
    handle, archive = referring(tmp_path)
    assert authorised(handle, HERE) is handle
    with_container(handle, container_of("nc", archive), HERE).save_config()
    opened = icechunk.Repository.open(handle.storage)
    assert opened.authorized_virtual_container_prefixes == set()
    found = authorised(opened, HERE)
    assert found.authorized_virtual_container_prefixes == {prefix_of(archive)}
    assert cells(found) == [7, 8]


def access(prefix, store, where=HERE):
    """What a process has for one container."""
    found = _access({prefix: icechunk.VirtualChunkContainer(prefix, store, "nc")}, where)
    return found.get(prefix)


def fetched(given):
    return pickle.loads(given._0.pickled_function)


@pytest.mark.parametrize(
    ("prefix", "store", "kind"),
    [
        ("file:///archive/", icechunk.local_filesystem_store("/archive"), icechunk.Credentials.LocalFileSystemAccess),
        ("https://host/nc/", icechunk.http_store(), icechunk.Credentials.HttpAccess),
    ],
)
def test_files_of_a_disk_or_a_web_server_need_no_credentials(prefix, store, kind):
    assert isinstance(access(prefix, store), kind)


@pytest.mark.parametrize("where", [HERE, location("s3://bucket/stores", {"region": "eu-central-1"})])
def test_an_archive_whose_credentials_are_nowhere_is_left_out(monkeypatch, tmp_path, where):
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    here = icechunk.VirtualChunkContainer("file:///archive/", icechunk.local_filesystem_store("/archive"), "disk")
    there = icechunk.VirtualChunkContainer("s3://bucket/nc/", icechunk.s3_store(), "nc")
    assert list(_access({"s3://bucket/nc/": there, "file:///archive/": here}, where)) == ["file:///archive/"]


def test_requests_to_s3_are_signed_with_the_keys_that_are_held_for_the_archive():
    hold("s3://bucket/nc/", options_of(KEYS))
    found = access("s3://bucket/nc/", icechunk.s3_store(), location("s3://other/stores", {"anon": True}))
    assert isinstance(found._0, S3.Refreshable)
    assert fetched(found) == S3Fetcher("s3://bucket/nc/", '{"region":"eu-central-1"}')
    assert b"SECRET" not in found._0.pickled_function


def test_the_keys_of_a_store_are_those_of_its_archive_where_it_is_of_the_same_kind():
    found = access("s3://bucket/nc/", icechunk.s3_store(), location("s3://other/stores", KEYS))
    keys = fetched(found)()
    assert (keys.access_key_id, keys.secret_access_key) == ("ID", "SECRET")


def test_the_options_of_a_store_of_another_kind_are_not_those_of_the_archive(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OF_THE_ENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    unsigned = location("az://box/stores", {"account_name": "account", "anon": True})
    for where in (unsigned, HERE):
        found = access("s3://bucket/nc/", icechunk.s3_store(), where)
        assert fetched(found)().access_key_id == "OF_THE_ENVIRONMENT"


@pytest.mark.parametrize(
    ("options", "store", "kind"),
    [
        ({"anon": True}, icechunk.s3_store(), S3.Anonymous),
        (KEYS, icechunk.s3_store(anonymous=True), S3.Anonymous),
        (KEYS, icechunk.s3_store(anonymous=False), S3.Refreshable),
        (KEYS, CONFIG.InMemory(), S3.Refreshable),
    ],
)
def test_requests_to_s3_are_not_signed_where_options_or_container_say_so(options, store, kind):
    hold("s3://bucket/nc/", options_of(options))
    assert isinstance(access("s3://bucket/nc/", store)._0, kind)


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"account_key": "a2V5"}, AZURE.Refreshable), ({"anon": True}, AZURE.Anonymous)],
)
def test_requests_to_azure_are_signed_unless_the_options_say_that_they_are_not(options, kind):
    store = location("az://box/stores", {"account_name": "account", **options})
    found = access("az://box/nc/", container_of("nc", store).store, store)
    assert isinstance(found._0, kind)
    if kind is AZURE.Refreshable:
        assert fetched(found) == AzureFetcher("az://box/nc/", '{"account_name":"account"}')


@pytest.mark.parametrize(
    ("options", "kind"),
    [({}, icechunk.GcsCredentials.FromEnv), ({"credentials": "anonymous"}, icechunk.GcsCredentials.Anonymous)],
)
def test_an_archive_of_google_is_read_as_the_environment_says_unless_it_is_public(options, kind):
    hold("gs://bucket/nc/", options_of(options))
    assert isinstance(access("gs://bucket/nc/", icechunk.gcs_store())._0, kind)
