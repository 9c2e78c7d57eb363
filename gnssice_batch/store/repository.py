"""A repository from a URL: its storage, its configuration, its lock."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import icechunk

from gnssice_batch.errors import StoreError
from gnssice_batch.storage import disk
from gnssice_batch.storage.location import Location, location
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.storage.urls import below, local_path
from gnssice_batch.store.conditional_writes import is_proven, prove, remember
from gnssice_batch.store.containers import authorised
from gnssice_batch.store.damage import begun, check_state, damaged, first_line, told
from gnssice_batch.store.faults import repeatable
from gnssice_batch.store.lock import ToldLock
from gnssice_batch.store.storages import storage

MAIN = "main"
STAGING: Final = "staging-"
"""What the names of branches begin with on which runs prepare their structure."""

LEDGER_CHUNKS_OF_A_MANIFEST: Final = 4
_MANIFEST_LENGTHS: Final = {"epoch": 10_000, "file": LEDGER_CHUNKS_OF_A_MANIFEST}
_PRELOADED = r"^/[^/]+/(sid|sv|system|band|code|freq_center|freq_min|freq_max|glonass_fcn)$"
_PRELOADED_REFERENCES = 10_000
_MANIFESTS_AT_ONCE = 64
"""Of the arrays of a commit: each has a manifest, and Icechunk by itself writes one after the other."""
_FIRST_BACKOFF_MS = 100
OBJECTS_OF_A_COMMIT: Final = 4
"""Snapshot, transaction log, repository state, and the copy of the state before; manifests and chunks come beside."""
OBJECTS_OF_AN_UPDATE: Final = 2
"""Of branches, tags or metadata: repository state, and the copy of the state before."""
OBJECTS_OF_A_REPOSITORY: Final = 3
LEDGER_INLINE_BYTES: Final = 16_384
"""Above a full chunk of a ledger's rows: a commit writes one object for all that its last manifest holds."""

icechunk.set_logs_filter("off")
"""It logs to standard output, into JSON too; what is wrong is raised."""


@dataclass(frozen=True, slots=True)
class RepositoryOptions:
    """Icechunk's own settings, from the ``icechunk`` section of the settings."""

    compression_level: int = 5
    """zstd level of Icechunk's metadata; the arrays have codecs of their own."""
    inline_threshold: int = 512
    """Chunks up to this many bytes live in the manifests."""
    get_concurrency: int = 1
    """Concurrent requests for one partial read; a run-time setting that readers do not inherit, as are those below."""
    max_concurrent_requests: int = 256
    """Requests that a process has under way."""
    requests_per_object: int = 18
    """Of them for parts of one object."""
    request_bytes: int = 12 << 20
    """Size of such a part."""
    max_tries: int = 12
    """How often a request is made."""
    max_backoff_s: float = 20.0
    """Longest pause between them."""
    connect_timeout_s: float = 5.0
    """S3: until a connection stands."""
    read_timeout_s: float = 30.0
    """S3: until an answer begins."""


@dataclass(frozen=True, slots=True)
class Repository:
    """An open repository and what is needed to commit to it safely."""

    location: Location
    handle: icechunk.Repository
    lock: AbstractContextManager[object]
    """Held around every commit and every change of a branch or tag: a file lock on local storage, which can't do these
    concurrently; elsewhere nothing."""

    @property
    def url(self) -> str:
        """Where it is."""
        return self.location.url

    def wrote(self, objects: int, size_bytes: int = 0) -> None:
        """Note objects that Icechunk has written, which it does not tell of."""
        if not self.location.local:
            TRAFFIC.note("PUT", objects, sent_bytes=size_bytes)

    def head(self, branch: str = MAIN) -> str:
        """Snapshot id a branch points at."""
        return str(self.handle.lookup_branch(branch))


def with_ledgers_inline(repository: Repository) -> icechunk.Repository:
    """The repository as commits of ledger rows want it: what is short enough is written with the manifest it is in.

    The last rows of a ledger are written with every commit, however few are new, and mostly they are short.
    """
    configuration = repository.handle.config
    configuration.inline_chunk_threshold_bytes = LEDGER_INLINE_BYTES
    configuration.manifest = _manifests()
    return repository.handle.reopen(config=configuration)


def repository_url(root: str, site: str, product: str = "rinex") -> str:
    """Where the repository of a site and product lives below the root of all stores."""
    return below(root, site, product)


