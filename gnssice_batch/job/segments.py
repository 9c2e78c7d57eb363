"""The segments of a journal: files of many finished partitions each, read many at a time.

A segment is ``partitions/<start>.<number>``: an index of its keys, then one sealed record per partition that was
finished, or dropped again. Sorted by name, segments are in the order in which they were begun; a later record of a key
replaces the earlier ones. A record that is damaged costs its own partition, which is done again, and no other.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final

from gnssice_batch.errors import StoreError
from gnssice_batch.job.sealing import seal, sealed, unseal, unsealed
from gnssice_batch.log import logger
from gnssice_batch.model.sharing import with_files
from gnssice_batch.model.values import Done
from gnssice_batch.records import dump, encode, load
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.together import together

FOLDER: Final = "partitions"
STARTS: Final = "starts"
"""Per start that took a run over, what it found of the starts before it."""

_AT_ONCE: Final = 32
_INDEX_BYTES: Final = 16 << 10
"""What is read of a segment at first where only its index is wanted."""
_OF_WORKER: Final = "outcome"
_OF_COORDINATOR: Final = tuple(item.name for item in fields(Done) if item.name != _OF_WORKER)
_NAME: Final = re.compile(r"\d{6}\.[0-9a-f]+\.\d{8}")
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one partition, ready to be written."""

    key: str
    stands: bool
    """Whether it is finished; else it is dropped."""
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """What segments say."""

    partitions: dict[str, Done]
    records: dict[str, int]
    """Name of a segment to the number of its records."""


def record(key: str, done: Done | None) -> Record:
    """The record of a partition that is finished, or dropped again."""
    if done is None:
        return Record(key, stands=False, sealed=seal({"key": key, "done": None}))
    named = encode(key), encode({name: dump(getattr(done, name)) for name in _OF_COORDINATOR})
    outcome = done.outcome.document or encode(dump(done.outcome))
    return Record(key, stands=True, sealed=sealed(b'{"key":%b,"done":%b,"outcome":%b}' % (*named, outcome)))


def segment(records: Sequence[Record]) -> bytes:
    """The content of a segment."""
    index = seal({"index": [[each.key, each.stands] for each in records]})
    return b"\n".join([index, *(each.sealed for each in records), b""])


def segment_name(origin: str, number: int) -> str:
    """Where a start puts its segment of a number."""
    return f"{FOLDER}/{origin}.{number:08d}"


def read_segments(folder: Folder) -> Finished:
    """Every finished partition whose record is whole.

    Raises
    ------
    StoreError
        When a segment can't be read.
    """
    names, most = sorted(_sizes(folder)), _bounds(folder)
    parts = together((partial(_partitions, folder, name, most(name)) for name in names), _AT_ONCE)
    found = _merged(each for each, _ in parts)
    counts = {name: count for name, (_, count) in zip(names, parts, strict=True)}
    return Finished({key: done for key, done in found.items() if done is not None}, counts)


def finished_keys(folder: Folder) -> set[str]:
    """The keys of the finished partitions, by the indexes of the segments alone.

    Raises
    ------
    StoreError
        When a segment can't be read.
    """
    sizes, most = _sizes(folder), _bounds(folder)
    names = sorted(sizes)
    parts = together((partial(_index, folder, name, sizes[name], most(name)) for name in names), _AT_ONCE)
    return {key for key, stands in _merged(parts).items() if stands}


def note_start(folder: Folder, origin: str, records: Mapping[str, int]) -> None:
    """From now on, believe of the starts before this one only so many records of each segment.

    What a start writes late that was believed dead must not count: it may be made for a structure that was dropped.

    Raises
    ------
    StoreError
        When it can't be written.
    """
    name = f"{STARTS}/{origin}"
    try:
        folder.write(name, seal({"records": dict(records)}))
    except OSError as error:
        msg = f"{folder.url}/{name}: the journal can't be written: {error}; what it has already stands"
        raise StoreError(msg) from error


