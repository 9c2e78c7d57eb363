"""When orbit files are for whose names do not say it: what the ledgers have of them, else what is in them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import batched
from typing import Final

from gnssice_batch.canopy.orbit_files import OrbitFiles
from gnssice_batch.canopy.sky import OrbitAccess, read_orbits
from gnssice_batch.model.values import SourceFile
from gnssice_batch.model.vod_values import KnownOrbits, OrbitFacts

_AT_ONCE: Final = 64
"""Files that are asked for together."""


def with_spans(orbits: OrbitFiles, access: OrbitAccess, ledgers: Iterable[KnownOrbits]) -> OrbitFiles:
    """The files, those whose names say nothing with the span of their orbits; one that tells none reaches no unit.

    Parameters
    ----------
    ledgers
        What is known of files that were read before; all others are read.

    Raises
    ------
    ArchiveError
        When the archive does not give one.
    """
    unnamed = [file for file in orbits.files if file.start_ns is None]
    known = {key: told for ledger in ledgers for key, told in ledger.items()}
    wanted = [file for file in unnamed if (file.uri, file.etag, file.size_bytes) not in known]
    read = tuple(_facts(access, wanted))
    known |= {(one.uri, one.etag, one.size_bytes): (one.start_ns, one.end_ns, one.fault) for one in read}
    faults: dict[str, str] = {}
    files = []
    for file in orbits.files:
        first, last, fault = known.get((file.uri, file.etag, file.size_bytes), (0, 0, ""))
        if file.start_ns is not None:
            files.append(file)
        elif fault:
            faults[file.uri] = fault
            files.append(replace(file, start_ns=0, end_ns=0))
        else:
            files.append(replace(file, start_ns=first, end_ns=last + 1))
    return replace(OrbitFiles.of(orbits.source, orbits.archive, files), read=read, unreadable=faults)


def _facts(access: OrbitAccess, files: Iterable[SourceFile]) -> Iterator[OrbitFacts]:
    for some in batched(files, _AT_ONCE):
        yield from (told.facts for told in read_orbits(access, some))
