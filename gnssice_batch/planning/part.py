"""A part of what is new, which a run takes instead of all of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np

from gnssice_batch.errors import ConfigError
from gnssice_batch.model.grid import gps_datetime
from gnssice_batch.model.values import SourceFile
from gnssice_batch.planning.plan import Selection
from gnssice_batch.wording import several

_PART: Final = "part "


@dataclass(frozen=True, slots=True)
class Part:
    """The new files that a run takes; all others are left for a later one."""

    receivers: frozenset[str] = frozenset()
    """Those of these receivers; empty: of all."""
    since: date | None = None
    """Those that reach into this day or a later one, and those whose time is not known before they are read."""
    limit: int | None = None
    """So many at most, the oldest first."""

    def __str__(self) -> str:
        """Return the same words for the same wish, in any process."""
        return _PART + " ".join(self.options())

    def options(self) -> list[str]:
        """The options of ``run`` that ask for it."""
        chosen = [f"--receiver {receiver}" for receiver in sorted(self.receivers)]
        chosen += [f"--since {self.since}"] if self.since else []
        return chosen + ([f"--limit {self.limit}"] if self.limit else [])

    def of(self, chosen: Mapping[str, Selection]) -> dict[str, Selection]:
        """The part of the files of each receiver of the archive.

        Raises
        ------
        ConfigError
            When the archive has no such receiver.
        """
        if strangers := sorted(self.receivers - chosen.keys()):
            there = several(sorted(chosen)) if chosen else "none"
            message = f"--receiver: the archive has no receiver {several(strangers)}; it has {there}"
            raise ConfigError(message)
        wanted = [file for name, one in chosen.items() for file in one.files if self._wants(name, file)]
        taken = frozenset(sorted(wanted, key=_oldest_first)[: self.limit])
        return {name: _narrowed(one, taken) for name, one in chosen.items()}

    def _wants(self, receiver: str, file: SourceFile) -> bool:
        if self.receivers and receiver not in self.receivers:
            return False
        if self.since is None or file.end_ns is None:
            return True
        return bool(gps_datetime(file.end_ns) > np.datetime64(self.since, "ns"))


def part_of(receivers: Iterable[str], since: date | None, limit: int | None) -> Part | None:
    """The part of what is new that is asked for; None for all of it."""
    part = Part(frozenset(receivers), since, limit)
    return None if part == Part() else part


def options_of_part(wish: str) -> str | None:
    """The options of ``run`` in the words of a `Part`; None where they are others."""
    return wish.removeprefix(_PART) if wish.startswith(_PART) else None


def _oldest_first(file: SourceFile) -> tuple[bool, int, str, str]:
    return file.start_ns is None, file.start_ns or 0, file.receiver, file.uri


def _narrowed(selection: Selection, taken: frozenset[SourceFile]) -> Selection:
    files = tuple(file for file in selection.files if file in taken)
    names = {file.uri for file in files}
    return replace(
        selection,
        files=files,
        refused={uri: why for uri, why in selection.refused.items() if uri in names},
        left=selection.left + len(selection.files) - len(files),
    )
