"""The settings of ``maintain``: what is old enough to go."""

from pydantic import Field

from gnssice_batch.config.section import Section


class Maintain(Section):
    """What the command maintain takes away."""

    keep_days: float | None = Field(
        None,
        ge=0,
        le=36500,
        description="Versions older than this expire, but for the newest of each branch and tagged ones; null: none.",
    )
    garbage_days: float = Field(
        1,
        ge=0,
        le=36500,
        description="What no version refers to is deleted when it is older; no run may be open for longer.",
    )
