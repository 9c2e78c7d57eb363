"""``dataset.gnss`` on a real file of the canopy receiver, against what its lines say."""

import numpy as np
import pytest
import xarray as xr

from gnssice_batch import open_dataset, run
from tests.support.runs import DAY_ONE_S, name, repository, rinex, settings, span_s, write

LIGHT = 299_792_458.0
L1, L2 = 1575.42e6, 1227.60e6
G02 = {"L1|C": 109_439_853.914, "L2|W": 85_277_671.332}
"""Phases of the first record of the file, in cycles."""


@pytest.fixture(scope="module")
def real(shared_data, tmp_path_factory):
    file = shared_data / "rinex" / "nfb2021__canvodpy-demo" / "ract_originals" / "ract001a00.25o"
    folder = tmp_path_factory.mktemp("real")
    write(folder / "archive", {f"ract/{file.name}": file.read_bytes()})
    chosen = settings(folder, grid={"interval_s": 5, "phase_s": 0})
    run(chosen)
    return open_dataset(str(repository(chosen)), "ract")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    write(folder / "archive", {name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1), ("G01", "E05", "R03", "R29"))})
    chosen = settings(folder)
    run(chosen)
    return open_dataset(str(repository(chosen)), "rec")


@pytest.mark.corpus
@pytest.mark.heavy
class TestRealFile:
    def test_signals_of_a_system_a_band_a_frequency(self, real):
        for word in ("G", "GPS", "gps"):
            xr.testing.assert_identical(real.gnss.by_system(word), real.sel(sid=real.system == "G"))
        assert set(real.gnss.by_system("GPS", "E").system.values) == {"G", "E"}
        xr.testing.assert_identical(real.gnss.by_band("L1"), real.sel(sid=real.band == "L1"))
        found = real.gnss.by_frequency(1575.42)
        assert {(sid[0], sid.split("|")[1]) for sid in found.sid.values} == {
            *(("G", "L1"), ("J", "L1"), ("S", "L1"), ("E", "E1"), ("C", "B1C"))
        } & {(sid[0], sid.split("|")[1]) for sid in real.sid.values}
        assert real.gnss.by_band("L1", "L2").SNR.chunks is not None

    def test_frequencies_are_exact(self, real):
        frequency_hz = real.gnss.frequency_hz
        for sid, wanted in {"G02|L1|C": L1, "G02|L2|W": L2, "E02|E1|C": L1, "E02|E5a|Q": 1176.45e6}.items():
            assert float(frequency_hz.sel(sid=sid)) == wanted
            assert float(real.gnss.wavelength_m.sel(sid=sid)) == LIGHT / wanted
        glonass = frequency_hz.sel(sid=real.band == "G1")
        for sid, found in zip(glonass.sid.values, glonass.values, strict=True):
            assert found == 1602e6 + int(real.glonass_fcn.sel(sid=sid)) * 562_500

    def test_phases_in_metres_are_those_of_the_file(self, real):
        first = real.gnss.phase_m().isel(epoch=0)
        for signal, frequency in (("L1|C", L1), ("L2|W", L2)):
            assert float(first.sel(sid=f"G02|{signal}")) == pytest.approx(G02[signal] * LIGHT / frequency, abs=1e-6)
        assert first.attrs["units"] == "m"

    def test_the_geometry_free_combination_is_that_of_the_file(self, real):
        phase = real.gnss.geometry_free("L1|C", "L2|W")
        wanted = G02["L1|C"] * LIGHT / L1 - G02["L2|W"] * LIGHT / L2
        assert float(phase.sel(sv="G02").isel(epoch=0)) == pytest.approx(wanted, abs=1e-6)
        code = real.gnss.geometry_free("L1|C", "L2|W", of="Pseudorange")
        assert float(code.sel(sv="G02").isel(epoch=0)) == pytest.approx(20_825_670.126 - 20_825_678.165, abs=1e-6)
        assert set(phase.dims) == {"epoch", "sv"}
        assert phase.chunks is not None
        satellites = {sid[:3] for sid in real.sid.values if sid.endswith("|L1|C")}
        assert set(phase.sv.values) == satellites & {sid[:3] for sid in real.sid.values if sid.endswith("|L2|W")}

    def test_two_codes_of_a_band_have_to_be_told_apart(self, real):
        with pytest.raises(
            ValueError, match=r"G\d\d has more than one signal of 'L[12]' \(.*, .*\): say which, such as L[12]\|"
        ):
            real.gnss.geometry_free("L1", "L2")
        assert real.gnss.by_system("E").gnss.geometry_free("E1", "E5a").sizes["sv"] > 3


def test_a_channel_that_is_unknown_gives_no_frequency(made):
    frequency_hz = made.gnss.frequency_hz
    assert np.isnan(frequency_hz.sel(sid="R29|G1|C"))
    assert frequency_hz.sel(sid="R03|G1|C") == 1602e6 + 5 * 562_500
    assert made.gnss.phase_m().sel(sid="R29|G1|C").isnull().all()


def test_one_signal_alone_has_its_wavelength(made):
    assert float(made.sel(sid="G01|L1|C").gnss.wavelength_m) == LIGHT / L1


def test_what_is_not_there_is_said_with_what_is(made):
    with pytest.raises(ValueError, match=r"no satellite system X; there are G, R, .*GPS"):
        made.gnss.by_system("X")
    with pytest.raises(ValueError, match="no band L9; it has E1, G1, L1"):
        made.gnss.by_band("L9")
    with pytest.raises(ValueError, match=r"no satellite has both 'L1' and 'L2'; the dataset has E1\|C, G1\|C, L1\|C"):
        made.gnss.geometry_free("L1", "L2")
    assert made.gnss.by_system("BeiDou").sizes["sid"] == 0
