"""Forks serialized without pickle: only what Icechunk itself keeps of one, none of it a secret."""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import icechunk
import msgpack

from gnssice_batch.errors import StoreError
from gnssice_batch.store.faults import first_line
from gnssice_batch.store.storages import fetcher_of

_STATE: Final = "_session"
_PARTS: Final = 10
_BEFORE_CHANGES: Final = 8
"""Parts of a session that say how the storage is reached; what was changed comes behind them."""
_SHORT: Final = 16
_checked: Final[deque[bytes]] = deque(maxlen=16)
"""What was checked last and found good: parts that come before changes."""


def fork_bytes(fork: icechunk.ForkSession) -> bytes:
    """Everything a fork has changed, and where; about 500 bytes and 30 more per changed chunk.

    Raises
    ------
    StoreError
        When the fork carries keys, or is kept in a way this program does not know.
    """
    state = fork.__getstate__()
    if not isinstance(state, dict) or not isinstance(state.get(_STATE), bytes):
        msg = "this version of icechunk keeps forks in a way this program does not know"
        raise StoreError(msg)
    content = bytes(state[_STATE])
    _check(content)
    return content


def fork_of(content: bytes) -> icechunk.ForkSession:
    """A copy of a fork from its bytes.

    Raises
    ------
    StoreError
        When the bytes are no fork of this version of Icechunk, or name other code to run than this program's.
    """
    _check(content)
    fork = icechunk.ForkSession.__new__(icechunk.ForkSession)
    try:
        fork.__setstate__({_STATE: content})
    except (icechunk.IcechunkError, ValueError) as error:
        msg = f"{len(content)} bytes are no fork of this version of icechunk: {first_line(error)}"
        raise StoreError(msg) from error
    return fork


def _check(content: bytes) -> None:
    """Refuse a fork whose way to the storage holds a key, or a function that is not this program's.

    Icechunk runs the function that gives a storage its credentials; a journal may be written by others. The way has no
    end but its own, so what begins with one that was checked has the same; the forks of a run do, and may be 100,000.
    """
    if content.startswith(tuple(_checked)):
        return
    try:
        way = _before_changes(content)
        _check_way(way)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        msg = f"{len(content)} bytes are no fork of this version of icechunk: {first_line(error)}"
        raise StoreError(msg) from None
    _checked.append(way)


def _before_changes(content: bytes) -> bytes:
    """The parts of a session that come before what it has changed, which may be long."""
    unpacker = _unpacker(content)
    parts = unpacker.read_array_header()
    if parts != _PARTS:
        msg = f"{parts} parts instead of {_PARTS}"
        raise ValueError(msg)
    for _ in range(_BEFORE_CHANGES):
        unpacker.skip()
    return content[: unpacker.tell()]


def _check_way(before_changes: bytes) -> None:
    unpacker = _unpacker(before_changes)
    unpacker.read_array_header()
    for _ in range(_BEFORE_CHANGES):
        for found in _leaves(unpacker.unpack()):
            _check_leaf(*found)


def _unpacker(content: bytes) -> msgpack.Unpacker:
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, object_pairs_hook=tuple)
    unpacker.feed(content)
    return unpacker


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every word in a tree with the name of the field it stands in; a list of small integers is a string of bytes."""
    if not isinstance(value, list | tuple):
        yield name, value
    elif len(value) > _SHORT and all(isinstance(each, int) for each in value):
        yield name, bytes(value)
    elif len(value) == 2 and isinstance(value, tuple) and isinstance(value[0], str):
        yield from _leaves(value[1], value[0])
    else:
        for each in value:
            yield from _leaves(each, name)


def _check_leaf(name: str, value: Any) -> None:
    if isinstance(value, bytes) and len(value) > _SHORT and fetcher_of(value) is None:
        msg = "it names code to run that is not this program's"
        raise ValueError(msg)
    if value == "static" and (name == "credentials" or name.endswith("credential_type")):
        msg = "it carries keys of its storage"
        raise ValueError(msg)
