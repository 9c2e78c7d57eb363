"""Groups of references: arrays over time, groups of single files, written into a fork of a clean session."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final

import icechunk
import numpy as np
import numpy.typing as npt
import zarr
from zarr.core.buffer import cpu
from zarr.core.sync import sync

from gnssice_batch.model.fill_values import fill_of_holes
from gnssice_batch.model.virtual import (
    Copied,
    NetcdfFacts,
    NetcdfFile,
    Referenced,
    StoredSeries,
    VirtualRow,
    VirtualState,
)
from gnssice_batch.store.containers import chunk_location
from gnssice_batch.store.layout.codecs import encoding
from gnssice_batch.store.layout.columns import write_column
from gnssice_batch.store.layout.documents import (
    Document,
    document_of,
    documents,
    group_document,
    opened,
    put_documents,
    top_of,
    with_shape,
)
from gnssice_batch.store.layout.virtual_groups import file_attributes, series_attributes
from gnssice_batch.store.writing.changes import Units, changed_units

type Chunks = dict[str, set[tuple[int, ...]]]

TIME_UNITS: Final = "nanoseconds since 1980-01-06"
_TIME_CHUNK: Final = 1 << 20
_TIME_ERROR_NS: Final = 1_000
"""Of a time of modification, which listings give as a floating-point number of seconds."""
_OURS: Final = frozenset({"layout_version", "gnssice_virtual", "source_format"})
"""Attributes of files that would make their group pass for another kind of ours."""
_COMPRESSED: Final = {"name": "zstd", "configuration": {"level": 5, "checksum": True}}


@dataclass(frozen=True, slots=True)
class Archive:
    """How references name their files."""

    container: str
    tagged: bool
    """Whether Icechunk compares ETags, as it does in object stores; else the time of the last modification."""

    def checksum(self, file: NetcdfFile) -> datetime | str | None:
        """What a file must still have when it is read: Icechunk keeps times in whole seconds, so the next one."""
        if self.tagged:
            return file.etag or None
        seconds = -(-(file.modified_ns + _TIME_ERROR_NS) // 10**9)
        return datetime.fromtimestamp(seconds, UTC) if file.modified_ns else None


@dataclass(slots=True)
class Written:
    """The chunks that were written or removed, to hold the commit against."""

    references: Chunks
    """Of arrays that hold nothing else."""
    removed: Chunks
    others: set[str]
    """Arrays that hold copied values."""

    def note(self, kind: Chunks, path: str, indices: Iterable[tuple[int, ...]]) -> None:
        """Take down chunks of an array."""
        kind.setdefault(f"/{path}", set()).update(indices)

    def wrong(self, found: Units, moved: Units) -> Iterator[str]:
        """A sentence for each array whose changed chunks are not these.

        Parameters
        ----------
        moved
            Chunks that moved because their array begins earlier now.
        """
        for path, indices in found.items():
            allowed = self.references.get(path, set()) | self.removed.get(path, set()) | moved.get(path, frozenset())
            if path not in self.others and not indices <= allowed:
                yield f"{path}: {len(indices - allowed)} chunks not planned, {min(indices - allowed)} for one"
        for path, wanted in self.references.items():
            if missing := wanted - found.get(path, frozenset()):
                yield f"{path}: {len(missing)} chunks missing, {min(missing)} for one"


def remove_rows(fork: icechunk.ForkSession, rows: Iterable[VirtualRow], stored: Mapping[str, StoredSeries]) -> Written:
    """Take away what files gave: their groups, or their chunks of arrays over time."""
    written = Written({}, {}, set())
    root = top_of(fork.store)
    for row in rows:
        series = stored.get(row.group)
        if series is None:
            sync(fork.store.delete_dir(row.group))
            continue
        for name, document in _along_time(root, row.group, series.profile.time).items():
            path = f"{row.group}/{name}"
            indices = list(_indices(document, series, row.first_ns, row.epochs))
            sync(_delete(fork.store, path, indices))
            written.note(written.removed, path, indices)
    return written


def write_series(
    fork: icechunk.ForkSession,
    current: StoredSeries | None,
    wanted: StoredSeries,
    files: Sequence[NetcdfFacts],
    written: Written,
) -> Units:
    """Make the group of an array over time, or lengthen it; the chunks that had to move.

    Parameters
    ----------
    files
        Of it, at least one: a new group gets what they have in common.
    """
    root, sample = top_of(fork.store), files[0]
    attributes = series_attributes(wanted)
    if current is None:
        put_documents(root, {wanted.receiver: group_document(_shared(files) | attributes)})
        put_documents(root, {f"{wanted.receiver}/{name}": one for name, one in _series_arrays(wanted, sample).items()})
        _write_static(root, wanted, sample)
    else:
        told = documents(root, [wanted.receiver])[wanted.receiver]
        put_documents(root, {wanted.receiver: group_document(told.get("attributes", {}) | attributes)})
    arrays = _along_time(root, wanted.receiver, wanted.profile.time)
    moved = _reshaped(fork, root, current, wanted, arrays) if current else {}
    _write_times(root, current, wanted)
    written.others |= {f"/{wanted.receiver}/{one.name}" for one in sample.copied}
    return moved


def place_in_series(
    fork: icechunk.ForkSession, series: StoredSeries, facts: NetcdfFacts, archive: Archive, written: Written
) -> None:
    """Refer to a file where it lies in an array over time; what is short is copied there."""
    slot = series.grid.slot(facts.first_ns)
    for one in facts.referenced:
        document = json.loads(one.document)
        at = document["dimension_names"].index(series.profile.time)
        length = document["chunk_grid"]["configuration"]["chunk_shape"][at]
        offset = tuple(slot // length if dim == at else 0 for dim in range(len(one.grid)))
        _refer(fork, f"{series.receiver}/{one.name}", one, facts.file, archive, written, offset)
    root = top_of(fork.store)
    for copied in facts.copied:
        dims = json.loads(copied.document)["dimension_names"]
        if copied.name != series.profile.time and series.profile.time in dims:
            name = f"{series.receiver}/{copied.name}"
            target = opened(root, name, documents(root, [name])[name])
            place = tuple(
                slice(slot, slot + facts.epochs) if dim == series.profile.time else slice(None) for dim in dims
            )
            target[place] = values_of(copied, target)


def write_file(fork: icechunk.ForkSession, group: str, facts: NetcdfFacts, archive: Archive, written: Written) -> None:
    """Make a group of one file."""
    root = top_of(fork.store)
    parent = group.rpartition("/")[0]
    made = {parent: group_document({})} if parent and not documents(root, (), [parent]) else {}
    put_documents(root, made | {group: group_document(_attributes(facts) | file_attributes(facts.file.uri))})
    arrays: tuple[Referenced | Copied, ...] = (*facts.referenced, *facts.copied)
    put_documents(root, {f"{group}/{one.name}": json.loads(one.document) for one in arrays})
    for one in facts.referenced:
        _refer(fork, f"{group}/{one.name}", one, facts.file, archive, written)
    for copied in facts.copied:
        _write_copied(root, f"{group}/{copied.name}", copied)
        written.others.add(f"/{group}/{copied.name}")


def values_of(copied: Copied, target: zarr.Array[Any]) -> npt.NDArray[Any]:
    """The values of a copied array in its own shape, for an array of its type."""
    shape = tuple(json.loads(copied.document)["shape"])
    if not copied.packed:
        return np.array(copied.texts, target.dtype).reshape(shape)
    return np.frombuffer(copied.raw, target.dtype.newbyteorder("<")).reshape(shape)


def with_state(rows: Iterable[VirtualRow], state: VirtualState) -> Iterator[VirtualRow]:
    """The rows, their values being elsewhere now."""
    return (replace(row, state=state) for row in rows)


def _attributes(facts: NetcdfFacts) -> dict[str, Any]:
    return {name: value for name, value in json.loads(facts.attributes).items() if name not in _OURS}


def _shared(files: Sequence[NetcdfFacts]) -> dict[str, Any]:
    """The attributes that all files have."""
    first, *others = (_attributes(one) for one in files)
    return {name: value for name, value in first.items() if all(name in one and one[name] == value for one in others)}


def _series_arrays(series: StoredSeries, sample: NetcdfFacts) -> dict[str, Document]:
    time, found = series.profile.time, dict[str, Document]()
    arrays: tuple[Referenced | Copied, ...] = (*sample.referenced, *sample.copied)
    for one in arrays:
        document = json.loads(one.document)
        dims = document["dimension_names"]
        if one.name == time:
            found[time] = _time_document(series, document["attributes"])
        elif time not in dims:
            found[one.name] = document
        else:
            filled = {**document, "fill_value": fill_of_holes(document)}
            found[one.name] = _lengthened(filled, time, series.grid.size)
            if isinstance(one, Copied):
                found[one.name] = _in_chunks(found[one.name], time, series.grid.chunk_epochs)
    return found


def _time_document(series: StoredSeries, attributes: Mapping[str, Any]) -> Document:
    kept = {name: value for name, value in attributes.items() if name != "_FillValue"}
    document = document_of(
        (series.profile.time,),
        encoding("epoch", "int64", profile="default", level=5),
        dtype="int64",
        chunks=(_TIME_CHUNK,),
        fill_value=0,
        attributes={**kept, "units": TIME_UNITS, "calendar": "proleptic_gregorian"},
    )
    return with_shape(document, (series.grid.size,))


def _lengthened(document: Document, time: str, size: int) -> Document:
    dims = document["dimension_names"]
    shape = tuple(size if dim == time else length for dim, length in zip(dims, document["shape"], strict=True))
    return with_shape(document, shape)


def _in_chunks(document: Document, time: str, length: int) -> Document:
    """A copied array in chunks that belong to one file each."""
    shape = document["chunk_grid"]["configuration"]["chunk_shape"]
    chunks = [length if dim == time else size for dim, size in zip(document["dimension_names"], shape, strict=True)]
    codecs = [*document["codecs"], _COMPRESSED]
    return {**document, "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}}, "codecs": codecs}


def _write_static(root: zarr.Group, series: StoredSeries, sample: NetcdfFacts) -> None:
    for copied in sample.copied:
        if series.profile.time not in json.loads(copied.document)["dimension_names"]:
            _write_copied(root, f"{series.receiver}/{copied.name}", copied)


def _write_copied(root: zarr.Group, name: str, copied: Copied) -> None:
    document = json.loads(copied.document)
    if math.prod(document["shape"]) == 0:
        return
    target = opened(root, name, document)
    if copied.packed:
        key = target.metadata.encode_chunk_key((0,) * len(document["shape"]))
        sync((target.store_path / key).set(cpu.Buffer.from_bytes(copied.raw)))
    else:
        target[...] = values_of(copied, target)


def _along_time(root: zarr.Group, receiver: str, time: str) -> dict[str, Document]:
    """The arrays of a group along time, but for the time coordinate."""
    names = [name for name in array_names(root, receiver) if name != time]
    found = documents(root, [f"{receiver}/{name}" for name in names])
    return {
        name.rpartition("/")[2]: document
        for name, document in found.items()
        if time in (document.get("dimension_names") or ())
    }


def array_names(root: zarr.Group, receiver: str) -> list[str]:
    """The names of the arrays of a group, sorted."""
    group = zarr.open_group(root.store, path=receiver, mode="r", zarr_format=3)
    return sorted(group.array_keys())


def _reshaped(
    fork: icechunk.ForkSession,
    root: zarr.Group,
    current: StoredSeries,
    wanted: StoredSeries,
    arrays: Mapping[str, Document],
) -> Units:
    time = wanted.profile.time
    before = (current.grid.origin_ns - wanted.grid.origin_ns) // wanted.grid.interval_ns
    longer = {name: _lengthened(document, time, wanted.grid.size) for name, document in arrays.items()}
    changed = {f"{wanted.receiver}/{name}": one for name, one in longer.items() if one != arrays[name]}
    put_documents(root, changed)
    if not before:
        return {}
    for name, document in longer.items():
        lengths = document["chunk_grid"]["configuration"]["chunk_shape"]
        offset = tuple(
            before // length if dim == time else 0
            for dim, length in zip(document["dimension_names"], lengths, strict=True)
        )
        fork.shift_array(f"/{wanted.receiver}/{name}", offset)
    found = changed_units(fork)
    return {path: indices for path, indices in found.items() if path.startswith(f"/{wanted.receiver}/")}


def _write_times(root: zarr.Group, current: StoredSeries | None, wanted: StoredSeries) -> None:
    name, grid = f"{wanted.receiver}/{wanted.profile.time}", wanted.grid
    document = with_shape(documents(root, [name])[name], (grid.size,))
    put_documents(root, {name: document})
    start = 0
    if current is not None and current.grid.origin_ns == grid.origin_ns:
        start = current.grid.size // _TIME_CHUNK * _TIME_CHUNK
    target = opened(root, name, document)
    for first in range(start, grid.size, _TIME_CHUNK):
        count = np.arange(first, min(first + _TIME_CHUNK, grid.size), dtype=np.int64)
        write_column(target, first, grid.origin_ns + count * grid.interval_ns)


def _refer(  # noqa: PLR0913, PLR0917 - which array of which file, how it is named, where it goes
    fork: icechunk.ForkSession,
    path: str,
    one: Referenced,
    file: NetcdfFile,
    archive: Archive,
    written: Written,
    offset: tuple[int, ...] | None = None,
) -> None:
    if not one.lengths.size:
        return
    place, first = chunk_location(archive.container, file.uri), offset or (0,) * len(one.grid)
    fork.store.set_virtual_refs_arr(
        f"/{path}",
        one.grid,
        [place if length else "" for length in one.lengths],
        one.offsets,
        one.lengths,
        validate_containers=False,
        arr_offset=first,
        checksum=archive.checksum(file),
    )
    there = np.argwhere(one.lengths.reshape(one.grid) > 0) + np.array(first)
    written.note(written.references, path, map(tuple, there.tolist()))


def _indices(document: Document, series: StoredSeries, first_ns: int, epochs: int) -> Iterator[tuple[int, ...]]:
    """The chunks of an array that hold epochs of a file."""
    lengths = document["chunk_grid"]["configuration"]["chunk_shape"]
    slot = series.grid.slot(first_ns)
    parts = []
    for dim, size, length in zip(document["dimension_names"], document["shape"], lengths, strict=True):
        along = dim == series.profile.time
        parts.append(range(slot // length, -(-(slot + epochs) // length)) if along else range(-(-size // length)))
    yield from product(*parts)


async def _delete(store: Any, path: str, indices: Sequence[tuple[int, ...]]) -> None:
    for index in indices:
        await store.delete(f"{path}/c/{'/'.join(map(str, index))}")


def series_units(root: zarr.Group, series: StoredSeries, row: VirtualRow) -> dict[str, list[tuple[int, ...]]]:
    """By array the chunks that hold epochs of a file in an array over time."""
    arrays = _along_time(root, series.receiver, series.profile.time)
    return {name: list(_indices(document, series, row.first_ns, row.epochs)) for name, document in arrays.items()}
