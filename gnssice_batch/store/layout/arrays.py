"""The arrays of a group, created from its template, from which the template can be read back."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, cast

import numpy.typing as npt
import zarr
from zarr.core.common import JSON

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.template import (
    JOINED,
    JOINED_SOURCE,
    LAYOUT_VERSION,
    NO_FCN,
    OLDER_LAYOUTS,
    RINEX,
    ArraySpec,
    Contents,
    GroupTemplate,
    signal_axis,
)
from gnssice_batch.model.vod_contents import CONTENTS
from gnssice_batch.store.layout.axis import grid_of, integer
from gnssice_batch.store.layout.codecs import encoding
from gnssice_batch.store.layout.damage import cells_of
from gnssice_batch.store.layout.documents import Document, cutting, document_of, documents, put_documents, with_shape
from gnssice_batch.store.layout.short_arrays import short_arrays
from gnssice_batch.store.together import together

COVERAGE_ATTRIBUTES = ("time_coverage_start", "time_coverage_end", "first_epoch_ns", "last_epoch_ns")
"""Attributes that say between which epochs a group holds anything; each publication writes them."""

_PRODUCT = "product"
"""Attribute of groups that hold anything but observations."""
_SPECS = {spec.name: spec for contents in CONTENTS.values() for spec in (*contents.arrays, *contents.joined)}
_LAYOUT = frozenset(
    {"layout_version", "interval_s", "phase_s", "interval_ns", "phase_ns", "origin_ns"}
    | {"tolerance_s", "tolerance_ns", *COVERAGE_ATTRIBUTES}
    | {"encoding_profile", "encoding_algorithm", "encoding_level", _PRODUCT}
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


def create_arrays(group: zarr.Group, specs: Iterable[ArraySpec], template: GroupTemplate) -> dict[str, Document]:
    """Make empty arrays of a group with the template's shapes, chunks and codecs; their documents by name."""
    made = array_documents(specs, template)
    put_documents(group, made)
    return made


def array_documents(specs: Iterable[ArraySpec], template: GroupTemplate) -> dict[str, Document]:
    """The documents of arrays with the template's shapes, chunks and codecs, by name."""
    made = {}
    for spec in specs:
        encoded = (template.profile, template.level, template.algorithm)
        document = _document(spec.name, template.chunks(spec), template.shards(spec), *encoded)
        made[spec.name] = with_shape(document, template.shape(spec))
    return made


@lru_cache(maxsize=1024)
def _document(
    name: str, chunks: tuple[int, ...], shards: tuple[int, ...] | None, profile: str, level: int, algorithm: str
) -> Document:
    """What Zarr makes of an array of the template, of no cells."""
    spec = _SPECS[name]
    codecs = encoding(name, spec.dtype, profile=profile, level=level, algorithm=algorithm)
    attributes = cast("dict[str, JSON]", dict(spec.attributes))
    words = {"dtype": spec.dtype, "chunks": chunks, "shards": shards, "fill_value": spec.fill, "attributes": attributes}
    return document_of(spec.dims, codecs, **words)


def read_together(group: zarr.Group, names: Iterable[str], rows: slice) -> dict[str, npt.NDArray[Any]]:
    """Rows of several arrays of a group by name, signal by signal in memory, asked for at the same time."""
    arrays = {name: array(group, name).with_config({"order": "F"}) for name in names}
    return dict(zip(arrays, together(partial(cells_of, one, rows) for one in arrays.values()), strict=True))


def joined_cells(group: zarr.Group, start: int, epochs: int) -> dict[str, npt.NDArray[Any]]:
    """Arrays of `JOINED` (epochs, S) by name of a span of the axis; none where no files were joined in it."""
    if joined_source(group, start, epochs) is None:
        return {}
    return read_together(group, [spec.name for spec in JOINED], slice(start, start + epochs))


def joined_source(group: zarr.Group, start: int, epochs: int) -> npt.NDArray[Any] | None:
    """The first array of `JOINED` (epochs, S) of a span of the axis; None where no files were joined in it."""
    source = group.get(JOINED_SOURCE)
    if not isinstance(source, zarr.Array):
        return None
    cells = cells_of(source, slice(start, start + epochs))
    return None if (cells == source.fill_value).all() else cells


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
        **_tolerance(template.tolerance_ns),
        **({} if template.contents is RINEX else {_PRODUCT: template.contents.product}),
    }


def contents_of(path: str, attributes: Mapping[str, object]) -> Contents:
    """What a group with these attributes holds.

    Raises
    ------
    StoreError
        When this program does not know its product.
    """
    product = attributes.get(_PRODUCT, RINEX.product)
    if product not in CONTENTS:
        msg = f"group {path!r} holds {product!r}, which this program does not know: use the version that has written it"
        raise StoreError(msg)
    return CONTENTS[str(product)]


def check_layout(path: str, attributes: Mapping[str, object]) -> None:
    """Refuse a group with these attributes that this program can't go on with.

    Raises
    ------
    StoreError
        When it was made by something else, or by a later version of the layout.
    """
    version = attributes.get("layout_version")
    if version in {LAYOUT_VERSION, *OLDER_LAYOUTS}:
        return
    if version is None:
        raise StoreError(f"group {path!r} was not made by gnssice-batch: it says no layout version")
    msg = f"group {path!r} has layout version {version}, this program knows those up to {LAYOUT_VERSION}"
    raise StoreError(f"{msg}: use the version of gnssice-batch that has written it; nothing was changed")


def read_template(group: zarr.Group) -> GroupTemplate:
    """The template of a stored group.

    Raises
    ------
    StoreError
        When the group was made by something else, or by another version of the layout.
    """
    attributes = dict(group.attrs)
    check_layout(group.path, attributes)
    contents = contents_of(group.path, attributes)
    first = contents.variables[0].name
    found = documents(group, (first, "sid", "glonass_fcn"), optional=[JOINED_SOURCE])
    snr = cutting(found[first])
    if snr.shards is None:
        msg = f"the arrays of group {group.path!r} are not sharded: another program has written over them"
        raise StoreError(msg)
    along_sid = short_arrays(group, {name: found[name] for name in ("sid", "glonass_fcn")})
    axis = signal_axis([str(name) for name in along_sid["sid"]])
    return GroupTemplate(
        receiver=group.path,
        grid=grid_of(attributes, snr),
        axis=axis,
        shard_sids=cast("tuple[int, int]", snr.shards)[1],
        profile=str(attributes["encoding_profile"]),
        algorithm=str(attributes["encoding_algorithm"]),
        level=integer(attributes, "encoding_level"),
        channels=_channels(axis.sids, along_sid["glonass_fcn"]),
        attributes={name: value for name, value in attributes.items() if name not in _LAYOUT},
        joins=JOINED_SOURCE in found or not contents.joined,
        tolerance_ns=integer(attributes, "tolerance_ns") if "tolerance_ns" in attributes else None,
        contents=contents,
    )


def _tolerance(tolerance_ns: int | None) -> dict[str, object]:
    return {} if tolerance_ns is None else {"tolerance_s": tolerance_ns / SECOND_NS, "tolerance_ns": tolerance_ns}


def _channels(sids: Sequence[str], stored: Sequence[Any]) -> dict[str, int]:
    """By GLONASS satellite its channel."""
    channels = zip(sids, stored, strict=True)
    return {sid.partition("|")[0]: int(channel) for sid, channel in channels if channel != NO_FCN}
