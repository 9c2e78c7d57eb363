"""The backend of xarray for repositories: ``xarray.open_dataset(url, engine="gnssice", group="canopy_01")``."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from typing import Any, ClassVar, Final, override

import xarray as xr
from xarray.backends import BackendEntrypoint

from gnssice_batch.errors import GnssiceError
from gnssice_batch.storage.location import location
from gnssice_batch.storage.urls import local_path
from gnssice_batch.store.reading.contents import stored_receivers
from gnssice_batch.store.reading.opening import open_dataset, opened_repository
from gnssice_batch.store.repository import MAIN, open_existing
from gnssice_batch.store.versions import VersionName, snapshot_of

_OF_A_REPOSITORY: Final = ("repo", "snapshots")
"""What lies in the folder of every repository."""


class GnssiceBackend(BackendEntrypoint):
    """Opens a receiver's group, or all of them as a tree, as `open_dataset` does.

    Values are lazy: with ``chunks={}`` they are cut as `open_dataset` cuts them, without `chunks` xarray reads them
    when they are used. Where `sids` are given they are in dask chunks in any case.
    """

    description: ClassVar[str] = "Open repositories of gnssice-batch"
    url: ClassVar[str] = "docs/reading.md"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        *("filename_or_obj", "drop_variables", "group", "version", "branch", "sids", "mask", "per_epoch", "trim"),
        "storage_options",
    )
    supports_groups: ClassVar[bool] = True

    @override
    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        group: str | None = None,
        version: VersionName | None = None,
        branch: str = MAIN,
        sids: Sequence[str] | None = None,
        mask: bool = False,
        per_epoch: bool = True,
        trim: bool = True,
        storage_options: Mapping[str, Any] | None = None,
    ) -> xr.Dataset:
        """Open a receiver's observations; what the keywords mean stands at `gnssice_batch.open_dataset`."""
        found = open_dataset(
            fspath(filename_or_obj), group or "", version, branch,
            chunks=None if sids is None else "auto", sids=sids, mask=mask, per_epoch=per_epoch, trim=trim,
            storage_options=storage_options,
        )  # fmt: skip
        for variable in found.variables.values():
            if variable.chunks is not None:
                variable.encoding["preferred_chunks"] = dict(zip(variable.dims, variable.chunks, strict=True))
        return found.drop_vars(drop_variables or [], errors="ignore")

    @override
    def open_groups_as_dict(  # type: ignore[override]
        self,
        filename_or_obj: str | PathLike[str],
        *,
        group: str | None = None,
        version: VersionName | None = None,
        branch: str = MAIN,
        storage_options: Mapping[str, Any] | None = None,
        **how: Any,
    ) -> dict[str, xr.Dataset]:
        """All receivers of one version by their path, or the one that is named, below an empty root."""
        where = location(fspath(filename_or_obj), storage_options)
        repository = opened_repository(where)
        pinned = repository.head(branch) if version is None else snapshot_of(repository, version, branch)
        receivers = stored_receivers(repository, branch, pinned) if group is None else (group.strip("/"),)
        options = {"version": pinned, "storage_options": storage_options, **how}
        opened = {f"/{receiver}": self.open_dataset(where.url, group=receiver, **options) for receiver in receivers}
        return {"/": xr.Dataset(), **opened}

    @override
    def open_datatree(  # type: ignore[override]
        self, filename_or_obj: str | PathLike[str], **how: Any
    ) -> xr.DataTree:
        """All receivers of one version as a tree."""
        return xr.DataTree.from_dict(self.open_groups_as_dict(filename_or_obj, **how))

    @override
    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether it is the folder of a repository, on this machine, that holds receivers; no request is made."""
        if not isinstance(filename_or_obj, str | PathLike):
            return False
        try:
            folder = local_path(fspath(filename_or_obj))
            if not all((folder / name).exists() for name in _OF_A_REPOSITORY):
                return False
            repository = open_existing(str(folder))
            return repository is not None and bool(stored_receivers(repository))
        except (GnssiceError, OSError, ValueError):
            return False
