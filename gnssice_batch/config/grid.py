"""The settings of an epoch grid."""

from datetime import date
from typing import Self

from pydantic import Field, field_validator, model_validator

from gnssice_batch.config.section import Section
from gnssice_batch.config.values import nanoseconds, whole_ticks

FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2200, 12, 31)
LONGEST_GAP_DAYS = 100_000
"""Nanoseconds since 1970 reach no further."""


class Grid(Section):
    """The epoch grid of the receivers; what is left open is found once, when a receiver's group is made."""

    interval_s: float | None = Field(
        None, gt=0, le=86400, description="Time between grid epochs in seconds; of new groups only."
    )
    phase_s: float | None = Field(
        None,
        ge=0,
        le=86400,
        description="Offset of the sampling marks from whole intervals of GPS time, in seconds; of new groups only.",
    )
    tolerance_s: float | None = Field(
        None,
        ge=0,
        le=43200,
        description="How far an epoch may lie from its grid epoch and still be taken, in seconds; of new groups only.",
    )
    earliest: date = Field(
        date(1994, 1, 1), ge=FIRST_DAY, le=LAST_DAY, description="Epochs before this day are rejected as implausible."
    )
    latest: date | None = Field(
        None,
        ge=FIRST_DAY,
        le=LAST_DAY,
        description="Epochs after this day are rejected as implausible; null is two days after today.",
    )

    max_gap_days: int | None = Field(
        366,
        gt=0,
        le=LONGEST_GAP_DAYS,
        description="Longest gap between a file and the other data of its receiver, in days; what is further away is "
        "rejected as implausible_date. null: any gap is plausible.",
    )

    _resolution = field_validator("interval_s", "phase_s", "tolerance_s")(whole_ticks)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.latest is not None and self.latest < self.earliest:
            message = "latest should not lie before earliest"
            raise ValueError(message)
        if self.interval_s is not None and (self.phase_s or 0) >= self.interval_s:
            message = "phase_s should be less than interval_s"
            raise ValueError(message)
        if self.interval_s is not None and 2 * (self.tolerance_s or 0) >= self.interval_s:
            message = "tolerance_s should be less than half of interval_s"
            raise ValueError(message)
        return self

    @property
    def interval_ns(self) -> int | None:
        """The interval in nanoseconds, None where it is to be found."""
        return None if self.interval_s is None else nanoseconds(self.interval_s)

    @property
    def phase_ns(self) -> int | None:
        """The phase in nanoseconds, None where it is to be found."""
        return None if self.phase_s is None else nanoseconds(self.phase_s)

    @property
    def tolerance_ns(self) -> int | None:
        """The tolerance in nanoseconds, None where it is to be found."""
        return None if self.tolerance_s is None else nanoseconds(self.tolerance_s)
