"""A Zarr store with transactions over a repository."""

import asyncio
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from typing import Any, Self, cast, override

import icechunk
import zarr
import zarr.core.sync
from zarr.core.buffer import Buffer
from zarr.storage import WrapperStore

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.location import location
from gnssice_batch.store.branches import begin_branch, end_branch, go_back, go_on
from gnssice_batch.store.faults import as_store_errors
from gnssice_batch.store.repository import MAIN, Repository, ensure_branch, open_existing, open_repository
from gnssice_batch.store.tags import named_versions, tag_snapshot, tags
from gnssice_batch.store.transaction import Transaction
from gnssice_batch.store.versions import Version, VersionName, snapshot_of, versions, versions_leading_to

_LAYOUT = "layout_version"


class IcechunkStore(WrapperStore[icechunk.IcechunkStore]):
    """A versioned Zarr store for xarray and zarr: what a transaction writes is seen at once or never.

    ``xarray.open_zarr(store)`` gives the newest version, and what it gives stays at that one. Writing needs a
    transaction. To put a second day behind the first say ``ds.to_zarr(store, mode="a", append_dim="epoch")``: without
    `append_dim` a dataset of the same length takes the place of the first, in the new version. In a store that ``run``
    has made the receivers are groups, ``xarray.open_zarr(store, group="canopy_01")``, and are not to be written to by
    hand: ledger and proof would not hold any more.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from gnssice_batch import IcechunkStore
    >>> store = IcechunkStore.open_or_create(storage="stores/mine")
    >>> with store.transaction() as txn:
    ...     xr.Dataset({"SNR": ("epoch", np.arange(3.0))}).to_zarr(store, mode="a").close()
    ...     version = txn.commit(message="Added 2024-01-15 data")
    >>> [version.message for version in store.list_versions()]
    ['Added 2024-01-15 data']
    >>> xr.open_zarr(IcechunkStore.open(storage="stores/mine", version=version)).SNR.sum().item()
    3.0
    """

    supports_consolidated_metadata = False

    def __init__(self, store: icechunk.IcechunkStore, repository: Repository | None, branch: str) -> None:
        super().__init__(store)
        self._repository, self.branch = repository, branch
        self._transaction: Transaction | None = None
        self._follows = False
        """Whether it is a branch that goes on, and not a version."""

    @classmethod
    def open_or_create(
        cls,
        storage: str | PathLike[str],
        storage_config: Mapping[str, Any] | None = None,
        read_only: bool = False,  # noqa: FBT001, FBT002 - the name of zarr
        branch: str = MAIN,
    ) -> Self:
        """Open a store, or make it.

        Parameters
        ----------
        storage
            A local path, ``file://``, ``s3://bucket/prefix`` or ``az://container/prefix``.
        storage_config
            How the storage is reached, in the words of the setting ``store.storage_options``, such as
            ``{"region": "us-east-1", "credentials": "auto"}``. Static keys travel with datasets that are pickled.
        read_only
            Neither make nor write anything.
        branch
            Made from ``main`` where it is not there yet.

        Raises
        ------
        ConfigError
            When URL and options do not fit.
        StoreError
            When the storage fails, or when there is nothing to be read.
        """
        if read_only:
            return cls.open(storage, storage_config, branch=branch)
        repository = open_repository(location(str(storage), storage_config), portable=True)
        ensure_branch(repository, branch)
        made = cls(_newest(repository, branch), repository, branch)
        made._follows = True
        return made

    @classmethod
    def open(  # type: ignore[override]  # zarr's own `open` takes the class of a store
        cls,
        storage: str | PathLike[str],
        storage_config: Mapping[str, Any] | None = None,
        version: VersionName | None = None,
        read_only: bool = True,  # noqa: FBT001, FBT002 - the name of zarr
        branch: str = MAIN,
    ) -> Self:
        """Open a store that is there.

        Parameters
        ----------
        storage, storage_config
            As for `open_or_create`.
        version
            A `Version`, a tag, a branch, the id of a snapshot or its beginning, the number of a version, or a time: the
            last version that was there then, a date being the end of that day. None: the newest of the branch.
        read_only
            False lets transactions begin, where no version is given.
        branch
            Where numbers and times are looked up.

        Raises
        ------
        ConfigError
            When URL and options do not fit.
        StoreError
            When there is no such store or version; the message says what there is.
        """
        where = location(str(storage), storage_config)
        if not read_only and version is None:
            if open_existing(where) is None:
                raise StoreError(_nothing_at(where.url))
            return cls.open_or_create(storage, storage_config, branch=branch)
        repository = open_existing(where, portable=True)
        if repository is None:
            raise StoreError(_nothing_at(where.url))
        if version is None:
            return cls(_unwritable(_newest(repository, branch)), repository, branch)
        with as_store_errors():
            session = repository.handle.readonly_session(snapshot_id=snapshot_of(repository, version, branch))
        return cls(_unwritable(session.store), repository, branch)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Let this store be written to until the block ends; what is not committed in it was never there.

        Raises
        ------
        PermissionError
            When the store is read-only or a version.
        RuntimeError
            When a transaction is open already, or the block ends without a commit and something was written.
        """
        if not self._follows:
            msg = f"{self!r} is read-only: transactions begin on a store from IcechunkStore.open_or_create(...)"
            raise PermissionError(msg)
        if self._transaction is not None:
            msg = "a transaction is open on this store already"
            raise RuntimeError(msg)
        with as_store_errors():
            session = self.repository.handle.writable_session(self.branch)
        self._warn_of_receivers(session)
        before, open_one = self._store, Transaction(self.repository, session, self.branch)
        self._transaction, self._store = open_one, session.store
        try:
            yield open_one
        finally:
            self._transaction, self._store = None, before
        if open_one.unfinished:
            msg = (
                "the transaction ended without txn.commit(message=...), so nothing of what was written in it is stored"
            )
            raise RuntimeError(msg)
        self._store = _newest(self.repository, self.branch)

    def list_versions(self, branch: str | None = None) -> list[Version]:
        """The versions of a branch, oldest first.

        Raises
        ------
        StoreError
            When there is no such branch.
        """
        return versions(self.repository, branch or self.branch)

    def tag(self, name: str, version: VersionName | None = None) -> None:
        """Give a version, or the newest one, a name that never changes.

        Raises
        ------
        StoreError
            When another version has that name.
        """
        tag_snapshot(self._writable(), name, self._snapshot(version))

    def list_tags(self) -> dict[str, Version]:
        """The tags with the versions that they name."""
        named = tags(self.repository)
        found = versions_leading_to(self.repository, named.values())
        return {name: found[its] for name, its in named.items()}

    def list_branches(self) -> dict[str, Version]:
        """The branches with their newest versions, without those of unpublished runs."""
        named = named_versions(self.repository).branches
        found = versions_leading_to(self.repository, named.values())
        return {name: found[its] for name, its in named.items()}

    @as_store_errors()
    def create_branch(self, name: str, version: VersionName | None = None) -> None:
        """Begin a branch at a version, or at the newest one; ``open_or_create(storage, branch=name)`` writes to it.

        Raises
        ------
        StoreError
            When there is a branch or a tag of that name.
        """
        begin_branch(self._writable(), name, self._snapshot(version))

    @as_store_errors()
    def delete_branch(self, name: str) -> str:
        """Remove a branch other than ``main`` and this store's own; the version that it showed, which takes it back.

        Raises
        ------
        StoreError
            When there is no such branch, or it must stay.
        """
        if name == self.branch:
            msg = f"{name!r} is the branch of this store: delete it from a store on another one"
            raise StoreError(msg)
        return end_branch(self._writable(), name)

    def publish(self, onto: str = MAIN) -> list[Version]:
        """Let another branch go on to the newest version of this one; the versions that it shows anew, oldest first.

        Raises
        ------
        StoreError
            When there is no such branch.
        RunConflictError
            When that branch has versions that this one lacks, or somebody moves it meanwhile.
        """
        return list(go_on(self._writable(), onto, self._snapshot(None)).gained)

    @as_store_errors()
    def rollback(self, version: VersionName) -> str | None:
        """Let the branch end at an earlier version of its own; what is taken back comes back by the tag returned.

        Unpublished runs are not looked for, as the command ``rollback`` does: they find it moved, and plan anew.

        Raises
        ------
        StoreError
            When there is no such version.
        RunConflictError
            When the branch never had that version, or another writer has moved it.
        """
        tag = go_back(self._writable(), self.branch, version)
        self._store = _newest(self.repository, self.branch)
        return tag

    @property
    def repository(self) -> Repository:
        """The repository, and in its ``handle`` Icechunk's own.

        Raises
        ------
        PermissionError
            When the store was pickled: only its data travel.
        """
        if self._repository is None:
            msg = "a store that was pickled can only be read: open it again where it is needed"
            raise PermissionError(msg)
        return self._repository

    @property
    def session(self) -> icechunk.Session:
        """Icechunk's own session: the transaction's, else that of the version which is read."""
        return self._store.session

    @property
    @override
    def read_only(self) -> bool:
        """Whether no transaction can begin; while none is open, writing fails though it is False."""
        return not self._follows

    @override
    def with_read_only(self, read_only: bool = False) -> Self:
        if not read_only:
            if self._follows:
                return self
            raise PermissionError(f"{self!r} is read-only and stays so")
        stays = self._transaction is not None or not self._follows
        store = self._store if stays else _newest(self.repository, self.branch)
        return self._with_store(_unwritable(store))

    @override
    def _with_store(self, store: icechunk.IcechunkStore) -> Self:
        return type(self)(store, self._repository, self.branch)

    @override
    async def set(self, key: str, value: Buffer) -> None:
        self._check_transaction()
        await super().set(key, value)

    @override
    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        self._check_transaction()
        await super().set_if_not_exists(key, value)

    @override
    async def delete(self, key: str) -> None:
        self._check_transaction()
        await super().delete(key)

    @override
    async def delete_dir(self, prefix: str) -> None:
        self._check_transaction()
        await super().delete_dir(prefix)

    @override
    async def clear(self) -> None:
        self._check_transaction()
        await super().clear()

    @override
    def __repr__(self) -> str:
        at = f"{self.branch}, " if self._follows else ""
        groups = "" if _in_the_loop_of_zarr() else f" groups: {', '.join(self._groups()) or 'none'}"
        return f"<IcechunkStore {self} ({at}{self.session.snapshot_id}){groups}>"

    @override
    def __str__(self) -> str:
        return self._repository.url if self._repository else "a pickled store"

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._store, None, self.branch)

    def _check_transaction(self) -> None:
        if self._transaction is None:
            msg = "writing needs a transaction: with store.transaction() as txn: ...; txn.commit(message=...)"
            raise PermissionError(msg)

    def _writable(self) -> Repository:
        if not self._follows:
            msg = f"{self!r} is read-only: use a store from IcechunkStore.open_or_create(...)"
            raise PermissionError(msg)
        return self.repository

    def _snapshot(self, version: VersionName | None) -> str:
        if version is None:
            return self.repository.head(self.branch)
        return snapshot_of(self.repository, version, self.branch)

    def _groups(self) -> list[str]:
        try:
            return sorted(zarr.open_group(_unwritable(self._store), mode="r").group_keys())
        except (FileNotFoundError, icechunk.IcechunkError):
            return []

    def _warn_of_receivers(self, session: icechunk.Session) -> None:
        try:
            groups = zarr.open_group(_unwritable(session.store), mode="r").groups()
            made = [name for name, group in groups if _LAYOUT in group.attrs]
        except FileNotFoundError:
            return
        if made:
            msg = (
                f"the groups {', '.join(sorted(made))} were made by gnssice-batch run: what is written into them by"
                " hand is in no ledger, and verify will differ"
            )
            warnings.warn(msg, UserWarning, stacklevel=4)


def _newest(repository: Repository, branch: str) -> icechunk.IcechunkStore:
    with as_store_errors():
        return repository.handle.readonly_session(branch).store


def _in_the_loop_of_zarr() -> bool:
    """Whether zarr itself asks, which must not be asked then."""
    try:
        return asyncio.get_running_loop() is zarr.core.sync.loop[0]
    except RuntimeError:
        return False


def _unwritable(store: icechunk.IcechunkStore) -> icechunk.IcechunkStore:
    return cast("icechunk.IcechunkStore", store.with_read_only(read_only=True))


def _nothing_at(url: str) -> str:
    return f"there is no repository at {url}: IcechunkStore.open_or_create(...) makes one"
