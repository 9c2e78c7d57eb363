"""The proof of partitions by itself: what a worker wrote, held against its files and against what stood before."""

from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.job import run as runs
from gnssice_batch.job.proof import claims_of, verify_partition
from gnssice_batch.job.run import run
from gnssice_batch.model.template import VARIABLES
from gnssice_batch.model.values import (
    Done,
    FileFacts,
    FileOutcome,
    Partition,
    PartitionOutcome,
    SourceFile,
    Span,
    Status,
    Strategy,
    Tally,
)
from gnssice_batch.storage.traffic import TRAFFIC, Traffic
from gnssice_batch.store.forks import fork_bytes, fork_of
from tests.support.runs import DAY_ONE_S, rinex, settings, write

HOURLY = {"grid": {"interval_s": 3600, "phase_s": 0}, "chunks": {"epoch": 96}, "run": {"partition_units": 3}}
"""A write unit is four days, a read unit one; the first partition has units 0 and 1, the second 2 and 3."""


def file(*epochs, **content):
    return rinex([DAY_ONE_S + 3600 * epoch for epoch in epochs], **content)


BEFORE = {
    "rec/a0": file(*range(4), 80, 81, 84, 85, svs=("E09",)),
    "rec/a1": file(*range(30), 84, 85),
    "rec/a2": file(*range(60, 64), *range(100, 104), svs=("E09",)),
    "rec/a3": file(*range(200, 204)),
    "rec/a4": file(290, 291, svs=("G01",)),
}
"""By ledger row: the first gives a signal to epochs of the second, and has two of its own in the fourth read unit."""
NEWS = {
    "rec/n0": file(*range(20, 28), *range(30, 34), svs=("G01", "E09")),
    "rec/n1": file(*range(60, 64)),
    "rec/n2": file(*range(31, 36), svs=("R03",)),
    "rec/n3": file(*range(125, 129)),
    "rec/n4": BEFORE["rec/a3"],
    "rec/n5": file(*range(310, 314), svs=("G01", "G05")),
}
"""Rows 5 to 10: the fifth has nothing new, the last a signal that is met when the first partition is written."""
FIRST, SECOND = "rec.2024363T000000", "rec.2025009T000000"
E09, G01, G02, R03 = range(4)
NAMES = ("E09|E1|C", "G01|L1|C", "G02|L1|C", "R03|G1|C")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """What the second of two runs has had to prove: its work, context and strategy."""
    folder, met = tmp_path_factory.mktemp("course"), []
    chosen, prove = settings(folder, **HOURLY), runs.prove

    def proving(work, context, level, execution, strategy, rewriting):
        met[:] = [work, context, work.structure.work_fork]
        return prove(work, context, level, execution, strategy, rewriting)

    write(folder / "archive", BEFORE)
    run(chosen)
    write(folder / "archive", NEWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "prove", proving)
        run(chosen)
    return met


def verified(course, done, strategy=Strategy.BEST):
    return verify_partition(done, course[2], course[1].of("rec"), strategy)


def changed(done, change):
    """A finished partition in whose fork cells are changed that the worker has written."""
    fork = fork_of(done.outcome.fork)
    change(zarr.open_group(fork.store, path="rec", mode="r+"))
    return replace(done, outcome=replace(done.outcome, fork=fork_bytes(fork)))


def at(epoch, signal=None):
    hour = f"epoch {np.datetime64('2025-01-01T00') + np.timedelta64(epoch, 'h')}:00:00.000"
    return hour if signal is None else f"{hour}, {NAMES[signal]}"


@pytest.mark.parametrize(("key", "files", "epochs", "cells"), [(FIRST, 4, 25, 2598), (SECOND, 2, 4, 1584)])
def test_every_cell_of_the_read_units_that_files_reach_is_compared(course, key, files, epochs, cells):
    """Of the second partition one unit has nothing new: its only file is another one's content."""
    done = course[0].done[key]
    TRAFFIC.take()
    TRAFFIC.note("GET", 2, received_bytes=3)
    found = verified(course, done)
    assert (found.key, found.differences, found.first, found.absent) == (key, 0, (), ())
    assert (found.files, found.epochs, found.cells) == (files, epochs, cells)
    assert found.bytes_read == sum(each.size_bytes for each in done.files)
    assert (found.traffic, TRAFFIC.take()) == (Traffic({"GET": 2}, 0, 3), Traffic())
    assert course[0].done[FIRST].axis_length < course[0].done[SECOND].axis_length


def value(epoch, signal, name="SNR"):
    def change(group):
        group[name][epoch, signal] = 99

    return change


def row(epoch, number):
    def change(group):
        group["source_file"][epoch] = number

    return change


def guest(epoch, signal, number):
    def change(group):
        group["metadata/joined/source_file"][epoch, signal] = number

    return change


def without(epoch, signal):
    """All values of a signal of an epoch are lost."""

    def change(group):
        for spec in VARIABLES:
            group[spec.name][epoch, signal] = spec.fill

    return change


def both(*changes):
    def change(group):
        for each in changes:
            each(group)

    return change


