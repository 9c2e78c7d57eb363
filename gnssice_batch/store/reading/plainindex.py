"""The pandas index of an epoch axis, which xarray can align with one that computes its times."""

from collections.abc import Mapping
from typing import Any, override

import xarray as xr
from xarray.indexes import PandasIndex


class SortedAsPandasIndex(type):
    """The type of index types that xarray takes for `PandasIndex` when it sorts the indexes of a coordinate by type.

    It joins indexes of one type only, and refuses to align others; what they are it does not ask. `isinstance` and
    ``is`` are not changed.
    """

    @override
    def __eq__(cls, other: object) -> bool:
        return other is PandasIndex or type(other) is SortedAsPandasIndex

    @override
    def __hash__(cls) -> int:
        return hash(PandasIndex)


class PlainVariable(xr.IndexVariable):
    """A coordinate that is not compared with another one that is longer or shorter."""

    __slots__ = ()

    @override
    def equals(self, other: Any, *args: Any, **options: Any) -> bool:
        """Whether dimensions and values are equal."""
        other = getattr(other, "variable", other)
        alike = isinstance(other, xr.Variable) and self.shape == other.shape
        return alike and bool(super().equals(other, *args, **options))  # type: ignore[no-untyped-call]


class PlainEpochIndex(PandasIndex, metaclass=SortedAsPandasIndex):
    """A `PandasIndex` that joins with an index that computes its times without asking it for all of them."""

    @override
    def create_variables(self, variables: Mapping[Any, xr.Variable] | None = None) -> dict[Any, xr.Variable]:
        """The coordinate variable, with the attributes and encoding of an earlier one."""
        return {
            name: PlainVariable(one.dims, one, one.attrs, one.encoding)  # type: ignore[no-untyped-call]
            for name, one in super().create_variables(variables).items()
        }

    @override
    def join(self, other: Any, how: str = "inner") -> Any:
        """The epochs of both, or of either; `other` and, called on the class, `self` too may be of any type here."""
        if isinstance(other, PandasIndex):
            return PandasIndex.join(self, other, how)
        return other.join(self, how)
