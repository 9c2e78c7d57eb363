"""A store exported and ingested again is the same store, whatever its files say."""

from datetime import date, datetime

import numpy as np
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.exports.sinks import _end_of_header
from gnssice_batch.exports.values import Note, Why
from tests.support.damage import chunks, spoil
from tests.support.exported import (
    NOTHING,
    STEP_100NS,
    TIME_100NS,
    Compared,
    again,
    cell,
    compare_stores,
    epoch,
    exported,
    same,
    stored,
)
from tests.support.ingested import ingest
from tests.support.published import change
from tests.support.runs import DAY_ONE_S, name, repository, rinex, span_s
from tests.support.writer import Epoch, File, text

GROUP = "rec"


ODD = File(
    "3.04",
    {
        "G": ("C1C", "L1C", "D1C", "S1C", "C2W", "L2W"),
        "C": ("C1P", "L1P", "C2I", "L2I", "S2I"),
        "R": ("C1C", "L1C", "C3Q", "S3Q"),
    },
    (
        epoch(
            0,
            {
                "G01": (
                    cell(21_000_000_001, None, 7),
                    cell(-110_000_000_003, 1, 8),
                    cell(-1),
                    cell(45_125),
                    NOTHING,
                    cell(None, 0, 9),
                )
            },
        ),
        epoch(
            1,
            {
                "C07": (
                    cell(36_000_000_000, None, 5),
                    NOTHING,
                    cell(9_999_999_999_999),
                    cell(-999_999_999_999, 4),
                    cell(1),
                )
            },
            flag=1,
            clock_ps=-9_123_456_789_012,
        ),
        epoch(
            2,
            {"R24": (NOTHING, cell(1, None, 0), cell(23_000_000_000), cell(60_000))},
            offset_100ns=-3,
            clock_ps=0,
        ),
        epoch(3, {}),
        epoch(
            5,
            {"G01": (cell(21_000_000_999), cell(5), cell(-8_388_608), NOTHING, cell(999), NOTHING)},
            clock_ps=99_123_456_789_012,
        ),
    ),
    scales={("G", "S1C"): 100, ("R", "L1C"): 10},
)
"""Lone indicators, widest numbers, a power failure, clock offsets, no satellites, an epoch off the grid, scales."""


@pytest.mark.parametrize("compress", ["none", "gz", "crx", "crx.gz"])
def test_whatever_a_file_says_comes_again(tmp_path, compress):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(ODD)})
    report = exported(chosen, tmp_path / "out", compress=compress)
    suffix = {"none": "rnx", "gz": "rnx.gz"}.get(compress, compress)
    assert [one.path.name for one in report.files] == [f"STAT00SIM_R_20250010000_01D_30S_MO.{suffix}"]
    found = same(chosen, again(tmp_path, report))
    assert found.epochs == len(ODD.items) == report.files[0].epochs
    assert report.withheld == ()


def test_the_same_version_is_the_same_file(tmp_path):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(ODD)})
    for compress in ("none", "crx.gz"):
        first, second = (exported(chosen, tmp_path / folder, compress=compress).files[0] for folder in ("a", "b"))
        assert first.path.read_bytes() == second.path.read_bytes()


@pytest.mark.heavy
def test_files_of_a_merged_receiver_are_cut_into_days_and_hours(tmp_path):
    hours = {
        name(DAY_ONE_S + 3600 * hour, "01H"): rinex(span_s(DAY_ONE_S + 3600 * hour, 1)) for hour in (22, 23, 24, 47)
    }
    chosen, _ = ingest(tmp_path, hours)
    daily = exported(chosen, tmp_path / "days")
    assert [(one.path.name, one.epochs) for one in daily.files] == [
        ("STAT00SIM_R_20250010000_01D_30S_MO.rnx", 240),
        ("STAT00SIM_R_20250020000_01D_30S_MO.rnx", 240),
    ]
    hourly = exported(chosen, tmp_path / "hours", each="hour")
    assert [one.path.name[12:27] for one in hourly.files] == [
        "20250012200_01H", "20250012300_01H", "20250020000_01H", "20250022300_01H",
    ]  # fmt: skip
    one = exported(chosen, tmp_path / "all", each="all")
    assert [(each.path.name, each.epochs) for each in one.files] == [("STAT00SIM_R_20250012200_26H_30S_MO.rnx", 480)]
    for number, report in enumerate((daily, hourly, one)):
        same(chosen, again(tmp_path / str(number), report))


def test_a_part_of_a_day(tmp_path):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S, "06H"): rinex(span_s(DAY_ONE_S, 6))})
    until = datetime(2025, 1, 1, 2, 30)  # noqa: DTZ001 - GPS time
    report = exported(chosen, tmp_path / "out", since=date(2025, 1, 1), until=until)
    assert [(one.path.name[12:31], one.epochs) for one in report.files] == [("20250010000_00U_30S", 300)]
    assert exported(chosen, tmp_path / "none", since=date(2025, 1, 2)).files == ()


