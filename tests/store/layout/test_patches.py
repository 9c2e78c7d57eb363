"""Chunks that are read and written without Zarr's pipeline hold what Zarr reads, and would have written."""

import asyncio
import threading
from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.model.damage import DamagedError
from gnssice_batch.model.template import EPOCH_COORDINATES, JOINED, SID_COORDINATES, VARIABLES, signal_columns
from gnssice_batch.store.layout import patches
from gnssice_batch.store.layout.arrays import create_arrays
from gnssice_batch.store.layout.chunk_codecs import codec_of
from gnssice_batch.store.layout.documents import documents, put_documents
from gnssice_batch.store.layout.patches import Patches
from tests.support.templates import template

SPECS = (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES, *JOINED)
NAMES = [spec.name for spec in SPECS]
WIDE = [spec for spec in SPECS if len(spec.dims) > 1]
SIGNALS, READ_UNIT = 150, 180
BIG_ENDIAN = {"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]}


@pytest.fixture(params=["default", "compact"])
def made(request):
    made = template(units=2, signals=SIGNALS, profile=request.param)
    return replace(made, grid=replace(made.grid, read_unit=READ_UNIT))


@pytest.fixture
def group(made):
    group = zarr.open_group(zarr.storage.MemoryStore(), mode="w", zarr_format=3).create_group("rec")
    group.create_group("metadata").create_group("joined")
    create_arrays(group, SPECS, made)
    return group


def written(arrays, start, cells):
    """Write rows of arrays; wait until they are there."""
    arrays.send(start, cells)
    arrays.finish()


def values(spec, seed, rows):
    rng = np.random.default_rng(seed)
    cells = np.full((SIGNALS, len(rows)), spec.fill, spec.dtype).T
    some = rng.random(cells.shape) < 0.1
    cells[some] = rng.integers(0, 9, int(some.sum()))
    return cells


def stored(group, name):
    return np.asarray(group[name][:])


def test_zarr_reads_what_is_patched_into_shards_bit_by_bit(group, made):
    unit, length = made.grid.unit, made.grid.read_unit
    wanted = {spec.name: np.full((made.grid.size, SIGNALS), spec.fill, spec.dtype) for spec in WIDE}
    for seed, start in enumerate((length, unit - length, 0, length)):
        rows = range(start, start + length)
        blocks = {spec.name: values(spec, seed, rows) for spec in WIDE}
        written(Patches.of(group, NAMES), start, blocks)
        for name, block in blocks.items():
            wanted[name][start : start + length] = block
    for name, cells in wanted.items():
        np.testing.assert_array_equal(stored(group, name), cells)
        read = Patches.of(group, [name]).read([name], range(unit - length, unit + length))[name]
        np.testing.assert_array_equal(read, cells[unit - length : unit + length])
        assert read.flags.f_contiguous


def test_what_was_read_before_is_patched_as_it_is_stored(group, made):
    length = made.grid.read_unit
    arrays = Patches.of(group, NAMES)
    first, second = (values(VARIABLES[0], seed, range(length)) for seed in (1, 2))
    written(arrays, 0, {"SNR": first})
    arrays.read(["SNR"], range(length))
    written(arrays, length, {"SNR": second})
    written(arrays, 0, {"SNR": second})
    np.testing.assert_array_equal(stored(group, "SNR")[: 2 * length], np.concatenate([second, second]))


def test_the_caller_goes_on_while_chunks_are_sent_and_reads_what_it_has_sent(group, made, monkeypatch):
    may, put = threading.Event(), patches._put

    async def late(*arguments, **named):
        await asyncio.to_thread(may.wait, 2)
        await put(*arguments, **named)

    monkeypatch.setattr(patches, "_put", late)
    length = made.grid.read_unit
    arrays, cells = Patches.of(group, NAMES), values(VARIABLES[0], 1, range(length))
    arrays.send(0, {"SNR": cells})
    assert np.isnan(stored(group, "SNR")).all() == (made.profile == "default")
    threading.Timer(0.1, may.set).start()
    np.testing.assert_array_equal(arrays.read(["SNR"], range(length))["SNR"], cells)


def test_cells_that_become_empty_are_removed(group, made):
    arrays, rows = Patches.of(group, NAMES), range(made.grid.read_unit)
    for name in ("LLI", "epoch_flag"):
        spec = next(spec for spec in SPECS if spec.name == name)
        cells = values(spec, 3, rows)
        written(arrays, 0, {name: cells if name == "LLI" else np.zeros(len(rows), np.int8)})
        assert f"rec/{name}/c/0" in "".join(group.store._store_dict)
        written(arrays, 0, {name: np.full_like(cells if name == "LLI" else np.zeros(len(rows), np.int8), spec.fill)})
        assert f"rec/{name}/c/0" not in "".join(group.store._store_dict)


def test_text_and_epochs_are_as_zarr_has_them(group, made):
    columns = signal_columns(made.axis.sids, made.channels)
    epochs = np.arange(made.grid.size) * made.grid.interval_ns
    arrays = Patches.of(group, NAMES)
    written(arrays, 0, columns)
    written(arrays, 0, {"epoch": epochs})
    for name, column in {**columns, "epoch": epochs}.items():
        np.testing.assert_array_equal(stored(group, name), column)
        assert arrays.read([name], range(column.size))[name].tolist() == column.tolist()
    written(arrays, 3, {"sid": np.array(["new"], object)})
    assert stored(group, "sid").tolist() == [*made.axis.sids[:3], "new", *made.axis.sids[4:]]


def test_what_is_written_is_what_zarr_would_have_written(group, made):
    """Inner chunks are the same bytes; in which order a shard has them is free."""
    rows = range(made.grid.unit)
    written(Patches.of(group, NAMES), 0, {spec.name: values(spec, 5, rows) for spec in WIDE})
    ours = {spec.name: group.store._store_dict.get(f"rec/{spec.name}/c/0/0") for spec in WIDE}
    for spec in WIDE:
        group[spec.name][: made.grid.unit] = values(spec, 5, rows)
    zarrs = {spec.name: group.store._store_dict.get(f"rec/{spec.name}/c/0/0") for spec in WIDE}
    assert {name: len(shard.to_bytes()) for name, shard in ours.items()} == {
        name: len(shard.to_bytes()) for name, shard in zarrs.items()
    }


@pytest.mark.parametrize("at", [-1, -40])
def test_a_shard_whose_index_is_damaged_is_told_and_not_written_over(group, made, at):
    rows = range(made.grid.read_unit)
    block = values(VARIABLES[0], 1, rows)
    written(Patches.of(group, NAMES), 0, {"SNR": block})
    key = "rec/SNR/c/0/0"
    damaged = bytearray(group.store._store_dict[key].to_bytes())
    damaged[at] ^= 0xFF
    group.store._store_dict[key] = zarr.core.buffer.cpu.Buffer.from_bytes(bytes(damaged))
    group.attrs.update({"interval_ns": 1, "phase_ns": 0, "origin_ns": 0})
    arrays = Patches.of(group, NAMES)
    with pytest.raises(DamagedError):
        arrays.read(["SNR"], rows)
    with pytest.raises(DamagedError):
        written(arrays, made.grid.read_unit, {"SNR": block})
    assert group.store._store_dict[key].to_bytes() == bytes(damaged)


@pytest.mark.parametrize(
    "change",
    [
        {"data_type": "complex64"},
        {"storage_transformers": [{"name": "later"}]},
        {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}}},
        BIG_ENDIAN,
        {"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "later"}]},
    ],
)
def test_a_document_that_says_what_is_not_known_is_left_to_zarr(group, change):
    document = documents(group, ["source_file"])["source_file"]
    assert codec_of(document)
    assert codec_of(document | change) is None


def test_an_array_that_is_left_to_zarr_is_read_and_written(group, made):
    document = documents(group, ["source_file"])["source_file"]
    put_documents(group, {"source_file": document | BIG_ENDIAN})
    arrays, cells = Patches.of(group, NAMES), np.arange(made.grid.read_unit, dtype=np.int32)
    written(arrays, 0, {"source_file": cells})
    np.testing.assert_array_equal(stored(group, "source_file")[: cells.size], cells)
    np.testing.assert_array_equal(arrays.read(["source_file"], range(cells.size))["source_file"], cells)


def test_what_is_late_is_waited_for_where_another_put_fails():
    """Else it came after what is sent later, and put the old content in its place."""
    over = []

    class Slow:
        async def set(self, key, _):
            if key.endswith("fails"):
                raise OSError("gone")
            await asyncio.sleep(0.05)
            over.append(key)

    with pytest.raises(OSError, match="gone"):
        asyncio.run(patches._put(Slow(), {"fails": b"1", "slow": b"2"}, fresh=True))
    assert over == ["slow"]
