"""The file system of fsspec that a URL names, one per storage in a process."""

import asyncio
import os
import threading
from typing import Any, Final

import fsspec

from gnssice_batch.errors import ArchiveError
from gnssice_batch.redaction import redacted
from gnssice_batch.storage.credentials import (
    AzureAccess,
    S3Keys,
    azure_access,
    azure_account,
    azure_endpoint,
    s3_keys,
)
from gnssice_batch.storage.options import StorageOptions, check_options
from gnssice_batch.storage.retries import count_s3, pause_of_s3, retries_of_azure
from gnssice_batch.storage.urls import Kind, Place, place

_CONNECTIONS: Final = 64
_lock: Final = threading.Lock()
_open: Final[dict[object, Any]] = {}


def filesystem(url: str, options: StorageOptions) -> tuple[Any, str]:
    """The file system of a URL, and the path of the URL in it.

    Raises
    ------
    ArchiveError
        When no library opens such a URL.
    ConfigError
        When URL and options do not belong together.
    PermissionError
        When there are no credentials.
    """
    where = place(url)
    check_options(where, options)
    try:
        if where.kind is Kind.S3 or where.kind is Kind.AZURE:
            return _once(where, options), f"{where.bucket}/{where.prefix}".rstrip("/")
        found, root = fsspec.url_to_fs(url, **({"token": "anon"} if options.source == "anonymous" else {}))
    except (ImportError, ValueError, TypeError) as error:
        msg = f"{url!r} can't be opened: {redacted(str(error))}"
        raise ArchiveError(msg) from None
    return found, root.rstrip("/")


def _once(where: Place, options: StorageOptions) -> Any:
    """One file system for all threads of a process, so that connections and credentials are shared."""
    key = (os.getpid(), where.kind, where.account, options)
    with _lock:
        if key not in _open:
            _open[key] = _s3(options) if where.kind is Kind.S3 else _azure(where, options)
        return _open[key]


def forget() -> None:
    """Drop the open file systems, as a new process would begin."""
    with _lock:
        _open.clear()


def _s3(options: StorageOptions) -> Any:
    from aiobotocore.session import AioSession  # noqa: PLC0415 - only where S3 is used
    from s3fs import S3FileSystem  # noqa: PLC0415

    session = AioSession()
    if keys := s3_keys(options):
        session._credentials = _signer(options, keys)  # noqa: SLF001 - aiobotocore has no public way to renew them ourselves
    session.register("before-send.s3", count_s3)
    session.register("needs-retry.s3", pause_of_s3)
    opened = S3FileSystem(session=session, **s3_arguments(options))
    opened.retries = 1
    return opened


def s3_arguments(options: StorageOptions) -> dict[str, Any]:
    """What s3fs is opened with, the credentials aside.

    Files are fetched whole: with more than one request for a file s3fs asks for its size first.
    """
    arguments: dict[str, Any] = {
        "anon": options.source == "anonymous",
        "requester_pays": options.requester_pays,
        "use_listings_cache": False,
        "skip_instance_cache": True,
        "max_concurrency": 1,
        "config_kwargs": {
            "max_pool_connections": _CONNECTIONS,
            "retries": {"mode": "standard", "total_max_attempts": 1},
        },
    }
    if options.endpoint_url:
        arguments["endpoint_url"] = options.endpoint_url
    if options.region:
        arguments["client_kwargs"] = {"region_name": options.region}
    if options.path_style is not None:
        style = "path" if options.path_style else "virtual"
        arguments["config_kwargs"]["s3"] = {"addressing_style": style}
    return arguments


def _azure(where: Place, options: StorageOptions) -> Any:
    from adlfs import AzureBlobFileSystem  # noqa: PLC0415 - only where Azure is used
    from azure.storage.blob.aio import BlobServiceClient  # noqa: PLC0415

    class FileSystem(AzureBlobFileSystem):  # type: ignore[misc]  # adlfs is not typed
        """Its client waits 15 s and more before it asks again, unless it is given a policy."""

        def do_connect(self) -> None:
            """Make the client."""
            policy = {"retry_policy": retries_of_azure()}
            if self.connection_string:
                self.service_client = BlobServiceClient.from_connection_string(self.connection_string, **policy)
                return
            host = getattr(self, "account_host", f"{self.account_name}.blob.core.windows.net")
            signature = f"?{self.sas_token.removeprefix('?')}" if self.sas_token else ""
            self.account_url = f"https://{host}"
            credential = self.credential or self.account_key
            self.service_client = BlobServiceClient(self.account_url + signature, credential, **policy)

    return FileSystem(**azure_arguments(where, options))


def azure_arguments(where: Place, options: StorageOptions) -> dict[str, Any]:
    """What adlfs is opened with.

    Raises
    ------
    ArchiveError
        When a token would have to cross the network in clear.
    """
    account, access, endpoint = azure_account(options, where.account), azure_access(options), azure_endpoint(options)
    common = {"account_name": account, "skip_instance_cache": True, "use_listings_cache": False}
    if access is None:
        return {**common, "anon": True, **_host(endpoint)}
    if access.kind == "token":
        return {**common, "anon": False, "credential": _AzureToken(options), **_host(endpoint)}
    if endpoint:
        return {**common, "connection_string": _connection_string(account, access, endpoint)}
    return {**common, "account_key" if access.kind == "key" else "sas_token": access.secret}


def _host(endpoint: str | None) -> dict[str, str]:
    if endpoint is None:
        return {}
    scheme, _, host = endpoint.rstrip("/").partition("://")
    if scheme != "https" or "/" in host:
        msg = (
            "the storage option endpoint_url: identities and public containers of Azure need https:// and a host alone;"
            " an emulator takes account_key or sas_token"
        )
        raise ArchiveError(msg)
    return {"account_host": host}


def _connection_string(account: str, access: AzureAccess, endpoint: str) -> str:
    scheme = endpoint.partition("://")[0]
    name = "AccountKey" if access.kind == "key" else "SharedAccessSignature"
    return f"DefaultEndpointsProtocol={scheme};AccountName={account};{name}={access.secret};BlobEndpoint={endpoint};"


def _signer(options: StorageOptions, keys: S3Keys) -> Any:
    """Credentials as aiobotocore wants them, renewed with those of the process."""
    from aiobotocore.credentials import AioCredentials  # noqa: PLC0415 - only where S3 is used
    from botocore.credentials import ReadOnlyCredentials  # noqa: PLC0415

    class Signer(AioCredentials):  # type: ignore[misc]  # aiobotocore is not typed
        async def get_frozen_credentials(self) -> Any:
            now = await asyncio.to_thread(s3_keys, options) or keys
            return ReadOnlyCredentials(now.access_key_id, now.secret_access_key, now.session_token)

    return Signer(keys.access_key_id, keys.secret_access_key, keys.session_token)


class _AzureToken:
    """A credential as the Azure libraries want it, from the token of the process."""

    def __init__(self, options: StorageOptions) -> None:
        self._options = options

    async def get_token(self, *_scopes: str, **_options: Any) -> Any:
        from azure.core.credentials import AccessToken  # noqa: PLC0415 - only where Azure is used

        access = await asyncio.to_thread(azure_access, self._options)
        return AccessToken(access.secret, int(access.expires_s or 0)) if access else None

    async def close(self) -> None:
        """Nothing is open."""
