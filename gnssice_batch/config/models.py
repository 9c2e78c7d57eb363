"""The model of the settings: every key with its default, its bounds, its meaning."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from gnssice_batch.config.cluster import Cluster
from gnssice_batch.config.grid import Grid
from gnssice_batch.config.icechunk import Icechunk
from gnssice_batch.config.looking import looks_below
from gnssice_batch.config.maintain import Maintain
from gnssice_batch.config.section import Section
from gnssice_batch.config.values import (
    STATIC_KEYS,
    Globs,
    Options,
    Overrides,
    Size,
    integer,
    known_systems,
    lower_case,
)
from gnssice_batch.config.virtual import Virtual
from gnssice_batch.config.vod import Vod
from gnssice_batch.errors import ConfigError
from gnssice_batch.storage.listing import AT_ONCE
from gnssice_batch.storage.options import check_options
from gnssice_batch.storage.stores import check_store
from gnssice_batch.storage.urls import below, path_within, place, refuse_secrets

_GROUP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_RESERVED = frozenset({"zarr.json"})
"""What Zarr keeps for itself."""
MOST_EPOCHS = 10_000_000
"""Of a write unit: more than a day at 100 Hz."""


@contextmanager
def _as_value_errors() -> Iterator[None]:
    """Hand a refusal of our own to pydantic."""
    try:
        yield
    except ConfigError as error:
        raise ValueError(str(error)) from None


class Receiver(Section):
    """Which files belong to one receiver, and its grid where it differs from the others'."""

    station: str | None = Field(None, description="Station that the file names or headers give, in any case.")
    include: Globs = Field((), description="Globs of the receiver's files, relative to the archive.")
    grid: Grid = Field(Grid(), description="Keys of the grid section that differ for this receiver.")
    signal_overrides: Overrides = Field(
        default_factory=dict, description="As reader.signal_overrides, put over it for this receiver."
    )

    _systems = field_validator("signal_overrides")(known_systems)

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        if self.station is None and not self.include:
            message = "a receiver needs a station or include globs"
            raise ValueError(message)
        return self


class Archive(Section):
    """Where the RINEX files are, and to which receiver each belongs."""

    url: str = Field(
        min_length=1,
        description="Folder: a path, file://, s3://, az:// (abfs://, abfss://), gs://, https:// or another fsspec URL.",
    )
    layout: str = Field(
        "auto",
        description="auto: a receiver per station in the file names; or a pattern with {receiver} that says which "
        "part of the path names the receiver.",
    )
    include: Globs = Field(("**",), description="Globs of the files to look at, relative to the archive.")
    exclude: Globs = Field((), description="Globs of the files to leave out.")
    hidden: bool = Field(
        False,  # noqa: FBT003
        description="Look at hidden files and folders too: those whose names begin with a dot, and lost+found.",
    )
    receivers: dict[str, Receiver] = Field(
        default_factory=dict, description="Group name to the files of that receiver; empty: by the layout."
    )
    one_marker: bool = Field(
        False,  # noqa: FBT003
        description="Reject a file whose header names another marker than the receiver's other files.",
    )
    may_be_empty: bool = Field(
        False,  # noqa: FBT003
        description="A run whose archive holds no file of any receiver ends with 0, not with 3.",
    )
    max_gone_fraction: float = Field(
        1,
        ge=0,
        le=1,
        description="A run ends with 3 if the archive lacks a larger fraction of the files that the store was made "
        "from; 1: never, they are counted only.",
    )
    take_again: bool = Field(
        False,  # noqa: FBT003
        description="Take files that stand in the store as those of another receiver.",
    )
    ahead_bytes: int = Field(
        64 << 20,
        ge=0,
        description="Bytes of files that a worker has on their way from an object store while it decodes others; of "
        "memory too. 0: one file at a time.",
    )
    kept_bytes: int = Field(
        256 << 20,
        ge=0,
        description="Bytes of files from an object store that a worker keeps in memory because it will read them "
        "again: those of the sample, of partitions that met new signals, and those that reach into several partitions, "
        "as a zip of many days does. What does not fit is fetched again.",
    )
    listing_requests: int = Field(
        AT_ONCE, ge=1, le=10_000, description="Requests under way while an archive in S3 or Azure is listed."
    )
    storage_options: Options = Field(description="How the archive is reached; docs/object-stores.md has examples.")
    allow_static_credentials: bool = STATIC_KEYS

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        with _as_value_errors():
            check_options(place(self.url), self.storage_options)
        return self

    def looks_below(self, folder: str) -> bool:
        """Whether a file below a folder, a path with a slash behind, may be looked at."""
        layout = "auto" if self.receivers else self.layout
        return looks_below(folder, self.include, self.exclude, layout, hidden=self.hidden)

    @field_validator("layout")
    @classmethod
    def _has_receiver(cls, layout: str) -> str:
        if layout != "auto" and layout.count("{receiver}") != 1:
            message = "should be auto, or a pattern that holds {receiver} once"
            raise ValueError(message)
        if "{" in layout.replace("{receiver}", ""):
            message = "knows no placeholder but {receiver}"
            raise ValueError(message)
        return layout

    @field_validator("receivers")
    @classmethod
    def _group_names(cls, receivers: dict[str, Receiver]) -> dict[str, Receiver]:
        for name in receivers:
            if not _GROUP_NAME.fullmatch(name) or name in _RESERVED:
                message = f"{name!r} can't name a group: letters, digits, underscore, dot and dash can, zarr.json can't"
                raise ValueError(message)
        return receivers


