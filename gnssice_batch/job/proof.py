"""The proof before publishing: what workers wrote, compared with a fresh reading of the files."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from gnssice_batch.cluster.executor import Task
from gnssice_batch.errors import ArchiveError, StoreError
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.job.execution import Execution, result_of
from gnssice_batch.job.ingestion import Ingestion
from gnssice_batch.job.report import Proof
from gnssice_batch.model.values import NO_SOURCE, Done, EpochRows, Status, Strategy, renumbered
from gnssice_batch.planning.plan import current_rows
from gnssice_batch.planning.rewriting import Rewriting
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.store.layout.ledger import read_ledger
from gnssice_batch.store.reading.cells import StoredCells, cells_of_fork
from gnssice_batch.store.writing.units import emptied_fork
from gnssice_batch.verification.comparison import Axes, Cells, Findings
from gnssice_batch.verification.rereading import Claim, Compared, Comparison

type Level = Literal["units", "sample", "full"]
"""How much is proven: that the planned units were written; that cells of a sample, or all, are those of the files."""

ONE_IN: Final = 20
"""Of so many partitions of a receiver a sample holds one, and one at least."""


def verify_partition(done: Done, base: bytes, context: ReadContext, strategy: Strategy) -> Compared:
    """Hold a finished partition against its files: what a cluster's worker runs, and the in-process executor too.

    Every epoch must hold exactly what the file it is said to be from says, one of no file nothing at all, and one from
    before what it held then; no epoch of any file may be left out where no file has one, and the counts must add up.

    Parameters
    ----------
    base
        The fork the partition was begun with.
    strategy
        What the run does to epochs that were there before it: ``append`` may leave out epochs of its files where no
        file has one, ``overwrite`` replaces epochs whole.

    Raises
    ------
    StoreError
        When the fork can't be read.
    """
    partition, outcome = done.partition, done.outcome
    context.begin_task()
    stored = cells_of_fork(outcome.fork or base, partition.receiver)
    grid = stored.template.grid
    axes = Axes(grid, stored.template.axis.sids, context.bounds[partition.receiver])
    comparison = Comparison(
        stored, axes, claims_of(done), context, Findings(partition.key), strategy is Strategy.APPEND
    )
    before = cells_of_fork(base, partition.receiver)
    rows = {part.start // grid.unit: part for part in outcome.epochs}
    for unit in partition.stored_units:
        written = frozenset(_written_spans(stored, before, unit, rows[unit])) if unit in outcome.written_units else ()
        for start in range(unit * grid.unit, (unit + 1) * grid.unit, grid.read_unit):
            span = range(start, start + grid.read_unit)
            if span in written:
                cells = _written_cells(comparison, span, done, rows[unit], before)
                _check_written(comparison, cells, before)
                if strategy is not Strategy.OVERWRITE:
                    _check_not_erased(comparison, cells, before)
            else:
                _check_unwritten(comparison, before.sources(span), span)
    comparison.close()
    return replace(comparison.result(partition.key), traffic=TRAFFIC.take())


def claims_of(done: Done) -> list[Claim]:
    """The files of a partition that gave it anything, by the numbers that its epochs know them by."""
    parts = {part.file.uri: part for part in done.outcome.files}
    found = ((index, parts[file.uri]) for index, file in enumerate(done.files))
    return [
        Claim(-2 - index, one.file, one.facts.sha256, one.facts.span, one.written, one.status is Status.OK)
        for index, one in found
        if one.status is not Status.REJECTED and one.facts.span
    ]


def sample_of(finished: Iterable[Done], seed: str) -> list[Done]:
    """One in `ONE_IN` of each receiver's partitions, one at least; the same for the same seed."""
    by_receiver: dict[str, list[Done]] = {}
    for done in finished:
        by_receiver.setdefault(done.partition.receiver, []).append(done)
    return [
        done
        for mine in by_receiver.values()
        for done in drawn(mine, -(-len(mine) // ONE_IN), lambda done: f"{seed} {done.partition.key}")
    ]


def drawn[T](candidates: Iterable[T], number: int, name: Callable[[T], str]) -> list[T]:
    """So many of the candidates, as a hash of their names decides."""
    return sorted(candidates, key=lambda one: hashlib.sha256(name(one).encode()).digest())[:number]


def prove(
    work: Ingestion,
    context: ReadContext,
    level: Level,
    execution: Execution,
    strategy: Strategy,
    rewriting: Mapping[str, Rewriting] = MappingProxyType({}),
) -> Proof:
    """Before publishing, compare as many finished partitions with their files as were asked for.

    Parameters
    ----------
    strategy
        What the run does to epochs that were there before it.
    rewriting
        By receiver the write units that are made from nothing: none of their epochs was there before.

    Raises
    ------
    StoreError
        When anything differs; the partitions are taken out of the journal, so that a new start makes them again.
    ArchiveError
        When a file is gone or changed since it was taken; likewise.
    InterruptedRunError
        When the job was told to stop.
    """
    written = [done for done in work.done.values() if done.outcome.written_units]
    proof = Proof(level, units=sum(len(done.outcome.written_units) for done in written))
    if level == "units" or not written or work.structure is None:
        return proof
    chosen = written if level == "full" else sample_of(written, work.journal.record.run)
    made = [(work.templates[name], one) for name, one in rewriting.items() if name in work.templates]
    emptied = [(template, one.units(template.grid)) for template, one in made]
    base = emptied_fork(work.structure.work_fork, emptied)
    calls = (
        Task(
            f"verify/{done.partition.key}",
            verify_partition,
            (done, base, context.of(done.partition.receiver), strategy),
        )
        for done in chosen
    )
    compared = compare_all(calls, len(chosen), execution)
    _refuse_differences(compared, work)
    return proved(proof, compared)


def compare_all(calls: Iterable[Task[Compared]], count: int, execution: Execution) -> list[Compared]:
    """The results of so many tasks that compare.

    Raises
    ------
    InterruptedRunError
        When the job was told to stop.
    """
    compared: list[Compared] = []
    execution.progress.stage("verify", count)
    for finished in execution.run(calls):
        compared.append(result_of(finished))
        execution.progress.finished(finished.key, compared[-1].bytes_read)
    execution.stop.raise_if_requested()
    return compared


def proved(proof: Proof, compared: Sequence[Compared]) -> Proof:
    """A proof, with what was compared added up."""
    return replace(
        proof,
        partitions=len(compared),
        files=sum(one.files for one in compared),
        epochs=sum(one.epochs for one in compared),
        cells=sum(one.cells for one in compared),
        readers=_summed(one.readers for one in compared),
        declined=_summed(one.declined for one in compared),
        failed=_summed(one.failed for one in compared),
    )


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    return dict(sum(map(Counter, counts), Counter[str]()))


def _refuse_differences(compared: Iterable[Compared], work: Ingestion) -> None:
    wrong = [one for one in compared if one.differences or one.absent]
    for one in wrong:
        work.journal.drop(one.key)
    if wrong:
        work.journal.flush()
    differences = [sentence for one in wrong for sentence in one.first]
    if differences:
        count = sum(one.differences for one in wrong)
        listed = "\n".join(differences)
        msg = f"nothing was published: {count} differences between what was written and the files it is from:\n{listed}"
        raise StoreError(msg)
    absent = [sentence for one in wrong for sentence in one.absent]
    if absent:
        msg = "nothing was published: the archive has changed since it was read, start the run again:\n"
        raise ArchiveError(msg + "\n".join(absent))


def _written_spans(now: StoredCells, before: StoredCells, unit: int, rows: EpochRows) -> Iterator[range]:
    """The read units of a write unit that a worker has aligned, and those that are not stored as they were."""
    grid = now.template.grid
    starts = range(unit * grid.unit, (unit + 1) * grid.unit, grid.read_unit)
    aligned = [rows.start <= start < rows.start + len(rows) for start in starts]
    if not all(aligned):
        both = zip(now.encoded(unit), before.encoded(unit), strict=True)
        aligned = [its or here != there for its, (here, there) in zip(aligned, both, strict=True)]
    yield from (range(start, start + grid.read_unit) for start, its in zip(starts, aligned, strict=True) if its)


def _written_cells(comparison: Comparison, span: range, done: Done, rows: EpochRows, before: StoredCells) -> Cells:
    """What the worker wrote, its files by their numbers; these must be those that it gave back too."""
    found = comparison.stored.read(span)
    stored = found["source_file"]
    numbers = {row: -2 - index for index, row in enumerate(done.rows)}
    joined = comparison.stored.joined(span)
    if joined:
        joined["source_file"] = renumbered(joined["source_file"], numbers)
    cells = Cells(span.start, renumbered(stored, numbers), found, joined)
    said = before.sources(span)
    if rows.start <= span.start < rows.start + len(rows):
        said = rows.source[span.start - rows.start : span.stop - rows.start]
    what = "is from another file than the worker has said"
    comparison.findings.add_epochs(span.start, cells.source != said, comparison.axes, "", what)
    return cells


def _check_written(comparison: Comparison, cells: Cells, before: StoredCells) -> None:
    span = range(cells.start, cells.start + len(cells.source))
    known = [NO_SOURCE]
    for claim in comparison.reaching(span):
        expected = comparison.expected(claim, span)
        comparison.compare(cells, claim, expected)
        comparison.check_not_lost(cells.source, span.start, claim, expected)
        comparison.check_no_signal_lost(cells, claim, expected)
        known.append(claim.source)
    known.extend(comparison.absent)
    comparison.check_empty(cells)
    kept = cells.source >= 0
    if kept.any() or cells.joined:
        _check_kept(comparison, cells, before, kept)
    strange = ~kept & ~np.isin(cells.source, known)
    if cells.joined:
        strange |= ((cells.joined["source_file"] < 0) & ~np.isin(cells.joined["source_file"], known)).any(axis=1)
    comparison.findings.add_epochs(
        span.start, strange, comparison.axes, "", "is said to be from a file that does not reach it"
    )


def _check_kept(comparison: Comparison, cells: Cells, before: StoredCells, kept: npt.NDArray[np.bool_]) -> None:
    """Epochs and signals of earlier files are what they were before the run."""
    findings, axes = comparison.findings, comparison.axes
    former = _as_before(before, range(cells.start, cells.start + len(cells.source)), len(axes.sids))
    if cells.joined or former.joined:
        mixed = np.logical_or.reduce([each.guests().any(axis=1) for each in (cells, former) if each.joined])
        its = (cells.holder() >= 0) & cells.has_value() & mixed[:, None]
        findings.compare_signals(cells, former, its, axes)
        other = (its & (cells.holder() != former.holder())).any(axis=1)
        findings.add_epochs(cells.start, other, axes, "", "has signals from other files than before the run")
        kept = kept & ~mixed
    findings.compare(cells, former, kept, axes)
    moved = kept & (cells.source != former.source)
    findings.add_epochs(cells.start, moved, axes, "", "is from another file than before the run")


def _check_not_erased(comparison: Comparison, cells: Cells, before: StoredCells) -> None:
    """Signals of earlier files have a value still, but for those of content that the archive has replaced."""
    span = range(cells.start, cells.start + len(cells.source))
    if not (before.sources(span) != NO_SOURCE).any():
        return
    former = _as_before(before, span, len(comparison.axes.sids))
    gone = former.has_value() & ~cells.has_value()
    if not gone.any():
        return
    replaced = {claim.file.uri for claim in comparison.claims}
    rows = np.flatnonzero(current_rows(read_ledger(before.group), replaced))
    lost = (gone & np.isin(former.holder(), rows)).any(axis=1)
    comparison.findings.add_epochs(cells.start, lost, comparison.axes, "", "has lost signals of an earlier file")


def _check_unwritten(comparison: Comparison, sources: npt.NDArray[np.int32], span: range) -> None:
    """Of a unit that nothing was written into: every epoch of its files was there before."""
    for claim in comparison.reaching(span):
        comparison.check_not_lost(sources, span.start, claim, comparison.expected(claim, span))


def _as_before(before: StoredCells, span: range, signals: int) -> Cells:
    """What stood in the store, its signals cut to those of the partition: later ones were not there then."""
    found = before.read(span)
    arrays = {name: cells[:, :signals] if cells.ndim > 1 else cells for name, cells in found.items()}
    joined = {name: part[:, :signals] for name, part in before.joined(span).items()}
    return Cells(span.start, found["source_file"], arrays, joined)
