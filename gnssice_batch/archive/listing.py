"""The source files of an archive: listed, assigned to receivers, fetched."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from fnmatch import fnmatchcase
from typing import Final
from zlib import crc32

from gnssice_batch import config
from gnssice_batch.archive.ownership import UNKNOWN, Owner, owner_by_settings, owners, within
from gnssice_batch.archive.skipped import Rule, SkippedFile, excluded, looks_like_observations, no_file, skipped
from gnssice_batch.config.looking import is_hidden
from gnssice_batch.errors import AccessDeniedError, ArchiveError, ReadError, Reason, RefusedError
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Status
from gnssice_batch.rinex import Header, failures_as_read_errors, read_header
from gnssice_batch.rinex.names import NameHint, parse_name
from gnssice_batch.storage.entries import Entry, Listed, OtherKind
from gnssice_batch.storage.folder import Folder
from gnssice_batch.storage.listing import AT_ONCE
from gnssice_batch.storage.patience import PATIENCE
from gnssice_batch.wording import several

HEADER_BYTES: Final = 65_536
"""How much of a file is fetched to read its header."""

_HEADER_REQUESTS: Final = 16
_HEADERS_AHEAD: Final = 32
"""Headers that are asked for before the first of them is looked at."""
_FETCH_TRIES: Final = 3

type _Found = Header | ReadError | ArchiveError
type Hold = Callable[[Iterable[FileOutcome]], None]
"""Is told what became of files as it is known, and raises `RefusedError` when too many fail in one way."""


class _Use(Enum):
    """What the header of a file is read for whose name tells nothing."""

    NOTHING = auto()
    """By its path the file is no receiver's."""
    TIME = auto()
    """The path tells the receiver, and reading the whole file would tell the time too."""
    RECEIVER = auto()


@dataclass(frozen=True, slots=True)
class Listing:
    """The archive as listed."""

    files: tuple[SourceFile, ...]
    """Observation files with their receiver, sorted by receiver and name."""
    skipped: tuple[SkippedFile, ...]
    """All others, by name."""


@dataclass(frozen=True, slots=True)
class ArchiveAccess:
    """How to reach the archive; all a worker needs to fetch from it."""

    folder: Folder
    ahead_bytes: int = 64 << 20
    """Of files that a partition has fetched, or asked for, before it wants them."""
    kept_bytes: int = 256 << 20
    """Of files that a process keeps because it is going to read them again."""

    def fetch(self, uri: str, size_bytes: int | None = None) -> bytes:
        """The bytes of a file, or its first `size_bytes`; a storage that fails is asked again.

        Raises
        ------
        ArchiveError
            When the file is not there, or the archive does not give it after several tries.
        AccessDeniedError
            When an object store gives nothing to these credentials, renewed ones included.
        """
        for number in range(1, _FETCH_TRIES + 1):
            try:
                content = self.folder.read(uri, size_bytes)
            except (OSError, ValueError) as error:
                last: Exception = error
            else:
                PATIENCE.answered()
                return content
            if number == _FETCH_TRIES or _is_final(last, self.folder):
                break
            if (pause_s := PATIENCE.pause_s(number, f"{uri}: {last}")) is None:
                break
            time.sleep(pause_s)
        msg = f"{uri}: the archive {self.folder.url} does not give this file: {last}"
        denied = isinstance(last, PermissionError) and not self.folder.local
        raise (AccessDeniedError if denied else ArchiveError)(msg) from last

    def listed(self, at_once: int = AT_ONCE, *, hidden: bool = False) -> Listed:
        """What the archive says that it holds.

        Parameters
        ----------
        at_once
            Requests under way in S3 and Azure.
        hidden
            Look into hidden folders of a disk too.

        Raises
        ------
        ArchiveError
            When the archive can't be listed.
        """
        try:
            found = self.folder.listed(at_once, lambda folder: hidden or not is_hidden(folder))
            if found.files.keys() <= {""} and not found.others and not self.folder.exists():
                msg = f"the archive {self.folder.url} is not there, or is not a folder: check archive.url"
                raise ArchiveError(msg)
        except OSError as error:
            msg = f"the archive {self.folder.url} can't be listed: {error}"
            raise ArchiveError(msg) from error
        return found


