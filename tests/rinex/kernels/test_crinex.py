"""The decoder of CRINEX: hand-made differences, and the reference program on every real file."""

from itertools import pairwise
from pathlib import Path

import hatanaka
import numpy as np
import pytest

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import MISSING, Observations, ReadOptions, read
from gnssice_batch.rinex.containers.unpack import members
from tests.support.samples import compact, header2, header3, only, reading, record

HEAD1 = compact("1.0", header2())
HEAD3 = compact("3.0", header3())
HEAD31 = compact("3.1", header3(version="4.02"))


def whole(second: int, *satellites: str, clock: str = "") -> str:
    """Return an epoch whose line is given whole."""
    svs = "".join(line[:3] for line in satellites)
    lines = "".join(line[3:] + "\n" for line in satellites)
    return f"> 2025 01 01 00 00 {second:02d}.0000000  0{len(satellites):3d}      {svs}\n{clock}\n{lines}"


def next_epoch(difference: str, *lines: str, clock: str = "") -> str:
    return f"{difference}\n{clock}\n" + "".join(line + "\n" for line in lines)


def test_differences_of_rising_order_are_undone():
    values = [1000, 1010, 1030, 1100, 1300, 1250]
    steps = [1000, 10, 10, 40, 80, -380]
    text = whole(0, f"G013&{steps[0]}") + "".join(
        next_epoch(f"{'':19}{second}", str(step)) for second, step in zip("12345", steps[1:], strict=True)
    )
    part = only(HEAD3, text)
    assert part.value[:, 0].tolist() == values
    assert np.diff(part.time_100ns).tolist() == [10**8] * 5


@pytest.mark.parametrize("order", range(6))
def test_an_arc_keeps_to_its_order(order):
    values = [7, 12, 40, 41, -100, 3]
    steps = [values[0]]
    for number in range(1, len(values)):
        depth = min(number, order)
        row = values[: number + 1]
        for _ in range(depth):
            row = [after - before for before, after in pairwise(row)]
        steps.append(row[-1])
    text = whole(0, f"G01{order}&{steps[0]}") + "".join(
        next_epoch(f"{'':19}{second}", str(step)) for second, step in enumerate(steps[1:], start=1)
    )
    assert only(HEAD3, text).value[:, 0].tolist() == values


def test_an_arc_that_was_broken_begins_anew():
    text = (
        whole(0, "G013&1000 3&2000") + next_epoch(f"{'':19}1", " 5") + next_epoch(f"{'':19}2", "3&4000 5")
    )  # fmt: skip
    assert only(HEAD3, text).value[:, :2].tolist() == [[1000, 2000], [MISSING, 2005], [4000, 2015]]


def test_a_satellite_that_was_gone_begins_anew():
    text = (
        whole(0, "G013&1000 3&2000   77", "G023&5")
        + next_epoch(f"{'':19}1{'':14}1{'':8}2&&&", "5")
        + next_epoch(f"{'':19}2{'':14}2{'':8}1G02", "3&9    8", "5")
    )
    part = only(HEAD3, text)
    assert [part.svs[index] for index in part.row_sv] == ["G01", "G02", "G02", "G01", "G02"]
    assert part.value[:, 0].tolist() == [1000, 5, 10, 9, 20]
    assert part.lli[:, 0].tolist() == [7, -1, -1, 8, -1]


def test_indicators_are_text_differences():
    text = whole(0, "G013&1000 3&2000   4567") + next_epoch(f"{'':19}1", "1 1   & 8") + next_epoch(f"{'':19}2", "1 1")
    part = only(HEAD3, text)
    assert part.lli[:, :2].tolist() == [[4, 6], [-1, 8], [-1, 8]]
    assert part.ssi[:, :2].tolist() == [[5, 7], [5, 7], [5, 7]]


def test_in_crinex_1_a_blank_observable_takes_its_indicators_with_it():
    first = "&25  1  1  0  0  0.0000000  0  1G01\n\n3&1000 3&2000   4567\n"
    text = first + next_epoch(f"{'':17}1", " 1") + next_epoch(f"{'':17}2", "3&5 1")
    part = only(HEAD1, text)
    assert part.lli[:, :2].tolist() == [[4, 6], [-1, 6], [-1, 6]]
    assert part.time_100ns.size == 3


