"""The reader for verification: it shares as little as possible with the first one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from gnssice_batch.errors import ArchiveError, ReadError, Reason
from gnssice_batch.ingest.reading import Fetched, ReadContext, ReadFile, fetch, read_content
from gnssice_batch.log import logger
from gnssice_batch.model.values import Refusal, SourceFile, Status
from gnssice_batch.rinex.containers.unpack import unpack_prefix
from gnssice_batch.rinex.failures import failures_as_read_errors
from gnssice_batch.rinex.header.text import is_compact
from gnssice_batch.rinex.plain import DeclinedError, Series, read_plainly
from gnssice_batch.signals import sid
from gnssice_batch.verification.first_reading import series_of

_log = logger(__name__)


class Rereader(StrEnum):
    """What has read a file again."""

    PLAIN = "plain"
    """The second reader, which parses nothing with the first one's code."""
    HATANAKA = "hatanaka"
    """The reference decoder of CRINEX, and the first reader on the text that it gives."""
    NATIVE = "native"
    """The reader that the settings name, again: it can't find its own faults."""


@dataclass(frozen=True, slots=True)
class Reread:
    """A file as it was read again."""

    reader: Rereader
    sha256: str
    """Empty where the file can't be had."""
    size_bytes: int
    parts: tuple[Series, ...] = ()
    sids: frozenset[str] = frozenset()
    """Signals that carry a value."""
    refusal: Refusal | None = None
    """Why nothing was read of it."""
    declined: str = ""
    """Why the second reader declined it; empty where it did not."""
    failed: str = ""
    """What the second reader raised that nobody foresaw, and where; empty where it raised nothing."""


def read_again(file: SourceFile, context: ReadContext, interval_ns: int, *, sha256: str, whole: bool) -> Reread:
    """Read a file by another way than the first time.

    Parameters
    ----------
    interval_ns
        Interval of the grid it was read for.
    sha256
        What it was when it was taken; other content is not read.
    whole
        Whether nothing of it was lost. What the reference decoder makes of damage is another matter, so a damaged file
        that the plain reader declines is read as it was.
    """
    try:
        fetched = fetch(file, context)
    except ArchiveError:
        return Reread(Rereader.NATIVE, "", 0)
    if fetched.sha256 != sha256:
        return Reread(Rereader.NATIVE, fetched.sha256, len(fetched.content))
    found = _by_the_second_reader(fetched, context)
    if isinstance(found, Reread):
        return found
    decode = whole and is_compact(unpack_prefix(fetched.content))
    reread = _by_the_first_reader(fetched, context, interval_ns, decode=decode)
    return replace(reread, declined=found.declined, failed=found.failed)


@dataclass(frozen=True, slots=True)
class _Passed:
    """Why the second reader has given nothing of a file; one of the two is empty."""

    declined: str = ""
    failed: str = ""


def _by_the_second_reader(fetched: Fetched, context: ReadContext) -> Reread | _Passed:
    """Read a file plainly; what the reader raises, but to decline the file, is a fault of the reader."""
    try:
        with failures_as_read_errors():
            return _plainly(fetched, context)
    except ReadError as error:
        uri = fetched.file.uri
        _log.error("%s: the second reader failed: %s", uri, error.detail, exc_info=error.__cause__ or error)
        return _Passed(failed=error.detail or str(error.reason))


def _plainly(fetched: Fetched, context: ReadContext) -> Reread | _Passed:
    options = context.options_of(fetched.file.receiver)
    try:
        series = read_plainly(fetched.content, options.signal_overrides, options.max_unpacked_bytes)
    except DeclinedError as error:
        return _Passed(declined=str(error))
    size_bytes = len(fetched.content)
    return Reread(Rereader.PLAIN, fetched.sha256, size_bytes, (series,), frozenset(_sids(series)))


def _sids(series: Series) -> Iterator[str]:
    """The signals that carry a value."""
    for block in series.blocks:
        observed, signals = block.observed(), [(column.band, column.letter) for column in block.columns]
        for signal in set(signals):
            of_signal = [k for k, other in enumerate(signals) if other == signal]
            for index in np.flatnonzero(observed[of_signal].any(axis=0)).tolist():
                yield sid(block.svs[index], *signal)


def _by_the_first_reader(fetched: Fetched, context: ReadContext, interval_ns: int, *, decode: bool) -> Reread:
    """Read a file as it was, but for the decoder of CRINEX where that can be another."""
    if decode and (context.options.reader, context.options.decoder) == ("native", "native"):
        other = replace(context, options=replace(context.options, decoder="hatanaka"))
        result = read_content(fetched, other, interval_ns)
        if not (result.refusal and result.refusal.reason is Reason.READER_FAILED):
            return _reread(fetched, result, Rereader.HATANAKA)
    return _reread(fetched, read_content(fetched, context, interval_ns), Rereader.NATIVE)


def _reread(fetched: Fetched, result: ReadFile, reader: Rereader) -> Reread:
    refusal = result.refusal if result.status is Status.REJECTED else None
    parts = tuple(map(series_of, result.parts))
    return Reread(reader, fetched.sha256, len(fetched.content), parts, result.sids, refusal)
