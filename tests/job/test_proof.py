"""Proof before publishing: agreement is found, and every kind of fault of a worker."""

import numpy as np
import pytest

from gnssice_batch.errors import ArchiveError, StoreError
from gnssice_batch.ingest import partition as ingest
from gnssice_batch.ingest.align import fill_block
from gnssice_batch.ingest.joining import join_block
from gnssice_batch.job.execution import NoProgress
from gnssice_batch.job.proof import sample_of
from gnssice_batch.job.run import run
from gnssice_batch.model.template import JOINED_SOURCE
from gnssice_batch.model.values import Done, Partition, PartitionOutcome
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.simulate import SimulatedReceiver, SimulationPlan, simulate
from gnssice_batch.simulate.damage import damage
from tests.support.marks import most_heavy
from tests.support.published import FILES, FIRST, FULL, GROUP, SECOND, THIRD, cells_of, ingested
from tests.support.runs import DAY_ONE_S, DAY_S, check_ledger, head, messages, name, rinex, settings, span_s, write


@pytest.mark.parametrize(
    ("level", "cluster"), most_heavy([("full", "inline"), ("sample", "inline"), ("full", "local")], 2)
)
def test_a_run_proves_what_it_publishes(tmp_path, level, cluster):
    chosen, report = ingested(
        tmp_path,
        run={"verify": level},
        cluster={"kind": cluster, "workers": 2},
    )
    assert report.snapshot == head(chosen)
    assert report.proof.level == level
    assert (report.proof.units, report.partitions) == (3, 2)
    if level == "full":
        assert (report.proof.partitions, report.proof.files, report.proof.epochs) == (2, 3, 1080)
        assert report.proof.cells == cells_of(3, 3 * 720)
    else:
        assert report.proof.partitions == 1
    check_ledger(chosen, GROUP)
    assert run(chosen).proof.partitions == 0


def test_units_are_always_proven(tmp_path):
    _, report = ingested(tmp_path)
    assert (report.proof.level, report.proof.units, report.proof.partitions) == ("units", 3, 0)


def damaging(what):
    """Return `fill_block` with a fault in the first block it fills."""

    def faulty(block, observations, placement, slot, source, sids):
        fill_block(block, observations, placement, slot, source, sids)
        first = np.flatnonzero(block.source == source)
        if first.size:
            what(block, first[0], observations)

    return faulty


def shifted(block, at, _):
    block.arrays["Phase"][at, 0] += 2**-20


def rounded(block, at, _):
    block.arrays["Pseudorange"][at] = block.arrays["Pseudorange"][at].astype(np.float32)


def swapped(block, at, _):
    block.arrays["SNR"][at, [0, 1]] = block.arrays["SNR"][at, [1, 0]]


def unlocked(block, at, _):
    block.arrays["LLI"][at, 0] = 5


def flagged(block, at, _):
    block.epoch_flag[at] = 1


def moved(block, at, _):
    block.epoch_offset[at] = 1e-3


def late(block, at, _):
    block.rx_clock_offset[at] = 1e-9


def ghost(block, _at, _):
    empty = np.flatnonzero(block.source == -1)
    if empty.size:
        block.arrays["Doppler"][empty[-1], 0] = 1.0


def forgotten(block, at, _):
    """The epoch is lost as if no file had it."""
    block.source[at] = -1
    block.epoch_flag[at] = -1
    block.values[at] = 0
    for array in block.arrays.values():
        array[at] = np.nan if array.dtype.kind == "f" else -1


FAULTS = (shifted, rounded, swapped, unlocked, flagged, moved, late, ghost, forgotten)


@pytest.mark.parametrize("fault", most_heavy(FAULTS, 4))
def test_a_worker_that_writes_something_wrong_publishes_nothing(tmp_path, monkeypatch, fault):
    write(tmp_path / "archive", FILES)
    chosen = settings(tmp_path, run=FULL)
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "fill_block", damaging(fault))
        with pytest.raises(StoreError, match=r"nothing was published: .* difference") as caught:
            run(chosen)
    assert "rec.2025001T000000: " in str(caught.value)
    assert "2025-01-0" in str(caught.value)
    assert messages(chosen) == []
    again = run(chosen)
    assert (again.partitions, again.proof.partitions) == (2, 2)
    assert again.resumed == 0
    assert verify_store(chosen, None).agrees


