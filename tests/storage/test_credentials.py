"""Credentials: from environment, profile and identity, got once per process, renewed before they end, never shown."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.identity import WorkloadIdentityCredential

from gnssice_batch.errors import StoreError
from gnssice_batch.redaction import redacted
from gnssice_batch.storage import credentials, filesystems
from gnssice_batch.storage.credentials import azure_access, azure_account, s3_keys
from gnssice_batch.storage.filesystems import azure_arguments
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.storage.urls import place
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.repository import open_repository
from tests.storage.identities import HOUR, SESSION, aws_keys, azure_token, identity_service
from tests.support.object_stores.stores import fresh

pytestmark = pytest.mark.processes

SECRET = "planted-secret-0123456789"
AWS = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "WEB_IDENTITY_TOKEN_FILE", "ROLE_ARN")
AZURE = ("ACCOUNT_NAME", "ACCOUNT_KEY", "ACCESS_KEY", "SAS_TOKEN", "CONNECTION_STRING", "ENDPOINT")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch, tmp_path):
    """A process that knows nothing, on a machine without files of AWS and without an instance's identity."""
    for name in AWS:
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in AZURE:
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    credentials.forget()
    filesystems.forget()
    yield
    credentials.forget()
    filesystems.forget()


@pytest.fixture
def s3(tmp_path, object_servers):
    return fresh("s3", tmp_path, object_servers("moto"))


def without_keys(store):
    """The place of a store for which only the environment has credentials."""
    keys = {"access_key_id", "secret_access_key"}
    options = {name: value for name, value in store.options.items() if name not in keys}
    return location(f"{store.url}/rinex", options)


class TestS3:
    def test_environment(self, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "PLANTEDKEYID")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        for source in ("auto", "env"):
            keys = s3_keys(StorageOptions(credentials=source))
            assert (keys.access_key_id, keys.secret_access_key, keys.expires_s) == ("PLANTEDKEYID", SECRET, None)
            assert SECRET not in repr(keys)
        assert SECRET not in redacted(f"a message with {SECRET}")

    def test_profile(self, tmp_path):
        text = f"[mine]\naws_access_key_id = PLANTEDKEYID\naws_secret_access_key = {SECRET}\n"
        (tmp_path / "credentials").write_text(text)
        assert s3_keys(StorageOptions(profile="mine")).secret_access_key == SECRET
        with pytest.raises(PermissionError, match="other"):
            s3_keys(StorageOptions(profile="other"))
        with pytest.raises(PermissionError, match="environment were tried"):
            s3_keys(StorageOptions(credentials="env"))

    def test_none_says_where_they_were_looked_for(self):
        with pytest.raises(PermissionError, match="environment, profile, web identity, pod and instance were tried"):
            s3_keys(StorageOptions())
        assert s3_keys(StorageOptions(anon=True)) is None

    def test_web_identity_of_a_pod(self, monkeypatch, tmp_path, s3):
        """As IRSA has it: a token in a file, a role, and the security token service, which moto has too."""
        (tmp_path / "token").write_text("a-token-of-the-cluster")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gnssice")
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", s3.options["endpoint_url"])
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        where = without_keys(s3)
        repository = open_repository(where)
        folder_at(where).write("beside", b"x")
        keys = s3_keys(where.options)
        assert keys.session_token
        assert keys.expires_s > time.time()
        fork = fork_bytes(repository.handle.writable_session("main").fork())
        for secret in (keys.access_key_id, keys.secret_access_key, keys.session_token):
            assert secret.encode() not in fork
            assert secret not in redacted(f"{secret}!")
            assert secret not in repr(keys)

    def test_role_of_an_instance(self, monkeypatch):
        """As the metadata service of a machine gives it, to whoever has opened a session there."""

        def answer(path):
            return {"Code": "Success", **aws_keys(SECRET, HOUR)} if path.endswith("/gnssice") else "gnssice"

        with identity_service(answer) as (url, asked):
            monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
            keys = s3_keys(StorageOptions(region="us-east-1"))
        assert (keys.secret_access_key, keys.session_token) == (SECRET, f"token-{SECRET}")
        assert keys.expires_s > time.time()
        assert {name.lower(): value for name, value in asked[-1][1].items()}[
            "x-aws-ec2-metadata-token"
        ] == SESSION.decode()

    @pytest.mark.heavy
    def test_are_got_once_for_a_thousand_tasks_and_again_only_when_they_end(self, monkeypatch, s3):
        lives = [timedelta(minutes=5), HOUR]
        with identity_service(lambda _: aws_keys(f"{SECRET}-{len(lives)}", lives.pop(0))) as (url, asked):
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/v1/credentials")
            monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a-token-of-the-pod")
            where = without_keys(s3)
            first = s3_keys(where.options)
            assert first.secret_access_key == f"{SECRET}-2" or len(asked) == 2
            fork = fork_bytes(open_repository(where).handle.writable_session("main").fork())

            def task(number):
                folder_at(where.below("journal")).write(f"{number}", b"done")
                session = fork_of(fork)
                return session.store.session.snapshot_id and s3_keys(where.options).secret_access_key

            with ThreadPoolExecutor(16) as pool:
                used = set(pool.map(task, range(1000)))
            assert used == {f"{SECRET}-1"}
            assert len(asked) == 2


