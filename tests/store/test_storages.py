"""Icechunk's storage of a location: where it is, and which credentials go there by which way."""

import threading
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import icechunk
import pytest

from gnssice_batch.errors import ConfigError
from gnssice_batch.storage import credentials
from gnssice_batch.storage.credentials import AzureAccess
from gnssice_batch.storage.location import location
from gnssice_batch.store import storages
from gnssice_batch.store.storages import AzureFetcher, S3Fetcher, fetcher_of, storage

KEYS = {
    "access_key_id": "planted-id-01234",
    "secret_access_key": "planted-secret-01234",
    "session_token": "planted-token",
}
KEY = "cGxhbnRlZC1rZXktb2YtYW4tYWNjb3VudA=="
SAS = "sv=2024-01-01&sig=planted-signature"
EMPTY = b"<ListBucketResult><IsTruncated>false</IsTruncated><Blobs/></ListBucketResult>"
"""No objects, said to clients of S3 and of Azure."""


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in ("ACCOUNT_KEY", "SAS_TOKEN"):
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)
    credentials.forget()
    yield
    credentials.forget()


class Shelf(BaseHTTPRequestHandler):
    """As much of an object store as a small repository needs, S3 and Azure alike."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.objects[urlsplit(self.path).path] = content
        self._answer(201, content, b"")

    def do_GET(self):
        parts = urlsplit(self.path)
        content = self.server.objects.get(parts.path)
        if "list" in parts.query:
            self._answer(200, b"", EMPTY)
        elif content is None:
            self._answer(404, b"", b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._answer(200, content, content)

    def _answer(self, status, content, body):
        self.server.asked.append((self.path, dict(self.headers)))
        self.send_response(status)
        self.send_header("ETag", f'"{md5(content).hexdigest()}"')
        self.send_header("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def shelf():
    with running() as server:
        yield server


@contextmanager
def running():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    server.daemon_threads, server.objects, server.asked = True, {}, []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def s3(shelf, **options):
    where = {"endpoint_url": f"http://127.0.0.1:{shelf.server_port}", "allow_http": True, "path_style": True}
    return location("s3://bucket/some/place", {"region": "here-1", **where, **options})


def azure(shelf, **options):
    where = {"endpoint_url": f"http://127.0.0.1:{shelf.server_port}/account", "allow_http": True}
    return location("az://box/some/place", {"account_name": "account", **where, **options})


def forked(where, **how):
    """What a fork of a new repository carries."""
    made = icechunk.Repository.create(storage(where, **how))
    return made.writable_session("main").fork().__getstate__()["_session"]


def last(shelf):
    """Headers, by their names in small letters, and query of the last request."""
    path, headers = shelf.asked[-1]
    return {name.lower(): value for name, value in headers.items()}, parse_qs(urlsplit(path).query)


class TestS3:
    @pytest.mark.parametrize("portable", [True, False])
    def test_keys_sign_requests_and_travel_only_where_that_was_asked_for(self, shelf, portable):
        content = forked(s3(shelf, **KEYS), portable=portable)
        headers, _ = last(shelf)
        assert f"Credential={KEYS['access_key_id']}/" in headers["authorization"]
        assert "/here-1/s3/" in headers["authorization"]
        assert headers["x-amz-security-token"] == KEYS["session_token"]
        assert {path.split("/")[1:4] == ["bucket", "some", "place"] for path in shelf.objects} == {True}
        assert [secret.encode() in content for secret in KEYS.values()] == [portable] * 3

    @pytest.mark.parametrize("portable", [True, False])
    def test_keys_of_the_environment_stay_in_the_process(self, shelf, monkeypatch, portable):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS["access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS["secret_access_key"])
        content = forked(s3(shelf, credentials="env"), portable=portable)
        assert f"Credential={KEYS['access_key_id']}/" in last(shelf)[0]["authorization"]
        assert KEYS["secret_access_key"].encode() not in content

    @pytest.mark.parametrize("portable", [True, False])
    def test_requests_of_none_are_not_signed(self, shelf, portable):
        forked(s3(shelf, anon=True), portable=portable)
        assert "authorization" not in last(shelf)[0]

    def test_a_fork_says_of_the_options_only_what_was_chosen(self, shelf):
        content = forked(s3(shelf, **KEYS))
        assert b"path_style" in content
        assert b"requester_pays" not in content

    def test_a_fetcher_gives_what_is_held_for_its_url(self, shelf):
        where = s3(shelf, **KEYS)
        storage(where)
        given = S3Fetcher(where.url, "{}")()
        assert (given.access_key_id, given.secret_access_key, given.session_token) == tuple(KEYS.values())
        assert given.expires_after is None
        unsigned = S3Fetcher("s3://bucket/other", '{"anon": true}')
        with pytest.raises(PermissionError, match="s3://bucket/other: requests are not signed"):
            unsigned()


KINDS = icechunk.AzureRefreshableCredential
ACCESS = {
    "key": (AzureAccess("key", KEY), KINDS.AccessKey),
    "signature": (AzureAccess("sas", SAS), KINDS.SasToken),
    "token": (AzureAccess("token", "planted-bearer", 2_000_000_000.0), KINDS.BearerToken),
}


class TestAzure:
    @pytest.mark.parametrize("portable", [True, False])
    def test_a_key_signs_requests_and_travels_only_where_that_was_asked_for(self, shelf, portable):
        content = forked(azure(shelf, account_key=KEY), portable=portable)
        assert last(shelf)[0]["authorization"].startswith("SharedKey account:")
        assert {path.split("/")[1:5] == ["account", "box", "some", "place"] for path in shelf.objects} == {True}
        assert (KEY.encode() in content) == portable

    @pytest.mark.parametrize("portable", [True, False])
    def test_a_signature_is_in_requests_and_travels_only_where_that_was_asked_for(self, shelf, portable):
        content = forked(azure(shelf, sas_token=f"?{SAS}"), portable=portable)
        headers, query = last(shelf)
        assert (query["sig"], "authorization" in headers) == (["planted-signature"], False)
        assert (b"planted-signature" in content) == portable

    @pytest.mark.parametrize("portable", [True, False])
    def test_requests_of_none_are_not_signed(self, shelf, portable):
        forked(azure(shelf, anon=True), portable=portable)
        headers, query = last(shelf)
        assert ("authorization" in headers, query.get("sig")) == (False, None)

    def test_what_does_not_last_never_travels(self, shelf, monkeypatch):
        """A token of an identity, and a key that the options do not tell."""
        identity = {"tenant_id": "t", "client_id": "c", "client_secret": "planted-secret"}
        monkeypatch.setattr(storages, "azure_access", lambda _: ACCESS["token"][0])
        content = forked(azure(shelf, **identity), portable=True)
        assert last(shelf)[0]["authorization"] == "Bearer planted-bearer"
        assert b"planted-bearer" not in content
        monkeypatch.undo()
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
        assert KEY.encode() not in forked(azure(shelf), portable=True)

    @pytest.mark.parametrize(("access", "kind"), ACCESS.values(), ids=ACCESS)
    def test_a_fetcher_gives_each_as_what_it_is(self, monkeypatch, access, kind):
        monkeypatch.setattr(storages, "azure_access", lambda _: access)
        given = AzureFetcher("az://box/x", "{}")()
        assert isinstance(given, kind)
        assert getattr(given, kind.__match_args__[0]) == access.secret
        assert given.expires_after == credentials.expiry(access.expires_s)

    def test_a_fetcher_of_requests_that_are_not_signed_gives_none(self):
        with pytest.raises(PermissionError, match="az://box/x: requests are not signed"):
            AzureFetcher("az://box/x", '{"anon": true}')()


def test_a_folder_is_on_the_disk(tmp_path):
    assert f"{tmp_path}/rinex" in repr(storage(f"file://{tmp_path}/rinex"))


def test_a_whole_bucket_is_no_place_for_a_repository():
    with pytest.raises(ConfigError, match="needs a prefix"):
        storage(location("s3://bucket", {"anon": True}))


@pytest.mark.parametrize("kind", [S3Fetcher, AzureFetcher])
def test_a_fetcher_is_known_by_its_text_alone(kind):
    import pickle

    made = kind("s3://b/p", '{"region":"here-1"}')
    assert fetcher_of(pickle.dumps(made)) == made
    for other in (b"", b"no pickle", pickle.dumps(made)[:-3], pickle.dumps((made, 1)), pickle.dumps("text")):
        assert fetcher_of(other) is None
