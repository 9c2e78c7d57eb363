"""The second reader: as the first one reads, on what is written for it and on real files; else it says why not."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import hatanaka
import numpy as np
import pytest
from hypothesis import assume, given, settings

from gnssice_batch.errors import ReadError
from gnssice_batch.rinex import read
from gnssice_batch.rinex.plain import MISSING, DeclinedError, read_plainly
from tests.support import samples, writer
from tests.support.plain import differences, values
from tests.support.strategies import files

LIMIT = 1 << 30
ENDS_WITHIN = "its last line does not end"


def plainly(content, overrides=None):
    return read_plainly(content, overrides or {}, LIMIT)


def agree(content):
    try:
        series = plainly(content)
    except DeclinedError as error:
        assume(str(error) != ENDS_WITHIN)
        raise
    assert list(differences(read(content), series)) == []


@pytest.mark.heavy
@given(files(steady=True))
@settings(max_examples=150)
def test_text_is_read_as_the_first_reader_reads_it(file):
    agree(writer.text(file))


@pytest.mark.heavy
@given(files(steady=True, compactible=True))
@settings(max_examples=100)
def test_crinex_is_read_as_the_first_reader_reads_it(file):
    agree(writer.compact(replace(file, last_newline=True)))


@pytest.mark.heavy
@given(files())
@settings(max_examples=50)
def test_types_that_change_are_declined_or_change_nothing(file):
    content = writer.text(file)
    changes = any(isinstance(item, writer.TypeChange) for item in file.items)
    try:
        series = plainly(content)
    except DeclinedError as error:
        why = str(error)
    else:
        why = ""
        assert list(differences(read(content), series)) == []
    assert changes or why in {"", ENDS_WITHIN}


def of(series, sv, code):
    """Epochs, values and both indicators of a signal."""
    for block in series.blocks:
        codes = [column.code for column in block.columns]
        if sv in block.svs and code in codes:
            k, rows = codes.index(code), block.sv == block.svs.index(sv)
            told = (block.value[k, rows], block.lli[k, rows], block.ssi[k, rows])
            return block.epoch[rows].tolist(), *(array.tolist() for array in told)
    return None


SCALED = [
    ["G  100"],
    ["G  100   0", "", ""],
    ["", "G  100   2 C1C L1C"],
    ["G  100   2 C1C L1C", ""],
    ["G  100   2 C1C", "", f"{'':10} L1C", "G   10   1 S1C"],
    ["G    1   2 C1C C9C", "E    1"],
]


@pytest.mark.parametrize("factors", SCALED)
def test_scale_factors_are_read_as_the_first_reader_reads_them(factors):
    records = [samples.record(line, "SYS / SCALE FACTOR") for line in factors]
    agree((samples.header3(*records) + samples.GOOD).encode())


@pytest.mark.parametrize(
    "factors",
    [["G  100   2 C1C"], ["G  100   2", ""], ["G  100   1 C1C L1C"], ["G  100", f"{'':10} L1C"], [f"{'':10} L1C"],
     ["G  100   1 C9C"], ["E  100"], ["G  100", "G   10"], ["     100   1 L1C"], ["G    7"]],
)  # fmt: skip
def test_scale_factors_that_are_in_doubt_are_declined(factors):
    records = [samples.record(line, "SYS / SCALE FACTOR") for line in factors]
    with pytest.raises(DeclinedError, match=r"scale factors|SCALE FACTOR can't be read"):
        plainly((samples.header3(*records) + samples.GOOD).encode())


def crinex3(*lines, types="G    2 C1C L1C", version="3.0", rinex="3.04"):
    header = samples.compact(version, samples.header3(types=types, version=rinex))
    return (header + "".join(f"{line}\n" for line in lines)).encode()


WHOLE = "> 2025 01 01 00 00  0.0000000  0  1      G01"


def next_epoch(seconds):
    return " " * 20 + str(seconds)


def test_arcs_are_summed_to_their_order():
    values_ = [20_000_000_000, 20_000_000_700, 20_000_001_500, 20_000_002_401, 20_000_003_404]
    first = np.diff(values_)
    second, third = np.diff(first), np.diff(first, n=2)
    told = [f"3&{values_[0]} 0&5", f"{first[0]} 6", f"{second[0]}", f"{third[0]} 0&9", f"{third[1]}"]
    lines = [WHOLE, "", told[0], *(line for at in range(1, 5) for line in (next_epoch(at), "", told[at]))]
    epochs, found, _, _ = of(plainly(crinex3(*lines)), "G01", "C1C")
    assert epochs == [0, 1, 2, 3, 4]
    assert found == values_
    assert of(plainly(crinex3(*lines)), "G01", "L1C")[1] == [5, 6, MISSING, 9, MISSING]


def test_indicators_hold_until_they_are_changed():
    lines = [WHOLE, "", "0&5 0&5 1234", next_epoch(1), "", "6 6    &", next_epoch(2), "", "7 7 &"]
    series = plainly(crinex3(*lines))
    assert of(series, "G01", "C1C")[2:] == ([1, 1, -1], [2, 2, 2])
    assert of(series, "G01", "L1C")[2:] == ([3, 3, 3], [4, -1, -1])


def test_clock_offsets_are_summed_and_picoseconds_stand_behind_them():
    lines = [WHOLE, "2&1000 00007", "0&5", next_epoch(1), "5 12345", "6", next_epoch(2), "-2", "7"]
    lines += [next_epoch(3), "", "8"]
    series = plainly(crinex3(*lines, version="3.1", rinex="4.02"))
    assert series.rx_clock_offset_ps.tolist() == [1000, 1005, 1008, MISSING]
    assert series.time_ps.tolist() == [7, 12345, 0, 0]


@pytest.mark.parametrize("digits", ["54321", "5432", "54321x"])
@pytest.mark.parametrize("version", ["3.04", "4.01", "4.02"])
def test_picoseconds_are_five_digits_of_a_version_that_has_them(version, digits):
    told = f"{samples.epoch3(0, 1).rstrip():57}{digits}\n" + samples.WHOLE
    content = (samples.header3(version=version) + told).encode()
    compact = crinex3(WHOLE, f"2&1000 {digits}", "0&5", version="3.1", rinex=version)
    if (version, digits) == ("4.02", "54321"):
        assert plainly(content).time_ps.tolist() == plainly(compact).time_ps.tolist() == [54321]
        return
    for one in (content, compact):
        with pytest.raises(DeclinedError, match=r"behind a receiver clock offset|a number that is none"):
            plainly(one)


def test_a_satellite_that_was_away_begins_anew():
    gone = f"{next_epoch(1):34}0{'':6}&&&"
    back = f"{next_epoch(2):34}1{'':6}G01"
    series = plainly(crinex3(WHOLE, "", "0&5 0&5 12", gone, "", back, "", "0&7 0&8"))
    assert of(series, "G01", "C1C") == ([0, 2], [5, 7], [1, -1], [2, -1])


EVENT = samples.epoch3(1, 1, flag=4)
TEXT3 = samples.header3() + samples.epoch3(0, 1) + samples.WHOLE
TEXT2 = samples.header2() + samples.epoch2(0, "G01") + samples.satellite("", *samples.ROW)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (TEXT3 + TEXT3, "a line where an epoch record should be"),
        (TEXT3 + EVENT + samples.record("B", "MARKER NAME"), "an event with MARKER NAME"),
        (TEXT3 + EVENT + samples.record(samples.G_TYPES, "SYS / # / OBS TYPES"), "an event with SYS / # / OBS TYPES"),
        (TEXT3 + samples.epoch3(0, 1) + samples.WHOLE, "epochs of the same time"),
        (TEXT3 + samples.epoch3(1, 2) + samples.WHOLE, "an epoch that is not all there"),
        (TEXT3 + samples.epoch3(1, 2) + 2 * samples.WHOLE, "a satellite stands twice in an epoch"),
        (TEXT3 + samples.epoch3(1, 1) + "R01" + samples.WHOLE[3:], "a satellite of a system without types"),
        (TEXT3 + samples.epoch3(1, 1) + "X01" + samples.WHOLE[3:], "a satellite that is none"),
        (TEXT3 + samples.epoch3(1, 1) + samples.WHOLE[:3] + samples.WHOLE[4:], "a value that is no F14.3"),
        (TEXT3 + samples.epoch3(61, 1) + samples.WHOLE, "an epoch without a time"),
        (TEXT3[:-3], ENDS_WITHIN),
        (TEXT2 + samples.epoch2(1, 13 * "G01").replace(36 * " ", ""), "an epoch that is not all there"),
        (TEXT2 + samples.epoch2(1, "G01G02") + samples.satellite("", *samples.ROW), "an epoch that is not all there"),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_declined(content, why):
    with pytest.raises(DeclinedError, match=why):
        plainly(content.encode())


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((next_epoch(1), "", "5"), "an epoch line without one"),
        ((WHOLE, "", "5"), "a difference without a value"),
        ((WHOLE, "", "0&5", next_epoch(1), "", "0&5", next_epoch(2), "", "x"), "no integer"),
        ((WHOLE, "", "0&5", next_epoch(1), "", "", next_epoch(2), "", "1"), "a difference without a value"),
        ((WHOLE, "7", "0&5"), "a receiver clock offset that is no difference"),
        ((WHOLE, "", "0&5  x"), "an indicator that is no digit"),
        ((WHOLE, "", "0&99999999999999"), "more digits"),
        ((WHOLE, ""), "an epoch that is not all there"),
        ((WHOLE.replace("  1  ", "  2  "), "", "0&5"), "an epoch that is not all there"),
    ],
)
def test_damaged_crinex_is_declined(lines, why):
    with pytest.raises(DeclinedError, match=why):
        plainly(crinex3(*lines))


def test_a_power_failure_marks_the_first_phase_behind_it():
    content = samples.header3() + "".join(
        samples.epoch3(at, 1, flag) + samples.satellite("G01", *row)
        for at, (flag, row) in enumerate([(0, samples.ROW), (1, (2e7, None, 1.0)), (0, samples.ROW), (0, samples.ROW)])
    )
    assert of(plainly(content.encode()), "G01", "L1C")[2] == [-1, -1, 1, -1]


def test_an_override_names_another_signal():
    content = samples.header2() + samples.epoch2(0, "G01") + samples.satellite("", *samples.ROW)
    assert of(plainly(content.encode()), "G01", "C1C")[1] == [20_000_000_123]
    assert of(plainly(content.encode(), {"G": {"C1": "C1X"}}), "G01", "C1X")[1] == [20_000_000_123]


@pytest.mark.heavy
@pytest.mark.corpus
def test_real_files_are_read_as_the_first_reader_reads_them(shared_data, capsys):
    """Everything but what was damaged on purpose, by others or for the tests."""
    counts, declined, found = Counter(), [], 0
    for path in sorted((shared_data / "rinex").rglob("*")):
        if not path.is_file() or "invalid" in path.parts or path.suffix == ".csv":
            continue
        content = path.read_bytes()
        try:
            reading = read(content)
        except ReadError:
            continue
        try:
            series = plainly(content)
        except DeclinedError as error:
            declined.append(f"{path.name}: {error}")
            continue
        assert list(differences(reading, series)) == [], path
        counts["equal"] += 1
        found += values(series)
    with capsys.disabled():
        print(
            f"\n{counts['equal']} real files read alike, {found:,} values; {len(declined)} declined:",
            *declined,
            sep="\n  ",
        )
    assert counts["equal"] >= 200
    assert len(declined) <= 12


@pytest.mark.heavy
@pytest.mark.corpus
@pytest.mark.parametrize("name", ["AJAC_2024_daily/AJAC00FRA_R_20242090000_01D_30S_MO.crx.gz"])
def test_a_day_is_the_same_as_text(shared_data, name):
    content = (Path(shared_data) / "rinex" / "nav-solutions__data" / name).read_bytes()
    one, other = plainly(content), plainly(bytes(hatanaka.decompress(content)))
    for first, second in zip(one.blocks, other.blocks, strict=True):
        assert first.svs == second.svs
        for array in ("epoch", "value", "lli", "ssi"):
            assert np.array_equal(getattr(first, array), getattr(second, array))
