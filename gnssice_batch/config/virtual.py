"""The settings of virtual datasets."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from gnssice_batch.config.section import Section
from gnssice_batch.config.values import STATIC_KEYS, Globs, Options
from gnssice_batch.errors import ConfigError
from gnssice_batch.storage.options import check_options
from gnssice_batch.storage.urls import Kind, place

_KINDS = frozenset({Kind.LOCAL, Kind.S3, Kind.AZURE, Kind.GOOGLE, Kind.HTTP})
_ESCAPES = "?#%"


class Virtual(Section):
    """An archive of NetCDF4 files, which virtualize references in <store.url>/<site>/virtual."""

    url: str = Field(
        min_length=1,
        description="Folder of the NetCDF4 files: a path, file://, s3://, az://, gs:// or https://. Change it where "
        "the archive has moved.",
    )
    layout: str = Field(
        "{receiver}/*.nc",
        description="Pattern with {receiver} that says which files are looked at, and which part of the path names the "
        "receiver; * stands for any characters, slashes too.",
    )
    exclude: Globs = Field((), description="Globs of the files to leave out.")
    container: str = Field(
        "archive",
        pattern=r"^[A-Za-z][A-Za-z0-9_-]*$",
        description="Name of the archive in the references, vcc://<container>/<path>; fixed once there are any.",
    )
    storage_options: Options = Field(
        description="How the files are reached; where none is given, as the archive's, if that is in a storage of the "
        "same kind."
    )
    allow_static_credentials: bool = STATIC_KEYS

    @field_validator("layout")
    @classmethod
    def _has_receiver(cls, layout: str) -> str:
        if layout.count("{receiver}") != 1 or "{" in layout.replace("{receiver}", ""):
            message = "should be a pattern that holds {receiver} once, and no other placeholder"
            raise ValueError(message)
        return layout

    @model_validator(mode="after")
    def _can_be_referenced(self) -> Self:
        try:
            found = place(self.url)
            check_options(found, self.storage_options)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if found.kind not in _KINDS:
            message = "url should be a path, file://, s3://, az://, gs:// or https://: others can't be referenced"
            raise ValueError(message)
        if any(character in self.url for character in _ESCAPES):
            message = f"url should hold none of the characters {' '.join(_ESCAPES)}: references can't name it"
            raise ValueError(message)
        return self
