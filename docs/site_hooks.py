"""What `make docs` adds to MkDocs: files beside docs/ that a page links to are part of the site, as plain text."""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
_LINK = re.compile(r"\]\((\.\.?/[^)#\s]*)(#[^)\s]*)?\)")
_log = logging.getLogger("mkdocs.plugins.site_hooks")


def on_files(files: Any, config: Any) -> Any:
    """Add every file outside of docs/ that a page links to."""
    wanted = {path for page in files.documentation_pages() for path in _outside(page.src_uri, page.content_string)}
    for path in sorted(wanted):
        files.append(File.generated(config, _place(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Lead links to files outside of docs/ to their copies in the site; warn of those that are not there."""
    at = page.file.src_uri

    def led(link: re.Match[str]) -> str:
        path = _path(at, link[1])
        if path.startswith("docs/"):
            return link[0]
        if not (ROOT / path).is_file():
            _log.warning("%s: there is no file %s", at, path)
        return f"]({os.path.relpath(_place(path), PurePosixPath(at).parent)})"

    return _LINK.sub(led, markdown)


def _outside(page: str, markdown: str) -> Iterator[str]:
    for link in _LINK.finditer(markdown):
        path = _path(page, link[1])
        if not path.startswith("docs/") and (ROOT / path).is_file():
            yield path


def _path(page: str, link: str) -> str:
    """Return where a page's link leads to, from the top of the project."""
    return os.path.normpath(PurePosixPath("docs", page).parent / link)


def _place(path: str) -> str:
    return f"source/{path}.txt"
