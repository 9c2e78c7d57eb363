"""The section that says how vegetation optical depth is made of the observations."""

from collections.abc import Sequence
from math import hypot
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from gnssice_batch.config.section import Section
from gnssice_batch.config.values import STATIC_KEYS, Globs, Options
from gnssice_batch.errors import ConfigError
from gnssice_batch.storage.options import check_options
from gnssice_batch.storage.urls import place

_GROUP_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
_SHORTEST_M, _LONGEST_M = 6.2e6, 6.6e6
"""Distances from the Earth's centre that an antenna can have."""


def is_on_earth(position_m: Sequence[float]) -> bool:
    """Whether Earth-fixed coordinates in m are those of a place that an antenna can have."""
    return _SHORTEST_M < hypot(*position_m) < _LONGEST_M


class Analysis(Section):
    """A canopy receiver against a reference receiver."""

    canopy: str = Field(min_length=1, description="Receiver below the canopy.")
    reference: str = Field(min_length=1, description="Receiver with a free sky.")

    @model_validator(mode="after")
    def _are_two(self) -> Self:
        if self.canopy == self.reference:
            message = f"canopy and reference are both {self.canopy!r}: an analysis compares two receivers"
            raise ValueError(message)
        return self


class Orbits(Section):
    """Where the satellites' orbits are told."""

    source: Literal["broadcast", "sp3"] = Field(
        "broadcast", description="broadcast: RINEX navigation files; sp3: precise orbits."
    )
    url: str | None = Field(
        None, min_length=1, description="Folder of the orbit files, as archive.url; null: the archive itself."
    )
    layout: Globs = Field(
        ("**",), description="Globs of the orbit files in it. Of these the ones that are named as orbit files count."
    )
    storage_options: Options = Field(description="How the folder is reached; where url is null, as the archive is.")
    allow_static_credentials: bool = STATIC_KEYS

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        try:
            check_options(place(self.url or "."), self.storage_options)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self


class Vod(Section):
    """How vegetation optical depth is made."""

    analyses: dict[Annotated[str, Field(pattern=_GROUP_NAME)], Analysis] = Field(
        default_factory=dict,
        description="Name of an analysis to its receivers; empty: every canopy_* against every reference_*.",
    )
    orbits: Orbits = Field(
        default_factory=lambda: Orbits.model_validate({}), description="Where the satellites' orbits are told."
    )
    position: Literal["header"] | tuple[float, float, float] = Field(
        "header",
        description="Position of the canopy receiver, ECEF in m; header: as the header of its first file says.",
    )

    @field_validator("position")
    @classmethod
    def _on_earth(cls, position: str | tuple[float, float, float]) -> str | tuple[float, float, float]:
        if not isinstance(position, str) and not is_on_earth(position):
            message = "should be a place near the Earth's surface, [x, y, z] in metres from its centre"
            raise ValueError(message)
        return position
