"""What canvodpy asks of a VOD dataset, and of the ledger beside it, stated on what vod has made.

The rules are those of canvodpy 1.0.0: `canvod.readers.base.validate_vod_dataset`, the group names, the attributes
that a group must keep, the columns of the table of a VOD store.
"""

import json

import numpy as np
import pytest
import zarr

from gnssice_batch import open_dataset
from gnssice_batch.job.vod import vod
from tests.support import canopies

COORDINATES = {
    "epoch": ("epoch", "datetime64[ns]"),
    **dict.fromkeys(("sid", "sv", "system", "band", "code"), ("sid", "object")),
    **dict.fromkeys(("freq_center", "freq_min", "freq_max"), ("sid", "float32")),
}
COLUMNS = {
    "index",
    *("source_file_hashes", "source_gnss_stores", "start", "end", "snapshot_id", "action", "commit_msg", "run_id"),
    *("written_at", "write_strategy", "calculator_name", "attrs", "preprocessing", "epochs"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The settings of half a day whose vod is made."""
    chosen = canopies.observed(tmp_path_factory.mktemp("contract"), canopies.plan(0.5))
    vod(chosen)
    return chosen


@pytest.fixture(scope="module")
def dataset(made):
    return open_dataset(f"{made.store.url}/site/vod", canopies.GROUP, text_objects=True)


def test_dimensions_are_epoch_and_sid(dataset):
    assert set(dataset.sizes) == {"epoch", "sid"}


def test_coordinates_are_those_of_a_receiver(dataset):
    for name, (dim, dtype) in COORDINATES.items():
        assert dataset[name].dims == (dim,)
        assert str(dataset[name].dtype) == dtype


def test_every_variable_is_over_both_dimensions(dataset):
    assert {"VOD", "theta", "phi"} <= set(dataset.data_vars)
    assert {variable.dims for variable in dataset.data_vars.values()} == {("epoch", "sid")}


def test_angles_are_in_radians(dataset):
    assert dataset.theta.attrs["units"] == dataset.phi.attrs["units"] == "rad"
    theta, phi = dataset.theta.values, dataset.phi.values
    assert 0 <= np.nanmin(theta) <= np.nanmax(theta) <= np.pi / 2 + 1e-6
    assert 0 <= np.nanmin(phi) <= np.nanmax(phi) < 2 * np.pi + 1e-6


def test_plain_xarray_takes_no_coordinate_for_a_variable(made):
    session = canopies.repository(made).handle.readonly_session("main")
    group = zarr.open_group(session.store, path=canopies.GROUP, mode="r")
    told = set(group.attrs["coordinates"].split())
    along = {name for name, array in group.arrays()} - {"epoch", "sid", "VOD", "theta", "phi"}
    assert told == along


def test_the_group_is_named_by_calculator_and_analysis(made):
    root = zarr.open_group(canopies.repository(made).handle.readonly_session("main").store, mode="r")
    assert list(root.group_keys()) == ["tau_omega"]
    assert list(root["tau_omega"].group_keys()) == ["canopy_01_vs_reference_01"]
    attributes = root[canopies.GROUP].attrs
    assert (attributes["calculator"], attributes["calculator_params"]) == ("tau_omega", "{}")


def test_the_ledger_has_canvodpy_s_columns(made):
    table = canopies.group(made)["metadata/table"]
    assert set(table.array_keys()) == COLUMNS
    assert {array.shape for _, array in table.arrays()} == {(2,)}
    assert table["index"][:].tolist() == [0, 1]
    for column in ("source_file_hashes", "source_gnss_stores"):
        for text in table[column][:]:
            told = json.loads(text)
            assert list(told) == ["canopy_01", "reference_01"]
            assert text == json.dumps(told, sort_keys=True), "canvodpy compares the text"
    assert set(table["action"][:]) == {"write"}
    assert table["start"].dtype == table["end"].dtype == np.dtype("datetime64[ns]")
    assert (table["start"][:] <= table["end"][:]).all()
