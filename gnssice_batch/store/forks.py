"""Forks serialized without pickle: only what Icechunk itself keeps of one."""

import icechunk

from gnssice_batch.errors import StoreError

_STATE = "_session"


def fork_bytes(fork: icechunk.ForkSession) -> bytes:
    """Everything a fork has changed, and where; about 500 bytes and 30 more per changed chunk."""
    state = fork.__getstate__()
    if not isinstance(state, dict) or not isinstance(state.get(_STATE), bytes):
        msg = "this version of icechunk keeps forks in a way this program does not know"
        raise StoreError(msg)
    return bytes(state[_STATE])


def fork_of(content: bytes) -> icechunk.ForkSession:
    """A copy of a fork from its bytes.

    Raises
    ------
    StoreError
        When the bytes are no fork of this version of Icechunk.
    """
    fork = icechunk.ForkSession.__new__(icechunk.ForkSession)
    try:
        fork.__setstate__({_STATE: content})
    except (icechunk.IcechunkError, ValueError) as error:
        msg = f"{len(content)} bytes are no fork of this version of icechunk: {error}"
        raise StoreError(msg) from error
    return fork
