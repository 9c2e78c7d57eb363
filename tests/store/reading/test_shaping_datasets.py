"""The forms of a dataset that readers ask for, on datasets of a few cells made by hand."""

import numpy as np
import pytest
import xarray as xr

from gnssice_batch.model.template import NO_FCN
from gnssice_batch.store.reading.shaping import (
    PER_EPOCH,
    Whole,
    in_memory,
    masked,
    of_any_receiver,
    on_signals,
    with_text_objects,
    without_chunks_of_the_store,
)

SIDS = ("G01|L1|C", "R03|G1|C", "R04|G1|C")


def dataset(**more):
    """Return three epochs of three signals, the channel of one GLONASS satellite known."""
    shape = ("epoch", "sid")
    text = {
        "sid": list(SIDS),
        "sv": ["G01", "R03", "R04"],
        "system": ["G", "R", "R"],
        "band": ["L1", "G1", "G1"],
        "code": ["C", "C", "C"],
    }
    frequencies = {name: np.zeros(3, np.float32) for name in ("freq_center", "freq_min", "freq_max")}
    along = {**text, **frequencies, "glonass_fcn": np.array([NO_FCN, 5, NO_FCN], np.int8)}
    return xr.Dataset(
        {
            "SNR": (shape, np.arange(9, dtype=np.float32).reshape(3, 3)),
            "LLI": (shape, np.array([[0, 1, -1]] * 3, np.int8), {"long_name": "Loss of lock"}),
            **more,
        },
        {name: ("sid", values, {"long_name": name}) for name, values in along.items()}
        | {"epoch": np.arange(3), "epoch_flag": ("epoch", np.zeros(3, np.int8))},
    )


class TestOnSignals:
    def test_is_in_their_order_and_missing_where_there_are_none(self):
        found = on_signals(dataset(), ["E05|E1|C", "R03|G1|C", "G01|L1|C"])
        assert found.sid.values.tolist() == ["E05|E1|C", "R03|G1|C", "G01|L1|C"]
        np.testing.assert_array_equal(found.SNR.values[:, 0], np.full(3, np.nan, np.float32))
        assert found.SNR.values[:, 1:].tolist() == [[1, 0], [4, 3], [7, 6]]
        assert (found.LLI.dtype, found.LLI.values[0].tolist()) == (np.int8, [-1, 1, 0])
        assert found.SNR.dtype == np.float32

    def test_says_of_each_what_it_is_as_the_dataset_says_it(self):
        found = on_signals(dataset(), ["E05|E1|C", "R03|G1|C", "R04|G1|C"])
        assert found.sv.values.tolist() == ["E05", "R03", "R04"]
        assert (found.sv.dtype.kind, found.sv.attrs) == ("U", {"long_name": "sv"})
        assert found.glonass_fcn.values.tolist() == [NO_FCN, 5, 6]
        assert list(found.xindexes) == ["sid", "epoch"]
        assert set(found.coords) == set(dataset().coords)

    def test_variables_that_the_dataset_lacks_are_not_made(self):
        assert list(on_signals(dataset(), SIDS).data_vars) == ["SNR", "LLI"]


class TestWhole:
    @pytest.fixture
    def whole(self):
        return Whole("sid", np.arange(6), {"units": "1"})

    def test_is_cut_only_along_its_own_dimension(self, whole):
        assert whole.chunk({"epoch": 2}).chunks is None
        assert whole.chunk({}).chunks is None
        assert whole.chunk(epoch=2).chunks is None
        assert whole.chunk({"sid": 4}).chunks == ((4, 2),)
        assert whole.chunk(sid=4).chunks == ((4, 2),)
        assert whole.chunk(4).chunks == ((4, 2),)

    def test_of_two_dimensions_is_cut_along_either(self):
        square = Whole(("sid", "band"), np.zeros((4, 6)))
        assert square.chunk({"band": 3}).chunks == ((4,), (3, 3))
        assert square.chunk({"epoch": 3}).chunks is None

    def test_stays_what_it_is_in_a_dataset_and_shares_its_values(self, whole):
        for same in (whole.to_base_variable(), whole.chunk({"epoch": 2})):
            assert (type(same), same.attrs) == (Whole, {"units": "1"})
            assert np.shares_memory(same.values, whole.values)
        assert isinstance(xr.Dataset(coords={"number": whole}).number.variable, Whole)


@pytest.mark.parametrize("kind", [np.dtypes.StringDType(), object])
def test_text_in_memory_is_numpy_s_own(kind):
    found = in_memory(np.array(["a", "bcd"], kind))
    assert (found.dtype, found.tolist()) == (np.dtype("<U3"), ["a", "bcd"])


def test_numbers_in_memory_are_as_they_were():
    numbers = np.arange(3, dtype=np.float32)
    assert in_memory(numbers) is numbers


def test_text_objects_are_those_of_the_text_alone():
    found = with_text_objects(dataset())
    for name in ("sid", "sv", "system", "band", "code"):
        assert (found[name].dtype, found[name].values.tolist()) == (object, dataset()[name].values.tolist())
        assert type(found[name].values[0]) is str
    assert (found.glonass_fcn.dtype, found.freq_center.dtype) == (np.int8, np.float32)
    assert found.sv.attrs == {"long_name": "sv"}


def test_indicators_are_masked_and_nothing_else():
    found = masked(dataset())
    assert (found.LLI.dtype, found.LLI.attrs, found.LLI.encoding) == (np.float32, {"long_name": "Loss of lock"}, {})
    np.testing.assert_array_equal(found.LLI.values[0], [0, 1, np.nan])
    assert list(found.data_vars) == ["SNR", "LLI"]
    xr.testing.assert_identical(found.SNR, dataset().SNR)


def test_masking_leaves_the_dataset_as_it_was():
    before = dataset()
    masked(before)
    xr.testing.assert_identical(before, dataset())


def test_for_any_receiver_there_is_nothing_of_one_s_epochs():
    assert {"epoch_flag", "epoch_offset", "rx_clock_offset", "source_file"} <= {*PER_EPOCH}
    assert set(of_any_receiver(dataset()).coords) == set(dataset().coords) - {"epoch_flag"}


def test_how_the_store_cuts_its_arrays_is_forgotten():
    told = {"chunks": (2,), "shards": (4,), "preferred_chunks": {"sid": 2}, "dtype": "int8"}
    variable = xr.Variable("sid", np.arange(6), encoding=told)
    without_chunks_of_the_store([variable, xr.Variable("sid", [1])])
    assert variable.encoding == {"dtype": "int8"}
