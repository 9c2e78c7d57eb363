"""What a session or fork has changed, as plain values that can be compared with what was planned."""

from collections.abc import Iterable, Mapping

import icechunk

type Units = Mapping[str, frozenset[tuple[int, ...]]]
"""Array path to the indices of its changed chunks (shards where the array is sharded)."""


def changed_units(session: icechunk.Session) -> Units:
    """The chunks a session has written, moved or reset and not committed."""
    chunks = session.status().updated_chunks
    return {path: frozenset(map(tuple, indices)) for path, indices in chunks.items() if indices}


def union(parts: Iterable[Units]) -> Units:
    """All chunks of several changes."""
    merged: dict[str, set[tuple[int, ...]]] = {}
    for part in parts:
        for path, indices in part.items():
            merged.setdefault(path, set()).update(indices)
    return {path: frozenset(indices) for path, indices in merged.items()}


def differences(found: Units, expected: Units) -> tuple[str, ...]:
    """One sentence for every array whose changed chunks are not the expected ones."""
    return tuple(
        f"{path}: {_some(found.get(path, frozenset()) - expected.get(path, frozenset()), 'not planned')}"
        f"{_some(expected.get(path, frozenset()) - found.get(path, frozenset()), 'missing')}"
        for path in sorted(found.keys() | expected.keys())
        if found.get(path, frozenset()) != expected.get(path, frozenset())
    )


def _some(indices: frozenset[tuple[int, ...]], what: str) -> str:
    if not indices:
        return ""
    shown = ", ".join(str(index) for index in sorted(indices)[:3])
    more = f" and {len(indices) - 3} more" if len(indices) > 3 else ""
    return f" {len(indices)} chunks {what} ({shown}{more})"
