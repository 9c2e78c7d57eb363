"""Listings of object stores by obstore, which parses a name in microseconds."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from gnssice_batch.storage.credentials import azure_access, azure_account, azure_endpoint, expiry, s3_keys
from gnssice_batch.storage.entries import Entry
from gnssice_batch.storage.listing import Page
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.storage.urls import Kind, Place

_PAGE: Final = 1000
_UNORDERED_BUCKET: Final = "--x-s3"
"""How the names of directory buckets of S3 end, which list in any order."""


@dataclass(frozen=True, slots=True)
class ObjectLister:
    """Lists what is below a place."""

    store: Any
    ordered: bool

    def pages(self, prefix: str, after: str) -> Iterator[Page]:
        """What is below a prefix, at any depth, after a name."""
        TRAFFIC.note("LIST")
        for number, page in enumerate(self.store.list(prefix or None, offset=after or None, chunk_size=_PAGE)):
            TRAFFIC.note("LIST", bool(number))
            if page:
                yield _page(page)

    def level(self, prefix: str) -> tuple[Page, Sequence[str]]:
        """The objects and the folders directly below a prefix."""
        TRAFFIC.note("LIST")
        found = self.store.list_with_delimiter(prefix or None)
        return _page(found["objects"]), [folder.rstrip("/") for folder in found["common_prefixes"]]


def object_lister(where: Place, options: StorageOptions) -> ObjectLister:
    """The lister of a place in S3 or Azure.

    Raises
    ------
    PermissionError
        When there are no credentials.
    """
    if where.kind is Kind.S3:
        return ObjectLister(_s3(where, options), ordered=not where.bucket.endswith(_UNORDERED_BUCKET))
    return ObjectLister(_azure(where, options), ordered=False)


def _page(objects: Iterable[Mapping[str, Any]]) -> Page:
    return [
        (one["path"], Entry(one["size"], (one["e_tag"] or "").strip('"'), one["last_modified"].timestamp()))
        for one in objects
    ]


def _s3(where: Place, options: StorageOptions) -> Any:
    from obstore.store import S3Store  # noqa: PLC0415 - only where S3 is used

    virtual = options.path_style is False
    endpoint = options.endpoint_url
    if endpoint and virtual:
        parts = urlsplit(endpoint)
        endpoint = f"{parts.scheme}://{where.bucket}.{parts.netloc}{parts.path}"
    told = {
        "region": options.region,
        "endpoint": endpoint,
        "virtual_hosted_style_request": virtual,
        "request_payer": options.requester_pays,
    }
    return S3Store(where.bucket, **_arguments(where, options, told, _s3_credentials(options)))


def _azure(where: Place, options: StorageOptions) -> Any:
    from obstore.store import AzureStore  # noqa: PLC0415 - only where Azure is used

    told = {"account_name": azure_account(options, where.account), "endpoint": azure_endpoint(options)}
    return AzureStore(where.bucket, **_arguments(where, options, told, _azure_credentials(options)))


def _arguments(
    where: Place, options: StorageOptions, told: Mapping[str, Any], credentials: Callable[[], dict[str, Any]] | None
) -> dict[str, Any]:
    signed = {"skip_signature": True} if credentials is None else {"credential_provider": credentials}
    given = {name: value for name, value in told.items() if value not in {None, False}}
    client = {"allow_http": options.allow_http}
    return {"prefix": where.prefix or None, "client_options": client, **given, **signed}


def _s3_credentials(options: StorageOptions) -> Callable[[], dict[str, Any]] | None:
    """What gives obstore the keys of this process, whenever those that it has end."""
    if s3_keys(options) is None:
        return None

    def keys() -> dict[str, Any]:
        now = s3_keys(options)
        return {
            "access_key_id": now.access_key_id if now else "",
            "secret_access_key": now.secret_access_key if now else "",
            "token": now.session_token if now else None,
            "expires_at": expiry(now.expires_s) if now else None,
        }

    return keys


def _azure_credentials(options: StorageOptions) -> Callable[[], dict[str, Any]] | None:
    if azure_access(options) is None:
        return None
    names = {"key": "access_key", "sas": "sas_token", "token": "token"}

    def access() -> dict[str, Any]:
        now = azure_access(options)
        return {names[now.kind]: now.secret, "expires_at": expiry(now.expires_s)} if now else {}

    return access
