"""Markers: which stations the headers of one receiver's files name."""

from collections import Counter
from collections.abc import Iterable, Mapping


def same_marker(one: str, other: str) -> bool:
    """Whether two headers may be of one station: case and spaces do not count, a blank marker is not another."""
    return not one or not other or _plain(one) == _plain(other)


def counted_markers(markers: Iterable[str]) -> dict[str, int]:
    """Files by marker, as it was first written, the most frequent first; blank ones are left out."""
    spellings: dict[str, str] = {}
    counts = Counter[str]()
    for marker in markers:
        if marker:
            counts[spellings.setdefault(_plain(marker), marker)] += 1
    return dict(counts.most_common())


def main_marker(markers: Iterable[str]) -> str:
    """The marker that most files have, of equally frequent ones the first; empty where no file has one."""
    return next(iter(counted_markers(markers)), "")


def told_apart(markers: Mapping[str, int]) -> str:
    """``AAAA (12 files), BBBB (1 file)``; empty where there are not several."""
    if len(markers) < 2:
        return ""
    return ", ".join(f"{marker} ({count:,} file{'' if count == 1 else 's'})" for marker, count in markers.items())


def _plain(marker: str) -> str:
    return "".join(marker.split()).casefold()