def highest_start(names: Iterable[str]) -> int:
    """The highest number of a start in the names of files of a journal."""
    numbers = (name.rpartition("/")[2].partition(".")[0] for name in names)
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def names_in(folder: Folder, below: str) -> dict[str, int]:
    """Names and sizes of the files below a path, whole ones or not.

    Raises
    ------
    StoreError
        When they can't be listed.
    """
    try:
        return {name: entry.size_bytes for name, entry in folder.below(below).entries().items()}
    except OSError as error:
        msg = f"{folder.url}/{below}: the journal can't be listed: {error}"
        raise StoreError(msg) from error


def _sizes(folder: Folder) -> dict[str, int]:
    return {name: size for name, size in names_in(folder, FOLDER).items() if _NAME.fullmatch(name)}


def _bounds(folder: Folder) -> Callable[[str], int | None]:
    """How many records of a segment are believed, by its name; None for all."""
    latest = max((name for name in names_in(folder, STARTS) if not name.endswith(".unfinished")), default="")
    if not latest:
        return lambda _: None
    content = _content(folder, f"{STARTS}/{latest}")
    try:
        records: dict[str, int] = dict(unseal(content)["records"])
    except ValueError as error:
        _log.warning("%s/%s is not used, nor what was finished before it: %s", folder.url, latest, error)
        records = {}
    return lambda name: records.get(name, 0) if name.rpartition(".")[0] < latest else None


def _partitions(folder: Folder, name: str, most: int | None) -> tuple[dict[str, Done | None], int]:
    """The last record of each key, None where it was dropped or is damaged; and the number of all records."""
    documents = list(unsealed(_content(folder, f"{FOLDER}/{name}")))
    index = _indexed(documents[0]) if documents else None
    records = documents[index is not None or documents[:1] == [None] :]
    whole = [each for each in records[:most] if each is not None]
    found = {each["key"]: _done(each) for each in whole}
    met = Counter(each["key"] for each in whole)
    wanted = Counter(key for key, _ in (index or ())[:most])
    damaged = [key for key, times in wanted.items() if met[key] < times]
    if index is None or damaged:
        again = f"partitions done again: {', '.join(damaged)}" if index else "its index is not read"
        _log.warning("%s/%s/%s is cut off or changed; %s", folder.url, FOLDER, name, again)
    return found | dict.fromkeys(damaged), len(index if index is not None else records)


def _done(document: Any) -> Done | None:
    done = document["done"]
    if done is None:
        return None
    loaded: Done = load(Done, {**done, _OF_WORKER: document[_OF_WORKER]})
    return replace(loaded, outcome=with_files(loaded.outcome, loaded.files))


def _index(folder: Folder, name: str, size: int, most: int | None) -> dict[str, bool]:
    path = f"{FOLDER}/{name}"
    for first in (_INDEX_BYTES, None):
        if first is None or size > first:
            found = next(unsealed(_content(folder, path, first)), None)
            if (index := _indexed(found)) is not None:
                return dict(index[:most])
    return {key: done is not None for key, done in _partitions(folder, name, most)[0].items()}


def _indexed(document: Any) -> list[tuple[str, bool]] | None:
    if document is None or "index" not in document:
        return None
    return [(key, stands) for key, stands in document["index"]]


def _merged[T](parts: Iterable[Mapping[str, T]]) -> dict[str, T]:
    merged: dict[str, T] = {}
    for part in parts:
        merged.update(part)
    return merged


def _content(folder: Folder, name: str, size_bytes: int | None = None) -> bytes:
    """The bytes of a file; none where it is gone: another has removed the journal."""
    try:
        return folder.read(name, size_bytes)
    except FileNotFoundError:
        return b""
    except OSError as error:
        msg = f"{folder.url}/{name}: the journal can't be read: {error}"
        raise StoreError(msg) from error
