"""Files read again for a comparison with stored cells, span by span."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.model.damage import Damage
from gnssice_batch.model.values import NO_SOURCE, SourceFile, Span, Tally
from gnssice_batch.storage.traffic import Traffic
from gnssice_batch.store.reading.cells import StoredCells
from gnssice_batch.verification.comparison import Axes, Cells, Findings, fresh_cells, held, missing_cells
from gnssice_batch.verification.rereaders import Reread, read_again


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that epochs are said to be from."""

    source: int
    """What `Cells.source` says of them."""
    file: SourceFile
    sha256: str
    span: Span
    """First and last epoch, as read when it was taken."""
    written: Tally
    """What is said to be in the store of it."""
    whole: bool = True
    """Whether nothing of it was lost: then the reference decoder has to give the same."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing a partition, or some files of a published receiver, has come to."""

    key: str
    files: int
    epochs: int
    cells: int
    differences: int
    first: tuple[str, ...]
    """The first of them, a sentence each."""
    absent: tuple[str, ...]
    """Files that the archive does not give any more, or gives with other content, a sentence each."""
    bytes_read: int
    readers: Mapping[str, int] = field(default_factory=dict)
    """Of the files, how many were read again by each reader, by its name in `Rereader`."""
    declined: Mapping[str, int] = field(default_factory=dict)
    """Of the files, how many the second reader declined, by its reason."""
    failed: Mapping[str, int] = field(default_factory=dict)
    """Of the files, how many the second reader failed on, by what it raised."""
    damaged: tuple[Damage, ...] = ()
    """What of the store can't be read, and was not compared."""
    differing: frozenset[int] = frozenset()
    """Write units with differences."""
    traffic: Traffic = field(default_factory=Traffic, compare=False)
    """What the worker's process has asked of object stores since its last result."""


