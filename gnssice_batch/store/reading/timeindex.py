"""An xarray index over a regular epoch axis of any length: computed, never loaded.

It answers as a `pandas.DatetimeIndex` does, and becomes one as soon as a selection is short enough, or not regular.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Final, Self, cast, override

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from xarray.core.indexing import IndexSelResult
from xarray.indexes import CoordinateTransform, CoordinateTransformIndex, Index, PandasIndex

from gnssice_batch.store.reading.longvariable import LongVariable
from gnssice_batch.store.reading.plainindex import PlainEpochIndex, SortedAsPandasIndex
from gnssice_batch.store.reading.regular_times import Method, RegularTimes
from gnssice_batch.store.reading.timelabels import Moments, bound, moments_ns, named, resolution_ns

PANDAS_LIMIT: Final = 4_000_000
"""Longest axis, in epochs, that gets a plain pandas index: 32 MB of it."""

type Part = int | slice | npt.NDArray[Any] | xr.Variable


class EpochTransform(CoordinateTransform):
    """Positions on a regular axis to `datetime64[ns]` and back, in whole nanoseconds since 1970."""

    def __init__(self, times_ns: RegularTimes, name: Hashable, dim: str) -> None:
        super().__init__([name], {dim: times_ns.size}, np.dtype("datetime64[ns]"))
        self.times_ns = times_ns

    @override
    def forward(self, dim_positions: dict[str, Any]) -> dict[Hashable, Any]:
        """Times of positions of any shape."""
        return {self.coord_names[0]: self.times(np.asarray(dim_positions[self.dims[0]]))}

    @override
    def reverse(self, coord_labels: dict[Hashable, Any]) -> dict[str, Any]:
        """Positions of times of any shape; -1 where there is no such epoch."""
        labels = np.asarray(coord_labels[self.coord_names[0]])
        return {self.dims[0]: self.times_ns.locate(moments_ns(labels))}

    @override
    def equals(self, other: CoordinateTransform, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Whether both are the same times under the same names."""
        return (
            isinstance(other, EpochTransform)
            and self.times_ns == other.times_ns
            and (self.coord_names, self.dims) == (other.coord_names, other.dims)
        )

    @override
    def generate_coords(self, dims: tuple[str, ...] | None = None) -> dict[Hashable, Any]:
        """All times."""
        return {self.coord_names[0]: self.times(np.arange(self.times_ns.size))}

    def times(self, positions: npt.NDArray[Any]) -> npt.NDArray[np.datetime64]:
        """Times of positions of any shape."""
        return self.times_ns.at(positions).view("datetime64[ns]")


