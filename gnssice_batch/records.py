"""Frozen dataclasses as JSON, checked against their types when they are read back."""

import base64
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, TypeAliasType, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

type Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False)
_PLAIN: Final = frozenset({bool, int, float, str, NoneType})


def dump(value: object) -> Json:
    """A dataclass, and all that its fields may hold, as plain JSON values.

    Raises
    ------
    TypeError
        For a value that has no place in JSON.
    """
    kind: Any = type(value)
    if kind in _PLAIN:
        return value  # type: ignore[return-value]  # mypy does not follow types that are compared
    return _dumper(kind)(value)


def encode(document: object) -> bytes:
    """Plain JSON values, in no circle, as one line of ASCII text."""
    return _ENCODER.encode(document).encode("ascii")


def load(kind: Any, value: Json) -> Any:
    """The value of a type from what `dump` made of it.

    Raises
    ------
    ValueError
        When the JSON does not fit the type.
    """
    try:
        return _loader(kind)(value)
    except (KeyError, TypeError, AttributeError, zlib.error) as error:
        msg = f"not a {getattr(kind, '__name__', kind)}: {error}"
        raise ValueError(msg) from error


@cache
def _dumper(kind: Any) -> Callable[[Any], Json]:  # noqa: PLR0911 - one answer per kind of value
    """What makes plain JSON values of the values of a type; found once for each, as it takes longer than to be used."""
    if is_dataclass(kind) and fields(kind):
        return _member_dumper(tuple(item.name for item in fields(kind)))
    if issubclass(kind, Enum):
        return lambda value: dump(value.value)
    if kind is bytes:
        return lambda value: base64.b64encode(value).decode()
    if issubclass(kind, np.ndarray):
        return _packed
    if issubclass(kind, Mapping):
        return lambda value: [[dump(key), dump(item)] for key, item in value.items()]
    if issubclass(kind, frozenset):
        return lambda value: _dump_all(sorted(value))
    return _dump_all if issubclass(kind, tuple | list) else _plain


def _member_dumper(names: tuple[str, ...]) -> Callable[[Any], Json]:
    """What makes an object of the fields of a dataclass."""
    if len(names) == 1:
        return lambda value: {names[0]: dump(getattr(value, names[0]))}
    values_of = attrgetter(*names)
    return lambda value: dict(zip(names, _dump_all(values_of(value)), strict=True))


def _dump_all(items: Iterable[object]) -> list[Json]:
    return [item if type(item) in _PLAIN else dump(item) for item in items]  # type: ignore[misc]  # as in `dump`


def _packed(array: npt.NDArray[Any]) -> Json:
    return {"dtype": array.dtype.str, "zlib": base64.b64encode(zlib.compress(array.tobytes(), 1)).decode()}


def _plain(value: object) -> Json:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return _plain(value.item())
    msg = f"{type(value).__name__} has no place in a record"
    raise TypeError(msg)


@cache
def _loader(kind: Any) -> Callable[[Any], Any]:
    """What makes a value of a type; made once for each, as it takes longer than to be used."""
    kind = _unaliased(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        members = [(item.name, _loader(hints[item.name])) for item in fields(kind) if item.init]
        return lambda value: kind(**{name: loaded(value[name]) for name, loaded in members})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if kind is bytes:
        return lambda value: base64.b64decode(value, validate=True)
    origin = get_origin(kind)
    if origin is None:
        return partial(_checked, kind)
    return _generic_loader(origin, get_args(kind))


def _generic_loader(origin: Any, arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    if origin is np.ndarray:
        return lambda value: np.frombuffer(
            zlib.decompress(base64.b64decode(value["zlib"])), np.dtype(value["dtype"])
        ).copy()
    if origin in {Union, UnionType}:
        (inner,) = (_loader(argument) for argument in arguments if argument is not NoneType)
        return lambda value: None if value is None else inner(value)
    loaders = [_loader(argument) for argument in arguments if argument is not Ellipsis]
    if issubclass(origin, Mapping):
        of_key, of_item = loaders
        return lambda value: {of_key(key): of_item(item) for key, item in value}
    if issubclass(origin, frozenset):
        return lambda value: frozenset(map(loaders[0], value))
    if arguments[-1] is Ellipsis:
        return lambda value: tuple(map(loaders[0], value))
    return lambda value: tuple(loaded(item) for loaded, item in zip(loaders, value, strict=True))


def _unaliased(kind: Any) -> Any:
    """What a ``type`` statement, with arguments or without, stands for."""
    while isinstance(alias := get_origin(kind) or kind, TypeAliasType):
        arguments = get_args(kind)
        kind = alias.__value__[arguments] if arguments else alias.__value__
    return kind


def _checked(kind: Any, value: Any) -> Any:
    if kind is float and isinstance(value, int):
        return float(value)
    if not isinstance(value, kind):
        msg = f"{value!r} is no {kind.__name__}"
        raise TypeError(msg)
    return value
