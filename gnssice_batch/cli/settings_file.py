"""The settings of a command: from the file that is named, or that is found."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gnssice_batch import api
from gnssice_batch.cli.output import say
from gnssice_batch.errors import ConfigError

if TYPE_CHECKING:
    from gnssice_batch.config import Settings
    from gnssice_batch.job.target import Target

NAME: Final = "gnssice.yaml"
"""Looked for in the current folder and those above it."""
_PATHS: Final = (
    ("archive", "url"),
    ("store", "url"),
    ("run", "journal_url"),
    ("run", "report_url"),
    ("virtual", "url"),
)
VARIABLE: Final = "GNSSICE_CONFIG"
"""Environment variable that names the settings file."""


def load_settings(config_file: Path | None, overrides: list[str] | None) -> "Settings":
    """The settings of a command.

    Raises
    ------
    ConfigError
        One sentence per fault, on a line each.
    """
    chosen = config_file or found(Path.cwd(), os.environ)
    if chosen and not config_file:
        say(f"settings: {chosen}", to_errors=True)
    try:
        settings = api.load_settings(chosen, overrides or ())
        searched = chosen and not config_file and not os.environ.get(VARIABLE)
        return _beside(settings, chosen.parent, overrides or ()) if chosen and searched else settings
    except ConfigError as error:
        if chosen is not None:
            raise
        message = f"{error}\nNo settings file was given: name one with --config FILE or in {VARIABLE}, or write {NAME}."
        raise ConfigError(message) from error


def _beside(settings: "Settings", folder: Path, overrides: Iterable[str]) -> "Settings":
    """Settings whose relative paths are those of the folder of their file, wherever the command is given."""
    given = {override.partition("=")[0] for override in overrides}
    for section, name in _PATHS:
        part = getattr(settings, section)
        url = getattr(part, name, None)
        if url and "://" not in url and f"{section}.{name}" not in given:
            changed = part.model_copy(update={name: str(folder.absolute() / url)})
            settings = settings.model_copy(update={section: changed})
    return settings


def load_for_store(url: str | None, config_file: Path | None, overrides: list[str] | None) -> "tuple[Settings, Target]":
    """The settings of a command that reads a store only, and the store: that of a URL, else that of the settings.

    Parameters
    ----------
    url
        Of a repository; settings say no more than how it is reached then, if they are named at all.

    Raises
    ------
    ConfigError
        One sentence per fault.
    """
    from gnssice_batch.job.target import at_url, target_of

    if url is None:
        settings = load_settings(config_file, overrides)
        return settings, target_of(settings)
    settings = api.settings_at(url, config_file, overrides or ())
    return settings, at_url(target_of(settings), url)


def load_logged(config_file: Path | None, overrides: list[str] | None) -> "Settings":
    """The settings of a command that shows no progress but may have to wait, which its log says."""
    from gnssice_batch import log

    settings = load_settings(config_file, overrides)
    log.configure(settings.log.level, settings.log.format)
    return settings


def found(folder: Path, environment: Mapping[str, str]) -> Path | None:
    """The settings file that no option names: that of the variable, else the nearest above a folder; None for none."""
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE])
    files = (each / NAME for each in (folder, *folder.parents))
    return next((each for each in files if each.is_file()), None)