class Store(Section):
    """Where the repositories are: the one of a site at <url>/<site>/rinex."""

    url: str = Field(
        min_length=1,
        description="Folder: a path, file://, s3://bucket/prefix or az://container/prefix (abfs://, abfss://).",
    )
    storage_options: Options = Field(
        description="How repositories and journals are reached; the same options as for the archive."
    )
    allow_static_credentials: bool = STATIC_KEYS

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        with _as_value_errors():
            check_store(self.url, self.storage_options)
        return self


class Chunks(Section):
    """The write unit: what one task writes as one object per array."""

    epoch: int = Field(34560, gt=0, le=MOST_EPOCHS, description="Epochs of a write unit.")
    sid: Annotated[Literal[-1], BeforeValidator(integer)] = Field(
        -1, description="All signals are in one write unit; no other value is supported."
    )


class Encoding(Section):
    """How values are encoded."""

    profile: Literal["default", "compact"] = Field("default", description="default: see icechunk; compact: smallest.")


class Reader(Section):
    """How files are read."""

    kind: Literal["native", "georinex"] = Field("native", description="georinex is slow, for comparison.")
    decoder: Literal["native", "hatanaka"] = Field("native", description="What decodes compact RINEX.")
    max_unpacked_bytes: Size = Field(
        2**30,
        description="Files that are larger, or unpack to more, are rejected; bytes, or with a unit.",
        validate_default=True,
    )
    kept_bytes: int = Field(
        256 << 20,
        ge=0,
        description="Observations that a worker keeps in memory of files it lays out later: of the sample, and of a "
        "partition that meets new signals. In bytes; what does not fit is read again.",
    )
    signal_overrides: Overrides = Field(
        default_factory=dict, description="By system: declared observation code to the RINEX 3 code it is read as."
    )

    _systems = field_validator("signal_overrides")(known_systems)


class Run(Section):
    """How a run goes about it."""

    sample_files: int = Field(8, ge=1, description="Files per new receiver that are read to find its grid and signals.")
    partition_units: int | None = Field(None, ge=1, description="Write units per partition; null: whole days.")
    max_refused_fraction: float = Field(
        0.05, ge=0, le=1, description="A run that rejects a larger fraction of its files ends with exit code 1."
    )
    max_lost_fraction: float = Field(
        0.05,
        ge=0,
        le=1,
        description="A run that leaves out a larger fraction of a receiver's epochs, because they do not fit its grid, "
        "ends with exit code 1; plan warns if the sample shows it.",
    )
    max_partial_fraction: float = Field(0.5, ge=0, le=1, description="A run with more partial files ends with 1.")
    branch: str = Field("main", min_length=1, description="Branch to publish on; created from main if missing.")
    tag: str | None = Field(None, min_length=1, description="Tag for the published snapshot.")
    overlap: Literal["best", "skip", "append", "overwrite"] = Field(
        "best", description="Which file gives an epoch that several have, see docs/overlap.md."
    )
    on_error: Literal["quarantine", "fail"] = Field(
        "quarantine", description="fail: the first rejected file ends the run, nothing is published."
    )
    breaker_files: int = Field(20, ge=1, description="Files that are read before breaker_fraction applies.")
    breaker_fraction: float = Field(0.9, ge=0, le=1, description="Stop a run if one reason rejects a larger fraction.")
    task_tries: int = Field(3, ge=1, description="Attempts per partition when storage, network or a worker fails.")
    verify: Literal["units", "sample", "full"] = Field(
        "units",
        description="What is verified before publishing: that the planned units were written; with sample or full also "
        "that the cells of some or all partitions equal a fresh reading of their files.",
    )
    grace_s: float = Field(10, gt=0, le=15, description="Seconds that running partitions have to finish after SIGTERM.")
    journal_url: str | None = Field(None, description="Folder for unpublished runs; null is <repository>.runs.")
    report_url: str | None = Field(
        None,
        description="Folder that the report of each run is written to before the process ends, as <run>.json; with the "
        "store's options where it is in the same storage. null: none is written.",
    )
    window: int = Field(2, ge=1, description="Partitions submitted ahead, per task that can run at a time.")

    @field_validator("journal_url", "report_url")
    @classmethod
    def _no_secret(cls, url: str | None) -> str | None:
        with _as_value_errors():
            refuse_secrets(url or "")
        return url


