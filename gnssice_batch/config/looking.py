"""Which folders of an archive the settings look into."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase


def is_hidden(uri: str) -> bool:
    """Whether a file or a folder above it is hidden, as the unfinished copies and snapshots of many tools are."""
    return any(part.startswith(".") or part == "lost+found" for part in uri.split("/"))


def looks_below(folder: str, include: Iterable[str], exclude: Iterable[str], layout: str, *, hidden: bool) -> bool:
    """Whether a file somewhere below a folder may be one that the settings want.

    Parameters
    ----------
    folder
        Path below the root of the archive, with a slash behind.
    layout
        The layout, ``auto`` where paths decide nothing.
    """
    if (is_hidden(folder) and not hidden) or any(fnmatchcase(folder, glob) for glob in exclude):
        return False
    by_path = "*" if layout == "auto" else layout.replace("{receiver}", "*")
    return _may_match_below(by_path, folder) and any(_may_match_below(glob, folder) for glob in include)


def _may_match_below(glob: str, folder: str) -> bool:
    literal = re.split(r"[*?\[]", glob, maxsplit=1)[0]
    return folder.startswith(literal) or literal.startswith(folder)
