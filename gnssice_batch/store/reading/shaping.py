"""A dataset in the form that a reader asks for: on given signals, masked, without what is of one receiver alone."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, cast, override

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.coding.variables import CFMaskCoder

from gnssice_batch.model.template import SID_COORDINATES, VARIABLES, signal_columns
from gnssice_batch.model.vod_contents import CONTENTS

PER_EPOCH: Final = tuple(
    dict.fromkeys(spec.name for one in CONTENTS.values() for spec in one.epoch_coordinates if spec.name != "epoch")
)
"""Coordinates along ``epoch`` of one receiver alone."""

_INDICATORS: Final = {spec.name: spec.fill for spec in VARIABLES if spec.dtype == "int8"}
_STALE: Final = ("chunks", "shards", "preferred_chunks")
_ALONG_SID: Final = {spec.name: spec for spec in SID_COORDINATES}


class Whole(xr.Variable):
    """A variable in memory that becomes dask chunks only where its own dimension is to be cut.

    xarray would make one chunk of it, which does not agree with those of the data along the same dimension.
    """

    __slots__ = ()

    @override
    def to_base_variable(self) -> xr.Variable:
        """Such a one again: this is how xarray takes a coordinate into a dataset."""
        return self.copy(deep=False)

    @override
    def chunk(self, chunks: Any = MappingProxyType({}), *arguments: Any, **named: Any) -> Any:
        """Cut it; as it is where nothing is said of its dimension."""
        if isinstance(chunks, Mapping) and not any(name in chunks or name in named for name in self.dims):
            return self.copy(deep=False)
        return super().chunk(chunks, *arguments, **named)


def on_signals(dataset: xr.Dataset, sids: Sequence[str]) -> xr.Dataset:
    """A dataset on these signals in their order; one that it lacks is missing everywhere, integers stay integers."""
    fills = {name: np.int8(fill) for name, fill in _INDICATORS.items() if name in dataset}
    data = dataset.drop_vars([name for name in _ALONG_SID if name != "sid"])
    placed = data.reindex(sid=np.array(list(sids), str), fill_value={**dict.fromkeys(data.data_vars, np.nan), **fills})
    return placed.assign_coords(_columns(dataset, sids))


def _columns(dataset: xr.Dataset, sids: Sequence[str]) -> dict[str, xr.Variable]:
    """The coordinates along ``sid``; frequencies of GLONASS satellites follow from the channels in the dataset."""
    channels = zip(dataset.sv.values.tolist(), dataset.glonass_fcn.values.tolist(), strict=True)
    unknown = _ALONG_SID["glonass_fcn"].fill
    known = {sv: channel for sv, channel in channels if channel != unknown}
    columns = signal_columns(list(sids), known)
    return {
        name: Whole("sid", in_memory(values), dataset[name].attrs) for name, values in columns.items() if name != "sid"
    }


def in_memory(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Values of a coordinate, text as numpy has it: it is plotted and written by every library."""
    return np.array(values.tolist(), str) if values.dtype.kind in "TO" else values


def with_text_objects(dataset: xr.Dataset) -> xr.Dataset:
    """A dataset whose text coordinates are Python objects."""
    text = {name: each.variable for name, each in dataset.coords.items() if each.dtype.kind == "U"}
    objects = {name: Whole(each.dims, each.values.astype(object), each.attrs) for name, each in text.items()}
    return dataset.assign_coords(objects)


def masked(dataset: xr.Dataset) -> xr.Dataset:
    """A dataset whose indicators are NaN where there are none, as float32; lazy also without dask."""
    found = {name: _masked(dataset[name].variable, fill) for name, fill in _INDICATORS.items() if name in dataset}
    return dataset.assign(found)


def _masked(indicator: xr.Variable, fill: object) -> xr.Variable:
    coded = indicator.copy(deep=False)
    coded.attrs, coded.encoding = {**indicator.attrs, "_FillValue": np.int8(cast("int", fill))}, {}
    decoded: xr.Variable = CFMaskCoder().decode(coded)
    decoded.encoding = {}
    return decoded


def of_any_receiver(dataset: xr.Dataset) -> xr.Dataset:
    """A dataset without the coordinates of one receiver's epochs, so that those of several can be merged."""
    return dataset.drop_vars(PER_EPOCH, errors="ignore")


def without_chunks_of_the_store(variables: Iterable[xr.Variable]) -> None:
    """Forget how the store cuts arrays into chunks, which a copy need not, and a part of it can't."""
    for variable in variables:
        for name in _STALE:
            variable.encoding.pop(name, None)
