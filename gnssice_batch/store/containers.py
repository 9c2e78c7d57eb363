"""The archive that virtual chunks are in: its place in a repository's configuration, access to it."""

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import icechunk
from icechunk.credentials import azure_refreshable_credentials

from gnssice_batch.errors import ConfigError
from gnssice_batch.log import logger
from gnssice_batch.storage.credentials import azure_access, held, hold, s3_keys
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.storage.stores import azure_options, s3_options
from gnssice_batch.storage.urls import Kind, local_path, place
from gnssice_batch.store.storages import AzureFetcher, S3Fetcher

_log = logger(__name__)

_DISK: Final = "file://"

TAGGED: Final = frozenset({Kind.S3, Kind.AZURE})
"""Kinds of storage whose ETags Icechunk compares; of others it compares the time of the last modification."""


def prefix_of(where: Location) -> str:
    """What the locations of an archive's files begin with, as Icechunk wants it: no character is escaped."""
    if where.local:
        return f"{_DISK}{local_path(where.url)}/"
    found = where.place
    if found.kind in {Kind.S3, Kind.AZURE, Kind.GOOGLE}:
        scheme = {Kind.S3: "s3", Kind.AZURE: "az", Kind.GOOGLE: "gs"}[found.kind]
        return posixpath.join(f"{scheme}://{found.bucket}", found.prefix, "")
    return f"{where.url.rstrip('/')}/"


def chunk_location(container: str, uri: str) -> str:
    """The location of a file in a container, wherever the container is."""
    return f"vcc://{container}/{quote(uri)}"


def container_of(name: str, where: Location) -> icechunk.VirtualChunkContainer:
    """The container of an archive, as a repository's configuration keeps it; nothing in it is secret.

    Raises
    ------
    ConfigError
        When chunks can't be referenced in a storage of its kind.
    """
    if where.place.kind is Kind.OTHER:
        msg = f"virtual chunks can't be at {where.url!r}: it should be a path, file://, s3://, az://, gs:// or https://"
        raise ConfigError(msg)
    return icechunk.VirtualChunkContainer(prefix_of(where), _store(where), name)


def containers_in(configuration: icechunk.RepositoryConfig) -> dict[str, icechunk.VirtualChunkContainer]:
    """The containers that a configuration has, by name."""
    return {one.name or prefix: one for prefix, one in _by_prefix(configuration).items()}


def local_folders(configuration: icechunk.RepositoryConfig) -> list[Path]:
    """The folders of this machine that are archives of a configuration."""
    prefixes = [one.url_prefix for one in containers_in(configuration).values()]
    return [Path(prefix.removeprefix(_DISK)) for prefix in prefixes if prefix.startswith(_DISK)]


def authorised(handle: icechunk.Repository, where: Location) -> icechunk.Repository:
    """A repository whose virtual chunks can be read, if it has any, with the credentials of this process.

    Parameters
    ----------
    where
        The repository's own location; its options are the archive's too where that is a storage of the same kind, and
        none are held for the archive.
    """
    found = _by_prefix(handle.config)
    if not found:
        return handle
    return handle.reopen(authorize_virtual_chunk_access=_access(found, where))


def with_container(
    handle: icechunk.Repository, container: icechunk.VirtualChunkContainer, where: Location
) -> icechunk.Repository:
    """The repository with a container in its configuration, in place of one of the same name."""
    configuration = handle.config
    configuration.set_virtual_chunk_container(container)
    access = _access(_by_prefix(configuration), where)
    return handle.reopen(config=configuration, authorize_virtual_chunk_access=access)


def _by_prefix(configuration: icechunk.RepositoryConfig) -> Mapping[str, icechunk.VirtualChunkContainer]:
    return configuration.virtual_chunk_containers or {}


def _access(found: Mapping[str, icechunk.VirtualChunkContainer], where: Location) -> dict[str, Any]:
    """Access to each container that this process has credentials for; what is in another says so when it is read."""
    access: dict[str, Any] = {}
    for prefix, one in found.items():
        try:
            access[prefix] = _credentials(prefix, one.store, _options(prefix, where))
        except PermissionError as error:
            _log.info("no access to the archive %s, which %s refers to: %s", prefix, where.url, error)
    return icechunk.containers_credentials(access)


def _options(prefix: str, where: Location) -> StorageOptions:
    same = place(prefix).kind is where.place.kind
    return held(prefix, where.options if same else StorageOptions())


def _credentials(prefix: str, store: Any, options: StorageOptions) -> Any:
    kind = place(prefix).kind
    public = options.public().model_dump_json(exclude_defaults=True)
    hold(prefix, options)
    if kind is Kind.LOCAL:
        return icechunk.Credentials.LocalFileSystemAccess()
    if kind is Kind.S3:
        unsigned = getattr(getattr(store, "_0", None), "anonymous", False)
        signed = not unsigned and s3_keys(options) is not None
        fetcher = S3Fetcher(prefix, public)
        return icechunk.s3_refreshable_credentials(fetcher) if signed else icechunk.s3_anonymous_credentials()
    if kind is Kind.AZURE:
        signed = azure_access(options) is not None
        fetching = AzureFetcher(prefix, public)
        return azure_refreshable_credentials(fetching) if signed else icechunk.azure_credentials(anonymous=True)
    if kind is Kind.GOOGLE:
        unsigned = options.source == "anonymous"
        return icechunk.gcs_credentials(anonymous=True) if unsigned else icechunk.gcs_from_env_credentials()
    return icechunk.Credentials.HttpAccess()


def _store(where: Location) -> Any:
    kind, options = where.place.kind, where.options
    if kind is Kind.LOCAL:
        return icechunk.local_filesystem_store(str(local_path(where.url)))
    if kind is Kind.S3:
        told = s3_options(options)
        return icechunk.s3_store(**told, s3_compatible=options.endpoint_url is not None)
    if kind is Kind.AZURE:
        return icechunk.ObjectStoreConfig.Azure(azure_options(where.place, options))
    return icechunk.gcs_store() if kind is Kind.GOOGLE else icechunk.http_store()
