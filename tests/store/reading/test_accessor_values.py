"""``dataset.gnss`` on a small dataset made by hand, every value and every word of it."""

import re

import numpy as np
import pytest
import xarray as xr

from gnssice_batch.model.template import NO_FCN
from gnssice_batch.store.reading.accessor import GnssAccessor

LIGHT = 299_792_458.0
L1, L2 = 1575.42e6, 1227.60e6
GPS = [f"G{number:02d}" for number in (8, 3, 5, 1, 7, 2, 6, 4)]
PAIRS = [f"{sv}|{signal}" for sv in GPS for signal in ("L1|C", "L2|W")]
OTHERS = {
    "G09|L1|C": L1,
    "G09|L5|Q": 1176.45e6,
    "E05|E1|C": L1,
    "E05|E1|B": L1,
    "E05|E1|A": L1,
    "R03|G1|C": 1602e6 + 5 * 562_500,
    "R03|G2|C": 1246e6 + 5 * 437_500,
    "R29|G1|C": np.nan,
    "R29|G3|Q": 1202.025e6,
}
FREQUENCIES = [L1, L2] * len(GPS) + list(OTHERS.values())
SIDS = [*PAIRS, *OTHERS]
CHANNELS = [5 if sid.startswith("R03") else NO_FCN for sid in SIDS]
PHASES = 1e8 + 12_345.678 * np.arange(2 * len(SIDS)).reshape(2, -1)
RANGES = 2e7 + 321.25 * np.arange(2 * len(SIDS)).reshape(2, -1)


@pytest.fixture
def dataset():
    along = ("epoch", "sid")
    values = {"Phase": (along, PHASES, {"long_name": "Carrier phase", "units": "cycles", "comment": "kept"})}
    of_sid = {"sid": ("sid", SIDS), "glonass_fcn": ("sid", np.array(CHANNELS, "int8"))}
    of_epoch = {"epoch": ("epoch", [10, 40]), "epoch_flag": ("epoch", np.array([0, 1], "int8"))}
    return xr.Dataset({**values, "Pseudorange": (along, RANGES)}, {**of_sid, **of_epoch})


@pytest.fixture
def gnss(dataset):
    return GnssAccessor(dataset)


def column(values, sid):
    return values[:, SIDS.index(sid)]


def chosen(dataset):
    return dataset.sid.values.tolist()


@pytest.mark.parametrize(
    ("words", "letters"), [(("GPS",), "G"), (("g",), "G"), (("Galileo", "R"), "ER"), (("IRNSS", "NavIC"), "I")]
)
def test_signals_of_systems_keep_their_order(gnss, words, letters):
    assert chosen(gnss.by_system(*words)) == [sid for sid in SIDS if sid[0] in letters]


def test_systems_that_there_are_not_are_told_in_order_with_all_that_there_are(gnss):
    known = "G, R, E, C, J, I, S, GPS, GLONASS, GALILEO, BEIDOU, QZSS, NAVIC, IRNSS, SBAS"
    with pytest.raises(ValueError, match=f"^there is no satellite system A, B, D, F, H, K, L, M; there are {known}$"):
        gnss.by_system("M", "d", "GPS", "B", "K", "L", "A", "h", "F")


def test_signals_of_bands_are_those_of_any_of_them(gnss):
    assert chosen(gnss.by_band("L5", "E1")) == ["G09|L5|Q", "E05|E1|C", "E05|E1|B", "E05|E1|A"]


def test_bands_that_there_are_not_are_told_in_order_with_all_that_there_are(gnss):
    said = "the dataset has no band B, L6, L7, L8, L9, X; it has E1, G1, G2, G3, L1, L2, L5"
    with pytest.raises(ValueError, match=f"^{said}$"):
        gnss.by_band("X", "L8", "L1", "L6", "B", "L9", "L7")
    with pytest.raises(ValueError, match=r"^the dataset has no band L1; it has none$"):
        GnssAccessor(gnss.by_system("S")).by_band("L1")


