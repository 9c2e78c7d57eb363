"""Observation codes are read as the signals the domain's tables say."""

from itertools import permutations

import pytest

from gnssice_batch.signals import (
    GLONASS_CHANNELS,
    SYSTEMS,
    SignalColumn,
    band_of,
    columns,
    frequencies,
    glonass_channel,
    is_pseudo_observable,
    sid,
    split_sid,
)


def read_as(system, codes, version, overrides=None):
    """Return the codes that the declared ones are read as, ``-`` for none, with a quote for each rank above 0."""
    read = columns(system, codes.split(), version, overrides)
    return " ".join("-" if column is None else column.code + "'" * column.rank for column in read)


def bands(system, codes, version="3.04"):
    return " ".join("-" if column is None else column.band for column in columns(system, codes.split(), version))


@pytest.mark.parametrize(
    ("system", "codes", "expected"),
    [
        ("G", "C1C L2W D5Q S1L C2D", "L1 L2 L5 L1 L2"),
        ("R", "C1C C2P C3Q C4A C6X", "G1 G2 G3 G1a G2a"),
        ("E", "C1C C5Q C6C C7Q C8Q", "E1 E5a E6 E5b E5"),
        ("C", "C2I C1P C5P C7I C7D C6I C8X C6A", "B1I B1C B2a B2b B2b B3I B2 B3I"),
        ("C", "C1S C1L C1Z C6D C6P C6Z C1A C1N", "B1A B1A B1A B3A B3A B3A B1C B1C"),
        ("J", "C1C C1B C1E C2L C5Q C6Z", "L1 L1 L1 L2 L5 L6"),
        ("I", "C5A S9C C1D C1P C1X", "L5 S L1 L1 L1"),
        ("S", "C1C C5I", "L1 L5"),
    ],
)
def test_bands_of_rinex_3_codes(system, codes, expected):
    assert bands(system, codes) == expected


@pytest.mark.parametrize("code", ["X1", "I1", "I1C", "X1 ", "C1", "C11", "C3C", "C9C", "", "C", "C1CC", "T1C"])
def test_what_is_no_signal_has_no_column(code):
    assert columns("G", [code], "3.04") == (None,)


def test_a_column_says_code_kind_band_and_letter():
    assert columns("E", ["S5Q"], "4.02") == (SignalColumn("S5Q", "S", "E5a", "Q"),)


def test_an_unknown_system_has_no_columns():
    assert columns("X", ["C1C"], "3.04") == (None,)


def test_a_code_declared_twice_is_one_signal():
    assert read_as("G", "C1C L1C C1C", "3.04") == "C1C L1C C1C'"


def test_codes_in_lower_case_are_read_as_upper_case():
    assert read_as("G", "c1c L1c s1C c9c", "3.04") == "C1C L1C S1C -"
    assert read_as("G", "c1 P2", "2.11") == "C1C C2W"
    assert read_as("G", "c1c C1C", "3.04") == "C1C' C1C"


@pytest.mark.parametrize(
    ("system", "codes", "version", "expected"),
    [
        ("C", "C1 C2", "2.12", {"C1": "C2I'", "C2": "C2I"}),
        ("C", "L1 C1 C2 L2", "2.12", {"C1": "C2I'", "C2": "C2I", "L1": "L2I'", "L2": "L2I"}),
        ("G", "C1 CA", "2.12", {"C1": "C1C'", "CA": "C1C"}),
        ("C", "C1I C2I", "3.02", {"C1I": "C2I'", "C2I": "C2I"}),
        ("C", "C1I C1Q C2I", "3.02", {"C1I": "C2I'", "C1Q": "C2Q", "C2I": "C2I"}),
    ],
)
def test_which_of_two_codes_of_a_signal_is_preferred_does_not_depend_on_their_order(system, codes, version, expected):
    for order in permutations(codes.split()):
        assert dict(zip(order, read_as(system, " ".join(order), version).split(), strict=True)) == expected


@pytest.mark.parametrize(("code", "pseudo"), [("X1", True), ("I1", True), ("I1 ", True), ("C9C", False), ("", False)])
def test_channel_numbers_and_ionospheric_delays_are_no_unknown_codes(code, pseudo):
    assert is_pseudo_observable(code) is pseudo


@pytest.mark.parametrize(
    ("codes", "version", "expected"),
    [
        ("C1I L1I D1I S1I C1Q", "3.02", "C2I L2I D2I S2I C2Q"),
        ("C1X L1X", "3.02", "C2X L2X"),
        ("C1X L1X", "3.03", "C2X L2X"),
        ("C2I L2I", "3.02", "C2I L2I"),
        ("C2I C2X", "3.01", "C2I C2X"),
        ("C1I C2I", "3.02", "C2I' C2I"),
        ("C1X C2X", "3.02", "C1X C2X"),
        ("C1I C1Q", "3.04", "C2I C2Q"),
        ("C1X C1D C1P C2I", "3.04", "C1X C1D C1P C2I"),
        ("C1X C1D C1P", "4.01", "C1X C1D C1P"),
        ("C1D C1P", "3.02", "C1D C1P"),
    ],
)
def test_beidou_band_1_is_read_by_version_and_letter(codes, version, expected):
    assert read_as("C", codes, version) == expected


