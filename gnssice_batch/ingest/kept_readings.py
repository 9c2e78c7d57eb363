"""Readings that wait for the axis to hold their signals, so that no file is read twice."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from gnssice_batch.ingest.reading import ReadContext, ReadFile, for_interval, observations_bytes
from gnssice_batch.model.values import SourceFile, Status

type _Key = tuple[str, SourceFile]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file as it was read."""

    result: ReadFile
    how: tuple[Any, ...]
    """Everything that it was read with: read with anything else it might have become another."""
    size_bytes: int


class KeptReadings:
    """Files with their observations, those kept first going first where they get too many."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._files: OrderedDict[_Key, _Kept] = OrderedDict()
        self._size_bytes = 0

    def put(self, context: ReadContext, results: Iterable[ReadFile]) -> None:
        """Keep files, as far as `ReadContext.kept_bytes` allows; what was refused may be judged otherwise next time."""
        with self._lock:
            for result in results:
                size_bytes = observations_bytes(result)
                if result.status is Status.REJECTED or size_bytes > context.kept_bytes:
                    continue
                self._pop(_key(context, result.file))
                self._files[_key(context, result.file)] = _Kept(result, _how(context, result.file), size_bytes)
                self._size_bytes += size_bytes
                while self._size_bytes > context.kept_bytes:
                    self._pop(next(iter(self._files)))

    def take(self, context: ReadContext, files: Iterable[SourceFile], interval_ns: int) -> dict[SourceFile, ReadFile]:
        """Those of some files that are kept, as `read_file` gives them; they are kept no longer.

        Parameters
        ----------
        interval_ns
            Interval of the grid they are wanted for.
        """
        with self._lock:
            kept = {file: self._pop(_key(context, file)) for file in files}
        return {
            file: for_interval(one.result, interval_ns)
            for file, one in kept.items()
            if one is not None and one.how == _how(context, file)
        }

    def room(self, context: ReadContext) -> int:
        """Bytes that are left of what may be kept."""
        with self._lock:
            return max(0, context.kept_bytes - self._size_bytes)

    def forget(self) -> None:
        """Keep nothing any more."""
        with self._lock:
            self._files.clear()
            self._size_bytes = 0

    def _pop(self, key: _Key) -> _Kept | None:
        kept = self._files.pop(key, None)
        self._size_bytes -= kept.size_bytes if kept else 0
        return kept


READINGS: Final = KeptReadings()
"""Of this process."""


def _key(context: ReadContext, file: SourceFile) -> _Key:
    return context.archive.folder.url, file


def _how(context: ReadContext, file: SourceFile) -> tuple[Any, ...]:
    receiver = file.receiver
    return context.options_of(receiver), context.bounds[receiver], context.markers.get(receiver, "")
