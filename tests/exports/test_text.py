"""Text that is written and read again: whatever observations there are, in milliseconds."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gnssice_batch.exports import text2, text3
from gnssice_batch.exports.columns import in_kernel, layout, observables
from gnssice_batch.exports.headers import Content, header2, header3
from gnssice_batch.exports.rinex_files import _check_values, told_of
from gnssice_batch.exports.survey import look_at, nothing_found
from gnssice_batch.exports.types2 import types_of
from gnssice_batch.exports.values import NO_CLOCK, Origin, Records, WithheldError
from gnssice_batch.model.template import signal_axis
from gnssice_batch.model.values import HeaderFacts
from gnssice_batch.rinex import MISSING, dense, read
from tests.support.strategies import files
from tests.support.writer import text

ORIGIN = Origin("stores/x", "rec", "V", "2025-01-01T00:00:00+00:00", "STAT00XXX", HeaderFacts(marker="STAT"))
TIME_100NS = 1_419_724_800 * 10**7


def records_of(part, sids):
    arrays = tuple(np.asfortranarray(one) for one in dense(part, sids)[1:])
    clock = np.where(part.rx_clock_offset_ps == MISSING, NO_CLOCK, part.rx_clock_offset_ps)
    return Records(part.time_100ns, part.epoch_flag, clock, arrays)


def written(records, sids, *, as_rinex_2=False):
    """The text of a file, as `write_rinex` puts it together."""
    axis, found = signal_axis(sids), nothing_found(len(sids))
    look_at(records, found)
    of_system = observables(axis, found)
    types, columns = types_of(of_system) if as_rinex_2 else ((), of_system)
    made = layout(axis, found, columns)
    _check_values(sids, found, made)
    systems = "".join(dict.fromkeys(sv[0] for sv in made.svs))
    content = Content(int(records.time_100ns[0]), int(records.time_100ns[-1]), 10**9, systems, {})
    header = header2(ORIGIN, content, types) if as_rinex_2 else header3(ORIGIN, content, of_system)
    buffer = np.empty(1 << 22, np.uint8)
    write = text2.write_epochs if as_rinex_2 else text3.write_epochs
    size = write(buffer, 0, records.size, told_of(records), in_kernel(made), records.arrays)
    return header + buffer[:size].tobytes()


def same(records, sids, content):
    """Hold what is read of a file against what it was written of; return the number of values."""
    (part,) = read(content).parts
    harmless = {reason for reason in part.accounting.counts if not reason.loses}
    assert part.accounting.counts.keys() == harmless
    again = records_of(part, sids)
    assert again.time_100ns.tolist() == records.time_100ns.tolist()
    assert again.flag.tolist() == records.flag.tolist()
    assert again.clock_ps.tolist() == records.clock_ps.tolist()
    for number, (have, want) in enumerate(zip(again.arrays, records.arrays, strict=True)):
        np.testing.assert_array_equal(have, want, str(number))
    return sum(int((~np.isnan(one)).sum()) for one in records.arrays[:4])


@given(files())
@settings(max_examples=60)
def test_any_file_comes_again(file):
    """Files as they are: scale factors, lone indicators, power failures, changes of types.

    With 24 bits the widest numbers of a field become wider than it: those are refused.
    """
    (part,) = read(text(replace(file, time_system="GPS"))).parts
    sids = dense(part).sids or ("G01|L1|C",)
    records = records_of(part, sids)
    with suppress(WithheldError):
        same(records, sids, written(records, sids))


VALUES = st.one_of(
    st.just(float("nan")),
    st.integers(-999_999_999_999, 9_999_999_999_999).filter(bool).map(lambda number: number / 1000),
)
SINGLE = st.one_of(st.just(float("nan")), st.integers(-60_000_000, 60_000_000).filter(bool).map(lambda n: n / 1000))
SIDS = ("C01|B1C|P", "C01|B1I|I", "E05|E5|Q", "G01|L1|C", "G01|L2|W", "J01|L6|L", "R24|G1|C", "R24|G3|Q", "S20|L5|I")


@st.composite
def observations(draw, sids):
    epochs = draw(st.integers(1, 4))
    cells = epochs * len(sids)

    def cube(values, dtype):
        return np.array(draw(st.lists(values, min_size=cells, max_size=cells)), dtype).reshape(len(sids), epochs).T

    arrays = (
        cube(SINGLE, "float32"),
        cube(VALUES, "float64"),
        cube(VALUES, "float64"),
        cube(SINGLE, "float32"),
        cube(st.integers(-1, 7), "int8"),
        cube(st.integers(-1, 9), "int8"),
    )
    alone = np.isnan(arrays[:4]).all(axis=0).all(axis=0)
    for indicators in arrays[4:]:
        indicators[:, alone] = -1
    steps = draw(st.lists(st.integers(1, 10**9), min_size=epochs, max_size=epochs))
    clocks = st.just(NO_CLOCK) | st.integers(-9_999_999_999_999, 99_999_999_999_999)
    clock = draw(st.lists(clocks, min_size=epochs, max_size=epochs))
    return Records(TIME_100NS + np.cumsum(steps), np.zeros(epochs, np.int8), np.array(clock, np.int64), arrays)


@given(observations(SIDS))
@settings(max_examples=60)
def test_any_observations_come_again(records):
    same(records, SIDS, written(records, SIDS))


SIDS_2 = ("E05|E1|X", "G01|L1|C", "G01|L2|W", "R24|G1|C", "R24|G2|P", "S20|L1|C")


@given(observations(SIDS_2))
@settings(max_examples=60)
def test_any_observations_of_rinex_2_come_again(records):
    """RINEX 2 has one list of types: these signals have one whichever of their observables there are, or it is said."""
    thousands = np.where(records.clock_ps == NO_CLOCK, NO_CLOCK, records.clock_ps // 1000 * 1000)
    records = records._replace(clock_ps=thousands)
    with suppress(WithheldError):
        same(records, SIDS_2, written(records, SIDS_2, as_rinex_2=True))


def test_more_satellites_than_a_line_of_rinex_2_holds():
    sids = tuple(f"G{number:02d}|L1|C" for number in range(1, 33))
    for count in (0, 1, 11, 12, 13, 24, 25, 32):
        arrays = [np.full((2, 32), np.nan, dtype, order="F") for dtype in ("f4", "f8", "f8", "f4")]
        arrays += [np.full((2, 32), -1, np.int8, order="F") for _ in range(2)]
        arrays[1][0, :count] = 21_000_000.001
        arrays[2][1, :] = 1.5
        clock = np.array([123_456_789_000, NO_CLOCK])
        records = Records(TIME_100NS + np.array([0, 1]), np.zeros(2, np.int8), clock, tuple(arrays))
        for as_rinex_2 in (True, False):
            content = written(records, sids, as_rinex_2=as_rinex_2)
            assert same(records, sids, content) == count + 32
            assert max(map(len, content.splitlines())) <= 80