class RegularEpochIndex(CoordinateTransformIndex, metaclass=SortedAsPandasIndex):
    """Index of a regular axis of any length.

    Parameters
    ----------
    transform
        The axis.
    pandas_limit
        Selections of up to this many epochs get a `PandasIndex`.
    """

    transform: EpochTransform

    def __init__(self, transform: EpochTransform, pandas_limit: int = PANDAS_LIMIT) -> None:
        super().__init__(transform)
        self.pandas_limit = pandas_limit

    @property
    def times_ns(self) -> RegularTimes:
        """The epochs in nanoseconds since 1970."""
        return self.transform.times_ns

    @property
    def name(self) -> Hashable:
        """Name of the coordinate."""
        return self.transform.coord_names[0]

    @property
    def dim(self) -> str:
        """Name of the dimension."""
        return self.transform.dims[0]

    @override
    def create_variables(self, variables: Mapping[Any, xr.Variable] | None = None) -> dict[Any, xr.Variable]:
        """The lazy coordinate variable, with the attributes and encoding of an earlier one."""
        encodings = {name: one.encoding for name, one in (variables or {}).items()}
        return {
            name: LongVariable(one.dims, one, one.attrs, encodings.get(name))
            for name, one in super().create_variables(variables).items()
        }

    @override
    def to_pandas_index(self) -> pd.DatetimeIndex:
        """All epochs, in memory."""
        times = self.transform.times(np.arange(self.times_ns.size))
        return pd.DatetimeIndex(times, name=self.name, copy=False)

    @override
    def isel(self, indexers: Mapping[Any, Part]) -> Index | None:
        """The index of a part of the axis; None where no axis is left."""
        part = indexers[self.dim]
        if isinstance(part, xr.Variable):
            if part.dims != (self.dim,):
                return None
            part = cast("npt.NDArray[Any]", part.data)
        if isinstance(part, slice):
            return self._sliced(part)
        positions = np.asarray(part)
        if positions.ndim != 1:
            return None
        return self._listed(np.flatnonzero(positions) if positions.dtype.kind == "b" else positions)

    @override
    def sel(self, labels: dict[Any, Any], method: Method | None = None, tolerance: object = None) -> IndexSelResult:
        """Positions of labels: a time, a partial string, a slice, or an array of times.

        Raises
        ------
        KeyError
            When a label is not on the axis.
        """
        label = labels[self.name]
        if isinstance(label, slice):
            if method is not None or tolerance is not None:
                msg = "a slice takes neither method nor tolerance"
                raise NotImplementedError(msg)
            return IndexSelResult({self.dim: self._span(label)})
        wanted = np.asarray(label)
        found: Any = wanted if wanted.dtype.kind == "b" else self._found(wanted, method, tolerance)
        if isinstance(label, xr.Variable):
            found = xr.Variable(label.dims, found)
        elif isinstance(label, xr.DataArray):
            found = xr.DataArray(found, coords=label.coords, dims=label.dims)
        return IndexSelResult({self.dim: found})

    @property
    def index(self) -> pd.DatetimeIndex:
        """All epochs, in memory: what a `PandasIndex` asks of another that it is joined with."""
        return self.to_pandas_index()

    @property
    def coord_dtype(self) -> np.dtype[Any]:
        """Type of the epochs, as a `PandasIndex` has it."""
        return np.dtype("datetime64[ns]")

    @override
    def join(self, other: Index, how: str = "inner") -> Index:  # type: ignore[override]
        """The epochs of both, or of either; xarray calls it on the class, with a `PandasIndex` for `self` too."""
        one = cast("Index", self)
        if isinstance(one, RegularEpochIndex) and isinstance(other, RegularEpochIndex):
            mine, theirs = one.times_ns, other.times_ns
            row = mine.union(theirs) if how == "outer" else mine.intersection(theirs)
            if row is not None:
                return epoch_index(row, one.dim, one.pandas_limit, one.name)
        elif how == "inner" and (common := _in_both(one, other)) is not None:
            return common
        return PandasIndex.join(_as_pandas(one), _as_pandas(other), how)

    @override
    def reindex_like(self, other: Index, method: Method | None = None, tolerance: object = None) -> dict[Hashable, Any]:
        """Positions of another index's epochs here, -1 where there is none: 8 bytes for each."""
        if method is None and isinstance(other, RegularEpochIndex):
            return {self.dim: self.times_ns.positions(other.times_ns)}
        wanted = moments_ns(other.to_pandas_index().to_numpy())
        return {self.dim: self.times_ns.locate(wanted, method, _nanoseconds(tolerance))}

    @override
    @classmethod
    def concat(cls, indexes: Sequence[Any], dim: Hashable, positions: Iterable[Iterable[int]] | None = None) -> Any:
        """One index of several in a row; regular where each goes on where the one before it ends."""
        row = None
        if positions is None and all(isinstance(index, cls) for index in indexes):
            row = reduce(_appended, (index.times_ns for index in indexes[1:]), indexes[0].times_ns)
        if row is not None:
            return epoch_index(row, str(dim), indexes[0].pandas_limit, indexes[0].name)
        return PandasIndex.concat([_as_pandas(index) for index in indexes], dim, positions)

    @override
    def roll(self, shifts: Mapping[Any, int]) -> PandasIndex:  # type: ignore[override]
        """The epochs rolled; they are in memory then."""
        return _as_pandas(self).roll(shifts)

    @override
    def rename(self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]) -> Self:
        """The same axis under other names."""
        name, dim = name_dict.get(self.name, self.name), str(dims_dict.get(self.dim, self.dim))
        return type(self)(EpochTransform(self.times_ns, name, dim), self.pandas_limit)

    def _span(self, label: slice) -> slice:
        """Positions of a slice of labels, both ends included."""
        row = self.times_ns
        first = 0 if label.start is None else row.below(bound(label.start).first_ns, inclusive=False)
        stop = row.size if label.stop is None else row.below(bound(label.stop).last_ns, inclusive=True)
        return slice(first, max(first, stop), label.step)

    def _resolution_ns(self) -> int:
        """The finest unit that its times need; a single one has no step."""
        times = self.times_ns
        return resolution_ns(times.first, times.step if times.size > 1 else 0)

    def _found(self, wanted: npt.NDArray[Any], method: Method | None, tolerance: object) -> Any:
        """Positions of the wanted times; a slice for a partial string."""
        try:
            if wanted.ndim == 0 and wanted.dtype.kind in "UT" and method is None:
                span = named(str(wanted[()]))
                if span.is_partial(self._resolution_ns()):
                    return self._whole(span)
            positions = self.times_ns.locate(moments_ns(wanted), method, _nanoseconds(tolerance))
        except (TypeError, ValueError) as error:
            raise KeyError(*wanted.ravel()[:1], str(error)) from error
        if (positions < 0).any():
            msg = f"not all values found in index {self.name!r}: {self!r}; method='nearest' takes the nearest epochs"
            raise KeyError(msg)
        return positions if wanted.ndim else int(positions)

    def _whole(self, span: Moments) -> slice:
        row = self.times_ns
        if not row.size or span.last_ns < row.first or span.first_ns > row.last:
            msg = f"none of it is in index {self.name!r}: {self!r}"
            raise KeyError(msg)
        return slice(row.below(span.first_ns, inclusive=False), row.below(span.last_ns, inclusive=True))

    def _sliced(self, part: slice) -> Index:
        if part.step is not None and part.step < 0:
            return self._listed(np.arange(self.times_ns.size)[part])
        return self._settled(self.times_ns.sliced(part))

    def _listed(self, positions: npt.NDArray[Any]) -> PandasIndex:
        return PlainEpochIndex(pd.DatetimeIndex(self.transform.times(positions), name=self.name, copy=False), self.dim)

    def _settled(self, row: RegularTimes) -> Index:
        return epoch_index(row, self.dim, self.pandas_limit, self.name)

    def _repr_inline_(self, max_width: int) -> str:
        return f"{self!r}"[:max_width]

    @override
    def __repr__(self) -> str:
        first, step = np.datetime64(self.times_ns.first, "ns"), pd.Timedelta(self.times_ns.step, "ns")
        return f"RegularEpochIndex({self.times_ns.size} epochs from {first}, every {step / pd.Timedelta(1, 's'):g} s)"


