"""Groups that another program made, opened as they are."""

import warnings
from collections.abc import Mapping
from typing import Final

import icechunk
import xarray as xr
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.store.damage import first_line
from gnssice_batch.store.layout.foreign import is_own
from gnssice_batch.wording import several

_TO_THE_CALLER: Final = 4
"""From the warning to who opens the dataset, what makes calls again in between."""
_SHOWN: Final = 10


def as_it_is(
    session: icechunk.Session, group: zarr.Group, url: str, chunks: Mapping[str, int] | None, wishes: Mapping[str, bool]
) -> xr.Dataset:
    """The dataset that xarray makes of a group of another program, with a warning that it is one.

    Parameters
    ----------
    chunks
        As `xarray.open_zarr` takes them.
    wishes
        Whether something was asked for that needs a group of this program, by its name.

    Raises
    ------
    StoreError
        When it was, or xarray can't open the group.
    """
    _check_not_inside(session, group)
    what = f"{f'group {group.path!r}' if group.path else 'the root'} of {url} was not made by gnssice-batch"
    if asked := [name for name, is_asked in wishes.items() if is_asked]:
        raise StoreError(f"{what}: its values can only be had as they are, leave out {several(asked)}")
    given = None if chunks is None else dict(chunks)
    try:
        found: xr.Dataset = xr.open_zarr(
            session.store, group=group.path, consolidated=False, zarr_format=3, chunks=given
        )
    except (ValueError, LookupError, TypeError, NotImplementedError) as error:
        raise StoreError(f"{what}, and xarray can't open it: {first_line(error)}") from error
    if not found.variables:
        inside = several(sorted(group.group_keys()), _SHOWN) or "nothing"
        raise StoreError(f"{what}, and has no arrays; it has {inside}")
    warnings.warn(f"{what}: it is given as it is", UserWarning, _TO_THE_CALLER)
    found.encoding["source"] = url
    return found


def _check_not_inside(session: icechunk.Session, group: zarr.Group) -> None:
    """Refuse a group inside one of this program: it has tables there, no dataset."""
    receiver, _, below = group.path.partition("/")
    if below and is_own(zarr.open_group(session.store, path=receiver, mode="r", zarr_format=3)):
        msg = f"group {group.path!r} is a part of the receiver {receiver!r}: open that, or read its ledger"
        raise StoreError(msg)