def test_receiver_clock_offsets_are_differences_too():
    text = whole(0, "G013&1", clock="2&1000") + next_epoch(f"{'':19}1", "1", clock="10") + next_epoch(f"{'':19}2", "1")
    assert only(HEAD3, text).rx_clock_offset_ps.tolist() == [1000, 1010, MISSING]
    first = "&25  1  1  0  0  0.0000000  0  1G01\n2&1000\n3&1000\n"
    assert only(HEAD1, first).rx_clock_offset_ps.tolist() == [1_000_000]


UNREADABLE = ["1000", "1x", "9&1", "&7", "3&", "123456789012345678901", "1 0", " 1", " 0000x", "1 2 3", "1 00000"]


@pytest.mark.parametrize("clock", UNREADABLE)
def test_a_clock_offset_that_cannot_be_made_out_costs_the_offset_and_not_the_epoch(clock):
    first = whole(0, "G013&1000 3&2000", clock="2&5") + next_epoch(f"{'':19}1", "1 2", clock=clock)
    if clock == "1000":
        first = whole(0, "G013&1000 3&2000") + next_epoch(f"{'':19}1", "1 2", clock=clock)
    text = first + next_epoch(f"{'':19}2", "1 2", clock="7") + next_epoch(f"{'':19}3", "0 0", clock="2&9")
    found = reading(HEAD3, text)
    (part,) = found.parts
    assert part.value[:, :2].tolist() == [[1000, 2000], [1001, 2002], [1003, 2006], [1006, 2012]]
    assert part.rx_clock_offset_ps[1:].tolist() == [MISSING, MISSING, 9]
    assert found.accounting.counts == {Reason.BAD_VALUE: 2}
    assert found.accounting.offence.line == 12
    assert "crinex_damage" not in found.accounting.line_counts


@pytest.mark.parametrize(
    "clock", ["1 0", "1 0000", " 0000x", " 000", "1 0000x", "1 000000", "1  00000", "  00001", "1 00001 "]
)
def test_a_damaged_line_of_clock_and_picoseconds_costs_no_more_than_these(clock):
    first = whole(0, "G013&1000 3&2000", clock="2&5 00009") + next_epoch(f"{'':19}1", "1 2", clock=clock)
    found = reading(HEAD31, first, next_epoch(f"{'':19}2", "1 2", clock="3&9 00008"))
    (part,) = found.parts
    assert part.value[:, :2].tolist() == [[1000, 2000], [1001, 2002], [1003, 2006]]
    good = clock == "1 00001 "
    assert part.rx_clock_offset_ps.tolist() == [5, 6 if good else MISSING, 9]
    assert part.time_ps.tolist() == [9, int(good), 8]
    assert found.accounting.counts == ({} if good else {Reason.BAD_VALUE: 1})


def test_a_clock_offset_that_is_none_costs_no_picoseconds():
    text = whole(0, "G013&1", clock="1x 54321") + whole(1, "G013&1", clock="3&7 00007")
    found = reading(HEAD31, text)
    assert found.parts[0].time_ps.tolist() == [54321, 7]
    assert found.parts[0].rx_clock_offset_ps.tolist() == [MISSING, 7]
    assert found.accounting.counts == {Reason.BAD_VALUE: 1}


def test_a_clock_offset_does_not_refer_to_one_before_damage():
    damaged = next_epoch(f"{'':19}1", "1x", clock="7") + next_epoch(f"{'':19}2", "1", clock="7")
    found = reading(HEAD3, whole(0, "G013&1", clock="1&1000"), damaged, whole(30, "G013&5", clock="7"))
    assert found.parts[0].rx_clock_offset_ps.tolist() == [1000, MISSING]
    assert found.accounting.counts == {Reason.CRINEX_DAMAGE: 1, Reason.BAD_VALUE: 1}


LOST_BEFORE = {
    "a whole epoch": whole(30, "G013&5", "G023&6"),
    "an event": "> 2025 01 01 00 00 10.0000000  4  1\n" + record("", "COMMENT") + whole(30, "G013&5", "G023&6"),
    "an epoch without satellites": next_epoch(f"{'':19}2{'':14}0{'':6}&&&&&&"),
    "an epoch with picoseconds": next_epoch(f"{'':19}2", "1", "2", clock=" 00007"),
    "an epoch with an offset and picoseconds": next_epoch(f"{'':19}2", "1", "2", clock="1&3 00007"),
}


