"""The files of an archive of NetCDF files, by receiver."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from gnssice_batch import config
from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.archive.ownership import group_name, receiver_part
from gnssice_batch.config.looking import is_hidden
from gnssice_batch.errors import ArchiveError, ConfigError, PlanError
from gnssice_batch.model.virtual import NetcdfFile
from gnssice_batch.storage.entries import Entry
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.location import Location
from gnssice_batch.storage.urls import place
from gnssice_batch.virtual.planning import OWN_GROUPS

_RESERVED = frozenset({"metadata", "zarr.json"})


@dataclass(frozen=True, slots=True)
class NetcdfListing:
    """An archive of NetCDF files as listed."""

    files: tuple[NetcdfFile, ...]
    """Sorted by name."""
    skipped: tuple[str, ...] = ()
    """Names that the layout does not fit."""


def virtual_settings(settings: config.Settings) -> config.Virtual:
    """The section ``virtual`` of the settings.

    Raises
    ------
    ConfigError
        When there is none.
    """
    if settings.virtual is None:
        msg = "there is no section virtual: give virtual.url, the folder of the NetCDF4 files (docs/virtual.md)"
        raise ConfigError(msg)
    return settings.virtual


def archive_of(settings: config.Settings) -> Location:
    """Where the NetCDF files are; reached as the archive of observation files is, where nothing else is said.

    Raises
    ------
    ConfigError
        When the settings name no such archive.
    """
    virtual = virtual_settings(settings)
    same = place(virtual.url).kind is place(settings.archive.url).kind
    given = virtual.storage_options.given() or not same
    return Location(virtual.url, virtual.storage_options if given else settings.archive.storage_options)


def access_of(where: Location) -> ArchiveAccess:
    """How a worker fetches files of the archive."""
    return ArchiveAccess(Folder(where.url, where.options))


def list_netcdf(virtual: config.Virtual, where: Location) -> NetcdfListing:
    """List an archive of NetCDF files.

    Raises
    ------
    ArchiveError
        When it can't be listed.
    PlanError
        When a receiver would have a name that is needed for something else.
    """
    entries = _entries(where)
    part_of = receiver_part(virtual.layout)
    owners = {uri: group_name(part) for uri in entries if (part := part_of(uri)) and not _left_out(uri, virtual)}
    taken = [name for name in sorted(set(owners.values())) if name in _RESERVED or name.endswith(OWN_GROUPS)]
    if taken:
        raise PlanError(
            [f"{name} can't name a receiver of a virtual repository: change virtual.layout" for name in taken]
        )
    files = tuple(_file(uri, owners[uri], entries[uri]) for uri in sorted(owners) if owners[uri])
    there = {file.uri for file in files}
    return NetcdfListing(files, tuple(uri for uri in sorted(entries) if uri not in there))


def _entries(where: Location) -> dict[str, Entry]:
    folder = Folder(where.url, where.options)
    try:
        found = folder.listed(enter=lambda name: not is_hidden(name)).files
        if found.keys() <= {""} and not folder.exists():
            msg = f"the archive {where.url} is not there, or is not a folder: check virtual.url"
            raise ArchiveError(msg)
    except OSError as error:
        msg = f"the archive {where.url} can't be listed: {error}"
        raise ArchiveError(msg) from error
    return found


def _left_out(uri: str, virtual: config.Virtual) -> bool:
    return is_hidden(uri) or any(fnmatchcase(uri, pattern) for pattern in virtual.exclude)


def _file(uri: str, receiver: str, entry: Entry) -> NetcdfFile:
    modified_ns = round(entry.modified_s * 1e9) if entry.modified_s else 0
    return NetcdfFile(uri, receiver, entry.size_bytes, entry.etag, modified_ns)