class Log(Section):
    """What the operator sees while a run goes on."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower_case)] = Field(
        "info", description="Least severity written, in any case."
    )
    format: Literal["text", "json"] = Field("text", description="json: one object per line, for log collectors.")
    progress: bool = Field(True, description="Show a progress bar if standard error is a terminal.")  # noqa: FBT003
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port on which a run serves Prometheus metrics over HTTP; null: it does not."
    )


class Settings(Section):
    """All settings of a run."""

    site: str = Field(
        max_length=200, description="Name of the site: a folder of the store.", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
    )
    archive: Archive
    store: Store
    icechunk: Icechunk = Icechunk()
    chunks: Chunks = Chunks()
    grid: Grid = Grid()
    encoding: Encoding = Encoding()
    reader: Reader = Reader()
    cluster: Cluster = Cluster()
    run: Run = Run()
    attributes: dict[str, str] = Field(
        default_factory=lambda: {"Institution": ""}, description="Attributes of every group."
    )
    log: Log = Log()
    maintain: Maintain = Maintain()
    vod: Vod = Field(default_factory=Vod, description="How vegetation optical depth is made of the observations.")
    virtual: Virtual | None = Field(None, description="NetCDF4 files that virtualize references; null: there are none.")

    @field_validator("attributes")
    @classmethod
    def _institution(cls, attributes: dict[str, str]) -> dict[str, str]:
        return {"Institution": "", **attributes}

    @model_validator(mode="after")
    def _receiver_grids_are_consistent(self) -> Self:
        for name in self.archive.receivers:
            try:
                self.grid_of(name)
            except ValidationError as error:
                message = f"archive.receivers.{name}.grid does not fit: {error.errors()[0]['ctx']['error']}"
                raise ValueError(message) from None
        return self

    @model_validator(mode="after")
    def _store_is_no_part_of_the_archive(self) -> Self:
        within = path_within(below(self.store.url, self.site, "rinex"), self.archive.url)
        if within is not None and self.archive.looks_below(f"{within}/"):
            message = (
                f"the repository ({within}) would be inside the archive ({self.archive.url}), and its chunks taken for "
                "files of the archive: change store.url, or leave it out by archive.exclude"
            )
            raise ValueError(message)
        return self

    def identity(self, product: str = "rinex") -> str:
        """Digest of everything that decides what a job writes and where; equal for starts that go on with one run.

        Parameters
        ----------
        product
            What the job makes.
        """
        document = self.model_dump_json(
            exclude={
                "cluster": True,
                "log": True,
                "maintain": True,
                "vod": True,
                "virtual": True,
                "archive": {
                    "ahead_bytes",
                    "kept_bytes",
                    "listing_requests",
                    "may_be_empty",
                    "max_gone_fraction",
                    "take_again",
                    "storage_options",
                    "allow_static_credentials",
                },
                "store": {"storage_options", "allow_static_credentials"},
                "icechunk": set(Icechunk.model_fields)
                - {"compression_algorithm", "compression_level", "inline_threshold"},
                "run": set(Run.model_fields) - {"branch", "overlap", "partition_units"},
            }
        )
        if product == "vod":
            keys = {"storage_options", "allow_static_credentials"}
            document += self.vod.model_dump_json(exclude={"orbits": keys})
        return hashlib.sha256(document.encode()).hexdigest()

    def signal_overrides_of(self, receiver: str) -> Overrides:
        """Return how codes of a receiver are read otherwise: the common rules with the receiver's own put over them."""
        own = self.archive.receivers[receiver].signal_overrides if receiver in self.archive.receivers else {}
        common = self.reader.signal_overrides
        return {system: common.get(system, {}) | own.get(system, {}) for system in common | own}

    def grid_of(self, receiver: str) -> Grid:
        """Return the grid settings of a receiver: the common ones with the receiver's own put over them."""
        if receiver not in self.archive.receivers:
            return self.grid
        own = self.archive.receivers[receiver].grid
        return Grid.model_validate(self.grid.model_dump() | own.model_dump(include=own.model_fields_set))
