"""Equal parts of values made one object: the values of many files are a fraction of their size then."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from operator import attrgetter
from typing import Any

from gnssice_batch.model.values import PartitionOutcome, SourceFile


def shared[T](value: T) -> T:
    """A value of frozen dataclasses, tuples and mappings that is equal to this one, and in which equal parts are one.

    Pickle keeps it so: what goes to another process is smaller too.
    """
    found: T = _shared(value, {})
    return found


def with_files(outcome: PartitionOutcome, files: Iterable[SourceFile]) -> PartitionOutcome:
    """The outcome of a partition with these files in place of its own that are equal to them."""
    known = {file: file for file in files}
    parts = tuple(replace(part, file=known.get(part.file, part.file)) for part in outcome.files)
    return replace(outcome, files=parts)


def _shared(value: Any, known: dict[tuple[Any, ...], Any]) -> Any:
    """The one of all values so far that is equal to this one; `known` has each by its type and what it is made of."""
    kind: Any = type(value)
    if kind is str or kind is int:
        return known.setdefault((kind, value), value)
    if kind is float:
        return known.setdefault((kind, value.hex()), value)
    if kind is tuple:
        members = tuple(_shared(each, known) for each in value)
        return known.setdefault((kind, *map(id, members)), members)
    if isinstance(value, Mapping):
        pairs = [(_shared(key, known), _shared(each, known)) for key, each in value.items()]
        return known.setdefault((kind, *(id(each) for pair in pairs for each in pair)), dict(pairs))
    if values_of := _values_of(kind):
        members = tuple(_shared(each, known) for each in values_of(value))
        return known.setdefault((kind, *map(id, members)), kind(*members))
    return value


@cache
def _values_of(kind: Any) -> Any:
    """What gives the fields of a frozen dataclass of several; None for any other type."""
    names = tuple(item.name for item in fields(kind) if item.init) if is_dataclass(kind) else ()
    return attrgetter(*names) if len(names) > 1 else None