def test_joined_files_with_clocks_and_times_of_their_own(tmp_path):
    """Where files are joined signal by signal, a file has a second record of the epoch only for another time."""
    types = {"G": ("C1C", "L1C", "C2W", "L2W")}
    here = {"G01": (cell(20_000_000_000), cell(1), NOTHING, NOTHING), "G02": (cell(1),) * 4}
    there = {"G03": (cell(22_000_000_000), cell(9), NOTHING, NOTHING)}
    first = File("3.04", types, tuple(epoch(n, here, clock_ps=1000) for n in range(4)))
    second = [epoch(n, there, offset_100ns=0 if n < 2 else 70, clock_ps=2000) for n in range(4)]
    second = File("3.04", types, tuple(second))
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(first), name(DAY_ONE_S, "01H"): text(second)})
    report = exported(chosen, tmp_path / "out")
    assert report.files[0].notes == {Note.OTHER_TIME: 2, Note.OTHER_CLOCK: 2}
    lines = report.files[0].path.read_text().splitlines()
    assert [line[:29] for line in lines if line.startswith(">")] == [
        "> 2025 01 01 00 00  0.0000000", "> 2025 01 01 00 00 30.0000000", "> 2025 01 01 00 01  0.0000000",
        "> 2025 01 01 00 01  0.0000070", "> 2025 01 01 00 01 30.0000000", "> 2025 01 01 00 01 30.0000070",
    ]  # fmt: skip


def test_slips_that_a_merged_file_implies_are_counted(tmp_path):
    """A reader marks first phases after a power failure, also those that were in another file then."""
    first = rinex(span_s(DAY_ONE_S, 1), svs=("G01",), flags={3: 1})
    later = rinex(span_s(DAY_ONE_S + 3630, 0.5), svs=("G01", "G02"))
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S, "01H"): first, name(DAY_ONE_S + 3630, "01H"): later})
    report = exported(chosen, tmp_path / "out")
    assert report.files[0].notes == {Note.IMPLIED_SLIPS: 1}
    other = again(tmp_path, report)
    found = Compared()
    compare_stores(stored(chosen), stored(other), found)
    assert found.unexplained == ["1 x LLI differs between the stores"]


@pytest.mark.parametrize(
    ("array", "value", "why", "said"),
    [
        ("Phase", 1.25e10, Why.TOO_WIDE, "more digits"),
        (
            "Pseudorange",
            1 / 3,
            Why.NOT_DECIMAL,
            "no decimal",
        ),
        ("Doppler", 0.0, Why.ZERO_VALUE, "0"),
    ],
)
def test_values_that_rinex_cant_hold_withhold_the_file(tmp_path, array, value, why, said):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1), svs=("G01",))})
    at = (0, stored(chosen).template.axis.sids.index("G01|L1|C"))
    change(chosen, array, at, value)
    (withheld,) = exported(chosen, tmp_path / "out").withheld
    assert withheld.why is why
    assert withheld.detail.startswith(f"{array} of G01|L1|C at 2025-01-01T00:00:00.000000000 is {said}")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("array", "value", "why"),
    [("epoch_offset", 1e-9, Why.TIME_BELOW_100NS), ("rx_clock_offset", 123.0, Why.CLOCK_OFFSET)],
)
def test_epochs_that_rinex_cant_hold_withhold_the_file(tmp_path, array, value, why):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1), svs=("G01",))})
    change(chosen, array, 3, value)
    report = exported(chosen, tmp_path / "out")
    assert [one.why for one in report.withheld] == [why]
    assert "2025-01-01T00:01:30" in report.withheld[0].detail
    for other in ("netcdf", "parquet"):
        assert exported(chosen, tmp_path / other, other).withheld == ()


RINEX_2 = File(
    "2.11",
    {"": ("C1", "L1", "D1", "S1", "P2", "L2", "C2", "P1", "C5", "L5", "S5")},
    tuple(
        Epoch(
            TIME_100NS + n * STEP_100NS,
            {
                f"{system}{number:02d}": tuple((20_000_000_000 + 1000 * k + n, None, 5) for k in range(11))
                for system in "GRES"
                for number in range(1, 5)
            },
            int(n == 2),
            n * 1000 + 5_000_000,
        )
        for n in range(4)
    ),
)


@pytest.mark.heavy
@pytest.mark.parametrize("compress", ["none", "crx"])
def test_rinex_2_comes_again_as_rinex_2_and_3(tmp_path, compress):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(RINEX_2)})
    for file_format in ("rinex2", "rinex3"):
        report = exported(chosen, tmp_path / file_format, file_format, compress)
        assert report.withheld == ()
        same(chosen, again(tmp_path / file_format, report))
    assert report.files[0].epochs == 4


def test_what_rinex_2_has_no_types_for_is_withheld(tmp_path):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(ODD)})
    (withheld,) = exported(chosen, tmp_path / "out", "rinex2").withheld
    assert withheld.why is Why.CLOCK_OFFSET
    chosen, _ = ingest(tmp_path / "other", {name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 1), codes=("C1C", "L1W", "S2L"))})
    (withheld,) = exported(chosen, tmp_path / "out", "rinex2").withheld
    assert withheld.why is Why.NO_TYPES
    assert "L1W" in withheld.detail or "S2L" in withheld.detail


