"""Chunks of a file made native: all of them, with the values that they have, and none that was so already."""

import icechunk
import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.virtual import NetcdfFile, SeriesGrid, StoredSeries, VirtualRow, VirtualState
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.layout.virtual_files import write_rows
from gnssice_batch.store.writing import native as module
from gnssice_batch.store.writing.changes import changed_units
from gnssice_batch.store.writing.native import native_fork
from tests.virtual.test_planning import COMMON

VALUES = {
    "wide": np.arange(15, dtype="<i2").reshape(5, 3),
    "empty": np.zeros((4, 3), "<i2"),
    "odd": np.array([[np.nan, -0.0, np.inf]] * 2, "<f4"),
}
"""In chunks of two rows, the last of which may lie beyond the end."""


def chunks_of(values):
    """Bytes of the chunks of an array, whole."""
    padded = np.concatenate([values, np.full((len(values) % 2, values.shape[1]), 7, values.dtype)])
    return [padded[first : first + 2].tobytes() for first in range(0, len(padded), 2)]


class Site:
    """A repository whose group ``g`` refers to a file."""

    def __init__(self, folder):
        self.file, self.url = folder / "archive" / "a.nc", str(folder / "repository")
        self.file.parent.mkdir()
        prefix = f"file://{self.file.parent}/"
        configuration = icechunk.RepositoryConfig.default()
        store = icechunk.local_filesystem_store(str(self.file.parent))
        configuration.set_virtual_chunk_container(icechunk.VirtualChunkContainer(prefix, store))
        access = icechunk.containers_credentials({prefix: icechunk.Credentials.LocalFileSystemAccess()})
        self.handle = icechunk.Repository.create(
            icechunk.local_filesystem_storage(self.url), config=configuration, authorize_virtual_chunk_access=access
        )
        session = self.handle.writable_session("main")
        group = zarr.create_group(session.store, path="g")
        content = b"header"
        for name, values in VALUES.items():
            one = group.create_array(
                name,
                shape=values.shape,
                chunks=(2, 3),
                dtype=values.dtype,
                compressors=None,
                fill_value=0,
                dimension_names=("epoch", "x"),
            )
            for at, chunk in enumerate(chunks_of(values)):
                session.store.set_virtual_ref(
                    f"g/{one.basename}/c/{at}/0", f"{prefix}a.nc", offset=len(content), length=len(chunk)
                )
                content += chunk
        group.create_array("copied", shape=(3,), dtype="i4")[:] = 1
        self.file.write_bytes(content)
        stat = self.file.stat()
        self.row = VirtualRow(
            NetcdfFile("a.nc", "g", stat.st_size, "", stat.st_mtime_ns), VirtualState.VIRTUAL, "g", epochs=2
        )
        write_rows(zarr.open_group(session.store), {}, [self.row])
        session.commit("references")

    def fork(self):
        return fork_bytes(self.handle.writable_session("main").fork())

    def published(self, fork):
        session = self.handle.writable_session("main")
        session.merge(fork_of(fork))
        session.commit("native")


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


WHOLE = {"/g/wide": [(0, 0), (1, 0), (2, 0)], "/g/empty": [(0, 0), (1, 0)], "/g/odd": [(0, 0)]}


def test_all_chunks_of_a_file_become_native_and_hold_what_they_held(site):
    fork, written = native_fork(site.fork(), site.row, None, site.url)
    assert written == WHOLE
    assert {path: sorted(found) for path, found in changed_units(fork_of(fork)).items()} == WHOLE
    site.published(fork)
    site.file.unlink()
    session = site.handle.readonly_session("main")
    for name, values in VALUES.items():
        found = zarr.open_array(session.store, path=f"g/{name}", mode="r")[...]
        assert (found.dtype, found.tobytes()) == (values.dtype, values.tobytes())
        assert session.chunk_type(f"/g/{name}", (0, 0)) is not icechunk.ChunkType.virtual
        assert session.chunk_type(f"/g/{name}", (0, 0)) is not icechunk.ChunkType.uninitialized
    assert native_fork(site.fork(), site.row, None, site.url)[1] == {}


def test_of_an_array_over_time_those_are_that_hold_the_epochs_of_the_file(site):
    series = StoredSeries("g", COMMON, SeriesGrid(0, COMMON.interval_ns, 2, 4))
    assert COMMON.time == "epoch"
    row = VirtualRow(site.row.file, site.row.state, "g", first_ns=2 * COMMON.interval_ns, epochs=2)
    fork, written = native_fork(site.fork(), row, series, site.url)
    assert written == {"/g/wide": [(1, 0)], "/g/empty": [(1, 0)]}
    assert changed_units(fork_of(fork)) == {"/g/wide": {(1, 0)}, "/g/empty": {(1, 0)}}


def test_a_file_that_is_not_what_it_was_is_told(site):
    site.file.write_bytes(site.file.read_bytes() + b"more")
    with pytest.raises(StoreError, match=r"a\.nc: .*instead of"):
        native_fork(site.fork(), site.row, None, site.url)


@pytest.mark.parametrize(
    "other", [lambda values: values + 1, lambda values: values.astype("<u2")], ids=["value", "type"]
)
def test_what_reads_otherwise_after_it_was_written_is_refused(site, monkeypatch, other):
    plain, calls = np.asarray, []

    def asarray(values, *more):
        calls.append(values)
        return plain(values, *more) if len(calls) % 2 else other(plain(values, *more))

    monkeypatch.setattr(module, "np", type("Numpy", (), {"asarray": staticmethod(asarray), "ndindex": np.ndindex}))
    with pytest.raises(StoreError, match=r"g/empty: chunk \(0, 0\) reads otherwise after it was written"):
        native_fork(site.fork(), site.row, None, site.url)
