"""What a scientist does with a dataset: on the computing index as on pandas' own, and on twenty years at 1 s."""

import pickle
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gnssice_batch import open_dataset
from gnssice_batch.store.reading.plainindex import PlainVariable
from gnssice_batch.store.reading.shaping import PER_EPOCH
from gnssice_batch.store.reading.timeindex import RegularEpochIndex
from tests.support.long_store import EPOCHS, short_store, twenty_years

MORNING = slice("2025-01-01T00:10", "2025-01-01T00:40")
TIMES = pd.DatetimeIndex(["2025-01-01T00:00:20", "2025-01-01T00:31", "2025-01-01T00:59:40"])

OPERATIONS = {
    "sel a time": lambda ds: ds.sel(epoch="2025-01-01T00:30:10"),
    "sel a partial string": lambda ds: ds.sel(epoch="2025-01-01T00:30"),
    "sel a span": lambda ds: ds.sel(epoch=MORNING),
    "sel times": lambda ds: ds.sel(epoch=TIMES),
    "sel the nearest": lambda ds: ds.sel(epoch="2025-01-01T00:30:13", method="nearest"),
    "sel by a mask of times": lambda ds: ds.sel(epoch=ds.epoch.dt.minute % 20 == 3),
    "sel a satellite": lambda ds: ds.sel(sid="G02|L1|C"),
    "sel a band": lambda ds: ds.sel(sid=ds.band == "L1"),
    "isel a span": lambda ds: ds.isel(epoch=slice(7, -7)),
    "isel every third": lambda ds: ds.isel(epoch=slice(1, None, 3)),
    "isel backwards": lambda ds: ds.isel(epoch=slice(None, None, -1)),
    "isel a list": lambda ds: ds.isel(epoch=[5, 3, -1]),
    "head and tail": lambda ds: xr.concat([ds.head(epoch=5), ds.tail(epoch=5)], "epoch"),
    "thin": lambda ds: ds.thin(epoch=60),
    "where a system, dropped": lambda ds: ds.where(ds.system == "G", drop=True),
    "where a system": lambda ds: ds.where(ds.system == "G"),
    "where a span, dropped": lambda ds: ds.where(ds.epoch < TIMES[1].to_datetime64(), drop=True),
    "groupby hour": lambda ds: ds.SNR.groupby("epoch.hour").mean(),
    "groupby minute": lambda ds: ds.groupby("epoch.minute").max(),
    "groupby system": lambda ds: ds.SNR.groupby("system").mean(),
    "groupby bins": lambda ds: ds.SNR.groupby_bins("epoch", TIMES).count(),
    "resample": lambda ds: ds.SNR.resample(epoch="10min").mean(),
    "resample upwards": lambda ds: ds.SNR.isel(epoch=slice(5)).resample(epoch="5s").nearest(tolerance="2s"),
    "coarsen": lambda ds: ds.coarsen(epoch=12).mean(),
    "coarsen and trim": lambda ds: ds.coarsen(epoch=7, boundary="trim", side="right", coord_func="max").max(),
    "coarsen and trim at the end": lambda ds: ds.coarsen(epoch=7, boundary="trim", coord_func="min").mean(),
    "coarsen and pad": lambda ds: ds.coarsen(epoch=7, boundary="pad").mean(),
    "coarsen and pad without a rest": lambda ds: ds.coarsen(epoch=12, boundary="pad").mean(),
    "coarsen and pad in front": lambda ds: ds.coarsen(epoch=7, boundary="pad", side="right").mean(),
    "coarsen along sid": lambda ds: ds.SNR.drop_vars(["sid", "sv", "system", "band", "code"]).coarsen(sid=3).sum(),
    "rolling": lambda ds: ds.SNR.rolling(epoch=9, center=True, min_periods=3).mean(),
    "diff": lambda ds: ds.Phase.diff("epoch"),
    "shift": lambda ds: ds.SNR.shift(epoch=3),
    "differentiate": lambda ds: ds.Phase.differentiate("epoch", datetime_unit="s"),
    "integrate": lambda ds: ds.SNR.fillna(0).integrate("epoch", datetime_unit="s"),
    "cumsum": lambda ds: ds.SNR.cumsum("epoch"),
    "dropna": lambda ds: ds.SNR.sel(sid="G01|L1|C").dropna("epoch"),
    "interpolate a gap": lambda ds: (
        ds.SNR.isel(epoch=slice(9)).load().where(ds.epoch.dt.second > 20).interpolate_na("epoch")
    ),
    "first and last": lambda ds: xr.Dataset({"first": ds.epoch.min(), "last": ds.epoch.max("epoch")}),
    "mean time": lambda ds: ds.epoch.mean(),
    "idxmax": lambda ds: ds.SNR.fillna(0).idxmax("epoch"),
    "sortby": lambda ds: ds.isel(epoch=[5, 3, 8]).sortby("epoch"),
    "stack": lambda ds: ds.SNR.isel(epoch=slice(3)).stack(cell=("epoch", "sid")),
    "subtract what begins later": lambda ds: ds.Phase - ds.Phase.isel(epoch=slice(4, None)),
    "subtract pandas": lambda ds: ds.Phase - ds.Phase.sel(epoch=MORNING),
    "reindex": lambda ds: ds.SNR.reindex(epoch=TIMES.append(pd.DatetimeIndex(["2031-01-01"]))),
    "reindex to the nearest": lambda ds: ds.SNR.reindex(epoch=TIMES + pd.Timedelta("4s"), method="nearest"),
    "chunks": lambda ds: ds.chunk(epoch=100, sid=2).unify_chunks(),
    "map_blocks": lambda ds: xr.map_blocks(lambda block: block * 2, ds[["SNR"]].drop_vars("source_file")),
    "concat": lambda ds: xr.concat([ds.isel(epoch=slice(9)), ds.isel(epoch=slice(9, None))], "epoch"),
    "merge": lambda ds: xr.merge([ds[["SNR"]], ds[["Phase"]]], join="outer", compat="override"),
    "rename": lambda ds: ds.rename(epoch="time").sel(time="2025-01-01T00:30"),
    "transpose": lambda ds: ds.transpose("sid", "epoch"),
    "pickle": lambda ds: pickle.loads(pickle.dumps(ds)),
    "deep copy": lambda ds: ds.copy(deep=True),
    "weighted": lambda ds: ds.SNR.weighted(ds.SSI.clip(0, 1)).mean("epoch"),
    "quantile": lambda ds: ds.SNR.chunk(epoch=-1).quantile([0.1, 0.5], "epoch"),
}