def test_damage_ends_the_export_and_leaves_no_half_file(tmp_path):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 24), svs=("G01", "G02", "R03"))})
    spoil(chunks(chosen)[0], "missing")
    with pytest.raises(StoreError, match="damaged"):
        exported(chosen, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("compress", ["none", "crx.gz"])
def test_a_full_disk_ends_the_export_and_leaves_no_half_file(tmp_path, compress, monkeypatch):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(ODD)})
    path = exported(chosen, tmp_path / "out", compress=compress).files[0].path
    path.unlink()
    monkeypatch.setattr("gnssice_batch.exports.placing.secrets.token_hex", lambda length: "a" * 2 * length)
    path.with_name(f".{path.name}.aaaaaaaa.unfinished").symlink_to("/dev/full")
    with pytest.raises(StoreError, match=f"{path.name} can't be written .No space left on device."):
        exported(chosen, tmp_path / "out", compress=compress)
    assert list((tmp_path / "out").iterdir()) == []


def test_arrays_of_a_parquet_file(tmp_path):
    from pyarrow import parquet

    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(ODD)})
    report = exported(chosen, tmp_path / "out", "parquet")
    rows = parquet.read_table(report.files[0].path).to_pylist()
    assert [(row["epoch"].isoformat()[11:], row["sid"]) for row in rows][:3] == [
        ("00:00:00", "G01|L1|C"), ("00:00:00", "G01|L2|W"), ("00:00:30", "C07|B1C|P"),
    ]  # fmt: skip
    cells = stored(chosen)
    span = range(cells.template.grid.size)
    held, sids = cells.read(span), cells.template.axis.sids
    assert len(rows) == 9
    for row in rows:
        e = row["epoch"].hour * 120 + row["epoch"].minute * 2 + row["epoch"].second // 30
        for variable in ("SNR", "Pseudorange", "Phase", "Doppler", "LLI", "SSI"):
            if row["sid"] is None:
                assert row[variable] is None
                continue
            have = held[variable][e, sids.index(row["sid"])]
            missing = np.isnan(have) if have.dtype.kind == "f" else have == -1
            assert row[variable] == (None if missing else have)
        assert row["epoch_flag"] == held["epoch_flag"][e]
        assert row["epoch_offset"] == held["epoch_offset"][e]
    assert [row["epoch_flag"] for row in rows if row["sid"] is None] == [0]


@pytest.mark.heavy
def test_netcdf_is_the_dataset(tmp_path):
    import xarray as xr

    from gnssice_batch import open_dataset

    gap = {
        name(DAY_ONE_S): text(ODD),
        name(DAY_ONE_S + 4 * 3600 * 6, "01H"): rinex(span_s(DAY_ONE_S + 4 * 3600 * 6, 1)),
    }
    chosen, _ = ingest(tmp_path, gap)
    report = exported(chosen, tmp_path / "out", "netcdf", each="all")
    want = open_dataset(str(repository(chosen)), GROUP).load()
    with xr.open_dataset(report.files[0].path, engine="netcdf4") as have:
        assert dict(have.sizes) == dict(want.sizes)
        for one in want.variables:
            np.testing.assert_array_equal(have[one].values, want[one].values, one)
            if one != "epoch":
                assert have[one].dtype.kind == want[one].dtype.kind or want[one].dtype.kind in "UT", one
            told = {key: np.asarray(value).tolist() for key, value in have[one].attrs.items()}
            assert told == want[one].attrs or one == "epoch"
        assert set(have.coords) == set(want.coords)
    assert report.files[0].epochs == 125


@pytest.mark.parametrize(("compress", "fits"), [("none", True), ("gz", True), ("crx", False), ("crx.gz", False)])
def test_a_clock_offset_without_satellites_is_not_made_compact(tmp_path, compress, fits):
    """`crx2rnx` gives it back in other columns."""
    file = File("3.04", {"G": ("C1C",)}, (epoch(0, {"G01": (cell(1),)}), epoch(1, {}, clock_ps=7_000_000)))
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(file)})
    report = exported(chosen, tmp_path / "out", compress=compress)
    assert [one.why for one in report.withheld] == ([] if fits else [Why.NOT_COMPACT])
    assert bool(list((tmp_path / "out").iterdir())) is fits


def test_a_header_ends_where_its_label_stands():
    line = b"END OF HEADER".ljust(60) + b"MARKER NAME\n"
    header = b"x".ljust(60) + b"CRINEX VERS   / TYPE\n" + line + b" " * 60 + b"END OF HEADER\n"
    assert _end_of_header(header + b"> body\n") == len(header)


@pytest.mark.parametrize(("since", "until", "files"), [(None, date(9999, 12, 31), 1), (date(2300, 1, 1), None, 0)])
def test_times_beyond_those_that_can_be_stored(tmp_path, since, until, files):
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S): text(ODD)})
    report = exported(chosen, tmp_path / "out", since=since, until=until)
    assert len(report.files) == files
