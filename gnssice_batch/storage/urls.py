"""The parts of a URL that names a folder anywhere."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

from gnssice_batch.errors import ConfigError

_SIGNED: Final = re.compile(r"[?&](sig|signature|token|x-amz-[\w-]+|awsaccesskeyid)=", re.IGNORECASE)


class Kind(StrEnum):
    """Kinds of storage."""

    LOCAL = "local"
    S3 = "s3"
    AZURE = "az"
    GOOGLE = "gs"
    HTTP = "http"
    OTHER = "other"
    """Whatever else fsspec opens, without options."""


_KINDS: Final = {
    "": Kind.LOCAL,
    "file": Kind.LOCAL,
    "local": Kind.LOCAL,
    "s3": Kind.S3,
    "s3a": Kind.S3,
    "az": Kind.AZURE,
    "abfs": Kind.AZURE,
    "abfss": Kind.AZURE,
    "gs": Kind.GOOGLE,
    "gcs": Kind.GOOGLE,
    "http": Kind.HTTP,
    "https": Kind.HTTP,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A URL in parts."""

    kind: Kind
    bucket: str
    """Bucket or container; empty where there are none."""
    prefix: str
    """Path in the bucket without slashes at its ends."""
    account: str = ""
    """Azure account, where the URL names one: ``abfss://container@account.dfs.core.windows.net/prefix``."""


def place(url: str) -> Place:
    """The parts of a URL; a plain path is one too.

    Raises
    ------
    ConfigError
        When it carries a password or a signature, or names no bucket where one is needed.
    """
    refuse_secrets(url)
    scheme, _, rest = url.rpartition("://") if "://" in url else ("", "", url)
    kind = _KINDS.get(scheme.lower(), Kind.OTHER)
    if kind not in {Kind.S3, Kind.AZURE, Kind.GOOGLE}:
        return Place(kind, "", rest)
    bucket, _, prefix = rest.partition("/")
    bucket, _, host = bucket.partition("@")
    if not bucket:
        msg = f"{url!r} names no bucket: write {scheme}://bucket/prefix"
        raise ConfigError(msg)
    return Place(kind, bucket, prefix.strip("/"), host.partition(".")[0])


def refuse_secrets(url: str) -> None:
    """Refuse a URL that carries a password or a signature; its own text is in no message.

    Raises
    ------
    ConfigError
        When it does.
    """
    if "://" not in url:
        return
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0]
    user, at, _ = authority.rpartition("@")
    if at and (":" in user or _KINDS.get(scheme.lower()) is Kind.S3):
        msg = f"a {scheme}:// URL must not carry a password: take the credentials from the environment or an identity"
        raise ConfigError(msg)
    if _SIGNED.search(url):
        msg = f"a {scheme}:// URL must not carry a signature or a token: the option sas_token takes one"
        raise ConfigError(msg)


def local_path(url: str) -> Path:
    """The folder of a local URL.

    Raises
    ------
    ConfigError
        When the URL is not local.
    """
    parts = place(url)
    if parts.kind is not Kind.LOCAL:
        msg = f"{url!r} is not a local folder"
        raise ConfigError(msg)
    return Path(parts.prefix.removeprefix("localhost") if "://localhost/" in url else parts.prefix).resolve()


def below(url: str, *names: str) -> str:
    """The URL of something in a folder."""
    return "/".join([url.rstrip("/"), *names])


def path_within(url: str, folder: str) -> str | None:
    """The path of one URL below another, empty where both are the same; None where it is elsewhere.

    Raises
    ------
    ConfigError
        When one of them carries a secret or names no bucket.
    """
    inner, outer = place(url), place(folder)
    if (inner.kind, inner.bucket, inner.account) != (outer.kind, outer.bucket, outer.account):
        return None
    local = inner.kind is Kind.LOCAL
    path = local_path(url) if local else PurePosixPath(inner.prefix)
    root = local_path(folder) if local else PurePosixPath(outer.prefix)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None
