"""The termination message: how a command has ended, in one line of JSON for whoever looks at the pod."""

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

OPTION: Final = "--termination-log"
VARIABLE: Final = "TERMINATION_LOG"
MOST_BYTES: Final = 4096
"""What Kubernetes keeps of a termination message."""
EXIT_INTERRUPTED: Final = 130
_EXIT_UNEXPECTED: Final = 70


@dataclass(slots=True)
class Ending:
    """What there is to say of a command that ends."""

    run: str = ""
    """Name of the run; empty where there is none."""
    message: str = ""
    report: str | None = None
    """URL of the report."""
    files: Mapping[str, int] = field(default_factory=dict)
    """Files of the run by status."""
    planned: int = 0
    """Partitions of the run."""
    finished: int = 0
    """Those of them that are finished, and so journaled."""
    told: bool = False
    """Whether the message was shown as the last line already."""


_ending: ContextVar[Ending] = ContextVar("ending")


def ending() -> Ending:
    """What is said of the command when it ends; outside of one, what nobody reads."""
    return _ending.get(Ending())


@contextmanager
def told_at_the_end(arguments: Sequence[str] | None = None) -> Iterator[Ending]:
    """Write the termination message when the context ends, however it ends, if a place for it is named.

    The place is read from the arguments themselves: they may be wrong, and then that is the message.
    """
    place = termination_log(sys.argv[1:] if arguments is None else arguments)
    said = Ending()
    token = _ending.set(said)
    code: object = 0
    try:
        yield said
    except SystemExit as end:
        code = end.code
        raise
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
        raise
    except BaseException:
        code = _EXIT_UNEXPECTED
        raise
    finally:
        _ending.reset(token)
        exit_code = code if isinstance(code, int) else int(code is not None)
        if said.run and not said.told:
            _log_line(exit_code, said)
        if place:
            _write(place, message_line(exit_code, said))


def termination_log(arguments: Sequence[str]) -> str | None:
    """The file that the termination message goes to: an option's, else an environment variable's."""
    for position, argument in enumerate(arguments):
        if argument == OPTION and position + 1 < len(arguments):
            return arguments[position + 1]
        if argument.startswith(f"{OPTION}="):
            return argument.partition("=")[2]
    return os.environ.get(VARIABLE) or None


def message_line(exit_code: int, said: Ending) -> bytes:
    """One line of JSON of `MOST_BYTES` at most; a message that is too long is cut."""
    kept = said.message
    line = _line(exit_code, said, kept)
    while len(line) > MOST_BYTES and kept:
        kept = kept[: len(kept) * 9 // 10]
        line = _line(exit_code, said, f"{kept}...")
    return line


def _line(exit_code: int, said: Ending, message: str) -> bytes:
    content = {
        "exit_code": exit_code,
        "run": said.run or None,
        "message": message,
        "report": said.report,
        "files": dict(said.files),
    }
    return (json.dumps(content, ensure_ascii=False) + "\n").encode()


def _log_line(exit_code: int, said: Ending) -> None:
    """Log how a run has ended: the last line of its log."""
    from gnssice_batch.log import logger

    files = ", ".join(f"{count:,} {status}" for status, count in said.files.items()) or "none"
    level = logging.WARNING if exit_code else logging.INFO
    logger(__name__).log(
        level,
        "ended with exit code %d: %s; files: %s; report: %s",
        exit_code,
        said.message or "see above",
        files,
        said.report or "none kept",
        extra={"run": said.run},
    )


def _write(place: str, line: bytes) -> None:
    """Write the message in place: what Kubernetes mounts for it can't be replaced by another file."""
    try:
        Path(place).write_bytes(line)
    except OSError as error:
        sys.stderr.write(f"Warning: the termination message can't be written to {place}: {error.strerror}\n")
