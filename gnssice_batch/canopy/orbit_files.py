"""The orbit files of a site: listed, told by their names when they are for, chosen for a unit."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from gnssice_batch import config
from gnssice_batch.archive.listing import ArchiveAccess, access
from gnssice_batch.model.grid import DAY_NS, SECOND_NS
from gnssice_batch.model.values import SourceFile
from gnssice_batch.model.vod_values import OrbitFacts
from gnssice_batch.rinex.names import parse_name
from gnssice_batch.storage.folder import Folder

NODE_STEP_NS: Final = 300 * SECOND_NS
MARGIN_NS: Final = 5 * NODE_STEP_NS
"""Nodes this far before and after a unit: a spline is best away from its ends."""
_VALID_NS: Final = 4 * 3600 * SECOND_NS
"""The longest that a broadcast ephemeris is used."""
_BROADCAST: Final = "broadcast"
_PACKED: Final = r"(\.(z|gz|bz2|xz|zst|zip))*"
_SP3: Final = re.compile(rf"\.(sp3|eph){_PACKED}$", re.IGNORECASE)
_LONG: Final = re.compile(r"_(\d{4})(\d{3})(\d{2})(\d{2})_(\d{2})([MHDW])_\d{2}[SMHD]_ORB", re.IGNORECASE)
_SHORT: Final = re.compile(r"^[a-z0-9]{3}(\d{4})([0-7])(_\d\d)?\.", re.IGNORECASE)
_NAVIGATION: Final = re.compile(rf"\.(nav|rnx|\d\d[nglhbpqji]){_PACKED}$", re.IGNORECASE)
_UNIT_S: Final = {"M": 60, "H": 3600, "D": 86_400, "W": 7 * 86_400}
_WEEK: Final = 7
_WORTH: Final = ("PRD", "ULT", "NRT", "RTS", "RAP", "FIN")
_SHORT_WORTH: Final = {"IGU": "ULT", "IGV": "ULT", "IGR": "RAP"}
"""What the three letters of an old name say that is not final, of the IGS."""
_GPS_EPOCH: Final = datetime(1980, 1, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OrbitFiles:
    """The orbit files that there are."""

    source: str
    """``broadcast`` or ``sp3``."""
    archive: ArchiveAccess
    files: tuple[SourceFile, ...]
    """Sorted by worth and path: of two that tell the same, the later one counts."""
    starts_ns: npt.NDArray[np.int64] = field(compare=False)
    """(N,) first time that each file's name promises; before all times where it says nothing."""
    ends_ns: npt.NDArray[np.int64] = field(compare=False)
    """(N,) end (exclusive) of that; after all times where it says nothing."""
    read: tuple[OrbitFacts, ...] = ()
    """What is in those that had to be read to know when they are for."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """By path of those whose names say nothing why they can't be read."""

    @classmethod
    def of(cls, source: str, archive: ArchiveAccess, files: Iterable[SourceFile]) -> Self:
        """These files, sorted."""
        files = tuple(sorted(files, key=lambda file: (_worth(file.uri), file.uri)))
        always = np.iinfo(np.int64)
        starts = [always.min if file.start_ns is None else file.start_ns for file in files]
        ends = [always.max if file.end_ns is None else file.end_ns for file in files]
        return cls(source, archive, files, np.array(starts, np.int64), np.array(ends, np.int64))

    def reaching(self, start_ns: int, end_ns: int) -> tuple[SourceFile, ...]:
        """The files that may tell an orbit between two times, as far as their names say; all that say nothing."""
        before = MARGIN_NS + (_VALID_NS if self.source == _BROADCAST else 0)
        reach = (self.starts_ns <= end_ns + before) & (start_ns - before < self.ends_ns)
        return tuple(self.files[at] for at in np.flatnonzero(reach).tolist())


def orbit_files(settings: config.Settings) -> OrbitFiles:
    """List the orbit files that the settings name.

    Raises
    ------
    ArchiveError
        When their folder can't be listed.
    """
    orbits = settings.vod.orbits
    archive = access(settings.archive)
    if orbits.url is not None:
        folder = Folder(orbits.url, orbits.storage_options)
        archive = ArchiveAccess(folder, archive.ahead_bytes, archive.kept_bytes)
    listed = archive.listed(settings.archive.listing_requests)
    files = [
        SourceFile(uri, "", entry.size_bytes, entry.etag, *_promised_ns(uri, orbits.source))
        for uri, entry in listed.files.items()
        if any(fnmatchcase(uri, glob) for glob in orbits.layout) and _is_wanted(uri, orbits.source)
    ]
    return OrbitFiles.of(orbits.source, archive, files)


def digest(files: Iterable[SourceFile]) -> str:
    """Sixteen hex digits that change when any of these files does."""
    lines = sorted(f"{file.uri}\0{file.size_bytes}\0{file.etag}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def digest_of_all(digests: Sequence[str]) -> str:
    """The same of the digests of all units of a commit."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]


def _is_wanted(uri: str, source: str) -> bool:
    name = uri.rpartition("/")[2]
    if name.startswith("."):
        return False
    if source != _BROADCAST:
        return bool(_SP3.search(name))
    hint = parse_name(name)
    return hint.kind == "navigation" if hint else bool(_NAVIGATION.search(name))


def _promised_ns(uri: str, source: str) -> tuple[int | None, int | None]:
    """First time and end of what a name promises; None, None where it says nothing."""
    name = uri.rpartition("/")[2]
    if source != _BROADCAST:
        return _promised_by_sp3(name)
    hint = parse_name(name)
    if hint is None:
        return None, None
    return hint.start_s * SECOND_NS, (hint.start_s + (hint.period_s or 86_400)) * SECOND_NS


def _promised_by_sp3(name: str) -> tuple[int | None, int | None]:
    if long := _LONG.search(name):
        year, day, hour, minute, count = (int(long[place]) for place in range(1, 6))
        if year < _GPS_EPOCH.year:
            return None, None
        start = (datetime(year, 1, 1, tzinfo=UTC) - _GPS_EPOCH).days + day - 1
        start_ns = start * DAY_NS + (hour * 60 + minute) * 60 * SECOND_NS
        return start_ns, start_ns + count * _UNIT_S[long[6].upper()] * SECOND_NS + 1
    if short := _SHORT.match(name):
        week, day = int(short[1]), int(short[2])
        days = week * _WEEK + day % _WEEK
        return days * DAY_NS, (days + (_WEEK if day == _WEEK else 1)) * DAY_NS + 1
    return None, None


def _worth(uri: str) -> int:
    """The place of a product among those that follow each other; a name that says nothing is final."""
    name = uri.rpartition("/")[2].upper()
    if _SHORT.match(name):
        return _WORTH.index(_SHORT_WORTH.get(name[:3], _WORTH[-1]))
    return next((place for place, word in enumerate(_WORTH) if word in name[:12]), len(_WORTH) - 1)
