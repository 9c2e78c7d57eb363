"""Frozen dataclasses as JSON, checked against their types when they are read back."""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeAliasType, Union, get_args, get_origin, get_type_hints

import numpy as np

type Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


def dump(value: object) -> Json:  # noqa: PLR0911 - one answer per kind of value
    """A dataclass, and all that its fields may hold, as plain JSON values.

    Raises
    ------
    TypeError
        For a value that has no place in JSON.
    """
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
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: dump(getattr(value, item.name)) for item in fields(value)}
    return _plain(value)


def load(kind: Any, value: Json) -> Any:
    """The value of a type from what `dump` made of it.

    Raises
    ------
    ValueError
        When the JSON does not fit the type.
    """
    try:
        return _load(kind, value)
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


def _load(kind: Any, value: Any) -> Any:
    kind = _unaliased(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{item.name: _load(hints[item.name], value[item.name]) for item in fields(kind) if item.init})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is bytes:
        return base64.b64decode(value, validate=True)
    origin = get_origin(kind)
    if origin is None:
        return _checked(kind, value)
    return _load_generic(origin, get_args(kind), value)


def _load_generic(origin: Any, arguments: tuple[Any, ...], value: Any) -> Any:
    if origin in {Union, UnionType}:
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return None if value is None else _load(inner, value)
    if origin is np.ndarray:
        return np.frombuffer(zlib.decompress(base64.b64decode(value["zlib"])), np.dtype(value["dtype"])).copy()
    if issubclass(origin, Mapping):
        return {_load(arguments[0], key): _load(arguments[1], item) for key, item in value}
    if issubclass(origin, frozenset):
        return frozenset(_load(arguments[0], item) for item in value)
    if arguments[-1] is Ellipsis:
        return tuple(_load(arguments[0], item) for item in value)
    return tuple(_load(argument, item) for argument, item in zip(arguments, value, strict=True))


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
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