@pytest.mark.parametrize("clock", ["", "2&5", " 00001", "2&5 00001"])
@pytest.mark.parametrize("line", ["1", "1 1", "1   00000"])
@pytest.mark.parametrize("case", LOST_BEFORE)
def test_a_clock_line_lost_before_anything_gives_no_value_to_another_satellite(case, line, clock):
    start = whole(0, "G013&1000 3&1000", "G023&2000 3&2000", clock=clock)
    found = reading(HEAD31, start, f"{'':19}1\n{line}\n2 2\n", LOST_BEFORE[case], whole(40, "G013&5", "G023&6"))
    assert found.parts[0].value[:, 0].tolist()[:2] == [1000, 2000]
    assert set(found.parts[0].value[2:, 0].tolist()) == {5, 6}
    assert found.accounting.counts[Reason.CRINEX_DAMAGE] >= 1


@pytest.mark.parametrize("clock", ["", "2&5"])
@pytest.mark.parametrize("last", [f"{'':19}2\n", f"{'':19}2\n\n", next_epoch(f"{'':19}2{'':14}0{'':6}&&&&&&")])
def test_a_clock_line_lost_in_the_last_epoch_but_one_gives_no_value_to_another_satellite(clock, last):
    start = whole(0, "G013&1000 3&1000", "G023&2000 3&2000", clock=clock)
    found = reading(HEAD3, start, f"{'':19}1\n1 1\n2 2\n", last)
    assert found.parts[0].value[:, 0].tolist() == [1000, 2000]
    assert found.accounting.counts.keys() & {Reason.CRINEX_DAMAGE, Reason.TRUNCATED}


@pytest.mark.parametrize("clock", ["", "2&5"])
def test_a_lost_clock_line_is_not_made_up_for_by_that_of_a_satellite(clock):
    start = whole(0, "G013&1000", "G023&2000", clock=clock)
    gap = f"{'':19}1\n1\n2\n"
    found = reading(HEAD3, start, gap, next_epoch(f"{'':19}2", "1", "2", clock=clock[2:]), whole(30, "G013&5"))
    (part,) = found.parts
    assert part.value[:, 0].tolist() == [1000, 2000, 5]
    assert found.accounting.counts[Reason.CRINEX_DAMAGE] == 1
    whole_lost = "> 2025 01 01 00 00 10.0000000  0  2      G01G02\n3&7 3&8\n3&9 3&9\n"
    found = reading(HEAD3, start, whole_lost, whole(30, "G013&5"))
    assert found.parts[0].value[:, 0].tolist() == [1000, 2000, 5]


def test_a_satellite_line_lost_or_doubled_costs_its_epoch():
    start = whole(0, "G013&1000", "G023&2000")
    after = next_epoch(f"{'':19}2", "1", "2") + whole(30, "G013&5")
    for lines in (["1"], ["1", "1", "2"], ["1", "2", "2"]):
        found = reading(HEAD3, start, next_epoch(f"{'':19}1", *lines), after)
        assert found.parts[0].value[:, 0].tolist() == [1000, 2000, 5]
        assert found.accounting.counts[Reason.CRINEX_DAMAGE] == 1


def test_the_shared_file_of_clock_offsets_without_a_start(shared_data):
    found = reading((shared_data / "faults" / "crx3-clock-offset-without-a-start.crx").read_text())
    (part,) = found.parts
    assert part.value[:, 0].tolist() == [20_000_000_000 + 1000 * number for number in range(5)]
    assert (part.value[:, 1] != MISSING).all()
    assert (part.rx_clock_offset_ps == MISSING).all()
    assert found.accounting.counts == {Reason.BAD_VALUE: 5}


def test_picoseconds_stand_behind_the_clock_offset():
    text = whole(0, "G013&1", clock="3&1000 54321") + next_epoch(f"{'':19}1", "1", clock=" 00007")
    part = only(HEAD31, text)
    assert part.time_ps.tolist() == [54321, 7]
    assert part.rx_clock_offset_ps.tolist() == [1000, MISSING]


def test_a_whole_epoch_line_ends_all_arcs():
    found = reading(HEAD3, whole(0, "G013&1000"), whole(1, "G015"), whole(2, "G013&7"))
    assert found.parts[0].value[:, 0].tolist() == [1000, 7]
    assert found.accounting.counts == {Reason.CRINEX_DAMAGE: 1}
    assert found.accounting.line_counts["crinex_damage"] == 3


