"""Files parsed several at a time: what a worker is given, what it gives back."""

import hashlib
import json
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.model.values import Done, Partition, PartitionOutcome, SourceFile
from gnssice_batch.model.virtual import NetcdfFacts, NetcdfFile
from gnssice_batch.records import dump, encode, load
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.virtual.parsing import parse_files

MOST_FILES = 16
MOST_BYTES = 64 << 20


def in_partitions(files: Sequence[NetcdfFile]) -> Iterator[tuple[NetcdfFile, ...]]:
    """Cut files, in their order, into parts that a worker does at a time; none has files of two receivers."""
    part: list[NetcdfFile] = []
    size_bytes = 0
    for file in sorted(files, key=lambda each: (each.receiver, each.uri)):
        full = len(part) == MOST_FILES or size_bytes + file.size_bytes > MOST_BYTES
        if part and (full or part[0].receiver != file.receiver):
            yield tuple(part)
            part, size_bytes = [], 0
        part.append(file)
        size_bytes += file.size_bytes
    if part:
        yield tuple(part)


def key_of(files: Sequence[NetcdfFile]) -> str:
    """The key of a partition: the same files have the same."""
    named = json.dumps([[file.uri, file.etag] for file in files]).encode()
    return f"{files[0].receiver}.{hashlib.sha256(named).hexdigest()[:12]}"


def parse_partition(key: str, files: tuple[NetcdfFile, ...], archive: ArchiveAccess) -> PartitionOutcome:
    """What is in some files, as plain JSON in place of a fork.

    Raises
    ------
    AccessDeniedError
        When the archive gives nothing to these credentials.
    """
    found = parse_files(files, archive)
    read = sum(file.size_bytes for file in files)
    return PartitionOutcome(key, encode(dump(found)), (), bytes_read=read, traffic=TRAFFIC.take())


def facts_in(outcome: PartitionOutcome) -> tuple[NetcdfFacts, ...]:
    """What a worker has found."""
    found: tuple[NetcdfFacts, ...] = load(tuple[NetcdfFacts, ...], json.loads(outcome.fork or b"[]"))
    return found


def with_shared(facts: NetcdfFacts, known: dict[Hashable, Any]) -> NetcdfFacts:
    """The facts, what is equal in many files being one object: a coordinator holds those of all new files.

    Parameters
    ----------
    known
        What was met before; added to.
    """

    def one[T: Hashable](value: T) -> T:
        found: T = known.setdefault(value, value)
        return found

    referenced = (replace(each, name=one(each.name), document=one(each.document)) for each in facts.referenced)
    copied = (
        replace(each, name=one(each.name), document=one(each.document), packed=one(each.packed), texts=one(each.texts))
        for each in facts.copied
    )
    return replace(
        facts,
        referenced=tuple(referenced),
        copied=tuple(copied),
        profile=one(facts.profile),
        attributes=one(facts.attributes),
    )


def finished(files: Iterable[NetcdfFile], outcome: PartitionOutcome, base: str = "") -> Done:
    """A partition as the journal keeps it.

    Parameters
    ----------
    base
        Snapshot that it holds for; empty where it holds for any.
    """
    sources = tuple(SourceFile(file.uri, file.receiver, file.size_bytes, file.etag) for file in files)
    partition = Partition(outcome.key, sources[0].receiver, 0, len(sources))
    return Done(partition, 0, 0, base, sources, (), replace(outcome, document=b""))
