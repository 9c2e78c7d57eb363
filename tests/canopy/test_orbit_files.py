"""Which orbit files there are, and which of them reach a unit."""

import pytest

from gnssice_batch.canopy.orbit_files import OrbitFiles, digest, orbit_files
from gnssice_batch.model.grid import DAY_NS, SECOND_NS
from gnssice_batch.model.values import SourceFile
from tests.support.canopies import vod_settings
from tests.support.templates import DAY_ONE_NS

HOUR_NS = 3600 * SECOND_NS
BROADCAST = ("ract001a00.25p.gz", "ract001h15.25p", "BRDC00IGS_R_20250010000_01D_MN.rnx.gz", "brdc0020.25n", "odd.nav")
SP3 = (
    "COD0MGXFIN_20250010000_01D_05M_ORB.SP3.gz",
    "COD0MGXRAP_20250010000_01D_05M_ORB.SP3.gz",
    "igs23473.sp3",
    "mine.sp3",
)
OTHERS = ("ract001a00.25o", "ract001a00.25d.gz", "COD0MGXFIN_20250010000_01D_30S_CLK.CLK.gz", "notes.txt", ".x.25p")


@pytest.fixture
def listed(tmp_path):
    """Give the orbit files of a source, all kinds of files being there."""
    (tmp_path / "orbits").mkdir()
    for name in (*BROADCAST, *SP3, *OTHERS):
        (tmp_path / "orbits" / name).write_bytes(b"x")

    def files(source, **orbits):
        vod = {"orbits": {"url": str(tmp_path / "orbits"), "source": source, **orbits}}
        return orbit_files(vod_settings(tmp_path, vod=vod))

    return files


def names(files):
    return [file.uri for file in files]


def test_files_of_a_source_are_told_by_their_names(listed):
    assert set(names(listed("broadcast").files)) == set(BROADCAST)
    assert set(names(listed("sp3").files)) == set(SP3)


def test_a_final_product_comes_after_a_rapid_one(listed):
    found = names(listed("sp3").files)
    assert found.index(SP3[1]) < found.index(SP3[0])


def test_a_final_product_of_an_old_name_comes_last():
    old = [SourceFile(name, "", 1, "1") for name in ("igu23473_18.sp3", "igs23473.sp3.Z", "igr23473.sp3")]
    assert names(OrbitFiles.of("sp3", None, old).files) == ["igu23473_18.sp3", "igr23473.sp3", "igs23473.sp3.Z"]


def test_a_layout_chooses_among_them(listed):
    assert names(listed("broadcast", layout="ract*").files) == ["ract001a00.25p.gz", "ract001h15.25p"]


def test_a_unit_is_reached_by_what_may_be_valid_in_it(listed):
    morning = names(listed("broadcast").reaching(DAY_ONE_NS, DAY_ONE_NS + HOUR_NS))
    assert morning == ["BRDC00IGS_R_20250010000_01D_MN.rnx.gz", "odd.nav", "ract001a00.25p.gz"]
    evening = names(listed("broadcast").reaching(DAY_ONE_NS + 23 * HOUR_NS, DAY_ONE_NS + DAY_NS))
    assert evening == ["BRDC00IGS_R_20250010000_01D_MN.rnx.gz", "brdc0020.25n", "odd.nav"]


def test_precise_orbits_reach_no_further_than_the_nodes_beside_a_unit(listed):
    day = set(names(listed("sp3").reaching(DAY_ONE_NS, DAY_ONE_NS + DAY_NS)))
    assert day == set(SP3)
    assert names(listed("sp3").reaching(DAY_ONE_NS + 5 * DAY_NS, DAY_ONE_NS + 6 * DAY_NS)) == ["mine.sp3"]


def test_a_digest_is_of_names_sizes_and_times(listed, tmp_path):
    before = listed("sp3").files
    assert digest(before) == digest(reversed(before))
    (tmp_path / "orbits/mine.sp3").write_bytes(b"xy")
    assert digest(before) != digest(listed("sp3").files)
