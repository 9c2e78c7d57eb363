"""The epoch axis of a stored group, as it is written in it."""

from collections.abc import Mapping
from typing import Any, cast

import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import Grid
from gnssice_batch.store.layout.documents import Document


def grid_of(attributes: Mapping[str, object], snr: zarr.Array[Any]) -> Grid:
    """The grid of a group with these attributes and this data variable."""
    return Grid(
        interval_ns=integer(attributes, "interval_ns"),
        phase_ns=integer(attributes, "phase_ns"),
        origin_ns=integer(attributes, "origin_ns"),
        size=snr.shape[0],
        unit=cast("tuple[int, int]", snr.shards)[0],
        read_unit=snr.chunks[0],
    )


def grid_of_document(attributes: Mapping[str, object], snr: Document) -> Grid:
    """The grid of a group with these attributes and the document of this data variable."""
    grid, inner = snr["chunk_grid"]["configuration"], snr["codecs"][0]["configuration"]
    return Grid(
        interval_ns=integer(attributes, "interval_ns"),
        phase_ns=integer(attributes, "phase_ns"),
        origin_ns=integer(attributes, "origin_ns"),
        size=snr["shape"][0],
        unit=grid["chunk_shape"][0],
        read_unit=inner["chunk_shape"][0],
    )


def integer(attributes: Mapping[str, object], name: str) -> int:
    """A whole number among the attributes of a group.

    Raises
    ------
    StoreError
        When it is none.
    """
    value = attributes[name]
    if not isinstance(value, int):
        msg = f"attribute {name!r} is {value!r}, not a whole number"
        raise StoreError(msg)
    return value
