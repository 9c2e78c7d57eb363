"""Frozen dataclasses as JSON, checked against their types when they are read back."""

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, Final, TypeAliasType, Union, get_args, get_origin, get_type_hints

import numpy as np

type Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

_PLAIN: Final = frozenset({bool, int, float, str, NoneType})


def dump(value: object) -> Json:  # noqa: PLR0911 - one answer per kind of value
    """A dataclass, and all that its fields may hold, as plain JSON values.

    Raises
    ------
    TypeError
        For a value that has no place in JSON.
    """
    kind: Any = type(value)
    if kind in _PLAIN:
        return value  # type: ignore[return-value]  # mypy does not follow types that are compared
    if names := _names(kind):
        return {name: dump(getattr(value, name)) for name in names}
    match value:
        case Enum():
            return dump(value.value)
        case bytes():
            return base64.b64encode(value).decode()
        case np.ndarray():
            return {"dtype": value.dtype.str, "zlib": base64.b64encode(zlib.compress(value.tobytes(), 1)).decode()}
        case Mapping():
            return [[dump(key), dump(item)] for key, item in value.items()]
        case frozenset():
            return [dump(item) for item in sorted(value)]
        case tuple() | list():
            return [dump(item) for item in value]
    return _plain(value)


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


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """The fields of a dataclass; none for another type."""
    return tuple(item.name for item in fields(kind)) if is_dataclass(kind) else ()
