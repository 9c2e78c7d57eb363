"""What else lies in a zip or tar with observations is named and costs nothing; what claimed to be some is a loss."""

import io
import zipfile

import pytest

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import Reading, read
from gnssice_batch.rinex.names import claims_observations
from tests.support.samples import WHOLE, epoch3, header3, record

OBSERVATIONS = (header3() + epoch3(0, 1) + WHOLE).encode()
NAVIGATION = record(f"{'3.04':>9}{'':11}{'NAVIGATION DATA':<20}M", "RINEX VERSION / TYPE").encode()
METEO = record(f"{'3.04':>9}{'':11}{'METEOROLOGICAL DATA':<20}", "RINEX VERSION / TYPE").encode()


def of_zip(**more: bytes) -> Reading:
    """Read a zip of an observation file and others, by name; in a name a dot is written as two underscores."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in {"abcd0010__25o": OBSERVATIONS, **more}.items():
            archive.writestr(name.replace("__", "."), content)
    return read(out.getvalue())


OTHERS = {
    "navigation": {"abcd0010__25n": NAVIGATION},
    "navigation under any name": {"something": NAVIGATION, "abcd0020__25o": NAVIGATION},
    "meteo": {"abcd0010__25m": METEO},
    "a readme": {"README": b"hello\n", "notes__txt": b"more\n", "picture": bytes(range(1, 200))},
    "an empty file": {"empty": b""},
    "what macOS adds": {"MACOSX/___abcd0010__25o": b"\x00\x05\x16\x07junk"},
    "damaged navigation": {"abcd0010__25n__gz": b"\x1f\x8b\x08garbage"},
}


@pytest.mark.parametrize("kind", OTHERS)
def test_members_that_never_claimed_to_be_observations_cost_nothing_and_are_named(kind):
    found = of_zip(**OTHERS[kind])
    assert len(found.parts) == 1
    assert found.accounting.counts == {Reason.OTHER_MEMBER: len(OTHERS[kind])}
    assert found.accounting.offence is None
    assert found.others == tuple(name.replace("__", ".") for name in OTHERS[kind])
    assert found.accounting.lines == sum(found.accounting.line_counts.values())
    assert not Reason.OTHER_MEMBER.loses


CLAIMED = {
    "garbage in an observation file": {"abcd0020__25o": b"garbage\n"},
    "an empty observation file": {"abcd0020__rnx": b""},
    "a damaged one": {"abcd0020__25o__gz": b"\x1f\x8b\x08garbage"},
    "a damaged one of no name": {"thing__gz": b"\x1f\x8b\x08garbage"},
    "a header that does not end": {"thing": OBSERVATIONS.replace(b"END OF HEADER", b"COMMENT      ")},
    "a header only": {"thing": header3().encode()},
}


@pytest.mark.parametrize("kind", CLAIMED)
def test_members_that_claimed_to_be_observations_are_a_loss(kind):
    found = of_zip(**CLAIMED[kind])
    assert found.accounting.counts == {Reason.MEMBER_REFUSED: 1}
    assert found.others == ()


def test_a_zip_of_other_files_only_is_no_observation_file():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.24n", NAVIGATION)
    with pytest.raises(ReadError) as caught:
        read(out.getvalue())
    assert caught.value.reason == Reason.NOT_OBSERVATIONS


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("abcd0010.25o", True), ("a/b/abcd0010.25d.Z", True), ("ABCD00AUT_R_20250010000_01D_30S_MO.crx.gz", True),
        ("b.rnx", True), ("x.25o.xz", True), ("ABCD00AUT_R_20250010000_01D_MN.rnx.gz", False), ("abcd0010.25n", False),
        ("a.24n", False), ("._b.rnx", False), ("README", False), ("picture", None), ("a.gz", None),
    ],
)  # fmt: skip
def test_a_name_claims_observations_or_tells_nothing(name, claims):
    assert claims_observations(name) is claims


def test_the_shared_zip_with_navigation_is_whole(shared_data):
    found = read((shared_data / "faults" / "zip_with_nav.zip").read_bytes())
    assert found.accounting.counts == {Reason.OTHER_MEMBER: 2}
    assert found.others == ("nav/a.24n", "__MACOSX/._b.rnx")
    whole = read((shared_data / "faults" / "gz_trailing_garbage.gz").read_bytes())
    assert whole.accounting.counts == {Reason.TRAILING_BYTES: 1}
    assert whole.parts[0].time_100ns.size == 3
