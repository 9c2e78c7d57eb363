"""What a call is about: its settings, its store."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnssice_batch.config import Settings
    from gnssice_batch.job.target import Target


def load_settings(
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> "Settings":
    """Read the settings of a run from a YAML file, the environment and overrides.

    What comes later wins: defaults, file, environment, overrides.

    Parameters
    ----------
    path
        YAML file; None reads no file.
    overrides
        ``key=value`` each, e.g. ``cluster.workers=4``. Lists, mappings, booleans and null are written as in YAML.
    environment
        Variables to read, ``GNSSICE_CLUSTER__WORKERS`` for ``cluster.workers``; None is the environment of the process.

    Returns
    -------
    Settings
        Validated and frozen.

    Raises
    ------
    ConfigError
        With one sentence per fault.

    Examples
    --------
    >>> from gnssice_batch import load_settings
    >>> settings = load_settings("settings.yaml", ["cluster.workers=4"])
    >>> settings.site, settings.cluster.workers
    ('rosalia', 4)
    """
    from gnssice_batch.config import load

    return load(path, os.environ if environment is None else environment, overrides)


def names_of(receivers: str | Sequence[str]) -> Sequence[str]:
    """The names of receivers, of one too."""
    return [receivers] if isinstance(receivers, str) else receivers


def moment_of(given: "str | date | None") -> "date | None":
    """A day or a time, also where it is written as ISO 8601 has it.

    Raises
    ------
    ConfigError
        When it is written otherwise.
    """
    if not isinstance(given, str):
        return given
    for read in (date.fromisoformat, datetime.fromisoformat):
        with suppress(ValueError):
            return read(given)
    from gnssice_batch.errors import ConfigError

    message = f"{given!r} is no day and no time, such as 2025-01-31 or 2025-01-31T12:00"
    raise ConfigError(message)


def settings_of(settings: "Settings | str | Path") -> "Settings":
    """Settings, read where a path is given."""
    return load_settings(settings) if isinstance(settings, str | Path) else settings


def store_of(store: "Settings | str | Path", storage_options: Mapping[str, Any] | None) -> "tuple[Settings, Target]":
    """The settings and the repository: a folder is one, and whatever has a scheme; other paths are of settings."""
    from gnssice_batch.job.target import at_url, target_of

    if not (isinstance(store, str | Path) and ("://" in str(store) or Path(store).is_dir())):
        if storage_options is not None:
            from gnssice_batch.errors import ConfigError

            message = "storage_options are for a repository given by its URL: settings have their own"
            raise ConfigError(message)
        settings = settings_of(store)
        return settings, target_of(settings)
    settings = settings_at(str(store), storage_options=storage_options)
    return settings, at_url(target_of(settings), str(store))


def settings_at(
    url: str,
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    storage_options: Mapping[str, Any] | None = None,
) -> "Settings":
    """The settings of who only reads a repository: they say no more than how it is reached.

    Parameters
    ----------
    path
        YAML file, if there is one.
    """
    needed = [] if path else ["site=any", "archive.url=none"]
    options = [f"store.storage_options={json.dumps(dict(storage_options))}"] if storage_options else []
    return load_settings(path, [*needed, f"store.url={url}", *options, *overrides])