class TestAzure:
    OPTIONS = StorageOptions(account_name="myaccount")

    def identity(self, monkeypatch, url):
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "a-header-of-the-host")

    def test_environment(self, monkeypatch):
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", SECRET)
        assert (azure_access(self.OPTIONS).kind, azure_access(self.OPTIONS).secret) == ("key", SECRET)
        assert SECRET not in repr(azure_access(self.OPTIONS))
        monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"?sv=1&sig={SECRET}")
        assert azure_access(self.OPTIONS).secret == f"sv=1&sig={SECRET}"
        monkeypatch.delenv("AZURE_STORAGE_SAS_TOKEN")
        text = f"DefaultEndpointsProtocol=https;AccountName=other;AccountKey={SECRET}==;EndpointSuffix=core.windows.net"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
        assert azure_access(self.OPTIONS).secret == f"{SECRET}=="
        assert azure_account(StorageOptions()) == "other"

    @pytest.mark.parametrize("client", [None, "11111111-2222-3333-4444-555555555555"])
    def test_managed_identity_with_and_without_a_client_id(self, monkeypatch, client):
        with identity_service(lambda _: azure_token(SECRET, HOUR)) as (url, asked):
            self.identity(monkeypatch, url)
            options = StorageOptions(account_name="myaccount", client_id=client)
            with ThreadPoolExecutor(8) as pool:
                found = list(pool.map(lambda _: azure_access(options), range(200)))
            assert {(access.kind, access.secret) for access in found} == {("token", SECRET)}
            assert len(asked) == 1
            assert parse_qs(urlsplit(asked[0][0]).query).get("client_id", [None]) == [client]
            assert SECRET not in repr(azure_arguments(place("az://c/x"), options))

    @pytest.mark.parametrize("client", [None, "11111111-2222-3333-4444-555555555555"])
    def test_workload_identity_of_a_pod(self, monkeypatch, tmp_path, client):
        """What the webhook of AKS sets is found, and the option's client goes before the pod's."""
        (tmp_path / "token").write_text("a-token-of-the-cluster")
        monkeypatch.setenv("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000000")
        monkeypatch.setenv("AZURE_TENANT_ID", "99999999-0000-0000-0000-000000000000")
        monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
        seen = []

        def get_token(self, *scopes, **_):
            seen.append((self._client._client_id, self._token_file_path, scopes))
            return _Token(SECRET, time.time() + 3600)

        monkeypatch.setattr(WorkloadIdentityCredential, "get_token", get_token)
        access = azure_access(StorageOptions(account_name="myaccount", client_id=client))
        assert (access.kind, access.secret) == ("token", SECRET)
        wanted = client or "00000000-0000-0000-0000-000000000000"
        assert seen == [(wanted, str(tmp_path / "token"), ("https://storage.azure.com/.default",))]

    def test_a_token_is_never_sent_in_clear(self, monkeypatch):
        with identity_service(lambda _: azure_token(SECRET, HOUR)) as (url, asked):
            self.identity(monkeypatch, url)
            monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:1/myaccount")
            with pytest.raises(PermissionError, match="need an endpoint with https"):
                azure_access(self.OPTIONS)
            with pytest.raises(StoreError, match="need an endpoint with https"):
                open_repository(location("az://container/x", self.OPTIONS))
            assert not asked

    def test_a_token_is_got_again_before_it_ends(self, monkeypatch):
        tokens = [azure_token("first-token-0123", timedelta(minutes=4)), azure_token("other-token-0123", HOUR)]
        with identity_service(lambda _: tokens.pop(0)) as (url, asked):
            self.identity(monkeypatch, url)
            assert azure_access(self.OPTIONS).secret == "first-token-0123"
            assert {azure_access(self.OPTIONS).secret for _ in range(50)} == {"other-token-0123"}
            assert len(asked) == 2

    def test_a_run_of_twelve_hours_with_tokens_of_one(self, monkeypatch):
        now = [time.time()]
        monkeypatch.setattr(credentials.time, "time", lambda: now[0])

        class Identity:
            count = 0

            def get_token(self, _scope):
                self.count += 1
                return _Token(f"token-number-{self.count}", now[0] + 3600)

        identity = Identity()
        monkeypatch.setattr(credentials, "_azure_identity", lambda _: identity)
        for _ in range(12 * 60):
            access = azure_access(self.OPTIONS)
            assert access.expires_s - now[0] >= 300
            now[0] += 60
        assert 12 <= identity.count <= 15

    def test_what_fails_says_what_was_tried(self, monkeypatch):
        with identity_service(lambda _: None) as (url, _):
            self.identity(monkeypatch, url)
            with pytest.raises(PermissionError, match="ManagedIdentityCredential") as raised:
                azure_access(self.OPTIONS)
        assert "EnvironmentCredential" in str(raised.value)
        with pytest.raises(PermissionError, match="account_name"):
            azure_account(StorageOptions())


class _Token:
    def __init__(self, token, expires_on):
        self.token, self.expires_on = token, expires_on
