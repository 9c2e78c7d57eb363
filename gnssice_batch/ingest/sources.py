"""The files of one partition: each read once, kept as long as a write unit needs it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from gnssice_batch.ingest.reading import ReadFile, observations_bytes
from gnssice_batch.model.values import Assignment, SourceFile, Span


@dataclass(slots=True)
class Sources:
    """The files of an assignment by their index in it."""

    assignment: Assignment
    read: Callable[[SourceFile], ReadFile]
    kept: dict[SourceFile, ReadFile] = field(default_factory=dict)
    """Files that were read before; each is forgotten when it is wanted."""
    spare_bytes: int = 0
    """Memory of the observations that may be held of files no unit needs any more: in case all are read in vain."""
    results: dict[int, ReadFile] = field(default_factory=dict)
    """Every file read so far, without its observations."""
    unknown: set[str] = field(default_factory=set)
    """Signals of the files read so far that the group's axis lacks."""
    bytes_read: int = 0
    _held: dict[int, ReadFile] = field(default_factory=dict)
    _let_go: list[ReadFile] = field(default_factory=list)
    _places: dict[str, int] = field(init=False)
    """Index of every signal on the group's axis."""

    def __post_init__(self) -> None:
        self._places = {sid: index for index, sid in enumerate(self.assignment.axis.sids)}

    def reaching(self, unit: int) -> list[int]:
        """The files with epochs in a write unit, and those not read yet whose names promise some."""
        return [index for index in range(len(self.assignment.files)) if self.reaches(index, unit)]

    def reaches(self, index: int, unit: int) -> bool:
        """Whether a file has epochs in a write unit, as far as it was read."""
        return unit in self._units(index)

    def window(self, unit: int) -> range:
        """Epochs of a write unit, as whole read units, that the files reaching it hold or promise."""
        grid = self.assignment.grid
        spans = [span for index in self.reaching(unit) if (span := self._span(index))]
        first, last = unit * grid.unit, (unit + 1) * grid.unit
        if not spans:
            return range(first, last)
        start = max(first, min(grid.slot(span.first_ns) for span in spans))
        stop = min(last, max(grid.slot(span.last_ns) for span in spans) + 1)
        return range(start // grid.read_unit * grid.read_unit, -(-stop // grid.read_unit) * grid.read_unit)

    def get(self, index: int) -> ReadFile:
        """A file with its observations, read again only if it was dropped."""
        if index not in self._held:
            result = self.kept.pop(self.assignment.files[index], None)
            if result is None:
                result = self.read(self.assignment.files[index])
            self.bytes_read += result.size_bytes
            self._held[index] = result
            self.results[index] = replace(result, parts=())
            self.unknown |= result.sids.difference(self._places)
        return self._held[index]

    def places(self, index: int) -> dict[str, int]:
        """Index on the axis of every signal that a file read before has a value of, none of which the axis lacks.

        Of other signals a file gives nothing, indicators included: whether they are on the axis is up to other files.
        """
        return {sid: self._places[sid] for sid in self.results[index].sids}

    def read_all(self) -> None:
        """Read every file that was not read yet, and hold none of them."""
        for index in range(len(self.assignment.files)):
            if index not in self.results:
                self.get(index)
                self._drop(index)

    def read_in_vain(self) -> list[ReadFile]:
        """What is held of the files, which have to be laid out again on an axis that has all their signals."""
        return [*self._let_go, *self._held.values()]

    def shared(self) -> frozenset[SourceFile]:
        """The files that reach beyond the partition, as read or as promised: other partitions read them too."""
        holds, files = self.assignment.holds, self.assignment.files
        return frozenset(file for index, file in enumerate(files) if not holds(self._span(index)))

    def drop_unless_reaching(self, index: int, units_to_come: Collection[int]) -> None:
        """Let go of a file's observations if it reaches none of the units to come."""
        if not any(unit in self._units(index) for unit in units_to_come):
            self._drop(index)

    def _drop(self, index: int) -> None:
        """Let go of a file, at last where it is certain that no signal is unknown, or there is no room for it."""
        dropped = self._held.pop(index, None)
        if len(self.results) == len(self.assignment.files) and not self.unknown:
            self._let_go.clear()
        elif dropped and (size_bytes := observations_bytes(dropped)) <= self.spare_bytes:
            self.spare_bytes -= size_bytes
            self._let_go.append(dropped)

    def _units(self, index: int) -> range:
        """Write units a file reaches."""
        grid, span = self.assignment.grid, self._span(index)
        if span is None:
            return range(0)
        return range(grid.slot(span.first_ns) // grid.unit, grid.slot(span.last_ns) // grid.unit + 1)

    def _span(self, index: int) -> Span | None:
        """First and last epoch of a file: as read, else as promised."""
        return self.results[index].facts.span if index in self.results else self.assignment.spans[index]


def by_first_unit(assignment: Assignment) -> list[SourceFile]:
    """The files of an assignment in the order in which its write units want them, as far as their names tell."""
    grid = assignment.grid
    promised = zip(assignment.files, assignment.spans, strict=True)
    return [file for file, _ in sorted(promised, key=lambda one: grid.slot(one[1].first_ns) // grid.unit)]
