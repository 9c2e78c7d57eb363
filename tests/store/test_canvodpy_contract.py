"""What canvodpy's validator, readers and ledger ask of a group, stated on a store that the whole job has written.

The rules are those of canvodpy 1.0.0: `canvod.readers.base.validate_dataset`, its variable and coordinate attributes,
the table of ingested files and the layout of a repository. What 0.2.3 asked for is part of them.
"""

import hashlib
import re

import numpy as np
import pytest
import xarray as xr
import zarr

from gnssice_batch import config, open_dataset
from gnssice_batch.job.run import run
from gnssice_batch.simulate import SimulationPlan, network, simulate
from gnssice_batch.store.repository import open_existing

REQUIRED_ATTRIBUTES = {"Created", "Software", "Institution", "File Hash"}

COORDINATES = {
    "epoch": ("epoch", "datetime64[ns]"),
    "sid": ("sid", "text"),
    "sv": ("sid", "text"),
    "system": ("sid", "text"),
    "band": ("sid", "text"),
    "code": ("sid", "text"),
    "freq_center": ("sid", "float32"),
    "freq_min": ("sid", "float32"),
    "freq_max": ("sid", "float32"),
}

COORDINATE_ATTRIBUTES = {
    "epoch": {"standard_name": "time", "short_name": "epoch", "time_system": "GPS"},
    "sid": {"long_name": "Signal ID"},
    "freq_center": {"units": "MHz", "standard_name": "center_frequency"},
    "freq_min": {"units": "MHz", "standard_name": "minimum_frequency"},
    "freq_max": {"units": "MHz", "standard_name": "maximum_frequency"},
}

VARIABLES = {
    "SNR": ("float32", {"units": "dB-Hz", "standard_name": "carrier_to_noise_density_ratio", "valid_min": 0}),
    "Pseudorange": ("float64", {"units": "meters", "valid_min": 0}),
    "Phase": ("float64", {"units": "cycles", "standard_name": "carrier_phase"}),
    "Doppler": ("float32", {"units": "Hz", "valid_min": -10_000}),
    "LLI": ("int8", {"units": "1", "valid_range": [-1, 9]}),
    "SSI": ("int8", {"units": "1", "valid_range": [-1, 9]}),
}

TABLE = {
    "index": "int64",
    "rinex_hash": "text",
    "start": "datetime64[ns]",
    "end": "datetime64[ns]",
    "snapshot_id": "text",
    "action": "text",
    "commit_msg": "text",
    "written_at": "text",
    "write_strategy": "text",
    "attrs": "text",
    "canonical_name": "text",
    "physical_path": "text",
    "preprocessing": "text",
    "epochs": "int64",
}

HOUR = "2025-01-01T00"
"""What the files cover; the rest of the write unit is a hole."""