def _is_final(error: Exception, folder: Folder) -> bool:
    """Whether asking again can't help; credentials may be new ones the next time."""
    return isinstance(error, FileNotFoundError | IsADirectoryError) or (
        folder.local and isinstance(error, PermissionError)
    )


def access(settings: config.Archive) -> ArchiveAccess:
    """How to reach the archive that the settings name."""
    folder = Folder(settings.url, settings.storage_options)
    return ArchiveAccess(folder, settings.ahead_bytes, settings.kept_bytes)


def _unwatched() -> Hold:
    return lambda _: None


def list_files(settings: config.Archive, watched: Callable[[], Hold] = _unwatched) -> Listing:
    """List the archive and find each file's receiver: by name and path, by its header where those say nothing.

    Parameters
    ----------
    watched
        Gives who judges the headers that can't be read. Those that only the receiver is found by end the run; of files
        whose path tells it no further headers are asked for.

    Raises
    ------
    ArchiveError
        When the archive can't be listed, or does not give the header that a file's receiver is found by.
    PlanError
        When files belong to more than one receiver of the settings.
    RefusedError
        As `watched` says.
    """
    listed = access(settings).listed(settings.listing_requests, hidden=settings.hidden)
    return listing(listed, settings, watched)


def listing(listed: Listed, settings: config.Archive, watched: Callable[[], Hold] = _unwatched) -> Listing:
    """Find the receiver of each of these files, as `list_files` does.

    Raises
    ------
    ArchiveError, PlanError, RefusedError
        As `list_files` says.
    """
    entries = listed.files
    _check_closed(listed, settings)
    left_out = {uri: why for uri in entries if (why := _left_out(uri, settings))}
    hints = {uri: parse_name(uri) for uri in sorted(entries.keys() - left_out.keys())}
    observations = [uri for uri, hint in hints.items() if hint is None or hint.kind == "observation"]
    named = (uri for uri in observations if hints[uri] is not None)
    asked = _headers(access(settings), _by_use(hints, observations, settings), named, watched)
    headers = {uri: found for uri, found in asked.items() if isinstance(found, Header)}
    owner_of = owners(observations, hints, headers, settings)
    files = [_source_file(uri, owner, entries[uri], hints[uri], headers.get(uri)) for uri, owner in owner_of.items()]
    files = [file for file in files if file.receiver != UNKNOWN]
    rule = _rule(settings)
    others = [skipped(uri, hint, asked.get(uri), rule) for uri, hint in hints.items() if not owner_of.get(uri)]
    others += [excluded(uri, why) for uri, why in left_out.items()]
    others += [no_file(uri, other) for uri, other in listed.others.items()]
    return Listing(
        tuple(sorted(files, key=lambda file: (file.receiver, file.uri))),
        tuple(sorted(others, key=lambda file: file.uri)),
    )


def _check_closed(listed: Listed, settings: config.Archive) -> None:
    """Refuse an archive of which a part can't be listed, unless the settings leave that part out."""
    closed = [
        f"{path} {other.why}"
        for path, other in listed.others.items()
        if other.kind is OtherKind.CLOSED and (path == "./" or settings.looks_below(path))
    ]
    if closed:
        msg = (
            f"of the archive {settings.url} {several(sorted(closed), by=' and ')}; make it readable, or leave it out by"
            " archive.exclude, with * behind the folder"
        )
        raise ArchiveError(msg)


def _left_out(uri: str, settings: config.Archive) -> str:
    """Which setting leaves a file out; empty where none does."""
    if not settings.hidden and is_hidden(uri):
        return "hidden, and archive.hidden is false"
    if "**" not in settings.include and not any(fnmatchcase(uri, pattern) for pattern in settings.include):
        return "not among archive.include"
    pattern = _excluded(uri, settings)
    return f"archive.exclude has {pattern}" if pattern else ""


def _excluded(uri: str, settings: config.Archive) -> str:
    """The first of the globs that leaves a file or folder out; empty where none does."""
    return next((pattern for pattern in settings.exclude if fnmatchcase(uri, pattern)), "")


def _rule(settings: config.Archive) -> Rule:
    if settings.receivers:
        return Rule("archive.receivers", by_path=False)
    return Rule(f"archive.layout ({settings.layout})", by_path=settings.layout != "auto")