def test_a_carrier_has_the_signals_of_all_systems_on_it(gnss):
    assert chosen(gnss.by_frequency(1575.42)) == [sid for sid in SIDS if "|L1|" in sid or "|E1|" in sid]
    assert chosen(gnss.by_frequency(1604.8125)) == ["R03|G1|C"]
    assert chosen(gnss.by_frequency(1575.43)) == []


def test_frequencies_and_wavelengths_are_exact_and_say_what_they_are(gnss, dataset):
    frequency, wavelength = gnss.frequency_hz, gnss.wavelength_m
    np.testing.assert_array_equal(frequency.values, FREQUENCIES)
    np.testing.assert_array_equal(wavelength.values, LIGHT / np.array(FREQUENCIES))
    assert frequency.attrs == {"long_name": "Carrier frequency", "units": "Hz"}
    assert wavelength.attrs == {"long_name": "Carrier wavelength", "units": "m"}
    for found in (frequency, wavelength):
        assert found.dims == ("sid",)
        assert found.coords.keys() == dataset.sid.coords.keys()


def test_a_signal_alone_has_a_number_alone(dataset):
    alone = GnssAccessor(dataset.sel(sid="R03|G2|C"))
    assert alone.frequency_hz.shape == ()
    assert float(alone.frequency_hz) == 1246e6 + 5 * 437_500


def test_phases_in_metres_keep_what_else_is_said_of_phases(gnss, dataset):
    found = gnss.phase_m()
    np.testing.assert_array_equal(found.values, PHASES * (LIGHT / np.array(FREQUENCIES)))
    assert found.attrs == {"long_name": "Carrier phase in metres", "units": "m", "comment": "kept"}
    assert found.name == "Phase"
    assert found.coords.keys() == dataset.coords.keys()


@pytest.mark.parametrize("signals", [("L1|C", "L2|W"), ("L1", "L2"), ("L1", "L2|W")])
def test_the_combination_of_phases_is_the_first_less_the_second(gnss, signals):
    found = gnss.geometry_free(*signals)
    assert found.sv.values.tolist() == sorted(GPS)
    for sv in GPS:
        wanted = column(PHASES, f"{sv}|L1|C") * (LIGHT / L1) - column(PHASES, f"{sv}|L2|W") * (LIGHT / L2)
        np.testing.assert_array_equal(found.sel(sv=sv).values, wanted)
    assert found.name == "geometry_free"
    assert found.attrs["long_name"] == f"Geometry-free phase of {signals[0]} and {signals[1]}"
    assert found.attrs["units"] == "m"


def test_the_combination_of_pseudoranges_is_the_second_less_the_first(gnss):
    found = gnss.geometry_free("L1", "L2", of="Pseudorange")
    assert found.sv.values.tolist() == sorted(GPS)
    for sv in GPS:
        wanted = column(RANGES, f"{sv}|L2|W") - column(RANGES, f"{sv}|L1|C")
        np.testing.assert_array_equal(found.sel(sv=sv).values, wanted)
    assert found.attrs == {"long_name": "Geometry-free pseudorange of L1 and L2", "units": "m"}


def test_a_combination_keeps_the_coordinates_of_epochs_and_none_of_signals(gnss):
    found = gnss.geometry_free("L1", "L2")
    assert found.dims == ("epoch", "sv")
    assert {name: each.dims for name, each in found.coords.items()} == {
        "epoch": ("epoch",),
        "epoch_flag": ("epoch",),
        "sv": ("sv",),
    }
    assert found.epoch.values.tolist() == [10, 40]


def test_codes_that_have_to_be_told_apart_are_told_in_order(gnss):
    said = "E05 has more than one signal of 'E1' (A, B, C): say which, such as E1|B"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        gnss.geometry_free("E1", "L1")


def test_signals_that_no_satellite_has_both_of_are_told_with_all_that_there_are(gnss):
    there = "E1|A, E1|B, E1|C, G1|C, G2|C, G3|Q, L1|C, L2|W, L5|Q"
    said = f"no satellite has both 'L2|W' and 'G1|C'; the dataset has {there}"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        gnss.geometry_free("L2|W", "G1|C")