@repeatable
def open_repository(
    where: str | Location,
    options: RepositoryOptions | None = None,
    *,
    portable: bool = False,
    proven: bool = False,
    check: Callable[[Repository], None] | None = None,
) -> Repository:
    """Open a repository for writing, or make it, with its configuration saved for every reader.

    Before the first commit to a server it is proven that conditional writes hold there, which decide who commits.

    Parameters
    ----------
    portable
        As `storage` says.
    proven
        Whether its server was tried just now, see `conditional_writes.prove`.
    check
        Asked before anything is written to one that is there, and that this program may not have made.

    Raises
    ------
    StoreError
        When there is something that is not a repository, it can't be written, or the server lets two writers win.
    """
    where = location(where)
    try:
        lock = _lock(where)
        with lock:
            handle = _open_or_create(where, options or RepositoryOptions(), check, portable=portable, proven=proven)
    except (icechunk.IcechunkError, OSError) as error:
        raise StoreError(_unopened(where, error)) from error
    return Repository(where, authorised(handle, where), lock)


@repeatable
def open_existing(where: str | Location, *, portable: bool = False) -> Repository | None:
    """Open a repository for reading; None where there is none yet.

    Parameters
    ----------
    portable
        As `storage` says.

    Raises
    ------
    StoreError
        When it is there and can't be read.
    """
    where = location(where)
    try:
        if not repository_exists(where):
            return None
        reading = None if where.local else icechunk.RepositoryConfig(storage=_requests(RepositoryOptions()))
        handle = icechunk.Repository.open(storage(where, portable=portable), config=reading)
        return Repository(where, authorised(handle, where), nullcontext())
    except (icechunk.IcechunkError, OSError) as error:
        raise StoreError(_unread(where, error)) from error


@repeatable
def repository_exists(where: str | Location) -> bool:
    """Whether there is a repository at a location.

    Raises
    ------
    StoreError
        When the storage does not say, or it is damaged.
    """
    where = location(where)
    try:
        if where.local and not local_path(where.url).is_dir():
            return False
        requests = None if where.local else _requests(RepositoryOptions())
        found = icechunk.Repository.exists(storage(where), storage_settings=requests)
        if not found and where.local:
            return _made_meanwhile(where)
    except (icechunk.IcechunkError, OSError) as error:
        raise StoreError(_unread(where, error)) from error
    return found


def _made_meanwhile(where: Location) -> bool:
    """Whether a local folder that was no repository just now is one; what is damaged stays so."""
    try:
        check_state(where.url)
    except StoreError:
        if icechunk.Repository.exists(storage(where)):
            return True
        raise
    return False


def no_such_branch(repository: Repository, branch: str) -> StoreError:
    """The error of a branch that is not there; it names those that are."""
    there = sorted(name for name in repository.handle.list_branches() if not name.startswith(STAGING))
    return StoreError(f"the repository {repository.url} has no branch {branch!r}; it has {', '.join(there)}")


def _unread(where: Location, error: Exception) -> str:
    if damaged(error):
        return told(error, where.url)
    return f"the repository {where.url} can't be read: {first_line(error)}"


def _unopened(where: Location, error: Exception) -> str:
    if damaged(error):
        return told(error, where.url)
    if getattr(error, "kind", None) == icechunk.ErrorKind.PARENT_DIRECTORY_NOT_CLEAN:
        held = "because other things are there: change store.url or site, or move them away"
        return f"{where.url} is no repository, and none can be made there, {held}"
    return f"the repository {where.url} can't be opened for writing: {first_line(error)}"


def _lock(where: Location) -> AbstractContextManager[object]:
    """A file lock beside a local repository; an object store decides by conditional writes."""
    if not where.local:
        return nullcontext()
    path = local_path(where.url)
    path.mkdir(parents=True, exist_ok=True)
    return ToldLock(path.parent / f".{path.name}.lock")


@repeatable
def ensure_branch(repository: Repository, branch: str) -> None:
    """Make a branch at the head of ``main``, which every repository has, where it is not there yet."""
    if branch == MAIN:
        return
    with repository.lock:
        if branch not in repository.handle.list_branches():
            make_branch(repository, branch, repository.head())


def make_branch(repository: Repository, branch: str, snapshot: str) -> None:
    """Make a branch; the caller holds the repository's lock, and repeats this where the storage fails.

    Raises
    ------
    icechunk.IcechunkError
        When there is one of that name that points elsewhere, or it can't be made.
    """
    try:
        repository.handle.create_branch(branch, snapshot)
        repository.wrote(OBJECTS_OF_AN_UPDATE)
    except icechunk.IcechunkError:
        if branch not in repository.handle.list_branches() or repository.head(branch) != snapshot:
            raise


