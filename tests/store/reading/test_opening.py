"""A group as a dataset: what it holds, how its epochs are found, and what opening it costs."""

import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

import gnssice_batch
from gnssice_batch.errors import ConfigError, StoreError
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.template import (
    EPOCH_COORDINATES,
    NON_INDEX_COORDINATES,
    SID_COORDINATES,
    VARIABLES,
    GroupTemplate,
    shard_width,
    signal_axis,
)
from gnssice_batch.store.reading.opening import dask_chunks, open_dataset
from gnssice_batch.store.reading.timeindex import PANDAS_LIMIT, RegularEpochIndex
from gnssice_batch.store.repository import open_existing, open_repository
from gnssice_batch.store.writing.structure import StructureChange, make_structure

SIDS = [f"G{number:02d}|{signal}" for number in range(1, 33) for signal in ("L1|C", "L2|W", "L5|Q")]
NEW_YEAR_NS = int((np.datetime64("2025-01-01", "ns") - np.datetime64("1980-01-06", "ns")).astype(np.int64))
ROW = slice(2880, 2880 + 120)
"""Epochs that are filled: the first hour of the second day."""


def template(interval_s, epochs, receiver="canopy_01", phase_ns=0):
    grid = empty_grid(interval_s * SECOND_NS, phase_ns, 86_400 // interval_s, NEW_YEAR_NS + phase_ns)
    return GroupTemplate(
        receiver=receiver,
        grid=replace(grid, size=-(-epochs // grid.unit) * grid.unit),
        axis=signal_axis(SIDS),
        shard_sids=shard_width(len(SIDS)),
        profile="default",
        algorithm="zstd",
        level=1,
        channels={},
        attributes={"coordinates": " ".join(NON_INDEX_COORDINATES), "Software": "test"},
    )


def make_store(path, *templates):
    """Make a repository with these groups, SNR of `ROW` being 45 for the sixth signal; return its head."""
    repository = open_repository(str(path))
    structure = make_structure(repository, repository.head(), "staging", StructureChange(templates, "rinex3"))
    handle = repository.handle
    handle.reset_branch("main", handle.lookup_branch(structure.branch))
    handle.delete_branch(structure.branch)
    session = handle.writable_session("main")
    for one in templates:
        group = zarr.open_group(session.store, path=one.receiver, mode="r+")
        group["SNR"][ROW, 5] = np.float32(45)
        group["LLI"][ROW, 5] = np.int8(1)
        group["epoch_flag"][ROW] = np.int8(0)
    return str(session.commit("first"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "site" / "rinex"
    make_store(path, template(30, 8_640), template(30, 8_640, "reference_01", 18 * SECOND_NS))
    return str(path)


class TestDataset:
    def test_is_the_package_s_own_word(self):
        assert gnssice_batch.open_dataset is open_dataset
        with pytest.raises(AttributeError, match="open_datasets"):
            _ = gnssice_batch.open_datasets

    def test_selects_an_hour_of_a_signal(self, store):
        dataset = open_dataset(store, "canopy_01")
        hour = dataset.sel(epoch=slice("2025-01-02T06", "2025-01-02T07"), sid="G02|L5|Q")
        assert hour.sizes == {"epoch": 240}
        assert hour.epoch.values[0] == np.datetime64("2025-01-02T06:00:00")
        assert hour.epoch.values[-1] == np.datetime64("2025-01-02T07:59:30")

    def test_values_stand_where_they_were_written(self, store):
        dataset = open_dataset(store, "canopy_01")
        snr = dataset.SNR.sel(sid=SIDS[5]).load()
        filled = snr.dropna("epoch")
        assert filled.epoch.values[0] == np.datetime64("2025-01-02T00:00:00")
        assert (len(filled), set(filled.values.tolist())) == (120, {45.0})
        assert dataset.LLI.sel(sid=SIDS[5]).sum().values == 120 - (8_640 - 120)

    def test_variables_and_coordinates(self, store):
        dataset = open_dataset(store, "canopy_01")
        assert list(dataset.data_vars) == [spec.name for spec in VARIABLES]
        assert set(dataset.coords) == {spec.name for spec in (*EPOCH_COORDINATES, *SID_COORDINATES)}
        for spec in (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES):
            wanted = {"epoch": "datetime64[ns]"}.get(spec.name, spec.dtype)
            is_text = spec.dtype == "str" and dataset[spec.name].dtype.kind == "U"
            assert is_text or dataset[spec.name].dtype == wanted, spec.name
            assert dataset[spec.name].dims == spec.dims
        assert dataset.epoch.attrs["standard_name"] == "time"
        assert dataset.epoch.encoding["units"] == "nanoseconds since 1980-01-06T00:00:00"
        assert dataset.sid.attrs["long_name"] == "Signal ID"
        assert dataset.attrs["Software"] == "test"
        assert dataset.encoding["source"].endswith("/site/rinex")

    def test_the_phase_is_in_the_epochs(self, store):
        assert open_dataset(store, "reference_01").epoch.values[0] == np.datetime64("2025-01-01T00:00:18")

    def test_is_lazy_and_chunked_alike(self, store):
        dataset = open_dataset(store, "canopy_01")
        assert all(dataset[name].chunks is not None for name in dataset.data_vars)
        assert dict(dataset.chunks) == {"epoch": (2880,) * 3, "sid": (64, 32)}

    def test_chunks_can_be_chosen_or_left_out(self, store):
        assert open_dataset(store, "canopy_01", chunks={"epoch": -1, "sid": -1}).SNR.chunks == ((8_640,), (96,))
        assert open_dataset(store, "canopy_01", chunks=None).SNR.chunks is None
        assert open_dataset(store, "canopy_01", chunks=None).SNR.sel(sid=SIDS[5])[ROW].values.sum() == 120 * 45

    def test_both_kinds_of_index_hold_the_stored_epochs(self, store):
        session = open_existing(store).handle.readonly_session("main")
        stored = xr.open_zarr(session.store, group="canopy_01", consolidated=False)
        for limit in (0, PANDAS_LIMIT):
            dataset = open_dataset(store, "canopy_01", pandas_limit=limit)
            assert isinstance(dataset.xindexes["epoch"], RegularEpochIndex) == (limit == 0)
            np.testing.assert_array_equal(dataset.epoch.values, stored.epoch.values)

    def test_written_again_it_is_the_same(self, store, tmp_path):
        for limit in (0, PANDAS_LIMIT):
            part = open_dataset(store, "canopy_01", pandas_limit=limit, chunks=None).isel(epoch=ROW)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", zarr.errors.UnstableSpecificationWarning)
                part.drop_encoding().to_zarr(tmp_path / f"{limit}", consolidated=False)
            again = xr.open_zarr(tmp_path / f"{limit}", consolidated=False)
            np.testing.assert_array_equal(again.epoch.values, part.epoch.values)
            np.testing.assert_array_equal(again.SNR.values, part.SNR.values)


class TestPlainXarray:
    @pytest.fixture
    def plain(self, store):
        session = open_existing(store).handle.readonly_session("main")
        return xr.open_zarr(session.store, group="canopy_01", consolidated=False)

    def test_coordinates_are_coordinates(self, plain):
        assert set(plain.data_vars) == {spec.name for spec in VARIABLES}
        assert set(plain.coords) == {spec.name for spec in (*EPOCH_COORDINATES, *SID_COORDINATES)}

    def test_chunks_agree_along_every_dimension(self, plain):
        assert dict(plain.chunks) == {"epoch": (2880,) * 3, "sid": (64, 32)}

    def test_types_survive_decoding(self, plain):
        assert {plain[name].dtype for name in ("LLI", "SSI", "epoch_flag", "glonass_fcn")} == {np.dtype(np.int8)}
        assert all(plain[name].dtype.kind in "TO" for name in ("sid", "sv", "system", "band", "code"))
        assert plain.epoch.dtype == "datetime64[ns]"

    def test_partial_strings_select(self, plain):
        assert plain.sel(epoch=slice("2025-01-01T06", "2025-01-01T07"), sid="G05|L1|C").sizes == {"epoch": 240}


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    path = tmp_path_factory.mktemp("versions") / "rinex"
    first = make_store(path, template(30, 8_640))
    handle = open_existing(str(path)).handle
    handle.create_tag("v1", first)
    session = handle.writable_session("main")
    zarr.open_group(session.store, path="canopy_01")["SNR"][0, 0] = np.float32(30)
    session.commit("second")
    handle.create_branch("trial", first)
    return str(path), first


class TestVersions:
    @pytest.mark.parametrize(
        ("arguments", "cells"),
        [({}, 121), ({"version": "v1"}, 120), ({"branch": "trial"}, 120), ({"version": ""}, 120)],
    )
    def test_head_tag_snapshot_and_branch(self, versions, arguments, cells):
        path, first = versions
        if arguments.get("version") == "":
            arguments = {"version": first}
        assert open_dataset(path, "canopy_01", **arguments).SNR.notnull().sum().values == cells

    def test_a_file_url(self, versions):
        assert open_dataset(f"file://{versions[0]}", "canopy_01").sizes["epoch"] == 8_640

    @pytest.mark.parametrize("version", ["v2", "0" * 20, "ZZZZZZZZZZZZZZZZZZZZ"])
    def test_an_unknown_version_says_what_there_is(self, versions, version):
        with pytest.raises(StoreError, match=rf"no version '{version}'; tags: v1; branches: main, trial"):
            open_dataset(versions[0], "canopy_01", version)

    def test_an_unknown_branch_says_what_there_is(self, versions):
        with pytest.raises(StoreError, match="no branch 'dev'; it has main, trial"):
            open_dataset(versions[0], "canopy_01", branch="dev")


class TestRefusals:
    @pytest.mark.parametrize("group", ["canopy_02", "", "/", "canopy_01/SNR"])
    def test_an_unknown_group_says_what_there_is(self, store, group):
        with pytest.raises(StoreError, match=rf"(no group '{group}'|say which receiver); it has canopy_01, ref"):
            open_dataset(store, group)

    def test_a_missing_repository_says_what_there_is(self, tmp_path):
        (tmp_path / "rosalia").mkdir()
        with pytest.raises(StoreError, match=r"no repository at .*zimm/rinex; .* holds rosalia"):
            open_dataset(str(tmp_path / "zimm" / "rinex"), "canopy_01")

    def test_an_empty_repository(self, tmp_path):
        open_repository(str(tmp_path / "rinex"))
        with pytest.raises(StoreError, match="nothing was published"):
            open_dataset(str(tmp_path / "rinex"), "canopy_01")

    def test_a_group_inside_a_receiver(self, store):
        with pytest.raises(StoreError, match="is a part of the receiver 'canopy_01'"):
            open_dataset(store, "canopy_01/metadata")

    def test_a_storage_we_do_not_have(self):
        with pytest.raises(ConfigError, match="gopher"):
            open_dataset("gopher://hole/rinex", "canopy_01")

    def test_epochs_that_contradict_the_attributes(self, tmp_path):
        make_store(tmp_path / "rinex", template(30, 8_640))
        session = open_existing(str(tmp_path / "rinex")).handle.writable_session("main")
        zarr.open_group(session.store, path="canopy_01").attrs["origin_ns"] = 0
        session.commit("damage")
        with pytest.raises(StoreError, match="are not those of its origin and interval"):
            open_dataset(str(tmp_path / "rinex"), "canopy_01")


EPOCHS = 8_847_360


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "rinex"
    make_store(path, template(5, EPOCHS))
    return str(path)


class TestLongAxis:
    """An axis beyond the limit: 1.4 years at 5 s, mostly holes."""

    def test_opening_holds_nothing_per_epoch(self, path):
        open_dataset(path, "canopy_01")
        tracemalloc.start()
        dataset = open_dataset(path, "canopy_01")
        repr(dataset)
        dataset.sel(epoch=slice("2025-06-01T06", "2025-06-01T07"), sid="G05|L1|C").load()
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert isinstance(dataset.xindexes["epoch"], RegularEpochIndex)
        assert peak_bytes < EPOCHS / 2

    def test_a_short_selection_is_pandas_again(self, path):
        hour = open_dataset(path, "canopy_01").sel(epoch=slice("2025-06-01T06", "2025-06-01T07"), sid="G05|L1|C")
        assert hour.sizes == {"epoch": 1440}
        assert isinstance(hour.indexes["epoch"], pd.DatetimeIndex)
        assert hour.epoch.values[-1] == np.datetime64("2025-06-01T07:59:55")
        assert hour.resample(epoch="1h").count().sizes["epoch"] == 2

    def test_a_long_selection_is_not(self, path):
        dataset = open_dataset(path, "canopy_01").isel(epoch=slice(17, None))
        assert isinstance(dataset.xindexes["epoch"], RegularEpochIndex)
        assert dataset.epoch[0].values == np.datetime64("2025-01-01T00:01:25")
        assert dataset.epoch[-1].values == np.datetime64("2025-01-01") + np.timedelta64(5 * (EPOCHS - 1), "s")
        assert dataset.epoch.attrs["standard_name"] == "time"
        assert dataset.epoch.encoding["units"].startswith("nanoseconds")

    def test_two_of_them_are_subtracted(self, path):
        dataset = open_dataset(path, "canopy_01")
        difference = (dataset.SNR - dataset.SNR).sel(epoch="2025-01-01T04:02", sid=SIDS[5])
        assert difference.values.tolist() == [0.0] * 12
        assert dataset.equals(dataset) is True


@pytest.mark.parametrize(
    ("interval_s", "epochs", "chunk"),
    [(30, 1_051_200, 34_560), (5, 63_072_000, 2 * 34_560), (1, 315_360_000, 9 * 28_800), (30, 0, 34_560)],
)
def test_dask_chunks_are_whole_write_units(interval_s, epochs, chunk):
    grid = empty_grid(interval_s * SECOND_NS, 0, 34_560, NEW_YEAR_NS)
    grid = replace(grid, size=-(-epochs // grid.unit) * grid.unit)
    assert dask_chunks(grid) == {"epoch": chunk, "sid": 64}


@pytest.mark.parametrize(("units", "chunk"), [(1, 1), (5, 5), (365, 7)])
def test_dask_chunks_of_a_distant_store_are_several_write_units_that_stay_small(units, chunk):
    grid = replace(empty_grid(30 * SECOND_NS, 0, 34_560, NEW_YEAR_NS), size=units * 34_560)
    assert dask_chunks(grid, distant=True) == {"epoch": chunk * 34_560, "sid": 64}
    assert chunk * 34_560 * 64 * 8 <= 128 << 20
