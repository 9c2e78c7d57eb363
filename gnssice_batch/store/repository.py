"""A repository from a URL: its storage, its configuration, its lock."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import icechunk
import zarr
from filelock import FileLock

from gnssice_batch.errors import ConfigError, StoreError
from gnssice_batch.store.faults import as_store_errors

MAIN = "main"

_SPLIT_UNITS = 10_000
_PRELOADED = r"^/[^/]+/(sid|sv|system|band|code|freq_center|freq_min|freq_max|glonass_fcn)$"
_PRELOADED_REFERENCES = 10_000
_READ_CONCURRENCY = 64

icechunk.set_logs_filter("error")


@dataclass(frozen=True, slots=True)
class RepositoryOptions:
    """Icechunk's own settings, from the ``icechunk`` section of the settings."""

    compression_level: int = 5
    """zstd level of Icechunk's metadata; the arrays have codecs of their own."""
    inline_threshold: int = 512
    """Chunks up to this many bytes live in the manifests."""
    get_concurrency: int = 1
    """Concurrent requests for one partial read; a run-time setting that readers do not inherit."""


@dataclass(frozen=True, slots=True)
class Repository:
    """An open repository and what is needed to commit to it safely."""

    url: str
    handle: icechunk.Repository
    lock: AbstractContextManager[object]
    """Held around every commit and every change of a branch or tag: a file lock on local storage, which can't do these
    concurrently; elsewhere nothing."""

    def head(self, branch: str = MAIN) -> str:
        """Snapshot id a branch points at."""
        return str(self.handle.lookup_branch(branch))


def repository_url(root: str, site: str, product: str = "rinex") -> str:
    """Where the repository of a site and product lives below the root of all stores."""
    return f"{root.rstrip('/')}/{site}/{product}"


def storage(url: str) -> icechunk.Storage:
    """The Icechunk storage of a URL: a local path or ``file://``.

    Raises
    ------
    ConfigError
        When the scheme is none of those.
    """
    return icechunk.local_filesystem_storage(str(local_path(url)))


def local_path(url: str) -> Path:
    """The folder of a local URL.

    Raises
    ------
    ConfigError
        When the URL is not local.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"", "file"}:
        msg = f"store.url {url!r}: no storage for {parts.scheme!r}; a store is a local path or a file:// URL"
        raise ConfigError(msg)
    return Path(parts.path).resolve()


def open_repository(url: str, options: RepositoryOptions | None = None) -> Repository:
    """Open a repository for writing, or make it, with its configuration saved for every reader.

    Raises
    ------
    StoreError
        When the folder holds something that is not a repository, or can't be written.
    """
    configuration = _configuration(options or RepositoryOptions())
    path = local_path(url)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.parent / f".{path.name}.lock")
        with lock:
            handle = _open_or_create(storage(url), configuration)
    except (icechunk.IcechunkError, OSError) as error:
        msg = f"the repository {url} can't be opened for writing: {error}"
        raise StoreError(msg) from error
    return Repository(url, handle, lock)


def open_existing(url: str) -> Repository | None:
    """Open a repository for reading; None where there is none yet.

    Raises
    ------
    StoreError
        When it is there and can't be read.
    """
    if not local_path(url).is_dir():
        return None
    try:
        place = storage(url)
        if not repository_exists(url):
            return None
        return Repository(url, icechunk.Repository.open(place), nullcontext())
    except icechunk.IcechunkError as error:
        msg = f"the repository {url} can't be read: {error}"
        raise StoreError(msg) from error


def repository_exists(url: str) -> bool:
    """Whether there is a repository at a URL."""
    return local_path(url).is_dir() and icechunk.Repository.exists(storage(url))


@as_store_errors()
def ensure_branch(repository: Repository, branch: str) -> None:
    """Make a branch at the head of ``main`` where it is not there yet."""
    with repository.lock:
        if branch not in repository.handle.list_branches():
            repository.handle.create_branch(branch, repository.head())


def tag_snapshot(repository: Repository, tag: str, snapshot: str) -> None:
    """Tag a snapshot; a tag that is there already and says the same is fine.

    Raises
    ------
    StoreError
        When the tag is another snapshot's, or was deleted: tags never change.
    """
    try:
        with repository.lock:
            repository.handle.create_tag(tag, snapshot)
    except icechunk.IcechunkError as error:
        if tag not in repository.handle.list_tags() or repository.handle.lookup_tag(tag) != snapshot:
            msg = f"snapshot {snapshot} is published, but can't be tagged {tag!r}: {error}"
            raise StoreError(msg) from error


def set_concurrency(requests: int = _READ_CONCURRENCY) -> None:
    """Let zarr have this many requests under way in this process."""
    zarr.config.set({"async.concurrency": requests})


def _open_or_create(place: icechunk.Storage, configuration: icechunk.RepositoryConfig) -> icechunk.Repository:
    if icechunk.Repository.exists(place):
        return icechunk.Repository.open(place, config=configuration)
    handle = icechunk.Repository.create(place, config=configuration)
    handle.save_config()
    return handle


def _configuration(options: RepositoryOptions) -> icechunk.RepositoryConfig:
    configuration = icechunk.RepositoryConfig.default()
    configuration.inline_chunk_threshold_bytes = options.inline_threshold
    configuration.get_partial_values_concurrency = options.get_concurrency
    configuration.compression = icechunk.CompressionConfig(
        algorithm=icechunk.CompressionAlgorithm.Zstd, level=options.compression_level
    )
    configuration.manifest = icechunk.ManifestConfig(preload=_preload(), splitting=_splitting())
    return configuration


def _splitting() -> icechunk.ManifestSplittingConfig:
    along_epoch = icechunk.ManifestSplitDimCondition.DimensionName("epoch")
    return icechunk.ManifestSplittingConfig.from_dict(
        {icechunk.ManifestSplitCondition.AnyArray(): {along_epoch: _SPLIT_UNITS}}
    )


def _preload() -> icechunk.ManifestPreloadConfig:
    coordinates = icechunk.ManifestPreloadCondition.path_matches(_PRELOADED)
    return icechunk.ManifestPreloadConfig(max_total_refs=_PRELOADED_REFERENCES, preload_if=coordinates)
