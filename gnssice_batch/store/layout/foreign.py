"""What other programs have put beside the groups of this one, or into them."""

import asyncio
from collections.abc import Iterable
from typing import Final

import zarr
from zarr.core.sync import sync

from gnssice_batch.model.vod_contents import CONTENTS
from gnssice_batch.store.layout.documents import members_in

_OWN: Final = frozenset(
    {spec.name for contents in CONTENTS.values() for spec in contents.arrays} | {"metadata", "zarr.json"}
)
_AXES: Final = frozenset({"epoch", "sid"})


def is_own(group: zarr.Group) -> bool:
    """Whether a group says that this program, or a later version of it, made it."""
    return "layout_version" in group.attrs


def own_and_others(root: zarr.Group) -> tuple[dict[str, zarr.Group], tuple[str, ...]]:
    """The groups of this program by name, sorted, and the names of those of others; ``/`` where arrays are in none.

    A group of nothing but groups of this program is a folder of these: they are named by their path.
    """
    groups, arrays = members_in(root)
    own = {name: group for name, group in groups.items() if is_own(group)}
    others = ["/"] if arrays else []
    for name in sorted(groups.keys() - own.keys()):
        inside, beside = members_in(groups[name])
        its = {f"{name}/{each}": group for each, group in inside.items() if is_own(group)}
        own |= its
        if beside or len(its) < len(inside) or not its:
            others.append(name)
    return dict(sorted(own.items())), tuple(others)


def foreign_arrays(root: zarr.Group, receivers: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """By receiver the arrays of its group that lie along its axes and are none of this program's, by name.

    They don't grow or move with the axes, and a reader can't open a group whose arrays are of different lengths.
    """
    receivers = list(receivers)
    names = sync(_names(root, receivers))
    return {
        receiver: found
        for receiver, there in zip(receivers, names, strict=True)
        if (others := sorted(set(there) - _OWN)) and (found := _along(root, receiver, others))
    }


def _along(root: zarr.Group, receiver: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if _lies_along(root.get(f"{receiver}/{name}")))


def _lies_along(member: object) -> bool:
    names: Iterable[str | None] = getattr(getattr(member, "metadata", None), "dimension_names", None) or ()
    return not _AXES.isdisjoint(names)


async def _names(root: zarr.Group, receivers: Iterable[str]) -> list[list[str]]:
    async def listed(path: str) -> list[str]:
        return [name async for name in root.store.list_dir(path)]

    return await asyncio.gather(*(listed((root.store_path / receiver).path) for receiver in receivers))