@pytest.mark.parametrize(
    ("array", "wrong", "said"),
    [
        ("epoch_flag", 1, "epoch_flag is 1 in the store, 0 in the file"),
        ("rx_clock_offset", 1e-9, "rx_clock_offset is 1e-09 in the store"),
        ("epoch_offset", 1e-3, "epoch_offset is 0.001 in the store"),
        ("source_file", 1, "is from another file than the worker has said"),
        ("source_file", -1, "is from another file than the worker has said"),
    ],
)
def test_a_fork_with_a_wrong_coordinate_publishes_nothing(tmp_path, monkeypatch, array, wrong, said):
    """What the worker gave back beside it is right."""
    write_coordinates = ingest.write_coordinates

    def faulty(work, start, coordinates, *, fresh):
        cells = coordinates[array].copy()
        cells[7] = wrong
        write_coordinates(work, start, {**coordinates, array: cells}, fresh=fresh)

    write(tmp_path / "archive", FILES)
    chosen = settings(tmp_path, run=FULL)
    monkeypatch.setattr(ingest, "write_coordinates", faulty)
    with pytest.raises(StoreError, match=f"nothing was published: .* difference(?s:.*) {said}"):
        run(chosen)
    assert messages(chosen) == []


def test_without_proof_it_would_be_published(tmp_path, monkeypatch):
    write(tmp_path / "archive", FILES)
    monkeypatch.setattr(ingest, "fill_block", damaging(shifted))
    chosen = settings(tmp_path)
    assert run(chosen).snapshot
    assert verify_store(chosen, None).differences == 3


class At(NoProgress):
    """Does something when a stage begins."""

    def __init__(self, stage, action):
        self.wanted, self.action = stage, action

    def stage(self, name, tasks):  # noqa: ARG002 - the coordinator gives it
        if name == self.wanted:
            self.action()


@pytest.mark.parametrize("gone", most_heavy([False, True]))
def test_an_archive_that_changes_under_a_run(tmp_path, gone):
    write(tmp_path / "archive", FILES)
    chosen = settings(tmp_path, run=FULL)
    other = {THIRD: rinex(span_s(DAY_ONE_S + DAY_S, 1), salt=4)}
    action = (tmp_path / "archive" / THIRD).unlink if gone else lambda: write(tmp_path / "archive", other)
    with pytest.raises(ArchiveError, match=f"the archive has changed .*\n{THIRD}: "):
        run(chosen, At("verify", action))
    assert messages(chosen) == []
    again = run(chosen)
    assert (again.resumed, again.proof.files) == ((1, 2) if gone else (1, 3))
    assert verify_store(chosen, None).agrees


@pytest.mark.heavy
def test_later_runs_are_proven_too(tmp_path):
    """Late files into units that hold others: better, worse, the same content, twice the same epoch, off the grid."""
    day = {name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 24, 60))}
    chosen, first = ingested(tmp_path, day, run=FULL)
    assert first.proof.epochs == 1440
    start = DAY_ONE_S + 7 * 3600
    twice = [start + 30, start + 30.001, start + 90.002, start + 145, *span_s(start + 150, 0.5)]
    late = {
        name(start - 3600, "01H"): rinex(span_s(start - 3600, 1, 30), svs=("G01", "G02", "R03", "E09")),
        name(start, "01H"): rinex(twice, salt=3),
        name(start, "02H"): rinex(span_s(start, 2, 30), svs=("G01",), salt=5),
        name(start, "03H"): rinex(span_s(start, 2, 30), svs=("G01",), salt=5),
    }
    write(tmp_path / "archive", late)
    second = run(chosen)
    assert second.snapshot
    assert second.proof.files == 4
    assert second.proof.epochs == sum(outcome.written.epochs for outcome in second.files[GROUP])
    check_ledger(chosen, GROUP)
    assert verify_store(chosen, None).agrees


def test_a_worker_that_spoils_what_was_there(tmp_path, monkeypatch):
    chosen, _ = ingested(tmp_path, {FIRST: FILES[FIRST]}, run=FULL)
    before = head(chosen)

    def spoil(block, *args):
        changed = join_block(block, *args)
        block.arrays["SNR"][np.flatnonzero(block.source >= 0)[0], 0] += 1
        return changed

    write(tmp_path / "archive", {SECOND: rinex(span_s(DAY_ONE_S + 3600, 4), svs=("G01", "G02", "R03", "E09"))})
    monkeypatch.setattr(ingest, "join_block", spoil)
    with pytest.raises(StoreError, match="expected"):
        run(chosen)
    assert head(chosen) == before


def erasing(block, *args):
    """Join a file, and lose a signal of an earlier one in an epoch that the file has joined."""
    changed = join_block(block, *args)
    at = np.flatnonzero(block.source != -1)[0]
    for cells in (*block.arrays.values(), *block.joined.values()):
        cells[at, 0] = np.nan if cells.dtype.kind == "f" else -1
    return changed


@pytest.mark.parametrize("strategy", ["best", "overwrite"])
def test_a_signal_of_an_earlier_file_is_lost_only_where_a_run_overwrites(tmp_path, monkeypatch, strategy):
    """The first file has more signals, the second one others of the same epochs."""
    chosen, _ = ingested(tmp_path, {FIRST: rinex(span_s(DAY_ONE_S, 3))}, run={**FULL, "overlap": strategy})
    before = head(chosen)
    write(tmp_path / "archive", {SECOND: rinex(span_s(DAY_ONE_S, 2), svs=("E09",))})
    if strategy == "best":
        with monkeypatch.context() as patch:
            patch.setattr(ingest, "join_block", erasing)
            with pytest.raises(StoreError, match="has lost signals of an earlier file"):
                run(chosen)
        assert head(chosen) == before
    assert run(chosen).proof.files == 1
    assert head(chosen) != before