RINEX_2 = [
    # GPS: open and precise codes, with and without the other
    ("G", "C1 L1 D1 S1", "2.11", "C1C L1C D1C S1C"),
    ("G", "P1 L1 D1 S1", "2.11", "C1W L1W D1W S1W"),
    ("G", "C1 P1 L1 S1", "2.11", "C1C C1W L1C S1C"),
    ("G", "C1 P2 L1 L2 S1 S2", "2.10", "C1C C2W L1C L2W S1C S2W"),
    ("G", "C1 C2 L1 L2 D2 S2", "2.11", "C1C C2X L1C L2X D2X S2X"),
    ("G", "C2 P2 L2 S2", "2.11", "C2X C2W L2W S2W"),
    ("G", "C5 L5 D5 S5", "2.11", "C5X L5X D5X S5X"),
    ("G", "L1 L2", "2.11", "L1C L2W"),
    ("G", "L1 L2 P1 P2", "2", "L1W L2W C1W C2W"),
    ("G", "C1 L1 I1 X1 T1 C7", "2.11", "C1C L1C - - - -"),
    # the other systems
    ("R", "C1 P1 C2 P2 L1 L2 S2", "2.11", "C1C C1P C2C C2P L1C L2P S2P"),
    ("R", "C1 C2 L1 L2 D2", "2.11", "C1C C2C L1C L2C D2C"),
    ("R", "P1 L1 P2 S2", "2.11", "C1P L1P C2P S2P"),
    ("R", "C3 L3 C6 S6", "2.11", "C3X L3X C6X S6X"),
    ("E", "C1 L1 C5 L5 C6 L6 C7 L7 C8 L8 S1", "2.11", "C1X L1X C5X L5X C6X L6X C7X L7X C8X L8X S1X"),
    ("E", "P1 P2 C2 L2", "2.11", "- - - -"),
    ("C", "C2 L2 S2 C7 L7 C6 S6", "2.11", "C2I L2I S2I C7I L7I C6I S6I"),
    ("C", "C1 L1 D1 S1", "2.11", "C2I L2I D2I S2I"),
    ("C", "C1 C2 L1 L2", "2.11", "C2I' C2I L2I' L2I"),
    ("J", "C1 L1 C2 L2 C5 S5 C6", "2.11", "C1C L1C C2X L2X C5X S5X C6X"),
    ("S", "C1 L1 C5 L5 P2 L2", "2.11", "C1C L1C C5X L5X - -"),
    ("I", "C5 L5", "2.11", "C5X L5X"),
    # letters of 2.12 and of 2.20
    ("G", "CA LA DA SA CB LB CC LC P1 L1 S1", "2.12", "C1C L1C D1C S1C C1X L1X C2X L2X C1W L1W S1W"),
    ("G", "C1 L1 P2 L2", "2.12", "C1C L1C C2W L2W"),
    ("R", "CA LA CD LD P1 L1 P2 L2 CB", "2.12", "C1C L1C C2C L2C C1P L1P C2P L2P -"),
    ("J", "CA LA CB CC LC", "2.12", "C1C L1C C1X C2X L2X"),
    ("S", "CA SA CD", "2.12", "C1C S1C -"),
    ("G", "L1 L2 LA SA S1 S2 C1 P1 P2", "2.20", "L1W L2W L1C S1C S1W S2W C1C C1W C2W"),
]


@pytest.mark.parametrize(("system", "codes", "version", "expected"), RINEX_2)
def test_rinex_2_types_are_read_by_what_else_is_listed(system, codes, version, expected):
    assert read_as(system, codes, version) == expected


@pytest.mark.parametrize("version", ["2.11", "2.12"])
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("ranges", ["C1", "P1", "C1 P1", "C1 C2", "C1 P2", "C1 P1 C2 P2", "C1 C2 P2 C5 C6 C7 C8"])
def test_every_observable_of_a_rinex_2_signal_has_its_pseudorange(system, ranges, version):
    listed = ranges.split()
    bands_listed = sorted({code[1] for code in listed if columns(system, [code], version) != (None,)})
    read = columns(system, listed + [kind + band for band in bands_listed for kind in "LDS"], version)
    pseudoranges = {(column.band, column.letter) for column in read if column and column.kind == "C"}
    others = {(column.band, column.letter) for column in read if column and column.kind != "C"}
    assert others <= pseudoranges
    assert len(others) == len({band for band, _ in pseudoranges})


