"""Files read again for a comparison with stored cells, span by span."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.reading import ReadContext, ReadFile, read_file
from gnssice_batch.model.values import NO_SOURCE, SourceFile, Span, Status, Tally
from gnssice_batch.store.reading.cells import StoredCells
from gnssice_batch.verification.comparison import Axes, Cells, Findings, fresh_cells, held, missing_cells


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
    """Whether nothing of it was lost: then a second decoder has to give the same."""


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
    files: int = 0
    """Files compared."""
    bytes_read: int = 0
    _files: dict[int, ReadFile] = field(default_factory=dict)

    def reaching(self, span: range) -> list[Claim]:
        """The claims with epochs in a span, their files read; files that end before it are let go."""
        slot = self.axes.grid.slot
        reaching = []
        for claim in self.claims:
            first, last = slot(claim.span.first_ns), slot(claim.span.last_ns)
            if last < span.start:
                self._files.pop(claim.source, None)
            elif first < span.stop and self._read(claim):
                reaching.append(claim)
        return reaching

    def expected(self, claim: Claim, span: range) -> Cells:
        """What a claim's file says of that part of a span that it reaches."""
        slot = self.axes.grid.slot
        first, last = slot(claim.span.first_ns), slot(claim.span.last_ns)
        window = range(max(span.start, first), min(span.stop, last + 1))
        axes = replace(self.axes, bounds=self.axes.bounds.within(claim.span))
        return fresh_cells(self._files[claim.source].parts, axes, window, claim.source)

    def compare(self, cells: Cells, claim: Claim, expected: Cells) -> None:
        """Compare the epochs that are said to be from a claim's file."""
        chosen = cells.source == claim.source
        self.held[claim.source] = self.held.get(claim.source, Tally()) + held(cells, chosen)
        inside = _part(cells, expected)
        said = (inside.source == claim.source) & (expected.source == claim.source)
        self.findings.compare(inside, expected, said, self.axes, claim.file.uri)
        first = expected.start - cells.start
        chosen[first : first + said.size] &= ~said
        self.findings.add_epochs(cells.start, chosen, self.axes, claim.file.uri, "is said to be from it and is not")

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

    def close(self) -> None:
        """Hold the counts against what is said to be in the store."""
        for claim in self.claims:
            there = self.held.get(claim.source, Tally())
            if claim.source not in self.absent and there != claim.written:
                self.findings.add(
                    claim.file.uri,
                    f"{there.epochs} epochs with {there.observations} values are in the store,"
                    f" {claim.written.epochs} with {claim.written.observations} are said to be",
                )

    def result(self, key: str) -> Compared:
        """What it came to."""
        found = self.findings
        return Compared(
            key=key,
            files=self.files,
            epochs=sum(tally.epochs for tally in self.held.values()),
            cells=found.cells,
            differences=found.count,
            first=tuple(str(difference) for difference in found.first),
            absent=tuple(self.absent.values()),
            bytes_read=self.bytes_read,
        )

    def _read(self, claim: Claim) -> bool:
        """Read a claim's file, once; False where there is nothing to compare with."""
        if claim.source in self._files or claim.source in self.absent:
            return claim.source in self._files
        result = read_again(claim, self.context, self.axes.grid.interval_ns)
        self.bytes_read += result.size_bytes
        if result.facts.sha256 != claim.sha256:
            why = "has other content than when it was taken" if result.facts.sha256 else "can't be had any more"
            self.absent[claim.source] = f"{claim.file.uri}: {why}"
            return False
        self._check_file(claim, result)
        self._files[claim.source] = result
        self.files += 1
        return True

    def _check_file(self, claim: Claim, result: ReadFile) -> None:
        if result.status is Status.REJECTED:
            why = f"{result.refusal.reason}, {result.refusal.detail}" if result.refusal else "no reason"
            self.findings.add(claim.file.uri, f"was taken, and is refused when it is read again: {why}")
        lacking = sorted(result.sids.difference(self.axes.sids))
        if lacking:
            self.findings.add(claim.file.uri, f"the store has no signals {', '.join(lacking)}")


def read_again(claim: Claim, context: ReadContext, interval_ns: int) -> ReadFile:
    """Read a file by another way than the first time where there is one: compact files with the reference decoder.

    What that decoder makes of damage is another matter, so a damaged file is read as it was.
    """
    if not claim.whole or (context.options.reader, context.options.decoder) != ("native", "native"):
        return read_file(claim.file, context, interval_ns)
    other = replace(context, options=replace(context.options, decoder="hatanaka"))
    result = read_file(claim.file, other, interval_ns)
    if result.refusal and result.refusal.reason is Reason.READER_FAILED:
        return read_file(claim.file, context, interval_ns)
    return result


def _part(cells: Cells, like: Cells) -> Cells:
    """Those epochs of some cells that others have."""
    first = like.start - cells.start
    rows = slice(first, first + len(like.source))
    return Cells(like.start, cells.source[rows], {name: cells_[rows] for name, cells_ in cells.arrays.items()})
