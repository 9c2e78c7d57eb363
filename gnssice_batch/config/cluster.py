"""The section that says where tasks run."""

from typing import Literal, Self

from pydantic import Field, model_validator

from gnssice_batch.config.section import Section
from gnssice_batch.config.values import Size

LONGEST_S = 31_536_000
"""A year."""


class Cluster(Section):
    """Where the tasks run."""

    kind: Literal["inline", "local", "address", "indexed", "operator"] = Field(
        "inline",
        description="inline: this process; local: Dask processes here; address: an existing scheduler; indexed: a "
        "scheduler in this process, workers are other pods of an Indexed Job; operator: a DaskCluster that the "
        "dask-kubernetes operator runs.",
    )
    address: str | None = Field(
        None, description="Address of an existing scheduler, e.g. tcp://127.0.0.1:8786 (address)."
    )
    manifest: str | None = Field(
        None, min_length=1, description="YAML file of the DaskCluster to create; name, owner and replicas are added."
    )
    connect_timeout_s: float = Field(
        30,
        gt=0,
        le=LONGEST_S,
        description="Seconds to wait for scheduler and workers (address), and for a scheduler that is away.",
    )
    ready_timeout_s: float = Field(
        900,
        gt=0,
        le=LONGEST_S,
        description="Seconds to wait for the first worker (indexed, operator), and for another one when the last is "
        "lost.",
    )
    workers: int = Field(2, ge=1, le=100_000, description="Worker processes; the fewest where there is a maximum.")
    maximum_workers: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Most workers that the operator scales up to; null: always as many as workers.",
    )
    threads_per_worker: int = Field(1, ge=1, le=10_000, description="Tasks that one worker runs at a time.")
    memory_limit: Size | None = Field(None, description="Bytes per worker, or with a unit; null: Dask's share.")
    scheduler_port: int = Field(8786, ge=1, le=65535, description="Port of the scheduler (indexed, operator).")
    dashboard_port: int | None = Field(
        0,
        ge=0,
        le=65535,
        description="0: any free port; null: no dashboard. On all interfaces (indexed), else on this machine only.",
    )

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        if (self.kind == "address") != (self.address is not None):
            message = "kind: address and cluster.address go together"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _has_manifest(self) -> Self:
        if (self.kind == "operator") != (self.manifest is not None):
            message = "kind: operator and cluster.manifest go together"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _can_grow(self) -> Self:
        if self.maximum_workers is None:
            return self
        if self.kind != "operator":
            message = "cluster.maximum_workers needs kind: operator, which alone can add workers"
            raise ValueError(message)
        if self.maximum_workers < self.workers:
            message = "cluster.maximum_workers should be cluster.workers or more"
            raise ValueError(message)
        return self
