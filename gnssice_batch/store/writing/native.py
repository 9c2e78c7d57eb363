"""Virtual chunks of one file overwritten by native ones that hold the same."""

from typing import Any

import icechunk
import numpy as np
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.virtual import StoredSeries, VirtualRow
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.layout.documents import Document, cutting, documents, opened, top_of
from gnssice_batch.store.layout.telling import Told
from gnssice_batch.store.writing.references import array_names, series_units

type Indices = dict[str, list[tuple[int, ...]]]
"""By array the chunks of a file."""


def native_fork(fork: bytes, row: VirtualRow, series: StoredSeries | None, url: str) -> tuple[bytes, Indices]:
    """A fork in which the chunks of a file are native, and which these are; read back and compared.

    Parameters
    ----------
    fork
        Of a clean session; the file's chunks are read through it.
    series
        The array over time that the file is a part of; None for a group of its own.

    Raises
    ------
    StoreError
        When the file can't be read, or what was written is not what was read.
    """
    source, target = fork_of(fork), fork_of(fork)
    told = Told(source, row.group, url, series)
    written: Indices = {}
    root, copy = top_of(source.store), top_of(target.store)
    for name, indices in _units(root, row, series).items():
        virtual = [index for index in indices if _is_virtual(source, f"/{row.group}/{name}", index)]
        if virtual:
            path = f"{row.group}/{name}"
            document = documents(root, [path])[path]
            for index in virtual:
                _overwrite(opened(root, path, document), opened(copy, path, document), index, told)
            written[f"/{path}"] = virtual
    return fork_bytes(target), written


def _units(root: zarr.Group, row: VirtualRow, series: StoredSeries | None) -> Indices:
    if series is not None:
        return series_units(root, series, row)
    names = array_names(root, row.group)
    found = {name: documents(root, [f"{row.group}/{name}"])[f"{row.group}/{name}"] for name in names}
    return {name: [*np.ndindex(*_grid(document))] for name, document in found.items()}


def _grid(document: Document) -> tuple[int, ...]:
    found = cutting(document)
    return tuple(-(-size // length) for size, length in zip(found.shape, found.chunks, strict=True))


def _is_virtual(session: icechunk.Session, path: str, index: tuple[int, ...]) -> bool:
    return session.chunk_type(path, index) is icechunk.ChunkType.virtual


def _overwrite(one: zarr.Array[Any], copy: zarr.Array[Any], index: tuple[int, ...], told: Told) -> None:
    """Write a chunk with the values it has; one of nothing but the fill value is written too."""
    place = tuple(
        slice(number * length, min((number + 1) * length, size))
        for number, length, size in zip(index, one.chunks, one.shape, strict=True)
    )
    with told.of(one, place):
        values = np.asarray(one[place])
    copy.with_config({"write_empty_chunks": True})[place] = values
    back = np.asarray(copy[place])
    if back.dtype != values.dtype or back.tobytes() != values.tobytes():
        msg = f"{one.path}: chunk {index} reads otherwise after it was written; nothing was published"
        raise StoreError(msg)
