"""Log records as text lines or JSON objects, with the run, its phase or a partition's key as fields."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, TextIO, override

from gnssice_batch.redaction import redacted
from gnssice_batch.visible import visible

ROOT: Final = "gnssice_batch"
FIELDS: Final = ("run", "phase", "partition", "receiver", "file")
"""Names that may be given with ``extra=``, in the order in which they are written."""
FIGURES: Final = ("done", "total", "files_per_s", "bytes_per_s", "left_s")
"""The same, of progress: in JSON only, as the message says them too."""

_scope: Final[ContextVar[dict[str, str] | None]] = ContextVar("scope", default=None)


class _Text(logging.Formatter):
    """``2025-01-01T00:00:00Z INFO message partition=canopy_01.2025001T000000``."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    @override
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in _fields(record, FIELDS).items())
        return visible(super().formatMessage(record) + fields)


class _Json(_Text):
    """One JSON object per line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(_scope.get() or {}),
            **_fields(record, (*FIELDS, *FIGURES)),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return redacted(json.dumps(entry, default=str))


def logger(name: str) -> logging.Logger:
    """Return the logger of a module, below the package's own; silent until `configure` is called."""
    return logging.getLogger(name if name.startswith(ROOT) else f"{ROOT}.{name}")


def configure(level: str = "info", layout: Literal["text", "json"] = "text", stream: TextIO | None = None) -> None:
    """Write the package's records to a stream (standard error), and only there; calling it again replaces the former.

    Parameters
    ----------
    level
        Least severity written: debug, info, warning or error.
    layout
        Lines of text, or one JSON object per line.
    stream
        Where to; standard error if None.
    """
    root = logging.getLogger(ROOT)
    output = logging.StreamHandler(stream or sys.stderr)
    output.setFormatter(_Json() if layout == "json" else _Text())
    root.handlers[:] = [output]
    root.setLevel(level.upper())
    root.propagate = False


@contextmanager
def scope(**fields: str) -> Iterator[None]:
    """Put fields into every JSON line that is logged within the context: those given, and those that `note` adds.

    A thread is within it if it runs in a copy of its context.
    """
    token = _scope.set({**(_scope.get() or {}), **fields})
    try:
        yield
    finally:
        _scope.reset(token)


def note(**fields: str) -> None:
    """Put fields into the lines of the scope from now on; without one nothing is changed."""
    known = _scope.get()
    if known is not None:
        known.update(fields)


def _fields(record: logging.LogRecord, names: tuple[str, ...]) -> dict[str, object]:
    return {name: record.__dict__[name] for name in names if name in record.__dict__}


logging.getLogger(ROOT).addHandler(logging.NullHandler())