def test_a_signal_that_a_file_gives_to_another_one_s_epoch_is_not_lost(tmp_path, monkeypatch):
    both = {FIRST: rinex(span_s(DAY_ONE_S, 3)), SECOND: rinex(span_s(DAY_ONE_S, 2), svs=("E09",))}
    lost = []

    def forgetting(block, *args):
        """Lose the first signal that the file has given to an epoch of the other one."""
        changed = join_block(block, *args)
        guests = np.argwhere(block.joined["source_file"] < -1)
        for cells in (*block.arrays.values(), *block.joined.values()):
            cells[tuple(guests[0])] = np.nan if cells.dtype.kind == "f" else -1
        lost.append(len(guests))
        return changed

    write(tmp_path / "archive", both)
    chosen = settings(tmp_path, run=FULL)
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "join_block", forgetting)
        with pytest.raises(StoreError, match=f"{SECOND}: .*has signals in the file that are not in the store"):
            run(chosen)
    assert lost
    assert run(chosen).proof.files == 2


@pytest.mark.parametrize("stray", ["SNR", JOINED_SOURCE])
def test_what_a_worker_has_written_beside_its_files_is_looked_at_too(tmp_path, monkeypatch, stray):
    """A write unit of two days, in the first of which the file lies."""
    write_epochs = ingest.write_epochs

    def straying(work, start, arrays):
        write_epochs(work, start, arrays)
        cells = arrays["SNR"] if stray == "SNR" else np.zeros(arrays["SNR"].shape, np.int32)
        write_epochs(work, start + 2880, {stray: cells})

    write(tmp_path / "archive", {FIRST: FILES[FIRST]})
    chosen = settings(tmp_path, run=FULL, chunks={"epoch": 5760})
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "write_epochs", straying)
        with pytest.raises(StoreError, match=r"nothing was published: .* difference"):
            run(chosen)
    assert run(chosen).proof.files == 1


@pytest.mark.heavy
@pytest.mark.parametrize("profile", ["default", "compact"])
def test_a_simulated_archive_with_damage(tmp_path, profile):
    receivers = (SimulatedReceiver("canopy_01", "C001", canopy=True), SimulatedReceiver("reference_01", "R001"))
    plan = SimulationPlan(receivers, days=0.25, interval_s=60, period_s=1800, gap_fraction=0.1, outage_fraction=0.1)
    damage(simulate(tmp_path / "archive", plan), 5)
    chosen = settings(tmp_path, run=FULL, chunks={"epoch": 60}, encoding={"profile": profile}, grid={"interval_s": 60})
    report = run(chosen)
    assert report.proof.partitions == report.partitions
    written = [outcome.written.epochs for files in report.files.values() for outcome in files]
    assert report.proof.epochs == sum(written)
    found = verify_store(chosen, None)
    assert found.agrees
    assert found.proof.epochs == sum(written)
    only = verify_store(chosen, None, ["canopy_01"])
    assert 0 < only.proof.epochs < found.proof.epochs


@pytest.mark.heavy
@pytest.mark.corpus
def test_a_day_of_a_real_receiver(shared_data, tmp_path):
    series = shared_data / "rinex" / "nfb2021__canvodpy-demo" / "ract_15min_5s"
    folder = tmp_path / "archive" / "ract"
    folder.mkdir(parents=True)
    for file in series.glob("ract001*"):
        (folder / file.name).symlink_to(file)
    chosen = settings(tmp_path, run=FULL, chunks={"epoch": 17280}, grid={"interval_s": 5})
    report = run(chosen)
    (files,) = report.files.values()
    assert report.proof.epochs == sum(outcome.written.epochs for outcome in files) > 0
    found = verify_store(chosen, 5)
    assert (found.agrees, found.proof.files) == (True, 5)


def outcome(key):
    return Done(Partition(key, key[0], 0, 1), 0, 0, "", (), (), PartitionOutcome(key, b"", ()))


def test_a_sample_is_the_same_for_the_same_run():
    finished = [outcome(f"a{number}") for number in range(41)] + [outcome("b0")]
    sample = sample_of(finished, "run")
    assert [done.partition.receiver for done in sample] == ["a", "a", "a", "b"]
    assert sample == sample_of(finished[::-1], "run")[1:] + sample_of(finished[::-1], "run")[:1]
    others = {tuple(done.partition.key for done in sample_of(finished, f"run {number}")) for number in range(20)}
    assert len(others) > 10
