"""The words of a storage: what is known, what fits a URL, what the libraries are told, what is never shown."""

import pickle

import pytest

from gnssice_batch.config import load
from gnssice_batch.errors import ArchiveError, ConfigError
from gnssice_batch.redaction import redacted
from gnssice_batch.storage.filesystems import azure_arguments, s3_arguments
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.options import SECRETS, StorageOptions, check_options, options_of
from gnssice_batch.storage.stores import azure_options, check_repository, check_store, s3_options, server
from gnssice_batch.storage.urls import Kind, Place, below, local_path, place

SECRET = "planted-secret-0123456789"
KEYS = {"access_key_id": "PLANTEDKEYID", "secret_access_key": SECRET}
AZURE = {"account_name": "myaccount", "account_key": SECRET}


def refusal(call, *arguments, kind=ConfigError):
    with pytest.raises(kind) as raised:
        call(*arguments)
    assert SECRET not in str(raised.value)
    return str(raised.value)


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "parts"),
        [
            ("stores", (Kind.LOCAL, "", "stores")),
            ("/data/x", (Kind.LOCAL, "", "/data/x")),
            ("file:///data/x", (Kind.LOCAL, "", "/data/x")),
            ("s3://bucket/a/b/", (Kind.S3, "bucket", "a/b")),
            ("s3://bucket", (Kind.S3, "bucket", "")),
            ("az://container/a", (Kind.AZURE, "container", "a")),
            ("abfs://container/a", (Kind.AZURE, "container", "a")),
            ("abfss://container@acc.dfs.core.windows.net/a", (Kind.AZURE, "container", "a", "acc")),
            ("gs://bucket/a", (Kind.GOOGLE, "bucket", "a")),
            ("https://cddis.example/gnss", (Kind.HTTP, "", "cddis.example/gnss")),
            ("ftp://host/gnss", (Kind.OTHER, "", "host/gnss")),
        ],
    )
    def test_parts(self, url, parts):
        assert place(url) == Place(*parts)

    @pytest.mark.parametrize(
        "url",
        [
            f"s3://KEY:{SECRET}@bucket/x",
            f"S3://{SECRET}@bucket/x",
            f"https://user:{SECRET}@host/x",
            f"ftp://user:{SECRET}@host/x",
            f"abfss://c:{SECRET}@account.dfs.core.windows.net/x",
            f"https://host/x?sv=2024&sig={SECRET}",
            f"az://container/x?sp=r&sig={SECRET}",
            f"https://host/x?X-Amz-Signature={SECRET}",
        ],
    )
    def test_a_secret_in_a_url_is_refused_and_not_shown(self, url):
        refusal(place, url)
        for key in ("archive.url", "store.url", "run.journal_url"):
            overrides = ["site=s", "archive.url=a", "store.url=b", f"{key}={url}"]
            refusal(load, None, {}, overrides)

    @pytest.mark.parametrize("name", ["run #1", "what?", "a%20b"])
    def test_a_path_is_a_path_whatever_its_letters(self, name, tmp_path):
        """Repository and journals, which lie beside it, read the same URL by different libraries."""
        for url in (f"{tmp_path}/{name}", f"file://{tmp_path}/{name}"):
            assert local_path(url) == tmp_path / name
            Folder(url).write("x", url.encode())
            assert (tmp_path / name / "x").read_bytes() == url.encode()

    def test_other_kinds_are_no_local_folder(self):
        assert local_path("file:///tmp/x").as_posix() == "/tmp/x"
        assert "not a local folder" in refusal(local_path, "s3://bucket/x")
        assert local_path("file://localhost/tmp/x").as_posix() == "/tmp/x"
        assert "names no bucket" in refusal(place, "s3:///x")
        assert below("s3://bucket/x/", "y", "z") == "s3://bucket/x/y/z"