@dataclass(slots=True)
class Comparison:
    """Files held against stored cells, span by span along the axis."""

    stored: StoredCells
    axes: Axes
    claims: Sequence[Claim]
    context: ReadContext
    findings: Findings
    gaps: bool = False
    """Whether epochs of a file may be left out where no file has one."""
    absent: dict[int, str] = field(default_factory=dict)
    """By claim, why its file can't be compared."""
    held: dict[int, Tally] = field(default_factory=dict)
    """By claim, what the store holds of it."""
    readers: Counter[str] = field(default_factory=Counter)
    """Files compared, by what has read them again."""
    declined: Counter[str] = field(default_factory=Counter)
    """Files that the second reader declined, by its reason."""
    failed: Counter[str] = field(default_factory=Counter)
    """Files that the second reader failed on, by what it raised."""
    bytes_read: int = 0
    damaged: list[Damage] = field(default_factory=list)
    """What of the store can't be read."""
    differing: set[int] = field(default_factory=set)
    """Write units with differences."""
    _passed_over: list[range] = field(default_factory=list)
    _seen: int = 0
    """Differences noted so far."""
    _files: dict[int, Reread] = field(default_factory=dict)

    def reaching(self, span: range) -> Iterator[Claim]:
        """The claims with epochs in a span, for spans in their order.

        A file is read when its turn comes, and let go behind it where it ends in the span.
        """
        slot = self.axes.grid.slot
        for claim in self.claims:
            first, last = slot(claim.span.first_ns), slot(claim.span.last_ns)
            if first < span.stop and last >= span.start and self._read(claim):
                yield claim
            if last < span.stop:
                self._files.pop(claim.source, None)

    def pass_over(self, span: range, damages: Iterable[Damage]) -> None:
        """Compare nothing in a span, because of damage; likewise in their order."""
        self._passed_over.append(span)
        self.damaged.extend(damages)
        for claim in self.claims:
            if self.axes.grid.slot(claim.span.last_ns) < span.stop:
                self._files.pop(claim.source, None)

    def note_differing(self, span: range) -> None:
        """Note the write unit of a span if there are differences that were not there before."""
        if self.findings.count > self._seen:
            self.differing.add(span.start // self.axes.grid.unit)
        self._seen = self.findings.count

    def expected(self, claim: Claim, span: range) -> Cells:
        """What a claim's file says of that part of a span that it reaches."""
        slot = self.axes.grid.slot
        first, last = slot(claim.span.first_ns), slot(claim.span.last_ns)
        window = range(max(span.start, first), min(span.stop, last + 1))
        axes = replace(self.axes, bounds=self.axes.bounds.within(claim.span))
        file = self._files[claim.source]
        return fresh_cells(file.parts, file.sids, axes, window, claim.source)

    def compare(self, cells: Cells, claim: Claim, expected: Cells) -> None:
        """Compare the epochs that are said to be from a claim's file, and the signals in epochs of others."""
        chosen = cells.source == claim.source
        self.held[claim.source] = self.held.get(claim.source, Tally()) + held(cells, claim.source)
        inside = _part(cells, expected)
        if cells.joined:
            self._compare_joined(cells, inside, claim, expected)
            expected = _beside_guests(expected, inside)
        said = (inside.source == claim.source) & (expected.source == claim.source)
        self.findings.compare(inside, expected, said, self.axes, claim.file.uri)
        first = expected.start - cells.start
        chosen[first : first + said.size] &= ~said
        self.findings.add_epochs(cells.start, chosen, self.axes, claim.file.uri, "is said to be from it and is not")

    def _compare_joined(self, cells: Cells, inside: Cells, claim: Claim, expected: Cells) -> None:
        """Compare the signals that a claim's file is said to have given to epochs of others."""
        its = inside.guests() & (inside.holder() == claim.source)
        given = its & (expected.source == claim.source)[:, None]
        self.findings.compare_signals(inside, expected, given, self.axes, claim.file.uri)
        first = expected.start - cells.start
        wrong = (cells.guests() & (cells.holder() == claim.source)).any(axis=1)
        wrong[first : first + len(expected.source)] = (its & ~given).any(axis=1)
        self.findings.add_epochs(cells.start, wrong, self.axes, claim.file.uri, "is said to have signals from it")

    def check_empty(self, cells: Cells) -> None:
        """Epochs of no file hold nothing."""
        nothing = missing_cells(cells.start, len(cells.source), len(self.axes.sids))
        self.findings.compare(cells, nothing, cells.source == NO_SOURCE, self.axes)

    def check_not_lost(self, sources: npt.NDArray[np.int32], start: int, claim: Claim, expected: Cells) -> None:
        """No epoch of a file is left out where no other file has one.

        Parameters
        ----------
        sources
            (N,) of the epochs from `start` on.
        """
        if self.gaps:
            return
        first = expected.start - start
        empty = sources[first : first + len(expected.source)] == NO_SOURCE
        lost = empty & (expected.source == claim.source)
        self.findings.add_epochs(expected.start, lost, self.axes, claim.file.uri, "is in the file and not in the store")

    def check_no_signal_lost(self, cells: Cells, claim: Claim, expected: Cells) -> None:
        """No signal of a file is left out of an epoch of another file of the run where no file has it."""
        inside = _part(cells, expected)
        others = (inside.source < NO_SOURCE) & (inside.source != claim.source) & (expected.source == claim.source)
        if not others.any():
            return
        lost = (expected.has_value() & ~inside.has_value()).any(axis=1) & others
        what = "has signals in the file that are not in the store"
        self.findings.add_epochs(expected.start, lost, self.axes, claim.file.uri, what)

    def close(self) -> None:
        """Hold the counts against what is said to be in the store."""
        for claim in self.claims:
            there = self.held.get(claim.source, Tally())
            if claim.source in self.absent or there == claim.written or self._in_damage(claim):
                continue
            self.differing.update(self._units(claim))
            self.findings.add(
                claim.file.uri,
                f"{there.epochs} epochs with {there.observations} values are in the store,"
                f" {claim.written.epochs} with {claim.written.observations} are said to be",
            )

    def _in_damage(self, claim: Claim) -> bool:
        """Whether a file reaches into what was passed over: how much of it is in the store can't be told."""
        slot = self.axes.grid.slot
        first, last = slot(claim.span.first_ns), slot(claim.span.last_ns)
        return any(first < span.stop and last >= span.start for span in self._passed_over)

    def _units(self, claim: Claim) -> range:
        """The write units that a file reaches."""
        grid = self.axes.grid
        first, last = (grid.slot(time_ns) // grid.unit for time_ns in (claim.span.first_ns, claim.span.last_ns))
        return range(max(0, first), min(last, grid.units - 1) + 1)

    def result(self, key: str) -> Compared:
        """What it came to."""
        found = self.findings
        return Compared(
            key=key,
            files=self.readers.total(),
            epochs=sum(tally.epochs for tally in self.held.values()),
            cells=found.cells,
            differences=found.count,
            first=tuple(str(difference) for difference in found.first),
            absent=tuple(self.absent.values()),
            bytes_read=self.bytes_read,
            readers=dict(self.readers),
            declined=dict(self.declined),
            failed=dict(self.failed),
            damaged=tuple(self.damaged),
            differing=frozenset(self.differing),
        )

    def _read(self, claim: Claim) -> bool:
        """Read a claim's file, once; False where there is nothing to compare with."""
        if claim.source in self._files or claim.source in self.absent:
            return claim.source in self._files
        interval_ns = self.axes.grid.interval_ns
        result = read_again(claim.file, self.context, interval_ns, sha256=claim.sha256, whole=claim.whole)
        self.bytes_read += result.size_bytes
        if result.sha256 != claim.sha256:
            why = "has other content than when it was taken" if result.sha256 else "can't be had any more"
            self.absent[claim.source] = f"{claim.file.uri}: {why}"
            return False
        self._check_file(claim, result)
        self._files[claim.source] = result
        self._count(result)
        return True

    def _count(self, result: Reread) -> None:
        """Count a file by what has read it again, and by why the second reader has not."""
        self.readers[result.reader] += 1
        if result.declined:
            self.declined[result.declined] += 1
        if result.failed:
            self.failed[result.failed] += 1

    def _check_file(self, claim: Claim, result: Reread) -> None:
        if result.refusal:
            why = f"{result.refusal.reason}, {result.refusal.detail}"
            self.findings.add(claim.file.uri, f"was taken, and is refused when it is read again: {why}")
        lacking = sorted(result.sids.difference(self.axes.sids))
        if lacking:
            self.findings.add(claim.file.uri, f"the store has no signals {', '.join(lacking)}")


def _part(cells: Cells, like: Cells) -> Cells:
    """Those epochs of some cells that others have."""
    first = like.start - cells.start
    rows = slice(first, first + len(like.source))
    arrays, joined = ({name: of[rows] for name, of in part.items()} for part in (cells.arrays, cells.joined))
    return Cells(like.start, cells.source[rows], arrays, joined)


def _beside_guests(expected: Cells, stored: Cells) -> Cells:
    """What is expected of a file, with the signals of others as they are stored."""
    guests = stored.guests()
    arrays = {
        name: np.where(guests, stored.arrays[name], cells) if cells.ndim > 1 else cells
        for name, cells in expected.arrays.items()
    }
    return Cells(expected.start, expected.source, arrays)
