"""What other programs have put beside the groups of this one, or into them."""

from collections.abc import Iterable, Iterator
from typing import Final

import zarr
from zarr.core.sync import sync

from gnssice_batch.model.template import EPOCH_COORDINATES, JOINED, SID_COORDINATES, VARIABLES

_OWN: Final = frozenset(
    {spec.name.partition("/")[0] for spec in (*VARIABLES, *EPOCH_COORDINATES, *SID_COORDINATES, *JOINED)}
    | {"metadata", "zarr.json"}
)
_AXES: Final = frozenset({"epoch", "sid"})


def is_own(group: zarr.Group) -> bool:
    """Whether a group says that this program, or a later version of it, made it."""
    return "layout_version" in group.attrs


def foreign_arrays(group: zarr.Group) -> tuple[str, ...]:
    """The arrays of a group that lie along its axes and are none of this program's, by name.

    They don't grow or move with the axes, and a reader can't open a group whose arrays are of different lengths.
    """
    others = sorted(set(_names(group)) - _OWN)
    return tuple(name for name in others if _lies_along(group.get(name)))


def _lies_along(member: object) -> bool:
    names: Iterable[str | None] = getattr(getattr(member, "metadata", None), "dimension_names", None) or ()
    return not _AXES.isdisjoint(names)


def _names(group: zarr.Group) -> Iterator[str]:
    async def listed() -> list[str]:
        return [name async for name in group.store.list_dir(group.store_path.path)]

    yield from sync(listed())
