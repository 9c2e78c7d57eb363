"""Scale factor records of both formats: read as the first reader reads them, declined where they are in doubt."""

import pytest

from gnssice_batch.rinex import read
from gnssice_batch.rinex.plain import DeclinedError, read_plainly
from tests.support import samples
from tests.support.plain import differences

TYPES_2 = ("C1", "L1", "D1", "S1", "P2", "L2", "C2", "S2", "D2")
LIMIT = 1 << 30


def version_2(*records, label="OBS SCALE FACTOR"):
    types = f"{len(TYPES_2):6d}" + "".join(f"{code:>6}" for code in TYPES_2)
    scaled = [samples.record(line, label) for line in records]
    header = samples.header2(*scaled, types=types, version="2.20")
    rows = ["".join(samples.field(1000.0 * at) for at in part) + "\n" for part in (range(1, 6), range(6, 10))]
    return (header + samples.epoch2(0, "G01") + "".join(rows)).encode()


def version_3(*records):
    scaled = [samples.record(line, "SYS / SCALE FACTOR") for line in records]
    return (samples.header3(*scaled) + samples.epoch3(0, 1) + samples.WHOLE).encode()


def scales(content):
    """Factors in the order of the header's types, of a file that both readers read alike."""
    series = read_plainly(content, {}, LIMIT)
    assert list(differences(read(content), series)) == []
    (block,) = series.blocks
    return list(block.scales)


def obs(factor, count, *codes):
    return f"{factor:>6}{count:>6}" + "".join(f"{code:>6}" for code in codes)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([obs(10, 1, "C1")], [10, 1, 1, 1, 1, 1, 1, 1, 1]),
        ([obs(10, 2, "L1", "L2"), obs(1000, 1, "S1")], [1, 10, 1, 1000, 1, 10, 1, 1, 1]),
        ([obs(100, "")], [100] * 9),
        ([obs(100, 0)], [100] * 9),
        ([obs(100, 0), obs(10, 1, "D1")], [100, 100, 10] + [100] * 6),
        ([obs(100, 9, *TYPES_2[:8]), obs("", "", TYPES_2[8])], [100] * 9),
        ([obs(100, 2, "C1"), "", obs("", "", "L1")], [100, 100] + [1] * 7),
        ([f"{10:6d}{2:6d}  C1  {'L1':<6}"], [10, 10] + [1] * 7),
    ],
)
def test_factors_of_rinex_2_20(records, expected):
    assert scales(version_2(*records)) == expected


@pytest.mark.parametrize("records", [["", obs(10, 1, "C1")], [obs(10, 1, "C1"), ""]])
def test_a_blank_line_of_rinex_2_20_changes_nothing(records):
    (block,) = read_plainly(version_2(*records), {}, LIMIT).blocks
    assert list(block.scales) == [10] + [1] * 8


@pytest.mark.parametrize("label", ["OBS SCALE FACTOR", "OBS SCALE  FACTOR", "OBS SCALEFACTOR"])
def test_its_label_may_have_other_blanks(label):
    assert scales(version_2(obs(10, 1, "C1"), label=label)) == [10] + [1] * 8


def test_a_value_is_divided_by_the_factor():
    (block,) = read_plainly(version_2(obs(1000, 1, "L1")), {}, LIMIT).blocks
    physical = (block.value[:, 0] / (1000.0 * block.scales[1])).tolist()
    assert physical[1] == 2.0


@pytest.mark.parametrize(
    "records",
    [
        [obs(10, 2, "C1")],
        [obs(10, 2, "C1"), obs(100, 1, "L1")],
        [obs(10, 2)],
        [obs(10, 9, *TYPES_2[:8]), ""],
        [obs(10, 1, "C1", "L1")],
        [obs(10, "", "C1")],
        [obs(10, ""), obs("", "", "C1")],
        [obs("", "", "C1")],
        [obs(10, 1, "C9")],
        [obs(7, 1, "C1")],
        [obs("", 1, "C1")],
        [obs("x", 1, "C1")],
        [obs(10, "x", "C1")],
        [obs(10, -1)],
        [obs(10, 1, "C1"), obs(100, 1, "C1")],
        [obs(10, 1, "C1"), obs(100, 0)],
        [obs(10, 0), obs(100, 0)],
    ],
)
def test_factors_of_rinex_2_20_in_doubt_are_declined(records):
    with pytest.raises(DeclinedError, match=r"SCALE FACTOR can't be read|its scale factors are not those"):
        read_plainly(version_2(*records), {}, LIMIT)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (["G  100"], [100] * 4),
        (["G    1   3 C1C L1C C9C", "E    1   1 C1C"], [1] * 4),
        (["G  100   0"], [100] * 4),
        (["G   10   2 C1C S1C"], [10, 1, 1, 10]),
        (["G  100   2 C1C", f"{'':10} L1C"], [100, 100, 1, 1]),
        (["G  100   2 C1C", f"{'':10} L1C", "G   10   1 S1C"], [100, 100, 1, 10]),
    ],
)
def test_factors_of_rinex_3(records, expected):
    assert scales(version_3(*records)) == expected


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (["", "G  100   2 C1C L1C"], [100, 100, 1, 1]),
        (["G  100   2 C1C L1C", ""], [100, 100, 1, 1]),
        (["G  100   0", ""], [100] * 4),
    ],
)
def test_a_blank_line_changes_nothing(records, expected):
    """Held against the format alone."""
    (block,) = read_plainly(version_3(*records), {}, LIMIT).blocks
    assert list(block.scales) == expected


@pytest.mark.parametrize(
    "records",
    [["G  100   2 C1C"], ["G  100   2", ""], ["G  100   1 C1C L1C"], ["G  100", f"{'':10} L1C"], [f"{'':10} L1C"],
     ["G  100   1 C9C"], ["E  100"], ["G  100", "G   10"], ["     100   1 L1C"], ["G    7"], ["g  100   1 L1C"]],
)  # fmt: skip
def test_factors_of_rinex_3_in_doubt_are_declined(records):
    with pytest.raises(DeclinedError, match=r"SCALE FACTOR can't be read|its scale factors are not those"):
        read_plainly(version_3(*records), {}, LIMIT)


@pytest.mark.parametrize(
    "content",
    [
        version_3().replace(
            samples.record("", "END OF HEADER").encode(),
            (samples.record(obs(10, 0), "OBS SCALE FACTOR") + samples.record("", "END OF HEADER")).encode(),
        ),
        version_2("G   10   1 C1 ", label="SYS / SCALE FACTOR"),
    ],
)  # fmt: skip
def test_factors_of_the_other_format_are_declined(content):
    with pytest.raises(DeclinedError, match="its scale factors are not those"):
        read_plainly(content, {}, LIMIT)