pytestmark = pytest.mark.filterwarnings("ignore:Treating an array-like object that is not a numpy ndarray")
"""xarray indexes the names of signals so where pandas keeps text in pyarrow."""


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """The same dataset with both indexes: a computing one, and xarray's over the very times."""
    url = short_store(tmp_path_factory.mktemp("short"), interval_s=10, epochs=360)
    lazy = open_dataset(url, "rec", pandas_limit=0)
    attributes = lazy.epoch.attrs
    plain = lazy.drop_vars("epoch").assign_coords(epoch=("epoch", lazy.epoch.values, attributes))
    assert (type(lazy.xindexes["epoch"]), type(plain.xindexes["epoch"])) == (
        RegularEpochIndex,
        xr.indexes.PandasIndex,
    )
    return lazy, plain


def in_memory(found):
    return (found.to_dataset(name="found") if isinstance(found, xr.DataArray) else found).load()


@pytest.mark.heavy
@pytest.mark.parametrize("name", OPERATIONS)
def test_as_on_a_pandas_index(short, name):
    found, expected = (in_memory(OPERATIONS[name](dataset)) for dataset in short)
    assert (found.sizes, found.attrs) == (expected.sizes, expected.attrs)
    assert set(found.variables) == set(expected.variables)
    assert set(found.coords) == set(expected.coords)
    for each, variable in expected.variables.items():
        same = found.variables[each]
        assert (same.dims, same.dtype, same.attrs) == (variable.dims, variable.dtype, variable.attrs), each
        np.testing.assert_array_equal(same.values, variable.values, err_msg=str(each))
    assert found.indexes.keys() == expected.indexes.keys()
    assert all(index.equals(expected.indexes[name]) for name, index in found.indexes.items())


def test_tables_sizes_and_names_as_on_a_pandas_index(short):
    lazy, plain = short
    pd.testing.assert_frame_equal(
        lazy.sel(epoch=MORNING).to_dataframe().sort_index(axis=1),
        plain.sel(epoch=MORNING).to_dataframe().sort_index(axis=1),
    )
    assert lazy.nbytes == plain.nbytes
    assert lazy.chunks == plain.chunks
    assert lazy.epoch.to_index().equals(plain.epoch.to_index())
    assert repr(lazy.SNR.data) == repr(plain.SNR.data)


