"""The writer of a journal: one thread that puts whatever waits into one segment."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from gnssice_batch.job.segments import Record, segment, segment_name

FULL_BYTES: Final = 64 << 10
"""A segment as large as this is not added to any more."""
BATCH_BYTES: Final = 4 << 20
"""What is added to a segment at once, at most, but for a single record that is larger."""
PAUSE_S: Final = 0.1
"""Between the beginnings of two requests lies so much, unless somebody waits for them, or enough waits for one."""
WAITING_BYTES: Final = 32 << 20
"""When so much waits, `append` does."""


class SegmentWriter:
    """Writes records in their order; what comes while a request is under way goes together with the next one.

    The segment that is not full yet is written again with what has come since: so a journal has few objects, however
    slowly its partitions come. Where many come a second, some requests do for them. At risk, when the process dies, is
    what waits for the request that is under way or for the next one's time, and what is in that request.
    """

    def __init__(self, write: Callable[[str, bytes], None], origin: str) -> None:
        self._write, self._origin, self._number = write, origin, 0
        self._open: list[Record] = []
        lock = threading.Lock()
        self._changed, self._hurry = threading.Condition(lock), threading.Condition(lock)
        self._pressing = 0
        self._begun_s = -PAUSE_S
        self._waiting: deque[Record] = deque()
        self._waiting_bytes = self._under_way = 0
        self._error: Exception | None = None
        self._over = False
        self._thread: threading.Thread | None = None

    def append(self, record: Record) -> None:
        """Hand a record in; wait while too many wait.

        Raises
        ------
        StoreError
            When an earlier one could not be written.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or self._waiting_bytes < WAITING_BYTES)
            self._raise()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
                self._thread.start()
            self._waiting.append(record)
            self._waiting_bytes += len(record.sealed)
            self._changed.notify_all()
            if self._waiting_bytes >= BATCH_BYTES:
                self._hurry.notify_all()

    def flush(self, patience_s: float | None = None) -> int:
        """Wait until everything handed in is written.

        Parameters
        ----------
        patience_s
            How long at most.

        Returns
        -------
        int
            How many records are not written yet.

        Raises
        ------
        StoreError
            When one could not be written.
        """
        with self._changed:
            self._pressing += 1
            self._hurry.notify_all()
            self._changed.wait_for(lambda: self._error or not self._left(), patience_s)
            self._pressing -= 1
            self._raise()
            return self._left()

    def stop(self) -> None:
        """Write nothing more; what waits is given up."""
        with self._changed:
            self._over = True
            self._waiting.clear()
            self._changed.notify_all()
            self._hurry.notify_all()

    def _left(self) -> int:
        return len(self._waiting) + self._under_way

    def _raise(self) -> None:
        if self._error:
            raise self._error

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._add(batch)
            except Exception as error:  # noqa: BLE001 - raised where the journal is used
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            with self._changed:
                self._under_way = 0
                self._changed.notify_all()

    def _next(self) -> list[Record]:
        """What waits, as much as one request takes; nothing once it is over."""
        batch: list[Record] = []
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._waiting)
            self._hurry.wait_for(self._urgent, max(0.0, self._begun_s + PAUSE_S - time.monotonic()))
            self._begun_s, size = time.monotonic(), 0
            while self._waiting and (not batch or size + len(self._waiting[0].sealed) <= BATCH_BYTES):
                batch.append(self._waiting.popleft())
                size += len(batch[-1].sealed)
            self._waiting_bytes -= size
            self._under_way = len(batch)
            self._changed.notify_all()
        return batch

    def _urgent(self) -> bool:
        return self._over or self._pressing > 0 or self._waiting_bytes >= BATCH_BYTES

    def _add(self, batch: list[Record]) -> None:
        if sum(len(each.sealed) for each in self._open) >= FULL_BYTES:
            self._number, self._open = self._number + 1, []
        self._open += batch
        self._write(segment_name(self._origin, self._number), segment(self._open))