RECEIVERS = ("canopy_01", "reference_01")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Two receivers, an hour at 30 s, four files each, ingested."""
    folder = tmp_path_factory.mktemp("canvodpy")
    plan = SimulationPlan(network(2), days=1 / 24, outage_fraction=0.0, packing="rnx")
    files = simulate(folder / "archive", plan)
    settings = {"site": "rosalia", "archive.url": folder / "archive", "archive.layout": "{receiver}/**"}
    settings |= {"store.url": folder / "stores", "attributes": '{Institution: "TU Wien", Author: N. N.}'}
    run(config.load(None, {}, [f"{key}={value}" for key, value in settings.items()]))
    return folder, files


@pytest.fixture(scope="module")
def url(site):
    """canvodpy keeps a repository at {stores}/{site}/rinex."""
    return str(site[0] / "stores" / "rosalia" / "rinex")


@pytest.fixture(params=["open_dataset", "open_zarr"])
def dataset(request, url):
    """A receiver as our helper gives it, and as plain xarray does."""
    if request.param == "open_dataset":
        return open_dataset(url, "canopy_01", text_objects=True)
    session = open_existing(url).handle.readonly_session("main")
    return xr.open_zarr(session.store, group="canopy_01", consolidated=False)


@pytest.fixture
def root(url):
    return zarr.open_group(open_existing(url).handle.readonly_session("main").store, mode="r")


def is_text(dtype):
    """Whether strings are objects or StringDType: canvodpy refuses fixed width."""
    return np.dtype(dtype).kind == "O" or isinstance(dtype, np.dtypes.StringDType)


def is_stored_as_text(array):
    return array.metadata.to_dict()["data_type"] == "string"


class TestDataset:
    def test_dimensions(self, dataset):
        assert set(dataset.dims) == {"epoch", "sid"}
        assert {name: variable.dims for name, variable in dataset.data_vars.items()} == dict.fromkeys(
            VARIABLES, ("epoch", "sid")
        )

    def test_coordinates(self, dataset):
        assert COORDINATES.keys() <= set(dataset.coords)
        for name, (dim, dtype) in COORDINATES.items():
            assert dataset[name].dims == (dim,), name
            assert is_text(dataset[name].dtype) if dtype == "text" else dataset[name].dtype == dtype, name

    def test_what_we_add_are_coordinates_of_one_dimension(self, dataset):
        added = set(dataset.coords) - COORDINATES.keys()
        assert added == {"epoch_flag", "rx_clock_offset", "epoch_offset", "source_file", "glonass_fcn"}
        assert all(dataset[name].ndim == 1 for name in added)

    def test_types_and_attributes_of_the_variables(self, dataset):
        for name, (dtype, attributes) in VARIABLES.items():
            assert dataset[name].dtype == dtype, name
            assert {key: dataset[name].attrs.get(key) for key in attributes} == attributes, name
            assert "_FillValue" not in dataset[name].attrs

    def test_attributes_of_the_coordinates(self, dataset):
        for name in COORDINATES:
            assert dataset[name].attrs["long_name"], name
        for name, attributes in COORDINATE_ATTRIBUTES.items():
            assert {key: dataset[name].attrs.get(key) for key in attributes} == attributes, name
        assert dataset.sv.attrs["standard_name"]

    def test_required_global_attributes(self, dataset):
        assert dataset.attrs.keys() >= REQUIRED_ATTRIBUTES
        assert all(isinstance(dataset.attrs[name], str) for name in REQUIRED_ATTRIBUTES)
        assert dataset.attrs["Institution"] == "TU Wien"

    def test_signals_are_named_as_canvodpy_names_them(self, dataset):
        sids = [str(sid) for sid in dataset.sid.values]
        assert all(re.fullmatch(r"[GRECJSI]\d\d\|[A-Za-z0-9]+\|[A-Z]", sid) for sid in sids)
        parts = [sid.split("|") for sid in sids]
        assert [str(sv) for sv in dataset.sv.values] == [sv for sv, _, _ in parts]
        assert [str(system) for system in dataset.system.values] == [sv[0] for sv, _, _ in parts]
        assert [str(band) for band in dataset.band.values] == [band for _, band, _ in parts]
        assert [str(code) for code in dataset.code.values] == [code for _, _, code in parts]
        assert len(set(sids)) == len(sids)

    def test_missing_is_nan_or_minus_one(self, dataset):
        part = dataset.sel(epoch=HOUR).load()
        seen = part.SNR.notnull()
        assert 0 < seen.sum() < seen.size
        for name in ("Pseudorange", "Phase", "Doppler"):
            assert np.isnan(part[name].values[~seen.values]).all()
        assert set(np.unique(part.LLI.values[~seen.values])) == {-1}
        assert part.SSI.min() >= -1
        assert part.SSI.max() <= 9

    def test_epochs_are_unique_and_increase(self, dataset):
        assert dataset.indexes["epoch"].is_monotonic_increasing
        assert dataset.indexes["epoch"].is_unique

    def test_vod_s_alignment_of_two_receivers(self, url):
        canopy, reference = xr.align(*(open_dataset(url, name) for name in RECEIVERS), join="inner")
        difference = (canopy.SNR - reference.SNR).sel(epoch=HOUR).load()
        assert difference.notnull().any()
        assert canopy.sid.equals(reference.sid)


class TestRepository:
    def test_root_groups_are_receivers_only(self, root):
        assert set(root.group_keys()) == set(RECEIVERS)
        assert not list(root.array_keys())
        assert root.attrs["source_format"] == "rinex3"

    def test_a_group_holds_its_arrays_directly(self, root):
        assert set(root["canopy_01"].array_keys()) >= VARIABLES.keys() | COORDINATES.keys()
        assert set(root["canopy_01"].group_keys()) == {"metadata"}

    def test_strings_are_stored_with_variable_length(self, root):
        names = [name for name, (_, dtype) in COORDINATES.items() if dtype == "text"]
        assert all(is_stored_as_text(root["canopy_01"][name]) for name in names)

    def test_time_encoding_is_pinned(self, root):
        epoch = root["canopy_01/epoch"]
        assert epoch.dtype == np.int64
        assert epoch.attrs["units"] == "nanoseconds since 1980-01-06T00:00:00"
        assert epoch.attrs["calendar"] == "proleptic_gregorian"

    def test_canvodpy_s_way_of_reading(self, url):
        session = open_existing(url).handle.readonly_session("main")
        dataset = xr.open_zarr(session.store, group="canopy_01", chunks={"epoch": 34560, "sid": -1}, consolidated=False)
        assert dataset.SNR.chunksizes["sid"] == (dataset.sizes["sid"],)


class TestTable:
    """The ledger `metadata/table`: canvodpy finds the files it needs not take again in it."""

    @pytest.fixture
    def table(self, root):
        return root["canopy_01/metadata/table"]

    def test_has_exactly_the_twelve_columns(self, table):
        assert set(table.array_keys()) == set(TABLE)
        assert not list(table.group_keys())
        for name, dtype in TABLE.items():
            assert is_stored_as_text(table[name]) if dtype == "text" else table[name].dtype == dtype, name

    def test_columns_are_one_dimensional_and_equally_long(self, table):
        assert {table[name].shape for name in TABLE} == {(4,)}
        assert table["index"][:].tolist() == [0, 1, 2, 3]

    def test_hash_is_sixteen_digits_of_the_sha256_of_the_file(self, table, site):
        expected = {hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in site[1] if "canopy_01" in path.parts}
        assert {str(value) for value in table["rinex_hash"][:]} == expected

    def test_start_and_end_are_the_file_s_epochs(self, table, url):
        epochs = open_dataset(url, "canopy_01").epoch.values
        start, end = np.sort(table["start"][:]), np.sort(table["end"][:])
        assert (start < end).all()
        assert np.isin(start, epochs).all()
        assert np.isin(end, epochs).all()
        assert (start[1:] > end[:-1]).all()

    def test_written_at_is_iso_8601_and_attrs_are_json(self, table):
        assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", str(value)) for value in table["written_at"][:])
        assert all(str(value).startswith("{") for value in table["attrs"][:])

    def test_strategy_and_action_are_canvodpy_s_words(self, table):
        assert {str(value) for value in table["write_strategy"][:]} <= {"skip", "overwrite", "append"}
        assert {str(value) for value in table["action"][:]} <= {"insert", "overwrite", "append", "write"}
