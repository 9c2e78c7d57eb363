"""The lock of a local repository, which says so while it has to wait for another process."""

from typing import Any, Final, override

from filelock import AcquireReturnProxy, FileLock, Timeout

from gnssice_batch.log import logger

_log = logger(__name__)
_SILENT_S: Final = 1.0


class ToldLock(FileLock):
    """A file lock that is waited for as long as it takes: who holds it gives it back, at the latest by dying."""

    @override
    def acquire(self, timeout: float | None = None, *arguments: Any, **named: Any) -> AcquireReturnProxy[Any]:
        if timeout is not None:
            return super().acquire(timeout, *arguments, **named)
        try:
            return super().acquire(_SILENT_S, *arguments, **named)
        except Timeout:
            _log.warning("another process holds the lock of the repository, %s: waiting for it", self.lock_file)
        took = super().acquire(timeout, *arguments, **named)
        _log.info("the lock of the repository is free")
        return took
