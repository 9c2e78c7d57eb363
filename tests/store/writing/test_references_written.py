"""Groups of references: what is read from them is what is in the files, and nothing else was written."""

import os
from dataclasses import replace
from datetime import UTC, datetime

import icechunk
import numpy as np
import pytest
import zarr

from gnssice_batch.model.virtual import NetcdfFile, SeriesGrid, StoredSeries, VirtualRow, VirtualState
from gnssice_batch.store.layout.virtual_groups import file_attributes, series_attributes
from gnssice_batch.store.writing.references import (
    Archive,
    array_names,
    place_in_series,
    remove_rows,
    series_units,
    with_state,
    write_file,
    write_series,
)
from tests.support.references import (
    EPOCHS,
    FIRST_NS,
    INTERVAL_NS,
    PROFILE,
    RECEIVER,
    SIDS,
    Referring,
    made_file,
    series,
)

SNR_OF_A_DAY = {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.fixture
def referring(tmp_path):
    return Referring(tmp_path)


def put(referring, current, wanted, files):
    """Make or lengthen the group and place files in it; the chunks that moved."""
    with referring.forked() as fork:
        moved = write_series(fork, current, wanted, [one.facts for one in files], referring.written)
        for one in files:
            place_in_series(fork, wanted, one.facts, referring.archive, referring.written)
    return moved


def nans(shape):
    return np.full(shape, np.nan)


def holds(referring, days, first_day=0):
    """Assert that the arrays are those of the files of these days, None where there is none."""
    group = referring.root()[RECEIVER]
    for name, stored in (("snr", "SNR"), ("phase", "Phase"), ("clock", "clock"), ("angle", "angle")):
        missing, along = nans({"clock": EPOCHS, "angle": (3, EPOCHS)}.get(name, (EPOCHS, 3))), int(name == "angle")
        wanted = np.concatenate([missing if one is None else getattr(one, name) for one in days], along)
        np.testing.assert_array_equal(group[stored][:], wanted, err_msg=name)
    first = FIRST_NS + first_day * EPOCHS * INTERVAL_NS
    assert group["epoch"][:].tolist() == [first + at * INTERVAL_NS for at in range(len(days) * EPOCHS)]
    assert group["sid"][:].tolist() == list(SIDS)
    assert (group["freq"][:].tolist(), group["height"][()], group["notes"].shape) == ([1.5, 2.5, 3.5], 7, (0,))


def right(referring, moved=None):
    return list(referring.written.wrong(referring.changed, moved or {}))


def test_an_array_over_time_reads_as_its_files_one_after_the_other(tmp_path, referring):
    files = [made_file(tmp_path, f"canopy/day {day}.nc", day) for day in (0, 2)]
    assert put(referring, None, series(0, 3), files) == {}
    holds(referring, [files[0], None, files[1]])
    assert referring.written.references == {
        "/canopy/SNR": {(0, 0), (0, 1), (1, 0), (1, 1), (4, 0), (4, 1), (5, 0), (5, 1)},
        "/canopy/Phase": {(0, 0), (2, 0)},
    }
    copies = {"epoch", "clock", "angle", "sid", "freq", "height", "notes"}
    assert referring.written.others == {f"/canopy/{name}" for name in copies}
    assert right(referring) == []


def test_its_group_says_what_all_files_say_and_what_it_is(tmp_path, referring):
    files = [made_file(tmp_path, f"{day}.nc", day, attributes=more) for day, more in ((0, {"a": 1}), (1, {"b": 1}))]
    put(referring, None, series(0, 2), files)
    assert dict(referring.root()[RECEIVER].attrs) == {"Institution": "one", **series_attributes(series(0, 2))}


def test_an_attribute_of_all_files_but_one_is_not_that_of_the_group(tmp_path, referring):
    told = ({"a": 1, "b": 1}, {"a": 1, "b": 1}, {"b": 2})
    files = [made_file(tmp_path, f"{day}.nc", day, attributes=more) for day, more in enumerate(told)]
    put(referring, None, series(0, 3), files)
    assert dict(referring.root()[RECEIVER].attrs) == {"Institution": "one", **series_attributes(series(0, 3))}


def test_its_times_are_those_of_this_program_with_the_attributes_of_the_file(tmp_path, referring):
    put(referring, None, series(0, 1), [made_file(tmp_path, "0.nc")])
    times = referring.root()[RECEIVER]["epoch"]
    assert dict(times.attrs) == {
        "of": "file",
        "units": "nanoseconds since 1980-01-06",
        "calendar": "proleptic_gregorian",
    }
    assert (times.dtype, times.chunks, times.fill_value) == (np.dtype("int64"), (1 << 20,), 0)
    assert times.metadata.dimension_names == ("epoch",)
    kinds = [codec.to_dict() for codec in times.metadata.codecs]
    assert [kind["name"] for kind in kinds] == ["numcodecs.delta", "bytes", "zstd"]
    assert kinds[2]["configuration"] == {"level": 5, "checksum": True}


def test_a_copied_array_has_a_chunk_for_each_file(tmp_path, referring):
    put(referring, None, series(0, 2), [made_file(tmp_path, "0.nc")])
    clock = referring.root()[RECEIVER]["clock"]
    assert (clock.shape, clock.chunks) == ((8,), (4,))
    assert [codec.to_dict()["name"] for codec in clock.metadata.codecs] == ["bytes", "zstd"]
    assert referring.changed["/canopy/clock"] == {(0,)}
    assert referring.root()[RECEIVER]["SNR"].chunks == (2, 2)
    assert [codec.to_dict()["name"] for codec in referring.root()[RECEIVER]["SNR"].metadata.codecs] == ["bytes"]


def test_the_chunks_of_a_copied_array_are_as_long_as_those_of_the_axis(tmp_path, referring):
    wanted, files = series(0, 2), [made_file(tmp_path, f"{day}.nc", day) for day in range(2)]
    put(referring, None, replace(wanted, grid=replace(wanted.grid, chunk_epochs=2)), files)
    holds(referring, files)
    assert [referring.root()[RECEIVER][name].chunks for name in ("clock", "angle")] == [(2,), (3, 2)]


def test_it_grows_behind_what_it_has(tmp_path, referring):
    files = [made_file(tmp_path, f"{day}.nc", day) for day in range(3)]
    put(referring, None, series(0, 1), files[:1])
    assert put(referring, series(0, 1), series(0, 3), files[2:]) == {}
    holds(referring, [files[0], None, files[2]])
    assert referring.written.references == {
        "/canopy/SNR": {(4, 0), (4, 1), (5, 0), (5, 1)},
        "/canopy/Phase": {(2, 0)},
    }
    assert right(referring) == []
    assert dict(referring.root()[RECEIVER].attrs) == {"Institution": "one", "day": 0, **series_attributes(series(0, 3))}


def test_it_grows_before_what_it_has_and_all_that_moves_is_told(tmp_path, referring):
    """Chunks that move are told where they were and where they are."""
    files = {day: made_file(tmp_path, f"{day}.nc", day) for day in (-3, 0, 1)}
    put(referring, None, series(0, 2), [files[0], files[1]])
    moved = put(referring, series(0, 2), series(-3, 5), [files[-3]])
    holds(referring, [files[-3], None, None, files[0], files[1]], first_day=-3)
    assert {path: set(found) for path, found in moved.items()} == {
        "/canopy/SNR": {(number, part) for number in (0, 1, 2, 3, 6, 7, 8, 9) for part in (0, 1)},
        "/canopy/Phase": {(0, 0), (1, 0), (3, 0), (4, 0)},
        "/canopy/clock": {(0,), (1,), (3,), (4,)},
        "/canopy/angle": {(0, 0), (0, 1), (0, 3), (0, 4)},
    }
    assert right(referring, moved) == []


def test_a_file_in_its_place_changes_nothing_else(tmp_path, referring):
    files = [made_file(tmp_path, f"{day}.nc", day) for day in range(2)]
    put(referring, None, series(0, 2), files[:1])
    assert put(referring, series(0, 2), series(0, 2), files[1:]) == {}
    holds(referring, files)
    assert right(referring) == []
    assert referring.changed.keys() == {f"/canopy/{name}" for name in ("SNR", "Phase", "clock", "angle", "epoch")}


def test_a_chunk_that_was_never_written_is_no_reference(tmp_path, referring):
    file = made_file(tmp_path, "0.nc", hole=1)
    put(referring, None, series(0, 1), [file])
    assert referring.written.references["/canopy/SNR"] == SNR_OF_A_DAY - {(0, 1)}
    assert right(referring) == []
    stored = referring.root()[RECEIVER]["SNR"][:]
    assert np.isnan(stored[:2, 2]).all()
    np.testing.assert_array_equal(np.delete(stored, 2, axis=1), file.snr[:, :2])


def test_where_the_first_files_would_be_there_is_nothing(tmp_path, referring):
    file = made_file(tmp_path, "1.nc", 1)
    put(referring, None, series(0, 2), [file])
    holds(referring, [None, file])


def test_what_another_program_has_added_stays_as_it_is_when_it_grows(tmp_path, referring):
    files = {day: made_file(tmp_path, f"{day}.nc", day) for day in (-1, 0)}
    put(referring, None, series(0, 1), [files[0]])
    with referring.forked() as fork:
        zarr.open_group(fork.store, path=RECEIVER).create_array("mine", shape=(4,), dtype="i4")[:] = 5
    put(referring, series(0, 1), series(-1, 2), [files[-1]])
    holds(referring, [files[-1], files[0]], first_day=-1)
    assert referring.root()[RECEIVER]["mine"][:].tolist() == [5] * 4


def test_what_moves_is_only_that_of_the_group_that_grows(tmp_path, referring):
    files = {day: made_file(tmp_path, f"{day}.nc", day) for day in (-1, 0, 1)}
    put(referring, None, series(0, 1), [files[0]])
    with referring.forked() as fork:
        write_file(fork, "other", files[1].facts, referring.archive, referring.written)
        moved = write_series(fork, series(0, 1), series(-1, 2), [files[-1].facts], referring.written)
    assert moved.keys() == {f"/canopy/{name}" for name in ("SNR", "Phase", "clock", "angle")}


def test_references_are_written_before_a_process_knows_the_archive(tmp_path, referring):
    """Where an archive is may be kept in the repository while the job has it open already."""
    referring.handle = icechunk.Repository.create(icechunk.in_memory_storage())
    with referring.forked() as fork:
        write_file(fork, RECEIVER, made_file(tmp_path, "0.nc").facts, referring.archive, referring.written)
    assert referring.changed["/canopy/SNR"] == SNR_OF_A_DAY


def test_an_array_without_chunks_is_left_as_it_is(tmp_path, referring):
    made = made_file(tmp_path, "0.nc")
    snr = made.facts.referenced[0]
    none = np.zeros(0, np.uint64)
    facts = replace(made.facts, referenced=(replace(snr, grid=(0, 2), offsets=none, lengths=none),))
    with referring.forked() as fork:
        write_file(fork, RECEIVER, facts, referring.archive, referring.written)
    assert referring.written.references == {}
    assert "/canopy/SNR" not in referring.changed


def test_a_file_that_has_changed_since_is_not_read(tmp_path, referring):
    file = made_file(tmp_path, "0.nc")
    put(referring, None, series(0, 1), [file])
    later = file.facts.file.modified_ns + 5 * 10**9
    os.utime(tmp_path / "0.nc", ns=(later, later))
    with pytest.raises(icechunk.IcechunkError):
        referring.root()[RECEIVER]["SNR"][:]


class TestFilesOfTheirOwn:
    """Groups of files that are part of no array over time."""

    def made(self, tmp_path, referring, group):
        file = made_file(tmp_path, "canopy/odd #1.nc", 5, attributes={"gnssice_virtual": "x", "source_format": "y"})
        with referring.forked() as fork:
            write_file(fork, group, file.facts, referring.archive, referring.written)
        return file

    @pytest.mark.parametrize("group", ["canopy", "canopy/odd"])
    def test_hold_what_their_file_holds(self, tmp_path, referring, group):
        file, there = self.made(tmp_path, referring, group), referring.root()[group]
        assert dict(referring.root().attrs) == {"of": "root"}
        for name, wanted in (("SNR", file.snr), ("Phase", file.phase), ("clock", file.clock), ("angle", file.angle)):
            np.testing.assert_array_equal(there[name][:], wanted)
        assert (there["epoch"][:].tolist(), there["sid"][:].tolist()) == ([0, 10, 20, 30], list(SIDS))
        assert (there["height"][()], there["notes"].shape, there["SNR"].fill_value) == (7, (0,), 0)
        assert referring.written.references == {f"/{group}/SNR": SNR_OF_A_DAY, f"/{group}/Phase": {(0, 0)}}
        copies = {"epoch", "clock", "angle", "sid", "freq", "height", "notes"}
        assert referring.written.others == {f"/{group}/{name}" for name in copies}
        assert right(referring) == []

    def test_say_what_their_file_says_and_which_it_is(self, tmp_path, referring):
        self.made(tmp_path, referring, "canopy/odd")
        told = {"Institution": "one", "day": 5, **file_attributes("canopy/odd #1.nc")}
        assert dict(referring.root()["canopy/odd"].attrs) == told
        assert dict(referring.root()["canopy"].attrs) == {}

    def test_leave_the_group_that_they_are_in_as_it_is(self, tmp_path, referring):
        put(referring, None, series(0, 1), [made_file(tmp_path, "0.nc")])
        before = dict(referring.root()[RECEIVER].attrs)
        self.made(tmp_path, referring, "canopy/odd")
        assert dict(referring.root()[RECEIVER].attrs) == before


class TestRemoved:
    """What files gave is taken away."""

    def row(self, made, group=RECEIVER):
        facts = made.facts
        words = {"first_ns": facts.first_ns, "last_ns": facts.last_ns, "epochs": facts.epochs}
        return VirtualRow(facts.file, VirtualState.VIRTUAL, group, **words)

    def test_of_an_array_over_time_the_chunks_of_a_file(self, tmp_path, referring):
        files = [made_file(tmp_path, f"{day}.nc", day) for day in range(3)]
        put(referring, None, series(0, 3), files)
        with referring.forked() as fork:
            written = remove_rows(fork, [self.row(files[1])], {RECEIVER: series(0, 3)})
        holds(referring, [files[0], None, files[2]])
        gone = {
            "/canopy/SNR": {(2, 0), (2, 1), (3, 0), (3, 1)},
            "/canopy/Phase": {(1, 0)},
            "/canopy/clock": {(1,)},
            "/canopy/angle": {(0, 1)},
        }
        assert (written.removed, written.references, written.others) == (gone, {}, set())
        assert list(written.wrong(referring.changed, {})) == []

    def test_the_groups_of_single_files(self, tmp_path, referring):
        files = [made_file(tmp_path, f"{day}.nc", day) for day in range(3)]
        put(referring, None, series(0, 1), files[:1])
        with referring.forked() as fork:
            write_file(fork, "canopy/one", files[1].facts, referring.archive, referring.written)
            write_file(fork, "canopy/two", files[2].facts, referring.archive, referring.written)
        rows = [self.row(files[1], "canopy/one"), self.row(files[0])]
        with referring.forked() as fork:
            written = remove_rows(fork, rows, {RECEIVER: series(0, 1)})
        assert sorted(referring.root()[RECEIVER].group_keys()) == ["two"]
        assert "/canopy/Phase" in written.removed
        holds(referring, [None])


def test_the_chunks_that_hold_epochs_of_a_file_whatever_their_length(tmp_path, referring):
    put(referring, None, series(0, 3), [made_file(tmp_path, "0.nc")])
    odd = VirtualRow(made_file(tmp_path, "1.nc", 1).facts.file, VirtualState.VIRTUAL, RECEIVER, first_ns=FIRST_NS + 30)
    found = series_units(referring.root(), series(0, 3), replace(odd, epochs=4))
    assert {name: set(units) for name, units in found.items()} == {
        "SNR": {(number, part) for number in (1, 2, 3) for part in (0, 1)},
        "Phase": {(0, 0), (1, 0)},
        "clock": {(0,), (1,)},
        "angle": {(0, 0), (0, 1)},
    }
    assert array_names(referring.root(), RECEIVER) == sorted(
        ["SNR", "Phase", "epoch", "clock", "sid", "freq", "height", "notes", "angle"]
    )


class TestLongTimes:
    """More times than one chunk holds: what is complete is not written again."""

    BLOCK = 1 << 20

    def times(self, size, origin_ns=FIRST_NS):
        return StoredSeries(RECEIVER, PROFILE, SeriesGrid(origin_ns, INTERVAL_NS, EPOCHS, size))

    def test_behind(self, tmp_path, referring):
        file = made_file(tmp_path, "0.nc")
        put(referring, None, self.times(self.BLOCK + 8), [file])
        put(referring, self.times(self.BLOCK + 8), self.times(self.BLOCK + 12), [file])
        assert referring.changed["/canopy/epoch"] == {(1,)}
        stored = referring.root()[RECEIVER]["epoch"][self.BLOCK - 1 :]
        assert stored.tolist() == [FIRST_NS + at * INTERVAL_NS for at in range(self.BLOCK - 1, self.BLOCK + 12)]

    def test_before(self, tmp_path, referring):
        file = made_file(tmp_path, "0.nc")
        put(referring, None, self.times(self.BLOCK + 8), [file])
        earlier_ns = FIRST_NS - EPOCHS * INTERVAL_NS
        put(referring, self.times(self.BLOCK + 8), self.times(self.BLOCK + 12, earlier_ns), [file])
        stored = referring.root()[RECEIVER]["epoch"]
        for first in (0, self.BLOCK - 1):
            wanted = [earlier_ns + at * INTERVAL_NS for at in range(first, first + 13)]
            assert stored[first : first + 13].tolist() == wanted


@pytest.mark.parametrize(
    ("tagged", "etag", "modified_ns", "wanted"),
    [
        (True, "tag", 5_000_000_000, "tag"),
        (True, "", 5_000_000_000, None),
        (False, "tag", 0, None),
        (False, "tag", 5_000_000_000, datetime(1970, 1, 1, 0, 0, 6, tzinfo=UTC)),
        (False, "tag", 4_999_999_000, datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)),
        (False, "tag", 4_999_999_001, datetime(1970, 1, 1, 0, 0, 6, tzinfo=UTC)),
        (False, "tag", 4_000_000_001, datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)),
    ],
)
def test_what_a_file_must_still_have_is_its_tag_or_the_next_second(tagged, etag, modified_ns, wanted):
    file = NetcdfFile("a.nc", "a", 1, etag, modified_ns)
    assert Archive("archive", tagged=tagged).checksum(file) == wanted


def test_rows_whose_values_are_elsewhere_now_say_so():
    row = VirtualRow(NetcdfFile("a.nc", "a", 1, ""), VirtualState.VIRTUAL, "a")
    assert list(with_state([row], VirtualState.NATIVE)) == [replace(row, state=VirtualState.NATIVE)]