OTHER = "is from another file than the worker has said"
MOVED = "is from another file than before the run"
MIXED = "has signals from other files than before the run"
BEYOND = "is said to be from a file that does not reach it"
VALUES = ((2, E09), (5, G02), (61, E09), (80, E09), (90, G01), (101, E09), (126, R03))
"""Cells joined and not, of earlier files, of no file and of the run; before and behind what files reach."""
OTHERS = (
    (row(6, 0), f"{at(6)} {OTHER}", f"{at(6)} {MOVED}"),
    (row(21, 0), f"{at(21)} {OTHER}", f"{at(21)} {MIXED}"),
    (row(7, 8), f"{at(7)} {OTHER}", f"{at(7)} {BEYOND}"),
    (guest(1, E09, 2), f"{at(1)} {MIXED}"),
    (guest(3, E09, 8), f"{at(3)} {BEYOND}"),
    (guest(slice(84, 86), E09, -1), f"{at(84)} {MIXED}", f"{at(85)} {MIXED}"),
    (without(32, R03), f"rec/n2: {at(32)} has signals in the file that are not in the store"),
    (guest(32, R03, -1), "rec/n2: 4 epochs with 16 values are"),
)
"""Rows of epochs and of joined signals, in a read unit all of them; a signal beside another file's."""


def told(found):
    """The first differences, without the partition and what there is instead."""
    return [sentence.removeprefix(f"{found.key}: ").partition(" in the store, ")[0] for sentence in found.first]


def test_every_fault_is_told_where_it_is_and_nothing_else(course):
    changes = [*(value(*cell) for cell in VALUES), *(change for change, *_ in OTHERS)]
    found = verified(course, changed(course[0].done[FIRST], both(*changes)))
    ours = {(126, R03): "rec/n3: "}
    wanted = [f"{ours.get(cell, '')}{at(*cell)}: SNR is 99.0" for cell in VALUES]
    assert sorted(told(found)) == sorted([*wanted, *(sentence for _, *said in OTHERS for sentence in said)])
    assert found.differences == len(found.first)


def test_what_is_lost_is_told_but_where_an_earlier_file_was_overwritten(course):
    done = changed(course[0].done[SECOND], both(without(290, G01), row(312, -1)))
    lost, erased = (
        f"rec/n5: {at(312)} is in the file and not in the store",
        f"{at(290)} has lost signals of an earlier file",
    )
    assert {lost, erased} <= {*told(verified(course, done))}
    overwritten = told(verified(course, done, Strategy.OVERWRITE))
    assert (lost in overwritten, erased in overwritten) == (True, False)


def test_where_nothing_was_written_no_epoch_of_a_file_is_missing_unless_it_is_appended(course):
    done = course[0].done[SECOND]
    nothing = replace(done, outcome=replace(done.outcome, fork=b"", written_units=(), epochs=()))
    lost = [f"rec/n5: {at(epoch)} is in the file and not in the store" for epoch in range(310, 314)]
    short = "rec/n5: 0 epochs with 0 values are"
    assert told(verified(course, nothing)) == [*lost, short]
    assert told(verified(course, nothing, Strategy.APPEND)) == [short]


def told_of(done, uri, **change):
    files = [replace(each, **change) if each.file.uri == uri else each for each in done.outcome.files]
    return replace(done, outcome=replace(done.outcome, files=tuple(files)))


def test_the_counts_of_a_file_are_held_against_what_is_stored(course):
    done = told_of(course[0].done[SECOND], "rec/n5", written=Tally(4, 31))
    assert told(verified(course, done)) == ["rec/n5: 4 epochs with 32 values are"]


def test_what_an_absent_file_has_written_is_not_told_as_a_difference(course):
    done = course[0].done[SECOND]
    (facts,) = (part.facts for part in done.outcome.files if part.file.uri == "rec/n5")
    found = verified(course, told_of(done, "rec/n5", facts=replace(facts, sha256="00")))
    assert (found.differences, found.absent) == (0, ("rec/n5: has other content than when it was taken",))


def test_files_that_gave_nothing_claim_nothing():
    """Those that do are known by their number among the files of the partition."""
    span, partition = Span(1, 2), Partition("p", "rec", 0, 1)
    wanted = {"a": Status.REJECTED, "b": Status.PARTIAL, "c": Status.OK, "d": Status.OK}
    files = {uri: SourceFile(uri, "rec", 1, "") for uri in wanted}
    parts = [
        FileOutcome(files[uri], status, FileFacts(f"of {uri}", span=None if uri == "d" else span), written=Tally(1, 2))
        for uri, status in wanted.items()
    ]
    outcome = PartitionOutcome("p", b"", tuple(parts[::-1]))
    claims = claims_of(Done(partition, 0, 0, "", tuple(files.values()), (5, 6, 7, 8), outcome))
    assert [(claim.source, claim.file.uri, claim.whole) for claim in claims] == [(-3, "b", False), (-4, "c", True)]
    assert [(claim.sha256, claim.span, claim.written) for claim in claims] == [
        ("of b", span, Tally(1, 2)),
        ("of c", span, Tally(1, 2)),
    ]
