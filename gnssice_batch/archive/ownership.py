"""Whose a file of the archive is, by the settings."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from typing import Final

from gnssice_batch import config
from gnssice_batch.errors import PlanError
from gnssice_batch.rinex import Header
from gnssice_batch.rinex.names import NameHint

UNKNOWN: Final = ""
"""Stands for no receiver."""

_RESERVED: Final = frozenset({"zarr.json"})
"""Names that Zarr keeps for itself; what begins with two underscores is cleared anyway."""
_FEW: Final = 3
"""So few files may each be a receiver's only one."""

type Owner = Callable[[str, str | None], list[str]]
"""The receivers that claim a path and a station."""


def owners(
    uris: Iterable[str], hints: Mapping[str, NameHint | None], headers: Mapping[str, Header], settings: config.Archive
) -> dict[str, str]:
    """The receiver of each file, `UNKNOWN` where none claims it.

    Parameters
    ----------
    hints
        What each name says.
    headers
        Of the files that were looked into.

    Raises
    ------
    PlanError
        When several receivers claim a file, or the settings make receivers that nobody can have meant.
    """
    claims_of = owner_by_settings(settings)
    found, conflicts = {}, []
    for uri in uris:
        hint, header = hints[uri], headers.get(uri)
        claims = claims_of(uri, hint.station if hint else header.marker_name if header else None)
        if len(claims) > 1:
            conflicts.append(f"{uri}: belongs to several receivers ({', '.join(claims)}); narrow archive.receivers")
        found[uri] = claims[0] if claims else UNKNOWN
    if not settings.receivers:
        conflicts += _misnamed(found, hints, settings.layout)
    if conflicts:
        raise PlanError(conflicts)
    return found


def owner_by_settings(settings: config.Archive) -> Owner:
    """Who claims a file: the receivers that are named, else the layout."""
    if settings.receivers:
        return lambda uri, station: [name for name, each in settings.receivers.items() if _claimed(uri, station, each)]
    if settings.layout == "auto":
        return lambda _, station: [group_name(station)] if station and group_name(station) else []
    part_of = receiver_part(settings.layout)
    return lambda uri, _: [group_name(part)] if (part := part_of(uri)) else []


def within(uri: str, receiver: config.Receiver) -> bool:
    """Whether a file lies among the globs of a receiver; one without globs may be anywhere."""
    return not receiver.include or any(fnmatchcase(uri, pattern) for pattern in receiver.include)


def receiver_part(layout: str) -> Callable[[str], str | None]:
    """What of a path a layout takes for the receiver; None where the path does not fit it."""
    before, after = layout.split("{receiver}")
    pattern = re.compile(f"{_fragment(before)}(?P<receiver>[^/]+){_fragment(after)}")
    return lambda uri: match["receiver"] if (match := pattern.fullmatch(uri)) else None


@lru_cache(maxsize=65_536)
def group_name(station: str) -> str:
    """A station name as the name of its group: lower case, everything but letters, digits, dot and dash replaced."""
    return re.sub(r"[^a-z0-9.-]+", "_", station.strip().lower()).strip("_.-")


def _claimed(uri: str, station: str | None, receiver: config.Receiver) -> bool:
    """Whether a receiver claims a file; a path glob is enough, a station name too."""
    return within(uri, receiver) and (receiver.station is None or (station or "").lower() == receiver.station.lower())


def _fragment(glob: str) -> str:
    """The regular expression of a glob, without the anchor `fnmatch.translate` puts at its end."""
    return translate(glob).removesuffix("\\Z")


def _misnamed(found: Mapping[str, str], hints: Mapping[str, NameHint | None], layout: str) -> list[str]:
    """What is wrong with the receivers that a layout makes, a sentence each."""
    named = {uri: receiver for uri, receiver in found.items() if receiver != UNKNOWN}
    conflicts = [
        f"{uri}: Zarr keeps the name {receiver} for itself; give the receiver another one by archive.receivers"
        for uri, receiver in named.items()
        if receiver in _RESERVED
    ]
    if layout == "auto":
        return conflicts
    if "{receiver}" in layout.rpartition("/")[2]:
        return conflicts + _named_like_files(named, hints, layout)
    return conflicts + _meeting(named, layout)


def _meeting(named: Mapping[str, str], layout: str) -> list[str]:
    """Folders whose names differ by more than their case and would become one receiver."""
    part_of = receiver_part(layout)
    folders: defaultdict[str, set[str]] = defaultdict(set)
    for uri, receiver in named.items():
        folders[receiver].add(part_of(uri) or "")
    return [
        f"the folders {' and '.join(map(repr, sorted(names)))} would be one receiver, {receiver}: rename them, or name "
        "the receivers in archive.receivers"
        for receiver, names in folders.items()
        if len({name.lower() for name in names}) > 1
    ]


def _named_like_files(named: Mapping[str, str], hints: Mapping[str, NameHint | None], layout: str) -> list[str]:
    """That every file would be a receiver of its own, named by more of the file's name than its station."""
    if len(named) <= _FEW or len(set(named.values())) < len(named):
        return []
    if any((hint := hints[uri]) is None or len(receiver) <= len(hint.station) for uri, receiver in named.items()):
        return []
    uri, receiver = next(iter(named.items()))
    said = (
        f"archive.layout ({layout}) makes a receiver of each of the {len(named):,} files, {uri} -> {receiver} for one:"
        " the part {receiver} should name a folder or a station"
    )
    return [said]
