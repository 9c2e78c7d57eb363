"""Settings proposed for an archive, from the names of its files."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.archive.ownership import group_name, receiver_part
from gnssice_batch.config.looking import is_hidden
from gnssice_batch.errors import ArchiveError
from gnssice_batch.model.grid import SECOND_NS, gps_datetime
from gnssice_batch.rinex.names import NameHint, parse_name
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.urls import Kind, local_path, place

_FOLDERS: Final = ("{receiver}/**", "*/{receiver}/**", "*/*/{receiver}/**")
_DATE: Final = re.compile(r"\d+([-_]\d+)*")
_MOST_NAMED: Final = 5

type _Names = Mapping[str, NameHint | None]
"""Observation files by path, and what the name of each says; None where no name has one of the known forms."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the names of an archive's files say of the settings that it needs."""

    url: str
    site: str
    layout: str
    receivers: Mapping[str, int]
    """Files by receiver, as far as their names tell one."""
    example: tuple[str, str]
    """Path of a file, and the receiver it is of."""
    others: int
    """Files whose names do not say that they hold observations, where those of others do."""
    interval_s: float | None
    """What most names say; None where none says anything."""
    earliest: str
    """Date of the earliest name, ISO 8601; empty where none has one."""

    @property
    def text(self) -> str:
        """The settings as YAML, with comments."""
        path, receiver = self.example
        interval = f" (names say {self.interval_s:g} s)" if self.interval_s else ""
        earliest = (
            f"# grid: {{earliest: {self.earliest}}}  # the first date of the names; earlier epochs are rejected\n"
        )
        return (
            f"# Proposed for {self.url} from the names of its files; config/processing.yaml lists all settings.\n"
            f"{_line('site', self.site)}"
            "archive:\n"
            f"  {_line('url', self.url)}"
            f"  # {sum(self.receivers.values()):,} files of {_listed(self.receivers)}; {path} -> {receiver}\n"
            f"  {_line('layout', self.layout)}"
            "store:\n"
            f"  # The repository will be at stores/{self.site}/rinex.\n"
            "  url: stores\n"
            f"# Interval and phase are found in a sample of each receiver's files{interval}.\n"
            + (earliest if self.earliest else "")
        )


def proposed(url: str) -> Proposal:
    """Look at the names in an archive, and propose settings.

    Parameters
    ----------
    url
        Folder or URL, as `archive.url`.

    Raises
    ------
    ArchiveError
        When it can't be listed, or holds no file that may be one of observations.
    """
    listed = [uri for uri in ArchiveAccess(Folder(url)).listed().files if not is_hidden(uri)]
    hints = {uri: parse_name(uri) for uri in listed}
    known = {uri: hint for uri, hint in hints.items() if hint is not None and hint.kind == "observation"}
    names: _Names = known or {uri: None for uri, hint in hints.items() if hint is None}
    if not names:
        msg = f"the archive {url} holds no file that may be one of observations, among {len(listed):,} files"
        raise ArchiveError(msg)
    layout = _layout(names)
    owners = _owners(names, layout)
    named = {uri: owner for uri, owner in owners.items() if owner}
    return Proposal(
        url=url,
        site=_site(url),
        layout=layout,
        receivers=dict(sorted(Counter(named.values()).items())),
        example=next(iter(named.items()), (next(iter(names)), "whom its header names")),
        others=len(listed) - len(names),
        interval_s=_usual([hint.interval_s for hint in known.values() if hint.interval_s]),
        earliest=_earliest(list(known.values())),
    )


def _layout(names: _Names) -> str:
    """Folders where each is of one station; else the stations of the names, where every file has one."""
    fitting = [layout for layout in _FOLDERS if _fits(names, receiver_part(layout))]
    single = [layout for layout in fitting if _is_one_station_each(names, receiver_part(layout))]
    return next(iter(single or ([] if all(names.values()) else fitting)), "auto")


def _fits(names: _Names, part_of: Callable[[str], str | None]) -> bool:
    """Whether all files lie in folders of that depth whose names are no dates."""
    parts = {part_of(uri) for uri in names}
    return None not in parts and not any(_DATE.fullmatch(part or "") for part in parts)


def _is_one_station_each(names: _Names, part_of: Callable[[str], str | None]) -> bool:
    stations: dict[str | None, set[str]] = {}
    for uri, hint in names.items():
        stations.setdefault(part_of(uri), set()).add(hint.station.lower() if hint else "")
    return all(len(each) == 1 for each in stations.values())


def _owners(names: _Names, layout: str) -> dict[str, str]:
    """The receiver of each file, empty where only its header may tell."""
    if layout == "auto":
        return {uri: group_name(hint.station) if hint else "" for uri, hint in names.items()}
    part_of = receiver_part(layout)
    return {uri: group_name(part_of(uri) or "") for uri in names}


def _site(url: str) -> str:
    where = place(url)
    name = local_path(url).name if where.kind is Kind.LOCAL else Path(where.prefix).name or where.bucket
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.-") or "site"


def _usual(values: Sequence[float]) -> float | None:
    return Counter(values).most_common(1)[0][0] if values else None


def _earliest(hints: Sequence[NameHint]) -> str:
    return str(gps_datetime(min(hint.start_s for hint in hints) * SECOND_NS))[:10] if hints else ""


def _line(key: str, value: str) -> str:
    """A key and its text, quoted as JSON is, which YAML reads too."""
    return f"{key}: {json.dumps(value, ensure_ascii=False)}\n"


def _listed(receivers: Mapping[str, int]) -> str:
    named = ", ".join(list(receivers)[:_MOST_NAMED]) + (", ..." if len(receivers) > _MOST_NAMED else "")
    return f"{len(receivers):,} receivers ({named})" if receivers else "receivers that their headers name"
