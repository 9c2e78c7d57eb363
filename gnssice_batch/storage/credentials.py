"""Credentials of this process: got once, kept until shortly before they end, never written anywhere."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from gnssice_batch.redaction import redacted, remember
from gnssice_batch.storage.options import StorageOptions

AZURE_SCOPE: Final = "https://storage.azure.com/.default"
_MARGIN_S: Final = 300.0
"""Credentials with less time left than this are got again."""


@dataclass(frozen=True, slots=True)
class S3Keys:
    """Keys to sign requests with."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_s: float | None = None
    """Seconds since 1970; None for keys that do not end."""


@dataclass(frozen=True, slots=True)
class AzureAccess:
    """What gives access to an account."""

    kind: Literal["key", "sas", "token"]
    secret: str = field(repr=False)
    expires_s: float | None = None


_lock: Final = threading.RLock()
_kept: Final[dict[object, Any]] = {}
_held: Final[dict[str, StorageOptions]] = {}


def hold(url: str, options: StorageOptions) -> None:
    """Keep the options of a storage in this process for those that know only its URL, as forks do."""
    with _lock:
        _held[url] = options


def held(url: str, public: StorageOptions) -> StorageOptions:
    """The options that are held for a URL, else what is known without them."""
    return _held.get(url, public)


def s3_keys(options: StorageOptions) -> S3Keys | None:
    """Keys for S3 from where the options say; None for requests that are not signed.

    Raises
    ------
    PermissionError
        When there are none; it says where they were looked for.
    """
    source = options.source
    if source == "anonymous":
        return None
    if source == "static":
        secrets = options.secrets()
        return S3Keys(secrets["access_key_id"], secrets["secret_access_key"], secrets.get("session_token"))
    kept = _once(("s3", options.profile, source), lambda: _aws_credentials(options))
    return _frozen(kept)


def azure_access(options: StorageOptions) -> AzureAccess | None:
    """Access to an Azure account from where the options say; None for requests that are not signed.

    Raises
    ------
    PermissionError
        When there is none; it says what was tried.
    """
    if options.source == "anonymous":
        return None
    secrets = options.secrets()
    if "account_key" in secrets:
        return AzureAccess("key", secrets["account_key"])
    if "sas_token" in secrets:
        return AzureAccess("sas", secrets["sas_token"].lstrip("?"))
    return (None if secrets else _azure_environment()) or _azure_token(options)


def azure_account(options: StorageOptions, account: str = "") -> str:
    """Name of the Azure account: the URL's, the option's, else the environment's.

    Raises
    ------
    PermissionError
        When none says.
    """
    found = account or options.account_name or _variable("AZURE_STORAGE_ACCOUNT_NAME") or _connection("AccountName")
    if not found:
        msg = "no Azure account is named: set the storage option account_name, or AZURE_STORAGE_ACCOUNT_NAME"
        raise PermissionError(msg)
    return found


def azure_endpoint(options: StorageOptions) -> str | None:
    """Where the account is, when that is not Azure itself: the option's endpoint, else the environment's."""
    return options.endpoint_url or _variable("AZURE_STORAGE_ENDPOINT") or _connection("BlobEndpoint") or None


def forget() -> None:
    """Drop everything that is kept, as a new process would begin."""
    with _lock:
        _kept.clear()
        _held.clear()


def _once(key: object, make: Callable[[], Any]) -> Any:
    """What was made for a key in this process; a child process makes its own."""
    key = (os.getpid(), key)
    with _lock:
        if key not in _kept:
            _kept[key] = make()
        return _kept[key]


