"""The pandas index of an epoch axis beside those of xarray and of axes that compute their times."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from xarray.backends import BackendArray
from xarray.core.indexing import LazilyIndexedArray
from xarray.indexes import PandasIndex, RangeIndex

from gnssice_batch.store.reading.plainindex import PlainEpochIndex, PlainVariable, SortedAsPandasIndex


class Unread(BackendArray):
    """Values that nobody may ask for."""

    shape, dtype = (4,), np.dtype("int64")

    def __getitem__(self, key):
        raise AssertionError(f"was read at {key}")


class AnotherIndex(PandasIndex, metaclass=SortedAsPandasIndex):
    """An index of the same kind."""


def test_its_type_is_taken_for_that_of_pandas_indexes_and_for_no_other():
    assert PlainEpochIndex == PandasIndex
    assert PlainEpochIndex == AnotherIndex
    assert (PlainEpochIndex == RangeIndex, PlainEpochIndex == "PandasIndex") == (False, False)
    assert hash(PlainEpochIndex) == hash(PandasIndex)


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        (xr.Variable("epoch", [1, 2, 3]), True),
        (xr.DataArray([1, 2, 3], dims="epoch"), True),
        (xr.Variable("epoch", [1, 2, 4]), False),
        (xr.Variable("time", [1, 2, 3]), False),
        (xr.Variable("epoch", LazilyIndexedArray(Unread())), False),
        (np.array([1, 2, 3]), False),
        ("epoch", False),
    ],
    ids=["same", "array", "value", "dimension", "longer", "no variable", "text"],
)
def test_a_coordinate_is_equal_by_dimension_and_values_and_never_to_a_longer_one(other, equal):
    assert PlainVariable("epoch", [1, 2, 3]).equals(other) is equal


def test_its_coordinate_keeps_what_is_said_of_an_earlier_one():
    index = PlainEpochIndex(pd.Index([1, 2, 3]), "epoch")
    found = index.create_variables({"epoch": xr.Variable("epoch", [1, 2, 3], {"units": "s"}, {"dtype": "int32"})})
    assert type(found["epoch"]) is PlainVariable
    assert (found["epoch"].attrs, found["epoch"].encoding) == ({"units": "s"}, {"dtype": "int32"})


def test_it_joins_with_an_index_of_pandas_by_itself():
    index = PlainEpochIndex(pd.Index([1, 2, 3]), "epoch")
    found = index.join(PandasIndex(pd.Index([2, 3, 4]), "epoch"))
    assert type(found) is PlainEpochIndex
    assert found.index.tolist() == [2, 3]
    assert index.join(PandasIndex(pd.Index([2, 3, 4]), "epoch"), "outer").index.tolist() == [1, 2, 3, 4]


def test_another_index_is_asked_to_join_it():
    class Computing(RangeIndex):
        def join(self, other, how="inner"):
            return "computed", other, how

    index = PlainEpochIndex(pd.Index([1, 2, 3]), "epoch")
    other = Computing.arange(0.0, 4.0, dim="epoch")
    assert index.join(other, "outer") == ("computed", index, "outer")
