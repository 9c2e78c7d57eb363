"""A folder of a storage: its URL with the options to reach it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gnssice_batch.storage.options import StorageOptions, options_of
from gnssice_batch.storage.urls import Kind, Place, below, place


@dataclass(frozen=True, slots=True)
class Location:
    """A URL and how it is reached; what is secret in it is never shown."""

    url: str
    options: StorageOptions = field(default_factory=StorageOptions)

    @property
    def place(self) -> Place:
        """The parts of the URL."""
        return place(self.url)

    @property
    def local(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.place.kind is Kind.LOCAL

    def below(self, *names: str) -> "Location":
        """Something in this folder."""
        return Location(below(self.url, *names), self.options)


def location(where: str | Location, options: Mapping[str, Any] | StorageOptions | None = None) -> Location:
    """A location from its URL and options.

    Raises
    ------
    ConfigError
        When an option is not known.
    """
    return where if isinstance(where, Location) else Location(where, options_of(options))
