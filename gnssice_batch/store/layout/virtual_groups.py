"""How groups of a virtual repository are laid out: what their attributes say."""

from collections.abc import Mapping
from typing import Any, Final

import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.virtual import Profile, SeriesGrid, StoredSeries
from gnssice_batch.records import dump, load

MARK: Final = "gnssice_virtual"
"""Attribute of the root and of every group: that this program makes it, and how."""
VERSION: Final = 1
SOURCE_FORMAT: Final = "netcdf"
"""Attribute `source_format` of the root."""


def series_attributes(series: StoredSeries) -> dict[str, object]:
    """What the group of an array over time says of it."""
    return {MARK: {"kind": "series", "version": VERSION, "grid": dump(series.grid), "profile": dump(series.profile)}}


def file_attributes(uri: str) -> dict[str, object]:
    """What the group of one file says of it."""
    return {MARK: {"kind": "file", "version": VERSION, "uri": uri}}


def is_virtual(group: zarr.Group) -> bool:
    """Whether a group is one of a virtual repository of this program."""
    return MARK in group.attrs


def series_of(group: zarr.Group) -> StoredSeries | None:
    """The array over time that a group is; None for another group.

    Raises
    ------
    StoreError
        When a later version of this program made it.
    """
    return series_in(group.path, dict(group.attrs))


def series_in(receiver: str, attributes: Mapping[str, Any]) -> StoredSeries | None:
    """The array over time that attributes of a group tell of; likewise."""
    told = attributes.get(MARK)
    if not isinstance(told, Mapping) or told.get("kind") != "series":
        return None
    check_version(receiver, told)
    try:
        return StoredSeries(receiver, load(Profile, told["profile"]), load(SeriesGrid, told["grid"]))
    except (ValueError, KeyError) as error:
        msg = f"group {receiver!r}: its attribute {MARK} is not what this program writes: {error}"
        raise StoreError(msg) from error


def check_version(name: str, told: Mapping[str, Any]) -> None:
    """Refuse what a later version of this program made.

    Raises
    ------
    StoreError
        When one did.
    """
    version = told.get("version", VERSION)
    if not isinstance(version, int) or version > VERSION:
        msg = f"group {name!r} was made by a later version of gnssice-batch: install that"
        raise StoreError(msg)
