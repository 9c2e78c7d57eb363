"""The coordinate of an epoch axis whose times are computed, not loaded to say what follows from their rule."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Self, override

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.core import duck_array_ops

from gnssice_batch.store.reading.regular_times import RegularTimes

_OF_ENDS: Final = (duck_array_ops.min, duck_array_ops.max)
"""Reductions that only need both ends of a sorted axis."""
_WITHIN: Final[Mapping[str, tuple[int, int]]] = MappingProxyType({"min": (0, 1), "mean": (1, 2), "max": (1, 1)})
"""Where in a window a reduction of its times lies, as a fraction of its length."""


class LongVariable(xr.Variable):
    """A coordinate that is not computed only to be compared, named, cut, made coarser, or loaded with others."""

    __slots__ = ()

    @property
    def times_ns(self) -> RegularTimes | None:
        """The times in nanoseconds since 1970; None where they are not computed any more."""
        found = getattr(getattr(self._data, "_transform", None), "times_ns", None)
        return found if isinstance(found, RegularTimes) else None

    @override
    def equals(self, other: Any, *args: Any, **options: Any) -> bool:
        """Whether dimensions and values are equal."""
        other = getattr(other, "variable", other)
        if not isinstance(other, xr.Variable) or self.dims != other.dims or self.shape != other.shape:
            return False
        theirs = other.times_ns if isinstance(other, LongVariable) else None
        if self.times_ns is not None and theirs is not None:
            return self.times_ns == theirs
        return bool(super().equals(other, *args, **options))  # type: ignore[no-untyped-call]

    @override
    def chunk(self, *arguments: Any, **named: Any) -> Any:
        """As it is, as the coordinate of a pandas index is."""
        return self.copy(deep=False)

    @override
    def load(self, **options: Any) -> Self:
        """As it is: what is computed is not kept with the values of a dataset that are loaded."""
        return self if self.times_ns is not None else super().load(**options)

    @override
    async def load_async(self, **options: Any) -> Self:
        """Likewise."""
        return self if self.times_ns is not None else await super().load_async(**options)

    @override
    def reduce(self, func: Any, *arguments: Any, **named: Any) -> xr.Variable:  # type: ignore[override]
        """The first or the last time, else as any variable."""
        if self.times_ns is not None and func in _OF_ENDS and self.size:
            return xr.Variable(self.dims, self[[0, -1]].values, self.attrs).reduce(func, *arguments, **named)
        return super().reduce(func, *arguments, **named)

    @override
    def coarsen(
        self, windows: Any, func: Any, boundary: Any = "exact", side: Any = "left", keep_attrs: Any = None, **more: Any
    ) -> Any:
        """The mean, first or last time of each window, else as any variable."""
        dim, row = self.dims[0], self.times_ns
        window, boundary, side = windows.get(dim, 0), _of(dim, boundary), _of(dim, side)
        left_over = self.size % window if window > 0 else self.size
        whole = window > 0 and (left_over == 0 or boundary in {"trim", "pad"})
        if row is None or func not in _WITHIN or not whole or more:
            return super().coarsen(windows, func, boundary, side, keep_attrs, **more)  # type: ignore[no-untyped-call]
        first = left_over if side == "right" else 0
        parts = [_coarse(row.sliced(slice(first, None)), window, func)]
        if left_over and boundary == "pad":
            rest = self[:left_over] if first else self[-left_over:]
            padded = xr.Variable(rest.dims, rest.values).coarsen({dim: window}, func, boundary, side)  # type: ignore[no-untyped-call]
            parts.insert(0 if first else 1, padded.values)
        return xr.Variable(self.dims, np.concatenate(parts), None if keep_attrs is False else self.attrs)

    def __dask_tokenize__(self) -> object:
        if self.times_ns is None:
            return super().__dask_tokenize__()
        row, attributes = self.times_ns, sorted(map(str, self.attrs.items()))
        return (type(self).__name__, self.dims, row.first, row.step, row.size, attributes)


def _of(dim: object, given: object) -> object:
    """What an argument says of a dimension, where it may say it of each."""
    return given.get(dim) if isinstance(given, Mapping) else given


def _coarse(row: RegularTimes, window: int, func: str) -> npt.NDArray[np.datetime64]:
    """One time for each whole window."""
    part, parts = _WITHIN[func]
    within = (window - 1) * row.step * part // parts
    whole = RegularTimes(row.first + within, row.step * window, row.size // window)
    return whole.at(np.arange(whole.size)).view("datetime64[ns]")