@pytest.mark.parametrize(
    ("system", "codes", "version", "chosen", "expected"),
    [
        ("G", "C2 L2 S2 C1 L1", "2.11", {"C2": "C2L"}, "C2L L2L S2L C1C L1C"),
        ("G", "C2 P2 L2", "2.11", {"C2": "C2L", "L2": "L2L"}, "C2L C2W L2L"),
        ("C", "C1 C2 L1 L2", "2.11", {"C2": "C7I"}, "C2I C7I L2I L7I"),
        ("C", "C1X C2I", "3.03", {"C1X": "C1X"}, "C1X C2I"),
        ("E", "C1 C2", "2.11", {}, "C1X -"),
        ("R", "C1 P1 L1 S1", "2.11", {"L1": "L1P", "S1": "S1P"}, "C1C C1P L1P S1P"),
    ],
)
def test_settings_override_how_a_code_is_read(system, codes, version, chosen, expected):
    assert read_as(system, codes, version, {system: chosen, "S": {"C1": "C5I"}}) == expected


@pytest.mark.parametrize("code", ["C3C", "C2", "X2L", "c2L", ""])
def test_an_override_that_is_no_code_is_refused(code):
    with pytest.raises(ValueError, match="not a RINEX 3 observation code"):
        columns("G", ["C2"], "2.11", {"G": {"C2": code}})


def test_a_sid_is_put_together_and_taken_apart():
    assert sid("G01", "L1", "C") == "G01|L1|C"
    assert split_sid("C19|B1I|X") == ("C19", "B1I", "X")
    with pytest.raises(ValueError, match="unpack"):
        split_sid("G01")


FREQUENCIES = [
    ("G01|L1|C", 1575.42, 30.69),
    ("G01|L2|W", 1227.60, 30.69),
    ("G01|L5|Q", 1176.45, 24.0),
    ("E01|E1|C", 1575.42, 24.552),
    ("E01|E5a|Q", 1176.45, 20.46),
    ("E01|E5b|Q", 1207.14, 20.46),
    ("E01|E5|Q", 1191.795, 51.15),
    ("E01|E6|C", 1278.75, 40.92),
    ("C01|B1I|I", 1561.098, 4.092),
    ("C01|B1C|P", 1575.42, 32.736),
    ("C01|B2a|P", 1176.45, 20.46),
    ("C01|B2b|I", 1207.14, 20.46),
    ("C01|B3I|I", 1268.52, 20.46),
    ("C01|B2|X", 1191.795, 51.15),
    ("C01|B1A|S", 1575.42, 32.736),
    ("C01|B3A|D", 1268.52, 35.805),
    ("R01|G1|C", 1601.71875, 8.3345),
    ("R01|G2|P", 1245.78125, 6.7095),
    ("R01|G3|Q", 1202.025, 7.875),
    ("R01|G1a|A", 1600.995, 7.875),
    ("R01|G2a|A", 1248.06, 7.875),
    ("S20|L1|C", 1575.42, 30.69),
    ("S20|L5|I", 1176.45, 24.0),
    ("I01|L5|A", 1176.45, 24.0),
    ("I01|S|A", 2492.028, 16.5),
    ("I01|L1|D", 1575.42, 24.0),
    ("J01|L1|Z", 1575.42, 30.69),
    ("J01|L2|L", 1227.60, 30.69),
    ("J01|L5|Q", 1176.45, 24.0),
    ("J01|L6|L", 1278.75, 42.0),
]


@pytest.mark.parametrize(("signal", "center", "width"), FREQUENCIES)
def test_frequencies_are_those_of_canvodpy(signal, center, width):
    assert frequencies(signal) == pytest.approx((center, center - width / 2, center + width / 2), abs=1e-9)


def test_every_band_has_frequencies():
    named = {(system, band) for system in SYSTEMS for digit in "123456789" if (band := band_of(system, digit))}
    tested = {(signal[0], split_sid(signal)[1]) for signal, _, _ in FREQUENCIES}
    assert tested == named | {("C", "B1A"), ("C", "B3A")}


def test_a_glonass_channel_narrows_the_aggregated_band():
    assert frequencies("R02|G1|C", {"R02": -4}) == pytest.approx((1599.75, 1599.239, 1600.261))
    assert frequencies("R02|G2|C", {"R02": -4}) == pytest.approx((1244.25, 1243.739, 1244.761))
    assert frequencies("R02|G3|Q", {"R02": -4}) == frequencies("R02|G3|Q")
    assert frequencies("R03|G1|C", {"R02": -4}) == frequencies("R03|G1|C")


def test_a_glonass_channel_is_the_headers_else_the_tables():
    assert glonass_channel("R01", {"R01": -7}) == -7
    assert [glonass_channel(sv, {}) for sv in ("R01", "R09", "R24", "R25")] == [1, -2, 2, None]
    assert glonass_channel("R27", {"R27": 0}) == 0
    assert len(GLONASS_CHANNELS) == 24


def test_an_unknown_band_has_no_frequencies():
    assert band_of("G", "9") is None
    with pytest.raises(KeyError):
        frequencies("G01|E1|C")