def epoch_index(
    times_ns: RegularTimes, dim: str, pandas_limit: int = PANDAS_LIMIT, name: Hashable | None = None
) -> Index:
    """The index of a regular axis: pandas' own up to a length, beyond it one that computes.

    Parameters
    ----------
    times_ns
        The epochs, in nanoseconds since 1970.
    dim
        Name of the dimension.
    pandas_limit
        Longest axis that gets pandas' own index; 0: none does.
    name
        Name of the coordinate; None: that of the dimension.
    """
    index = RegularEpochIndex(EpochTransform(times_ns, name or dim, dim), pandas_limit)
    return _as_pandas(index) if 0 < pandas_limit >= times_ns.size else index


def _as_pandas(index: Index) -> PandasIndex:
    if isinstance(index, RegularEpochIndex):
        return PlainEpochIndex(index.to_pandas_index(), index.dim)
    return cast("PandasIndex", index)


def _in_both(one: Index, other: Index) -> PandasIndex | None:
    """The epochs of a pandas index that a computing one has too; None where only pandas knows what they are."""
    ours, plain = (one, other) if isinstance(one, RegularEpochIndex) else (other, one)
    if not isinstance(ours, RegularEpochIndex) or not isinstance(plain, PandasIndex):
        return None
    index = plain.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is not None or not index.is_monotonic_increasing:
        return None
    unique = index.unique().as_unit("ns")
    there = ours.times_ns.locate(unique.to_numpy().astype(np.int64)) >= 0
    return PlainEpochIndex(unique[there].rename(ours.name), ours.dim)


def _appended(row: RegularTimes | None, following: RegularTimes) -> RegularTimes | None:
    if row is None or row.step != following.step or row.last + row.step != following.first:
        return None
    return RegularTimes(row.first, row.step, row.size + following.size)


def _nanoseconds(tolerance: object) -> int | None:
    return None if tolerance is None else int(pd.Timedelta(cast("Any", tolerance)).as_unit("ns").value)
