"""The report of a repository put into a file: a page or JSON, as its name says."""

import json
from pathlib import Path

from gnssice_batch.errors import ConfigError
from gnssice_batch.reporting.facts import StoreFacts
from gnssice_batch.reporting.libraries import check_libraries
from gnssice_batch.reporting.text_files import put_text

_PAGES = (".html", ".htm")


def check_name(name: str) -> None:
    """Find out whether a report can be written into a file of this name, before the work for it begins.

    Raises
    ------
    ConfigError
        When its ending is none of a report, or a library for a page is missing.
    """
    if not name.lower().endswith((*_PAGES, ".json")):
        message = f"{name}: its name has to end with .html or .json"
        raise ConfigError(message)
    if name.lower().endswith(_PAGES):
        check_libraries()


def save(facts: StoreFacts, path: Path) -> None:
    """Write a report, as the name of its file says.

    Raises
    ------
    ConfigError
        When the file can't be written; what stood there stays then.
    """
    try:
        put_text(_text(facts, path.name), path)
    except OSError as error:
        message = f"{path} can't be written: {error.strerror}"
        raise ConfigError(message) from error


def _text(facts: StoreFacts, name: str) -> str:
    if not name.lower().endswith(_PAGES):
        return json.dumps(facts.as_json(), ensure_ascii=False) + "\n"
    from gnssice_batch.reporting.store_page import store_page  # noqa: PLC0415 - JSON needs no library for drawings

    return store_page(facts)