def _aws_credentials(options: StorageOptions) -> Any:
    """Botocore's credentials, which renew themselves."""
    from botocore.credentials import EnvProvider  # noqa: PLC0415 - only where S3 is used
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    try:
        session = Session(profile=options.profile)
        if options.region:
            session.set_config_variable("region", options.region)
        found = EnvProvider().load() if options.source == "env" else session.get_credentials()
    except BotoCoreError as error:
        msg = f"no AWS credentials: {redacted(str(error))}"
        raise PermissionError(msg) from None
    if found is None:
        tried = "environment" if options.source == "env" else "environment, profile, web identity, pod and instance"
        msg = f"no AWS credentials: {tried} were tried; for a public bucket set credentials: anonymous"
        raise PermissionError(msg)
    return found


def _frozen(credentials: Any) -> S3Keys:
    try:
        keys = credentials.get_frozen_credentials()
    except Exception as error:  # noqa: BLE001 - what a provider raises is its own affair
        msg = f"the AWS credentials can't be renewed: {type(error).__name__}: {redacted(str(error))}"
        raise PermissionError(msg) from None
    expiry = getattr(credentials, "_expiry_time", None)
    for secret in (keys.access_key, keys.secret_key, keys.token or ""):
        remember(secret)
    return S3Keys(keys.access_key, keys.secret_key, keys.token, expiry.timestamp() if expiry else None)


def _azure_environment() -> AzureAccess | None:
    key = _variable("AZURE_STORAGE_ACCOUNT_KEY") or _variable("AZURE_STORAGE_ACCESS_KEY") or _connection("AccountKey")
    if key:
        remember(key)
        return AzureAccess("key", key)
    sas = _variable("AZURE_STORAGE_SAS_TOKEN") or _connection("SharedAccessSignature")
    if sas:
        remember(sas)
        return AzureAccess("sas", sas.lstrip("?"))
    return None


def _azure_token(options: StorageOptions) -> AzureAccess:
    """A token of an identity: kept until shortly before its end, whoever asks for it; never sent in clear."""
    if (azure_endpoint(options) or "").lower().startswith("http://"):
        msg = "identities of Azure need an endpoint with https://; one with http:// takes account_key or sas_token"
        raise PermissionError(msg)
    place = ("token", options.tenant_id, options.client_id, options.source)
    identity = _once(("identity", place, options.client_secret), lambda: _azure_identity(options))
    key = (os.getpid(), place)
    with _lock:
        kept: AzureAccess | None = _kept.get(key)
        if kept is None or (kept.expires_s or 0) - time.time() < _MARGIN_S:
            kept = _kept[key] = _new_token(identity)
        return kept


def _new_token(identity: Any) -> AzureAccess:
    from azure.core.exceptions import AzureError  # noqa: PLC0415 - only where Azure is used

    try:
        token = identity.get_token(AZURE_SCOPE)
    except (AzureError, ValueError) as error:
        msg = f"no Azure credentials: {redacted(' '.join(str(error).split()))}"
        raise PermissionError(msg) from None
    remember(token.token)
    return AzureAccess("token", token.token, float(token.expires_on))


def _azure_identity(options: StorageOptions) -> Any:
    from azure import identity  # noqa: PLC0415 - only where Azure is used

    if options.client_secret:
        secret = options.client_secret.get_secret_value()
        return identity.ClientSecretCredential(options.tenant_id or "", options.client_id or "", secret)
    if options.source == "env":
        return identity.EnvironmentCredential()
    chosen = {"managed_identity_client_id": options.client_id, "workload_identity_client_id": options.client_id}
    return identity.DefaultAzureCredential(
        exclude_interactive_browser_credential=True, **(chosen if options.client_id else {})
    )


def _connection(part: str) -> str:
    """A part of the connection string of the environment."""
    pairs = (pair.partition("=") for pair in _variable("AZURE_STORAGE_CONNECTION_STRING").split(";"))
    return next((value for name, _, value in pairs if name.strip() == part), "")


def _variable(name: str) -> str:
    return os.environ.get(name, "")


def expiry(expires_s: float | None) -> datetime | None:
    """When a library has to ask for credentials again: at once for those that end in less than the margin."""
    return None if expires_s is None else datetime.fromtimestamp(expires_s - _MARGIN_S / 5, UTC)
