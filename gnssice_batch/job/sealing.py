"""Sealed documents: JSON under a line that gives its length, with the SHA-256 that it must have."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from gnssice_batch.records import encode

FORMAT: Final = 5
"""5: sources of epochs are runs, and outcomes of partitions lie beside the rest of what is known of these.

4: partitions are kept in segments. 3: the forks hold the coordinates along the epochs.
"""

_MAGIC: Final = "gnssice-journal"


def seal(document: object) -> bytes:
    """A JSON document, of one line, under a line that says its format, length and SHA-256."""
    return sealed(encode(document))


def sealed(body: bytes) -> bytes:
    """The same of a document that is text of one line already."""
    return f"{_MAGIC} {FORMAT} {len(body)} {hashlib.sha256(body).hexdigest()}\n".encode() + body


def unseal(content: bytes) -> Any:
    """The document of a sealed file.

    Raises
    ------
    ValueError
        When the file is of another format, cut off, or changed.
    """
    head, _, body = content.partition(b"\n")
    words = head.decode("ascii", "replace").split(" ")
    if words[:2] != [_MAGIC, str(FORMAT)]:
        msg = f"not a journal file of format {FORMAT}"
        raise ValueError(msg)
    if words[2:] != [str(len(body)), hashlib.sha256(body).hexdigest()]:
        msg = "cut off or changed since it was written"
        raise ValueError(msg)
    return json.loads(body)


def unsealed(content: bytes) -> Iterator[Any]:
    """The documents of a file of several, one below the other; None for each that is damaged."""
    lines = content.split(b"\n")
    for head, body in zip(lines, [*lines[1:], b""], strict=True):
        if not head.startswith(_MAGIC.encode()):
            continue
        try:
            yield unseal(head + b"\n" + body)
        except ValueError:
            yield None
