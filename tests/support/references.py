"""NetCDF-like files as plain bytes with the facts that are read from them, and repositories that refer to them."""

import json
import zlib
from dataclasses import dataclass

import icechunk
import numpy as np
import zarr

from gnssice_batch.model.virtual import (
    Copied,
    NetcdfFacts,
    NetcdfFile,
    Profile,
    Referenced,
    SeriesGrid,
    StoredSeries,
)
from gnssice_batch.storage.location import location
from gnssice_batch.store.containers import container_of, with_container
from gnssice_batch.store.writing.references import Archive, Written

EPOCHS, INTERVAL_NS, FIRST_NS = 4, 10, 1000
"""A file has so many epochs; the first of all is so many ns after 1980-01-06."""
SIDS = ("G01|L1|C", "G02|L1|C", "R01|G1|C")
RECEIVER = "canopy"
PROFILE = Profile("epoch", "v", "d", "s", "c", "k", "a", INTERVAL_NS, EPOCHS)
TIME_ATTRIBUTES = {"units": "ns since then", "calendar": "gregorian", "_FillValue": -1, "of": "file"}
BYTES = {"name": "bytes", "configuration": {"endian": "little"}}


def document(dims, shape, chunks, dtype="float32", fill=0.0, **attributes):
    """The ``zarr.json`` of an array, uncompressed."""
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": [{"name": "vlen-utf8"}] if dtype == "string" else [BYTES],
        "attributes": attributes,
        "dimension_names": list(dims),
        "storage_transformers": [],
    }


@dataclass(frozen=True)
class Made:
    """A file and what is in it."""

    facts: NetcdfFacts
    snr: np.ndarray
    phase: np.ndarray
    clock: np.ndarray
    angle: np.ndarray


def referenced(file, name, values, chunks, hole=None):
    """Write the chunks of an array behind each other, the last ones filled up; facts of where they are."""
    grid = tuple(-(-size // length) for size, length in zip(values.shape, chunks, strict=True))
    offsets, lengths = [], []
    for at, place in enumerate(np.ndindex(*grid)):
        whole = np.zeros(chunks, values.dtype)
        part = values[tuple(slice(one * length, (one + 1) * length) for one, length in zip(place, chunks, strict=True))]
        whole[tuple(slice(size) for size in part.shape)] = part
        offsets.append(0 if at == hole else file.tell())
        lengths.append(0 if at == hole else file.write(whole.tobytes()))
    made = document(("epoch", "sid"), values.shape, chunks, values.dtype.name, units="x")
    numbers = (np.array(each, np.uint64) for each in (offsets, lengths))
    return Referenced(name, json.dumps(made), grid, *numbers)


def copied(name, dims, values, dtype, fill=0.0, **attributes):
    """Facts of an array whose values are taken along."""
    chunks = [max(size, 1) for size in np.shape(values)]
    made = json.dumps(document(dims, np.shape(values), chunks, dtype, fill, **attributes))
    if dtype == "string":
        return Copied(name, made, texts=tuple(values))
    raw = np.asarray(values, dtype).astype(np.dtype(dtype).newbyteorder("<")).tobytes()
    return Copied(name, made, zlib.compress(raw))


def made_file(folder, uri, day=0, *, hole=None, attributes=None):
    """Write a file of 4 epochs: SNR in chunks of 2 epochs and 2 signals, Phase in one chunk, short arrays beside."""
    rng = np.random.default_rng(day + 100)
    snr, phase = rng.random((EPOCHS, 3)).astype("f4"), rng.random((EPOCHS, 3))
    clock, angle, first = rng.random(EPOCHS), rng.random((3, EPOCHS)), FIRST_NS + day * EPOCHS * INTERVAL_NS
    path = folder / uri
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"HEAD")
        arrays = (referenced(file, "SNR", snr, (2, 2), hole), referenced(file, "Phase", phase, (4, 3)))
    short = (
        copied("epoch", ("epoch",), [0, 10, 20, 30], "int64", 0, **TIME_ATTRIBUTES),
        copied("clock", ("epoch",), clock, "float64"),
        copied("angle", ("sid", "epoch"), angle, "float64"),
        copied("sid", ("sid",), SIDS, "string", ""),
        copied("freq", ("sid",), [1.5, 2.5, 3.5], "float64"),
        copied("height", (), 7, "int32", 0),
        copied("notes", ("note",), [], "float64"),
    )
    stat = path.stat()
    file = NetcdfFile(uri, RECEIVER, stat.st_size, "tag", stat.st_mtime_ns)
    told = json.dumps({"layout_version": 9, "Institution": "one", "day": day, **(attributes or {})})
    facts = NetcdfFacts(file, "hash", told, arrays, short, PROFILE, first, first + 30, EPOCHS)
    return Made(facts, snr, phase, clock, angle)


def series(first_day, days):
    """The array over time of some days."""
    grid = SeriesGrid(FIRST_NS + first_day * EPOCHS * INTERVAL_NS, INTERVAL_NS, EPOCHS, days * EPOCHS)
    return StoredSeries(RECEIVER, PROFILE, grid)


class Referring:
    """A repository in memory, whose archive is a folder."""

    archive = Archive("archive", tagged=False)

    def __init__(self, folder):
        where = location(str(folder))
        made = icechunk.Repository.create(icechunk.in_memory_storage())
        self.handle = with_container(made, container_of("archive", where), where)
        self.written = Written({}, {}, set())
        with self.forked("root") as fork:
            zarr.create_group(fork.store, attributes={"of": "root"})

    def forked(self, message="more"):
        """A fork that is merged and committed at the end; what its commit changes stays in ``changed``."""
        return _Forked(self, message)

    def root(self):
        """The root group at the head."""
        return zarr.open_group(self.handle.readonly_session("main").store, mode="r")


class _Forked:
    def __init__(self, owner, message):
        self.owner, self.message = owner, message

    def __enter__(self):
        self.session = self.owner.handle.writable_session("main")
        self.fork = self.session.fork()
        self.owner.written = Written({}, {}, set())
        return self.fork

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.session.merge(self.fork)
            changed = self.session.status().updated_chunks
            self.owner.changed = {path: frozenset(map(tuple, found)) for path, found in changed.items() if found}
            self.session.commit(self.message)