def test_event_records_are_text_and_may_change_the_types():
    change = "> 2025 01 01 00 00 10.0000000  4  1\n" + record("G    1 L5Q", "SYS / # / OBS TYPES")
    part = only(HEAD3, whole(0, "G013&1000"), change, whole(20, "G013&5"))
    assert [column.code for column in part.columns["G"]] == ["C1C", "L1C", "D1C", "S1C", "L5Q"]
    assert part.value.tolist() == [[1000] + [MISSING] * 4, [MISSING] * 4 + [5]]


def test_damage_costs_everything_until_the_next_whole_epoch_line():
    damaged = next_epoch(f"{'':19}1", "1x") + next_epoch(f"{'':19}2", "1") + next_epoch(f"{'':19}3", "1")
    text = whole(0, "G013&1000") + damaged + whole(30, "G013&5")
    found = reading(HEAD3, text)
    assert found.parts[0].value[:, 0].tolist() == [1000, 5]
    assert found.accounting.line_counts["crinex_damage"] == 9


def test_a_value_too_large_for_its_field_is_damage():
    found = reading(HEAD3, whole(0, "G013&9999999999999"), next_epoch(f"{'':19}1", "1"), whole(30, "G013&5"))
    assert found.parts[0].value[:, 0].tolist() == [9999999999999, 5]


def test_a_file_cut_inside_a_number_invents_nothing():
    text = HEAD3 + whole(0, "G013&1000") + next_epoch(f"{'':19}1", "12345")
    for cut in range(len(HEAD3 + whole(0, "G013&1000")), len(text)):
        part = only(text[:cut])
        assert part.value[:, 0].tolist() == [1000]


def test_a_file_cut_inside_the_indicators_keeps_none_that_was_changed_behind_the_cut():
    first = HEAD3 + whole(0, "G013&1000 3&2000   4567")
    text = (first + next_epoch(f"{'':19}1", "1 1   & 8")).rstrip("\n")
    for cut in range(len(first), len(text) + 1):
        assert only(text[:cut]).lli[:, :2].tolist() == [[4, 6]]
    whole_width = only(text + "    5")
    assert whole_width.lli[:, :2].tolist() == [[4, 6], [-1, 8]]
    assert whole_width.ssi[:, :4].tolist() == [[5, 7, -1, -1], [5, 7, -1, 5]]


def test_an_unknown_version_of_crinex_is_refused():
    with pytest.raises(ReadError) as caught:
        read((compact("2.0", header3()) + whole(0, "G013&1")).encode())
    assert caught.value.reason == Reason.UNSUPPORTED_VERSION


def crinex_files(folder: Path) -> list[Path]:
    """Return the real files that are CRINEX inside."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.name.lower()
        if path.is_file() and (".crx" in name or name.endswith((".z", ".zip")) or "d" in name.split(".")[1][2:3]):
            found.append(path)
    return found


def differing(ours: Observations, theirs: Observations) -> list[str]:
    """Name the arrays that differ."""
    names = ("time_100ns", "epoch_flag", "rx_clock_offset_ps", "first_row", "row_sv", "value", "lli", "ssi")
    return [name for name in names if not np.array_equal(getattr(ours, name), getattr(theirs, name))]


UNREADABLE_BY_CRX2RNX = {"crinex_event_clocks_v4.crx": "CRINEX 3.1, which the version of the package does not know"}


@pytest.mark.heavy
@pytest.mark.corpus
def test_every_real_file_is_decoded_as_the_reference_program_does(shared_data):
    compared = 0
    for path in crinex_files(shared_data / "rinex"):
        content = path.read_bytes()
        if path.name in UNREADABLE_BY_CRX2RNX or b"COMPACT RINEX" not in next(members(content, 1 << 30)).content[:80]:
            continue
        try:
            ours = read(content)
        except ReadError as error:
            assert error.reason == Reason.NO_EPOCHS, path.name  # noqa: PT017 - some files have only a header
            continue
        theirs = read(content, ReadOptions(decoder="hatanaka"))
        assert len(ours.parts) == len(theirs.parts)
        for mine, other in zip(ours.parts, theirs.parts, strict=True):
            assert differing(mine, other) == [], path.name
        assert ours.accounting.lines == next(members(content, 1 << 30)).content.count(b"\n")
        compared += 1
    assert compared > 100


def test_the_reference_program_reads_what_these_tests_write():
    text = (HEAD3 + whole(0, "G013&1000 3&2000   4567") + next_epoch(f"{'':19}1", "1 1   & 8")).encode()
    assert b"1.001" in hatanaka.crx2rnx(text)
