"""The section that says how Icechunk keeps chunks, with the codec of the arrays."""

from typing import Literal, Self

from pydantic import Field, model_validator

from gnssice_batch.config.section import Section
from gnssice_batch.config.values import Size

_GZIP_LEVELS = 9


class Icechunk(Section):
    """How arrays are compressed and how Icechunk stores and fetches chunks."""

    compression_algorithm: Literal["zstd", "gzip"] = Field(
        "zstd", description="Codec of the arrays in the default encoding."
    )
    compression_level: int = Field(5, ge=1, le=22, description="Level of that codec.")
    inline_threshold: int = Field(
        512, ge=0, le=65535, description="Chunks below this many bytes are kept in the manifest."
    )
    get_concurrency: int = Field(
        1, ge=1, le=65535, description="Concurrent requests for one chunk; a run-time setting."
    )
    max_concurrent_requests: int = Field(
        256, ge=1, le=65535, description="Requests under way; at run time, as all that follow."
    )
    requests_per_object: int = Field(18, ge=1, le=65535, description="Of them for the parts of one large object.")
    request_bytes: Size = Field(12 << 20, ge=1, description="Size of such a part; bytes, or with a unit.")
    max_tries: int = Field(
        12, ge=1, le=65535, description="How often a request is made that fails or is told to slow down."
    )
    max_backoff_s: float = Field(20, gt=0, le=86400, description="Longest pause between them; they grow from 0.1 s on.")
    connect_timeout_s: float = Field(5, gt=0, le=86400, description="S3: seconds until a connection must stand.")
    read_timeout_s: float = Field(30, gt=0, le=86400, description="S3: seconds until an answer must begin.")

    @model_validator(mode="after")
    def _level_exists(self) -> Self:
        if self.compression_algorithm == "gzip" and self.compression_level > _GZIP_LEVELS:
            message = f"compression_level of gzip should be {_GZIP_LEVELS} at most"
            raise ValueError(message)
        return self
