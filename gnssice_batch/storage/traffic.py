"""The requests that this process has made of object stores, counted where they are made.

Those of fsspec's libraries are counted one by one, tries that failed among them, listings by their pages. Icechunk does
not tell of its requests: of those the objects are counted that were written, by whoever has written them.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests, and what they have carried."""

    requests: Mapping[str, int] = field(default_factory=dict)
    """By kind: ``GET``, ``PUT``, ``LIST``, ``HEAD``, ``DELETE``, ``POST``."""
    sent_bytes: int = 0
    received_bytes: int = 0

    def __add__(self, other: "Traffic") -> "Traffic":
        """Both together."""
        requests = Counter(self.requests) + Counter(other.requests)
        sent, received = self.sent_bytes + other.sent_bytes, self.received_bytes + other.received_bytes
        return Traffic(dict(requests), sent, received)

    def as_json(self) -> dict[str, int]:
        """Requests by kind and bytes each way, as plain JSON values."""
        return {
            **dict(sorted(self.requests.items())),
            "received_bytes": self.received_bytes,
            "sent_bytes": self.sent_bytes,
        }


class Counted:
    """What was noted since it was taken last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clear()

    def note(self, kind: str, number: int = 1, *, sent_bytes: int = 0, received_bytes: int = 0) -> None:
        """Note requests of a kind, or what some have carried."""
        with self._lock:
            self._requests[kind] += number
            self._sent_bytes += sent_bytes
            self._received_bytes += received_bytes

    def take(self) -> Traffic:
        """What was noted; it is forgotten here."""
        with self._lock:
            taken = Traffic(dict(+self._requests), self._sent_bytes, self._received_bytes)
            self._clear()
            return taken

    def _clear(self) -> None:
        self._requests = Counter[str]()
        self._sent_bytes = self._received_bytes = 0


TRAFFIC: Final = Counted()
"""Of this process."""


def note_request(method: str, headers: Mapping[str, Any], *, lists: bool = False) -> None:
    """Note a request as it is made."""
    TRAFFIC.note("LIST" if lists and method == "GET" else method, sent_bytes=_length(headers))


def note_answer(headers: Mapping[str, Any]) -> None:
    """Note what an answer has carried."""
    TRAFFIC.note("GET", 0, received_bytes=_length(headers))


def _length(headers: Mapping[str, Any]) -> int:
    said = headers.get("Content-Length") or 0
    text = said.decode() if isinstance(said, bytes) else str(said)
    return int(text) if text.isdigit() else 0
