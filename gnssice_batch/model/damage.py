"""Damage of a store: chunks that are missing or do not decode, told by receiver, array, write unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, override

from gnssice_batch.errors import StoreError
from gnssice_batch.model.grid import gps_datetime
from gnssice_batch.model.values import Span

_MENDED: Final = "gnssice-batch repair makes it again from the archive"
_AXIS: Final = "epoch"
"""The axis itself comes from no file."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Epochs of an array that can't be read, all in one write unit."""

    receiver: str
    array: str
    """Its name in the receiver's group."""
    unit: int | None
    """The write unit; None for an array that is not made of these, whose whole is damaged."""
    span: Span | None
    """First and last epoch of the read units that can't be read; likewise."""
    why: str
    """What reading has met."""

    @property
    def mendable(self) -> bool:
        """Whether the files of the archive can give it again."""
        return self.unit is not None and self.array != _AXIS

    @property
    def place(self) -> str:
        """Where it is."""
        if self.span is None:
            return f"{self.receiver} {self.array}"
        ends = (self.span.first_ns, self.span.last_ns)
        first, last = (str(gps_datetime(time_ns).astype("datetime64[s]")) for time_ns in ends)
        return f"{self.receiver} {self.array} {first} to {last} (write unit {self.unit})"

    def __str__(self) -> str:
        """In one line."""
        return f"{self.place}: {self.why}"


class DamagedError(StoreError):
    """Chunks of a published store are missing or do not decode: trying again does not help.

    Parameters
    ----------
    damages
        What can't be read.
    """

    def __init__(self, damages: Sequence[Damage]) -> None:
        self.damages = tuple(damages)
        first, more = self.damages[0], len(self.damages) - 1
        ending = f" (and {more} more)" if more else ""
        remedy = _MENDED if first.mendable else "an earlier version may still have it: gnssice-batch versions"
        super().__init__(f"the store is damaged, {first}{ending}; {remedy}")

    @override
    def __reduce__(self) -> tuple[type["DamagedError"], tuple[tuple[Damage, ...]]]:
        return type(self), (self.damages,)