def test_a_coordinate_is_named_by_its_times_alone_whatever_was_loaded(short):
    from dask.base import tokenize

    lazy, plain = short
    name = tokenize(lazy.epoch.variable)
    assert name == tokenize(lazy.copy().epoch.variable)
    assert name != tokenize(lazy.isel(epoch=slice(1, None)).epoch.variable)
    assert name != tokenize(lazy.epoch.assign_attrs(long_name="Other").variable)
    assert lazy.chunk(epoch=100).epoch.chunks is None
    assert (
        lazy.load().epoch.variable.times_ns == lazy.compute().epoch.variable.times_ns == lazy.xindexes["epoch"].times_ns
    )
    assert not lazy.epoch.variable.equals(lazy.isel(epoch=slice(1, None)).epoch.variable)
    short_one = PlainVariable("epoch", plain.epoch.values)
    for other in (None, 5, "epoch", plain.epoch.values):
        assert (
            lazy.epoch.variable.equals(other) is plain.epoch.variable.equals(other) is short_one.equals(other) is False
        )
    assert short_one.equals(plain.epoch)
    assert lazy.epoch.variable.equals(plain.epoch)


LAZY = {
    "open": (1.0, lambda ds: open_dataset(ds.encoding["source"], "rec")),
    "show": (1.0, lambda ds: (repr(ds), ds._repr_html_(), repr(ds.epoch), ds.SNR._repr_html_(), repr(ds.xindexes))),
    "nbytes": (1.0, lambda ds: ds.nbytes),
    "pickle": (1.0, lambda ds: pickle.loads(pickle.dumps(ds))),
    "sel an hour": (1.0, lambda ds: ds.sel(epoch="2025-01-01T00")),
    "sel a year": (1.0, lambda ds: ds.sel(epoch="2031")),
    "sel the nearest": (1.0, lambda ds: ds.sel(epoch="2031-01-01T00:00:00.3", method="nearest")),
    "isel": (3.0, lambda ds: ds.isel(epoch=slice(10, -10))),
    "thin": (3.0, lambda ds: ds.thin(epoch=86_400)),
    "where a system, dropped": (3.0, lambda ds: ds.where(ds.system == "G", drop=True)),
    "sel a band": (3.0, lambda ds: ds.sel(sid=ds.band == "L1")),
    "chunk": (4.0, lambda ds: ds.chunk(epoch=5_184_000)),
    "coarsen to days": (4.0, lambda ds: ds.SNR.coarsen(epoch=86_400).mean()),
    "first and last": (1.0, lambda ds: (ds.epoch.min().values, ds.epoch.max().values)),
    "equals": (1.0, lambda ds: ds.epoch.equals(open_dataset(ds.encoding["source"], "rec").epoch)),
    "subtract one opened anew": (3.0, lambda ds: ds.SNR - open_dataset(ds.encoding["source"], "rec").SNR),
    "diff": (5.0, lambda ds: ds.Phase.diff("epoch")),
    "loaded": (1.0, lambda ds: ds[["sv", "epoch"]].drop_vars(PER_EPOCH, errors="ignore").load()),
    "groupby band": (3.0, lambda ds: ds.SNR.groupby("band").mean()),
    "groupby hour of a day": (4.0, lambda ds: ds.SNR.sel(epoch="2025-01-01").groupby("epoch.hour").mean().load()),
    "resample of a day": (4.0, lambda ds: ds.SNR.sel(epoch="2025-01-01").resample(epoch="1h").mean().load()),
    "table of a day": (4.0, lambda ds: ds[["SNR"]].sel(epoch="2025-01-01", sid="G01|L1|C").to_dataframe()),
}
"""Processor seconds that it may take, and what is done."""
MOST_BYTES = 64 << 20
"""A tenth of a byte an epoch, whatever is done; all epochs are 5 GB."""


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    return open_dataset(twenty_years(tmp_path_factory.mktemp("long")), "rec")


@pytest.mark.heavy
@pytest.mark.parametrize("name", LAZY)
def test_twenty_years_cost_nothing_of_their_length(twenty, name):
    most_s, call = LAZY[name]
    began_s = time.process_time()
    call(twenty)
    assert time.process_time() - began_s < most_s
    tracemalloc.start()
    call(twenty)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < MOST_BYTES


@pytest.mark.heavy
def test_twenty_years_hold_what_was_stored(twenty):
    assert twenty.sizes == {"epoch": EPOCHS, "sid": 9}
    assert twenty.epoch.max().values == np.datetime64("2025-01-01") + np.timedelta64(EPOCHS - 1, "s")
    assert twenty.SNR.isel(epoch=-1, sid=0).values == 44
    hours = twenty.SNR.sel(epoch="2025-01-01", sid="G01|L1|C").groupby("epoch.hour").count()
    assert hours.values.tolist() == [3600, *[0] * 23]
    days = twenty.SNR.sel(sid="G01|L1|C").coarsen(epoch=86_400).count().isel(epoch=slice(2))
    assert days.epoch.values[1] == np.datetime64("2025-01-02T11:59:59.5")
    assert days.values.tolist() == [3600, 0]
