"""Icechunk's storage of a location, with credentials that are fetched where they are used."""

import pickle
from dataclasses import dataclass
from typing import Any

import icechunk
from icechunk.credentials import azure_refreshable_credentials

from gnssice_batch.storage.credentials import S3Keys, azure_access, expiry, held, hold, s3_keys
from gnssice_batch.storage.location import Location, location
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.storage.stores import azure_options, check_repository, s3_options
from gnssice_batch.storage.urls import Kind, Place, local_path


@dataclass(frozen=True)
class S3Fetcher:
    """Gives Icechunk the keys of this process; all that a fork carries of them is where to ask."""

    url: str
    public: str
    """The options without their secrets, as JSON."""

    def __call__(self) -> icechunk.S3StaticCredentials:
        """Keys that hold for a while."""
        keys = s3_keys(_options(self))
        if keys is None:
            msg = f"{self.url}: requests are not signed, and keys were asked for"
            raise PermissionError(msg)
        return _static(keys)


@dataclass(frozen=True)
class AzureFetcher:
    """Gives Icechunk the access of this process; all that a fork carries of it is where to ask."""

    url: str
    public: str
    """The options without their secrets, as JSON."""

    def __call__(self) -> Any:
        """A key, signature or token that holds for a while."""
        access = azure_access(_options(self))
        if access is None:
            msg = f"{self.url}: requests are not signed, and access was asked for"
            raise PermissionError(msg)
        kinds = icechunk.AzureRefreshableCredential
        kind = {"key": kinds.AccessKey, "sas": kinds.SasToken, "token": kinds.BearerToken}[access.kind]
        return kind(access.secret, expires_after=expiry(access.expires_s))


def storage(where: str | Location, *, portable: bool = False) -> icechunk.Storage:
    """The Icechunk storage of a location.

    Parameters
    ----------
    portable
        Static keys travel with what is pickled, so that a reader's own cluster can read; never for what is kept.

    Raises
    ------
    ConfigError
        When no repository can be there.
    PermissionError
        When there are no credentials for it.
    """
    where = location(where)
    place = check_repository(where)
    if place.kind is Kind.LOCAL:
        return icechunk.local_filesystem_storage(str(local_path(where.url)))
    hold(where.url, where.options)
    return (_s3 if place.kind is Kind.S3 else _azure)(where, place, portable=portable)


def fetcher_of(pickled: bytes) -> S3Fetcher | AzureFetcher | None:
    """The fetcher that a fork carries, rebuilt from its text without running anything; None for anything else."""
    texts = _texts(pickled)
    for kind in (S3Fetcher, AzureFetcher):
        for url, public in zip(texts, texts[2:], strict=False):  # the name of the second field stands between them
            if pickle.dumps(kind(url, public)) == pickled:
                return kind(url, public)
    return None


def _texts(pickled: bytes) -> list[str]:
    """Every string of a pickle, none of it executed."""
    import pickletools  # noqa: PLC0415 - needed once per fork of an object store

    try:
        return [value for _, value, _ in pickletools.genops(pickled) if isinstance(value, str)]
    except ValueError:
        return []


def _s3(where: Location, place: Place, *, portable: bool) -> icechunk.Storage:
    options = where.options
    told = {"bucket": place.bucket, "prefix": place.prefix, **s3_options(options)}
    if options.source == "anonymous":
        return icechunk.s3_storage(**told)
    keys = s3_keys(options)
    if portable and options.source == "static" and keys:
        static = _static(keys)
        return icechunk.s3_storage(
            **told,
            access_key_id=static.access_key_id,
            secret_access_key=static.secret_access_key,
            session_token=static.session_token,
        )
    return icechunk.s3_storage(**told, get_credentials=S3Fetcher(where.url, _public(options)))


def _azure(where: Location, place: Place, *, portable: bool) -> icechunk.Storage:
    options, config = where.options, azure_options(place, where.options)
    access = azure_access(options)
    if access is None:
        credentials: Any = icechunk.azure_credentials(anonymous=True)
    elif portable and options.source == "static" and access.kind != "token":
        key = access.kind == "key"
        credentials = icechunk.azure_credentials(
            access_key=access.secret if key else None, sas_token=None if key else access.secret
        )
    else:
        credentials = azure_refreshable_credentials(AzureFetcher(where.url, _public(options)))
    return icechunk.Storage.new_azure_blob(
        account=config.pop("account"),
        container=place.bucket,
        prefix=place.prefix,
        credentials=credentials,
        config=config,
    )


def _public(options: StorageOptions) -> str:
    return options.public().model_dump_json(exclude_defaults=True)


def _options(fetcher: S3Fetcher | AzureFetcher) -> StorageOptions:
    return held(fetcher.url, StorageOptions.model_validate_json(fetcher.public))


def _static(keys: S3Keys) -> icechunk.S3StaticCredentials:
    return icechunk.S3StaticCredentials(
        keys.access_key_id, keys.secret_access_key, keys.session_token, expiry(keys.expires_s)
    )
