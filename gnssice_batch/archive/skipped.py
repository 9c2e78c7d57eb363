"""Files of the archive that no receiver takes, by kind, each with the reason."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gnssice_batch.errors import ArchiveError, ReadError, Reason
from gnssice_batch.rinex import Header
from gnssice_batch.rinex.names import NameHint
from gnssice_batch.storage.entries import Other, OtherKind

FOREIGN: Final = frozenset({Reason.NOT_RINEX, Reason.NOT_OBSERVATIONS, Reason.EMPTY})
"""What is no fault of a file that never claimed to hold observations."""

_CALLED_RINEX: Final = re.compile(r"\.(rnx|crx|\d\d[od])(\.(gz|z|bz2|xz|zst|zip))?$", re.IGNORECASE)

_WHY: Final = {OtherKind.LEFT_OUT: "archive.hidden is false", OtherKind.CLOSED: "archive.exclude leaves it out"}


class SkipKind(StrEnum):
    """Why a file is skipped, in a word."""

    NO_RECEIVER = "no_receiver"
    """Observations, and no receiver of the settings takes them."""
    UNKNOWN = "unknown"
    """Neither name nor header tell what or whose it is."""
    NAVIGATION = "navigation"
    METEO = "meteo"
    OTHER_PRODUCT = "other_product"
    EXCLUDED = "excluded"
    """By archive.include, archive.exclude or archive.hidden, or because it is listed by another name."""
    NO_FILE = "no_file"
    """A named pipe, a socket, a device."""


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file of the archive that no receiver takes."""

    uri: str
    kind: SkipKind
    why: str
    observations: bool = False
    """Whether name or header say that it holds observations: then something may be lost."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What decides whose a file is."""

    setting: str
    """E.g. ``archive.receivers``."""
    by_path: bool
    """Whether the path alone tells the receiver."""

    def lacks(self, what: str) -> str:
        """That nothing in the setting takes a file."""
        return f"{self.setting} has no receiver for {'its path' if self.by_path else what}"


def excluded(uri: str, why: str) -> SkippedFile:
    """A file that the settings leave out."""
    return SkippedFile(uri, SkipKind.EXCLUDED, why)


def no_file(uri: str, other: Other) -> SkippedFile:
    """What a listing names that is no file."""
    if other.kind is OtherKind.NO_FILE:
        return SkippedFile(uri, SkipKind.NO_FILE, other.why, observations=bool(_CALLED_RINEX.search(uri)))
    reason = f": {_WHY[other.kind]}" if other.kind in _WHY else ""
    return SkippedFile(uri, SkipKind.EXCLUDED, f"{other.why}{reason}")


def skipped(
    uri: str, hint: NameHint | None, header: Header | ReadError | ArchiveError | None, rule: Rule
) -> SkippedFile:
    """A file that no receiver takes, and why.

    Parameters
    ----------
    hint
        What its name says.
    header
        Its header, or why that could not be read; None where it was not looked at.
    rule
        What decides whose a file is.
    """
    if hint is not None and hint.kind != "observation":
        kind = SkipKind.OTHER_PRODUCT if hint.kind == "other" else SkipKind(hint.kind)
        return SkippedFile(uri, kind, f"{kind.replace('_', ' ')} file by its name")
    if hint is not None:
        return SkippedFile(uri, SkipKind.NO_RECEIVER, rule.lacks(f"station {hint.station}"), observations=True)
    if isinstance(header, Header) and header.marker_name:
        return SkippedFile(uri, SkipKind.NO_RECEIVER, rule.lacks(f"marker {header.marker_name!r}"), observations=True)
    return _unknown(uri, header, rule)


def looks_like_observations(uri: str, error: ReadError | ArchiveError) -> bool:
    """Whether a file without a readable header claims to hold observations: by its name, or by what is wrong."""
    return isinstance(error, ArchiveError) or error.reason not in FOREIGN or bool(_CALLED_RINEX.search(uri))


def by_kind(files: Iterable[SkippedFile]) -> dict[str, int]:
    """Number of files by kind, in the order of `SkipKind`."""
    counts = Counter(file.kind for file in files)
    return {str(kind): counts[kind] for kind in SkipKind if counts[kind]}


def _unknown(uri: str, header: Header | ReadError | ArchiveError | None, rule: Rule) -> SkippedFile:
    says_nothing = "the name has none of the known forms"
    if isinstance(header, Header):
        why = f"{says_nothing}, and the header has no marker to find a receiver by"
        return SkippedFile(uri, SkipKind.UNKNOWN, why, observations=True)
    if header is None:
        why = f"{says_nothing}, and {rule.setting} has no receiver for its path"
        return SkippedFile(uri, SkipKind.UNKNOWN, why, bool(_CALLED_RINEX.search(uri)))
    why = f"{says_nothing}, and the header can't be read: {header}"
    return SkippedFile(uri, SkipKind.UNKNOWN, why, looks_like_observations(uri, header))
