"""One file as facts and references; whatever bytes there are."""

import json
import tempfile
from functools import cache
from pathlib import Path

import h5py
import hypothesis
import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import strategies as st

from gnssice_batch.model.virtual import NetcdfFacts, NetcdfFile, VirtualReason
from gnssice_batch.records import dump, load
from gnssice_batch.virtual.parsing import parse
from tests.support.netcdf import georinex, gnssvod, padded, write

pytest.importorskip("virtualizarr")


def parsed(path):
    content = Path(path).read_bytes()
    return parse(content, NetcdfFile("a.nc", "a", len(content), ""))


@pytest.mark.parametrize("make", [padded, gnssvod, georinex])
def test_the_bytes_that_are_referred_to_are_the_chunks_of_the_file(tmp_path, make):
    path = write(make(), tmp_path / "a.nc")
    found, content = parsed(path), path.read_bytes()
    with h5py.File(path) as opened:
        for one in found.referenced:
            stored = opened[one.name]
            spans = zip(one.offsets.tolist(), one.lengths.tolist(), strict=True)
            pieces = [content[offset : offset + length] for offset, length in spans]
            if stored.chunks is None:
                assert pieces == [stored[()].tobytes()]
            else:
                starts = [np.array(place) * stored.chunks for place in np.ndindex(*one.grid)]
                assert pieces == [stored.id.read_direct_chunk(tuple(start))[1] for start in starts]


def test_facts_are_plain_data(tmp_path):
    found = parsed(write(gnssvod(), tmp_path / "a.nc"))
    again = load(NetcdfFacts, json.loads(json.dumps(dump(found))))
    assert dump(again) == dump(found)
    assert (found.epochs, found.profile.interval_ns, found.profile.chunk_epochs) == (96, 900 * 10**9, 96)


def test_chunks_that_skipped_their_filters_are_refused(tmp_path):
    """HDF5 leaves a chunk as it is where deflating does not shrink it, and only its index says so."""
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        one = file.create_dataset("x", (4, 100), "u1", chunks=(2, 100), compression="gzip")
        one.id.write_direct_chunk((0, 0), bytes(200), filter_mask=1)
    found = parsed(path)
    assert (found.reason, found.rejected) == (VirtualReason.FILTERS_SKIPPED, True)


def test_chunks_that_were_never_written_are_not_referred_to(tmp_path):
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        one = file.create_dataset("x", (4, 10), "f4", chunks=(2, 10), compression="gzip")
        one[:2] = 1
    (found,) = parsed(path).referenced
    assert (found.lengths > 0).tolist() == [True, False]


def _with_group(path):
    with netCDF4.Dataset(path, "w") as file:
        file.createGroup("inside").createDimension("x", 2)


def _with_unknown_filter(path):
    with h5py.File(path, "w") as file:
        dtype = h5py.vlen_dtype(np.int32)
        file.create_dataset("x", (2, 2), dtype)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b""), "not_hdf5"),
        (lambda path: path.write_bytes(b"CDF\x01" + bytes(100)), "not_hdf5"),
        (lambda path: padded().drop_encoding().to_netcdf(path, format="NETCDF3_64BIT"), "not_hdf5"),
        (lambda path: h5py.File(path, "w").close(), "no_arrays"),
        (_with_group, "has_groups"),
        (lambda path: xr.Dataset({"a": (("x", "y"), np.ones((2, 3)))}).to_netcdf(path), "no_time_axis"),
        (lambda path: write(padded().isel(epoch=[0, 1, 5]), path, chunksizes=(3, 8)), "irregular_epochs"),
        (lambda path: write(padded(chunk=90), path), "short_last_chunk"),
        (_with_unknown_filter, "unsupported"),
    ],
)
def test_reasons(tmp_path, make, reason):
    path = tmp_path / "a.nc"
    make(path)
    found = parsed(path)
    assert found.reason == reason, found.detail
    assert found.profile is None
    assert found.detail


@cache
def sound():
    with tempfile.TemporaryDirectory() as folder:
        found = [write(make(), Path(folder) / "a.nc").read_bytes() for make in (padded, gnssvod, georinex)]
    return tuple(found)


FEW = hypothesis.settings(max_examples=150, suppress_health_check=list(hypothesis.HealthCheck))


@hypothesis.given(st.data())
@FEW
def test_whatever_is_damaged_it_is_told_and_nothing_is_referred_to_outside_the_file(data):
    damaged(data)


@pytest.mark.fuzz
@hypothesis.given(st.data())
@hypothesis.settings(FEW, max_examples=3000)
def test_whatever_is_damaged_many_times(data):
    damaged(data)


def damaged(data):
    """Damage a file of some kind, parse it, and hold that what is told of it can be trusted."""
    content = bytearray(data.draw(st.sampled_from(sound())))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(1, 16))] = data.draw(st.binary(min_size=1, max_size=16))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    found = parse(bytes(content), NetcdfFile("a.nc", "a", len(content), ""))
    assert found.rejected == (found.reason is not None and not (found.referenced or found.copied))
    for one in found.referenced:
        assert int((one.offsets + one.lengths).max(initial=0)) <= len(content)
    dump(found)