class TestOptions:
    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({"regoin": "x"}, "regoin is not known; did you mean region?"),
            ({"key": SECRET}, "did you mean access_key_id?"),
            ({"force_path_style": True}, "did you mean path_style?"),
            ({"credentials": "magic"}, "'auto', 'env', 'static' or 'anonymous'"),
            ({"access_key_id": SECRET}, "access_key_id and secret_access_key go together"),
            ({"session_token": SECRET}, "session_token goes with"),
            ({"credentials": "static"}, "credentials: static needs keys"),
            ({"anon": True, **KEYS}, "contradicts"),
            ({"credentials": "env", **KEYS}, "contradicts"),
            ({"profile": "p", **KEYS}, "profile contradicts"),
            ({"account_key": SECRET, "sas_token": SECRET}, "only one"),
            ({"client_secret": SECRET}, "goes with client_id and tenant_id"),
            ({"endpoint_url": f"https://u:{SECRET}@h"}, "must not carry a user"),
            ({"tenant_id": "t"}, "tenant_id goes with client_secret"),
            ({"client_id": "c", "account_key": SECRET}, "client_id contradicts"),
            ({"client_id": "c", "credentials": "env"}, "client_id contradicts"),
            ({"requester_pays": True, "anon": True}, "requester_pays contradicts"),
        ],
    )
    def test_what_is_refused_names_the_option(self, given, sentence):
        assert sentence in refusal(options_of, given)

    @pytest.mark.parametrize(
        ("url", "given", "option"),
        [
            ("stores", {"region": "x"}, "region"),
            ("az://c/x", {"region": "x"}, "region"),
            ("az://c/x", {"requester_pays": True}, "requester_pays"),
            ("s3://b/x", {"account_name": "x"}, "account_name"),
            ("https://host/x", {"anon": True}, "anon"),
            ("ftp://host/x", KEYS, "access_key_id"),
            ("s3://b/x", {"endpoint_url": "localhost:9000"}, "endpoint_url"),
            ("s3://b/x", {"endpoint_url": "http://localhost:9000"}, "allow_http: true"),
            ("abfss://c@one.dfs.core.windows.net/x", {"account_name": "two"}, "account_name"),
        ],
    )
    def test_what_does_not_belong_to_the_url_is_refused(self, url, given, option):
        assert option in refusal(check_options, place(url), options_of(given))

    def test_the_words_of_the_seeds_are_known(self):
        check_options(place("s3://bucket/x"), options_of({"region": "us-east-1", "credentials": "auto"}))
        check_options(place("az://container/x"), options_of(AZURE))

    def test_secrets_are_never_shown_and_travel_in_pickles_of_tasks_only(self):
        given = StorageOptions(**KEYS, session_token="planted-token-0123")
        for shown in (
            repr(given),
            str(given),
            str(given.model_dump()),
            given.model_dump_json(),
            repr(Folder("x", given)),
        ):
            assert not any(secret in shown for secret in given.secrets().values())
        assert pickle.loads(pickle.dumps(given)) == given
        assert set(given.secrets()) == {"access_key_id", "secret_access_key", "session_token"}
        assert given.public().given() == {}
        assert {*SECRETS} == {*KEYS, "session_token", "account_key", "sas_token", "client_secret"}
        principal = StorageOptions(account_name="a", tenant_id="t", client_id="c", client_secret=SECRET)
        assert principal.public().given() == {"account_name": "a"}
        assert StorageOptions(account_name="a", client_id="c").public().given() == {
            "account_name": "a",
            "client_id": "c",
        }

    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            ("gs://b/x", "other URLs are for archives"),
            ("https://host/x", "other URLs are for archives"),
            ("memory://x", "other URLs are for archives"),
        ],
    )
    def test_where_no_store_can_be(self, url, sentence):
        assert sentence in refusal(check_store, url, StorageOptions())
        assert sentence in refusal(load, None, {}, ["site=s", "archive.url=a", f"store.url={url}"])

    def test_a_repository_is_never_a_whole_bucket(self):
        for url in ("s3://bucket", "az://container/"):
            assert "needs a prefix" in refusal(check_repository, Location(url))


class TestTranslation:
    def test_s3(self):
        options = StorageOptions(
            region="eu-central-1", endpoint_url="https://minio", path_style=True, requester_pays=True, **KEYS
        )
        told = s3_arguments(options)
        assert (told["endpoint_url"], told["client_kwargs"]) == ("https://minio", {"region_name": "eu-central-1"})
        assert told["config_kwargs"]["s3"] == {"addressing_style": "path"}
        assert told["requester_pays"] is True
        assert s3_options(options) == {
            "region": "eu-central-1",
            "endpoint_url": "https://minio",
            "allow_http": False,
            "force_path_style": True,
            "requester_pays": True,
            "anonymous": False,
        }
        assert s3_arguments(StorageOptions(anon=True))["anon"]
        assert s3_options(StorageOptions(credentials="anonymous"))["anonymous"]

    def test_azure(self, monkeypatch):
        for name in ("ACCOUNT_NAME", "ACCOUNT_KEY", "ENDPOINT", "SAS_TOKEN", "CONNECTION_STRING"):
            monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)
        where = place("az://container/x")
        assert azure_arguments(where, StorageOptions(**AZURE))["account_key"] == SECRET
        sas = StorageOptions(account_name="myaccount", sas_token="?sv=1&sig=abcdefgh")
        assert azure_arguments(where, sas)["sas_token"] == "sv=1&sig=abcdefgh"
        emulator = StorageOptions(**AZURE, endpoint_url="http://127.0.0.1:1/myaccount", allow_http=True)
        assert "BlobEndpoint=http://127.0.0.1:1/myaccount" in azure_arguments(where, emulator)["connection_string"]
        assert azure_options(where, emulator) == {
            "account": "myaccount",
            "azure_storage_endpoint": "http://127.0.0.1:1/myaccount",
            "azure_allow_http": "true",
        }
        public = StorageOptions(account_name="myaccount", anon=True, endpoint_url="https://host")
        assert azure_arguments(where, public)["account_host"] == "host"

    def test_what_adlfs_can_not_honour_names_the_option(self):
        public = StorageOptions(account_name="a", anon=True, endpoint_url="http://127.0.0.1:1/a", allow_http=True)
        assert "endpoint_url" in refusal(azure_arguments, place("az://c/x"), public, kind=ArchiveError)

    def test_the_server_has_a_name_in_messages(self):
        assert server(Location("s3://b/x", StorageOptions(endpoint_url="https://minio"))) == "https://minio"
        assert server(Location("az://c/x", StorageOptions(**AZURE))) == "https://myaccount.blob.core.windows.net"
        assert "Amazon S3" in server(Location("s3://b/x", StorageOptions(region="x")))
        assert server(Location("x")) == "this machine"


class TestRedaction:
    @pytest.mark.parametrize(
        "text",
        [
            f"https://u:{SECRET}@host/x is not there",
            f"GET https://host/x?se=1&sig={SECRET}&x=1 failed",
            f"AccountName=a;AccountKey={SECRET};BlobEndpoint=x",
            f"Authorization: Bearer {SECRET}",
            f"the words {SECRET} of an option",
        ],
    )
    def test_nothing_secret_is_left(self, text):
        StorageOptions(**AZURE)
        assert SECRET not in redacted(text)
        assert "***" in redacted(text)

    def test_the_rest_is_left_as_it_is(self):
        text = "https://host/x: 404, signature of the function, a token, sig"
        assert redacted(text) == text