def remove_branch(repository: Repository, branch: str) -> None:
    """Remove a branch; likewise, and one that is not there is removed already.

    Raises
    ------
    icechunk.IcechunkError
        When it can't be removed.
    """
    try:
        repository.handle.delete_branch(branch)
        repository.wrote(OBJECTS_OF_AN_UPDATE)
    except icechunk.IcechunkError:
        if branch in repository.handle.list_branches():
            raise


def _open_or_create(
    where: Location,
    options: RepositoryOptions,
    check: Callable[[Repository], None] | None,
    *,
    portable: bool,
    proven: bool,
) -> icechunk.Repository:
    running, place = _running(where, options), storage(where, portable=portable)
    handle = _opened(place, running)
    if handle and (where.local or is_proven(handle, where)):
        return handle
    if handle and check:
        check(Repository(where, handle, nullcontext()))
    if not where.local and not proven:
        prove(where)
    handle = handle or _created(where, storage(where, portable=portable), _configuration(options))
    if not where.local:
        remember(handle, where)
        TRAFFIC.note("PUT", OBJECTS_OF_AN_UPDATE)
    return icechunk.Repository.open(storage(where, portable=portable), config=running)


def _opened(place: icechunk.Storage, configuration: icechunk.RepositoryConfig) -> icechunk.Repository | None:
    """An existing repository; a storage keeps for ever the time limits that it is first used with."""
    if not icechunk.Repository.exists(place, storage_settings=configuration.storage):
        return None
    return icechunk.Repository.open(place, config=configuration)


def _created(where: Location, place: icechunk.Storage, configuration: icechunk.RepositoryConfig) -> icechunk.Repository:
    """A new repository, or the one that another process has just made.

    What a process has left on a disk that died while it made one is removed: the caller holds the lock.
    """
    for left in begun(where.url) if where.local else ():
        disk.remove(left)
    try:
        made = icechunk.Repository.create(place, config=configuration)
    except icechunk.IcechunkError:
        there = _opened(place, configuration)
        if there is None:
            raise
        return there
    TRAFFIC.note("PUT", 0 if where.local else OBJECTS_OF_A_REPOSITORY)
    return made


def _running(where: Location, options: RepositoryOptions) -> icechunk.RepositoryConfig:
    """The configuration that this process and its workers have, of which the storage's part is not kept."""
    configuration = _configuration(options)
    configuration.max_concurrent_requests = options.max_concurrent_requests
    if where.local:
        return configuration
    configuration.storage = _requests(options)
    return configuration


def _requests(options: RepositoryOptions) -> icechunk.StorageSettings:
    """How a process makes its requests: without time limits a silent server would be waited for for ever."""
    return icechunk.StorageSettings(
        concurrency=icechunk.StorageConcurrencySettings(options.requests_per_object, options.request_bytes),
        retries=icechunk.StorageRetriesSettings(options.max_tries, _FIRST_BACKOFF_MS, int(options.max_backoff_s * 1e3)),
        timeouts=icechunk.StorageTimeoutSettings(
            int(options.connect_timeout_s * 1e3), int(options.read_timeout_s * 1e3)
        ),
    )


def _configuration(options: RepositoryOptions) -> icechunk.RepositoryConfig:
    configuration = icechunk.RepositoryConfig.default()
    configuration.inline_chunk_threshold_bytes = options.inline_threshold
    configuration.get_partial_values_concurrency = options.get_concurrency
    configuration.compression = icechunk.CompressionConfig(
        algorithm=icechunk.CompressionAlgorithm.Zstd, level=options.compression_level
    )
    configuration.manifest = _manifests()
    return configuration


def _manifests() -> icechunk.ManifestConfig:
    return icechunk.ManifestConfig(
        preload=_preload(),
        splitting=_splitting(),
        max_concurrent_manifest_fetches_during_commit=_MANIFESTS_AT_ONCE,
    )


def manifest_length(dimension: str) -> int | None:
    """Chunks of an array along a dimension that are in one manifest; None: all."""
    return _MANIFEST_LENGTHS.get(dimension)


def _splitting() -> icechunk.ManifestSplittingConfig:
    named = icechunk.ManifestSplitDimCondition.DimensionName
    lengths: dict[Any, int] = {named(dimension): length for dimension, length in _MANIFEST_LENGTHS.items()}
    return icechunk.ManifestSplittingConfig.from_dict({icechunk.ManifestSplitCondition.AnyArray(): lengths})


def _preload() -> icechunk.ManifestPreloadConfig:
    coordinates = icechunk.ManifestPreloadCondition.path_matches(_PRELOADED)
    return icechunk.ManifestPreloadConfig(max_total_refs=_PRELOADED_REFERENCES, preload_if=coordinates)
