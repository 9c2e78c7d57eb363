"""What a location must be to hold a repository: a place where conditional writes decide."""

from typing import Any, Final

from gnssice_batch.errors import ConfigError
from gnssice_batch.storage.credentials import azure_account, azure_endpoint
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.options import StorageOptions, check_options
from gnssice_batch.storage.urls import Kind, Place, below, place

_STORES: Final = {Kind.LOCAL, Kind.S3, Kind.AZURE}


def check_store(url: str, options: StorageOptions) -> Place:
    """Check that repositories can be below a URL.

    Raises
    ------
    ConfigError
        When they can't, or when its options do not belong to it.
    """
    where = place(url)
    if where.kind not in _STORES:
        msg = f"a store can't be at {url!r}: it is a local path, file://, s3:// or az://; other URLs are for archives"
        raise ConfigError(msg)
    check_options(where, options)
    return where


def check_repository(where: Location) -> Place:
    """Check that a repository can be at a location.

    Raises
    ------
    ConfigError
        When it can't.
    """
    found = check_store(where.url, where.options)
    if found.kind is not Kind.LOCAL and not found.prefix:
        with_prefix = below(where.url, "stores")
        msg = f"a repository can't be the whole bucket: {where.url!r} needs a prefix, such as {with_prefix!r}"
        raise ConfigError(msg)
    return found


def s3_options(options: StorageOptions) -> dict[str, Any]:
    """What Icechunk's client for S3 is told, the credentials aside."""
    return {
        "region": options.region,
        "endpoint_url": options.endpoint_url,
        "allow_http": options.allow_http,
        "force_path_style": bool(options.path_style),
        "requester_pays": options.requester_pays,
        "anonymous": options.source == "anonymous",
    }


def azure_options(where: Place, options: StorageOptions) -> dict[str, str]:
    """What Icechunk's client for Azure is told, the credentials aside: account and configuration of object_store.

    Raises
    ------
    PermissionError
        When no account is named.
    """
    told = {"account": azure_account(options, where.account)}
    endpoint = azure_endpoint(options)
    if endpoint:
        told["azure_storage_endpoint"] = endpoint
    if endpoint and endpoint.startswith("http://"):
        told["azure_allow_http"] = "true"
    return told


def server(where: Location) -> str:
    """The server that answers for a location, as a message names it."""
    kind, options = where.place.kind, where.options
    if kind is Kind.LOCAL:
        return "this machine"
    if kind is Kind.S3:
        return options.endpoint_url or f"Amazon S3 or AWS_ENDPOINT_URL, region {options.region or 'of the environment'}"
    return azure_endpoint(options) or f"https://{azure_account(options, where.place.account)}.blob.core.windows.net"
