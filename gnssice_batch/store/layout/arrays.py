"""The arrays of a group, created from its template, from which the template can be read back."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import zarr
from zarr.core.common import JSON

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import SECOND_NS, Grid
from gnssice_batch.model.template import LAYOUT_VERSION, NO_FCN, ArraySpec, GroupTemplate, signal_axis
from gnssice_batch.store.layout.codecs import encoding

_LAYOUT = frozenset(
    {"layout_version", "interval_s", "phase_s", "interval_ns", "phase_ns", "origin_ns"}
    | {"encoding_profile", "encoding_algorithm", "encoding_level"}
)


def array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """An array of a group.

    Raises
    ------
    StoreError
        When the group has none of this name.
    """
    member = group.get(name)
    if not isinstance(member, zarr.Array):
        msg = f"group {group.path!r} has no array {name!r}: it was not made by this job, or by an older layout of it"
        raise StoreError(msg)
    return member


def create_array(group: zarr.Group, spec: ArraySpec, template: GroupTemplate) -> zarr.Array[Any]:
    """Make an empty array of a group with the template's shape, chunks and codecs."""
    codecs = encoding(
        spec.name, spec.dtype, profile=template.profile, level=template.level, algorithm=template.algorithm
    )
    return group.create_array(
        spec.name,
        shape=template.shape(spec),
        dtype=spec.dtype,
        chunks=template.chunks(spec),
        shards=template.shards(spec),
        fill_value=spec.fill,
        dimension_names=spec.dims,
        attributes=cast("dict[str, JSON]", dict(spec.attributes)),
        config={"write_empty_chunks": False},
        filters=codecs.filters,
        serializer=codecs.serializer,
        compressors=codecs.compressors,
    )


def layout_attributes(template: GroupTemplate) -> dict[str, object]:
    """Attributes that say how a group's axis and arrays are laid out; `read_template` reads them back."""
    grid = template.grid
    return {
        "layout_version": LAYOUT_VERSION,
        "interval_s": grid.interval_ns / SECOND_NS,
        "phase_s": grid.phase_ns / SECOND_NS,
        "interval_ns": grid.interval_ns,
        "phase_ns": grid.phase_ns,
        "origin_ns": grid.origin_ns,
        "encoding_profile": template.profile,
        "encoding_algorithm": template.algorithm,
        "encoding_level": template.level,
    }


def read_template(group: zarr.Group) -> GroupTemplate:
    """The template of a stored group.

    Raises
    ------
    StoreError
        When the group was made by something else, or by another version of the layout.
    """
    attributes = dict(group.attrs)
    version = attributes.get("layout_version")
    if version != LAYOUT_VERSION:
        msg = f"group {group.path!r} has layout version {version}, this program writes {LAYOUT_VERSION}"
        raise StoreError(msg)
    snr = array(group, "SNR")
    unit, width = cast("tuple[int, int]", snr.shards)
    grid = Grid(
        interval_ns=_integer(attributes, "interval_ns"),
        phase_ns=_integer(attributes, "phase_ns"),
        origin_ns=_integer(attributes, "origin_ns"),
        size=snr.shape[0],
        unit=unit,
        read_unit=snr.chunks[0],
    )
    axis = signal_axis([str(sid) for sid in np.asarray(array(group, "sid")[:]).tolist()])
    return GroupTemplate(
        receiver=group.path,
        grid=grid,
        axis=axis,
        shard_sids=width,
        profile=str(attributes["encoding_profile"]),
        algorithm=str(attributes["encoding_algorithm"]),
        level=_integer(attributes, "encoding_level"),
        channels=_channels(group),
        attributes={name: value for name, value in attributes.items() if name not in _LAYOUT},
    )


def _integer(attributes: Mapping[str, object], name: str) -> int:
    value = attributes[name]
    if not isinstance(value, int):
        msg = f"attribute {name!r} is {value!r}, not a whole number"
        raise StoreError(msg)
    return value


def _channels(group: zarr.Group) -> dict[str, int]:
    satellites = np.asarray(array(group, "sv")[:]).tolist()
    channels = np.asarray(array(group, "glonass_fcn")[:]).tolist()
    return {str(sv): int(channel) for sv, channel in zip(satellites, channels, strict=True) if channel != NO_FCN}
