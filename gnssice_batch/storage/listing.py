"""All objects below a prefix, listed by many requests at a time.

A listing goes page by page, each of which waits for the one before. So the prefix is cut where its folders are: what
takes more than a few pages while requests are free is cut into its folders, and these again. Where a storage lists in
the order of names, many small folders are listed as one range of names.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import batched
from typing import Final, Protocol

from gnssice_batch.storage.entries import Entry

AT_ONCE: Final = 32
"""Requests under way for one listing, unless it is told otherwise."""

_MANY: Final = 4_000
"""Names of a part that are listed before it is cut."""
_RANGES_PER_REQUEST: Final = 4

type Page = Sequence[tuple[str, Entry]]


class UnorderedError(ValueError):
    """A storage said to list in the order of names does not."""


class Lister(Protocol):
    """Lists objects of a storage; names and prefixes are relative to one folder, folders without a slash behind."""

    @property
    def ordered(self) -> bool:
        """Whether names come in the order of their code points, and a listing can begin after any name."""

    def pages(self, prefix: str, after: str) -> Iterator[Page]:
        """What is below a prefix, at any depth, after a name."""

    def level(self, prefix: str) -> tuple[Page, Sequence[str]]:
        """The objects and the folders directly below a prefix."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What one task lists: all below a prefix, or these folders of it."""

    prefix: str = ""
    after: str = ""
    folders: tuple[str, ...] = ()


def list_all(lister: Lister, at_once: int = AT_ONCE) -> dict[str, Entry]:
    """Name to what is listed of each object, sorted by name.

    Raises
    ------
    UnorderedError
        When a storage does not list in the order that its lister says.
    """
    found = _Search(lister, at_once).run()
    return {name: found[name] for name in sorted(found)}


@dataclass(slots=True)
class _Search:
    lister: Lister
    at_once: int
    idle: bool = False
    """Whether more requests could be under way; set by the one thread of `run`, read by those that list."""
    waiting: deque[_Part] = field(default_factory=lambda: deque([_Part()]))

    def run(self) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        under_way: set[Future[tuple[dict[str, Entry], Sequence[_Part]]]] = set()
        with ThreadPoolExecutor(self.at_once, "listing") as pool:
            while self.waiting or under_way:
                while self.waiting and len(under_way) < self.at_once:
                    under_way.add(pool.submit(self._list, self.waiting.popleft()))
                self.idle = len(under_way) < self.at_once
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for one in done:
                    entries, parts = one.result()
                    _add(found, entries.items())
                    self.waiting.extend(parts)
        return found

    def _list(self, part: _Part) -> tuple[dict[str, Entry], Sequence[_Part]]:
        """What a part holds, or what was listed of it before it was cut, and the parts that are left."""
        found: dict[str, Entry] = {}
        end = f"{part.folders[-1]}/" if part.folders else ""
        below = f"{part.prefix}/" if part.prefix else ""
        last = part.after
        for page in self.lister.pages(part.prefix, part.after):
            _add(found, page)
            last = self._last(page, last)
            if end and last > end and not last.startswith(end):
                break
            if self.idle and len(found) >= _MANY and "/" in last.removeprefix(below):
                more, parts = self._cut(part, last)
                _add(found, more)
                return found, parts
        return found, ()

    def _last(self, page: Page, before: str) -> str:
        last = page[-1][0]
        if self.lister.ordered and not before <= page[0][0] <= last:
            msg = f"{last!r} is not in the order of names"
            raise UnorderedError(msg)
        return last

    def _cut(self, part: _Part, last: str) -> tuple[Page, Sequence[_Part]]:
        """Objects beside the folders of a part, and parts that hold what comes after a name."""
        page, folders = ((), part.folders) if len(part.folders) > 1 else self.lister.level(part.prefix)
        if not self.lister.ordered:
            return page, [_Part(folder) for folder in folders]
        left = [folder for folder in sorted(folders, key=_slashed) if last < f"{folder}/" or _in(last, folder)]
        length = -(-len(left) // (_RANGES_PER_REQUEST * self.at_once))
        return page, list(_ranges(part.prefix, batched(left, max(length, 1)), last))


def _ranges(prefix: str, groups: Iterable[tuple[str, ...]], last: str) -> Iterator[_Part]:
    """A part for each group of folders, in their order; each begins where the one before ends."""
    for group in groups:
        yield _Part(group[0], last if _in(last, group[0]) else "") if len(group) == 1 else _Part(prefix, last, group)
        last = f"{group[-1]}0"  # the character after the slash: no name in the folder is above


def _slashed(folder: str) -> str:
    return f"{folder}/"


def _in(name: str, folder: str) -> bool:
    return name.startswith(f"{folder}/")


def _add(found: dict[str, Entry], page: Iterable[tuple[str, Entry]]) -> None:
    """Add objects; an empty one that marks a folder, its slash lost, does not take the place of a file."""
    for name, entry in page:
        if entry.size_bytes or name not in found:
            found[name] = entry
