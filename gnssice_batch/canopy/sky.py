"""Where the satellites are over a unit, from its orbit files; a file that units share is read once by a process."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.archive.kept import KEPT
from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.canopy.orbit_files import MARGIN_NS, NODE_STEP_NS
from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.model.values import SourceFile
from gnssice_batch.model.vod_values import OrbitFacts
from gnssice_batch.orbits import Ephemerides, Nodes, joined, merged, nodes, read_nav, read_sp3

_FILES_KEPT: Final = 512
"""Parsed files that a process keeps: those of two units of whole days, told by quarter hours, of two receivers."""


@dataclass(frozen=True, slots=True)
class OrbitAccess:
    """How a worker reaches orbit files."""

    source: str
    """``broadcast`` or ``sp3``."""
    archive: ArchiveAccess
    max_bytes: int
    """What a file may unpack to."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one orbit file tells; nothing where it could not be read."""

    facts: OrbitFacts
    orbits: Ephemerides | Nodes | None


class _Kept:
    """What was read of files lately, by where they are and what the listing says of them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._told: OrderedDict[tuple[str, str, int, str], Told] = OrderedDict()

    def get(self, access: OrbitAccess, file: SourceFile) -> Told:
        """What a file tells, read unless it was lately."""
        key = (access.archive.folder.url, file.uri, file.size_bytes, file.etag)
        with self._lock:
            if key in self._told:
                self._told.move_to_end(key)
                return self._told[key]
        told = _told(access, file)
        with self._lock:
            self._told[key] = told
            while len(self._told) > _FILES_KEPT:
                self._told.popitem(last=False)
        return told


_KEPT: Final = _Kept()


def read_orbits(access: OrbitAccess, files: Iterable[SourceFile]) -> tuple[Told, ...]:
    """What each of some files tells, those of an object store asked for together.

    Raises
    ------
    ArchiveError
        When the archive does not give one.
    """
    files = tuple(files)
    KEPT.ask(access.archive, files)
    return tuple(_KEPT.get(access, file) for file in files)


def nodes_over(told: Iterable[Told], satellites: Sequence[str], start_ns: int, end_ns: int) -> Nodes:
    """Positions of satellites from before a unit to after it; none where no file tells any.

    Parameters
    ----------
    told
        Of SP3 files in rising order of worth.
    satellites
        Those that are wanted.
    start_ns, end_ns
        First and last epoch, ns since 1980-01-06.
    """
    parts = [one.orbits for one in told if one.orbits is not None]
    ephemerides = [one for one in parts if isinstance(one, Ephemerides)]
    precise = [one for one in parts if isinstance(one, Nodes)]
    if ephemerides:
        return nodes(merged(ephemerides), satellites, _times(start_ns, end_ns))
    if precise:
        return _between(joined(precise).of(satellites), start_ns, end_ns)
    return nodes(merged(()), satellites, _times(start_ns, end_ns))


def _times(start_ns: int, end_ns: int) -> npt.NDArray[np.int64]:
    """Times of nodes: whole steps of GPS time, so that neighbouring units have the same."""
    first = (start_ns - MARGIN_NS) // NODE_STEP_NS
    last = -(-(end_ns + MARGIN_NS) // NODE_STEP_NS)
    return np.arange(first, last + 1, dtype=np.int64) * NODE_STEP_NS


def _between(found: Nodes, start_ns: int, end_ns: int) -> Nodes:
    """The nodes near a unit: as many before and after it whatever the files hold."""
    reach = MARGIN_NS // NODE_STEP_NS * max(found.spacing_ns, NODE_STEP_NS)
    return found.between(start_ns - reach, end_ns + reach)


def _told(access: OrbitAccess, file: SourceFile) -> Told:
    kept = KEPT.take(access.archive, file)
    content = kept.result() if kept else access.archive.fetch(file.uri)
    sha256 = hashlib.sha256(content).hexdigest()
    nothing = OrbitFacts(file.uri, file.size_bytes, file.etag, sha256, access.source, 0, 0, 0)
    try:
        return _parsed(access, content, nothing)
    except ReadError as error:
        return Told(replace(nothing, fault=str(error)), None)


def _parsed(access: OrbitAccess, content: bytes, facts: OrbitFacts) -> Told:
    if access.source == "sp3":
        precise = read_sp3(content, access.max_bytes)
        return Told(_with(facts, precise.times_ns, precise.satellites, precise.counts), precise)
    ephemerides = read_nav(content, access.max_bytes)
    return Told(_with(facts, ephemerides.reference_ns, ephemerides.satellites, ephemerides.counts), ephemerides)


def _with(
    facts: OrbitFacts, times_ns: npt.NDArray[np.int64], satellites: Sequence[str], counts: Mapping[Reason, int]
) -> OrbitFacts:
    facts = replace(facts, lost={str(reason): count for reason, count in sorted(counts.items()) if reason.loses})
    if not len(times_ns):
        return replace(facts, fault="it tells no orbit")
    return replace(facts, start_ns=int(times_ns.min()), end_ns=int(times_ns.max()), satellites=len(satellites))