def _by_use(
    hints: Mapping[str, NameHint | None], uris: Iterable[str], settings: config.Archive
) -> dict[_Use, list[str]]:
    owner = owner_by_settings(settings)
    by_use: dict[_Use, list[str]] = {use: [] for use in _Use}
    for uri in uris:
        if hints[uri] is None:
            by_use[_use_of_header(uri, settings, owner)].append(uri)
    return by_use


def _use_of_header(uri: str, settings: config.Archive, owner: Owner) -> _Use:
    if settings.receivers:
        claiming = [receiver for receiver in settings.receivers.values() if within(uri, receiver)]
        by_path = all(receiver.station is None for receiver in claiming)
        return (_Use.TIME if by_path else _Use.RECEIVER) if claiming else _Use.NOTHING
    if settings.layout == "auto":
        return _Use.RECEIVER
    return _Use.TIME if owner(uri, None) else _Use.NOTHING


def _headers(
    archive: ArchiveAccess, by_use: Mapping[_Use, Sequence[str]], named: Iterable[str], watched: Callable[[], Hold]
) -> dict[str, _Found]:
    """The headers of the files that need one, or their errors; if most fail in one way not all are asked for."""
    headers: dict[str, _Found] = {}
    check = watched()
    if by_use[_Use.RECEIVER]:
        check(_outcome(uri, None) for uri in named)
    for uri, found in _in_turn(archive, by_use[_Use.RECEIVER]):
        if isinstance(found, ArchiveError):
            raise found
        _take(uri, found, headers, check)
    check = watched()
    try:
        for uri, found in _in_turn(archive, by_use[_Use.TIME]):
            _take(uri, found, headers, check)
    except RefusedError:
        return headers
    return headers


def _take(uri: str, found: _Found, headers: dict[str, _Found], check: Hold) -> None:
    headers[uri] = found
    if isinstance(found, Header):
        check([_outcome(uri, None)])
    elif looks_like_observations(uri, found):
        check([_outcome(uri, found)])


def _outcome(uri: str, error: ReadError | ArchiveError | None) -> FileOutcome:
    file = SourceFile(uri, UNKNOWN, 0, "")
    if error is None:
        return FileOutcome(file, Status.OK, FileFacts())
    reason = error.reason if isinstance(error, ReadError) else Reason.UNREADABLE
    return FileOutcome(file, Status.REJECTED, FileFacts(), Refusal(reason, str(error)))


def _in_turn(archive: ArchiveAccess, uris: Sequence[str]) -> Iterator[tuple[str, _Found]]:
    """Each file's header or what it failed of, in an order that mixes them, so that any part stands for the whole."""
    asked: deque[tuple[str, Future[_Found]]] = deque()
    with ThreadPoolExecutor(_HEADER_REQUESTS) as pool:
        for uri in sorted(uris, key=lambda uri: crc32(uri.encode())):
            asked.append((uri, pool.submit(_header, archive, uri)))
            if len(asked) == _HEADERS_AHEAD:
                first, future = asked.popleft()
                yield first, future.result()
        for uri, future in asked:
            yield uri, future.result()


def _header(archive: ArchiveAccess, uri: str) -> _Found:
    try:
        prefix = archive.fetch(uri, HEADER_BYTES)
        with failures_as_read_errors():
            return read_header(prefix)
    except AccessDeniedError:
        raise
    except (ReadError, ArchiveError) as error:
        return error


def _source_file(uri: str, receiver: str, entry: Entry, hint: NameHint | None, header: Header | None) -> SourceFile:
    start_ns, end_ns = _promised_ns(hint, header)
    return SourceFile(uri, receiver, entry.size_bytes, entry.etag, start_ns, end_ns)


def _promised_ns(hint: NameHint | None, header: Header | None) -> tuple[int | None, int | None]:
    """First epoch and end (exclusive) that a name, else a header, promises."""
    if hint is not None:
        start_ns = hint.start_s * SECOND_NS
        return start_ns, start_ns + (hint.period_s or 1) * SECOND_NS
    if header is None or header.time_first_100ns is None:
        return None, None
    start_ns = header.time_first_100ns * 100
    end_ns = (header.time_last_100ns or header.time_first_100ns) * 100
    return start_ns, max(start_ns, end_ns) + 1
