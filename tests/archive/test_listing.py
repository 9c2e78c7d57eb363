import gzip
import os

import pytest

from gnssice_batch.archive.listing import access, etag, group_name, list_files
from gnssice_batch.config import Archive, Receiver
from gnssice_batch.errors import ArchiveError, PlanError
from gnssice_batch.model.grid import DAY_NS, SECOND_NS
from tests.support.runs import DAY_ONE_S, rinex, span_s, write

DAY_ONE_NS = DAY_ONE_S * SECOND_NS
LONG = "STAT00AUT_R_20250010000_01D_30S_MO.crx.gz"


def listed(folder, files, **settings):
    write(folder, {uri: rinex([DAY_ONE_S]) if content is None else content for uri, content in files.items()})
    return list_files(Archive(url=str(folder), **settings))


def owners(listing):
    return {file.uri: file.receiver for file in listing.files}


def whys(listing):
    return {passed.uri: passed.why for passed in listing.skipped}


def test_a_receiver_per_station(tmp_path):
    listing = listed(
        tmp_path,
        {
            LONG: None,
            "2025/ract0010.25d.gz": None,
            "2025/RACT0020.25O": None,
            "deep/er/ract001a15.25d.gz": None,
            "ract0010.25n": b"",
            "STAT00AUT_R_20250010000_01D_MN.rnx": b"",
            "readme.txt": b"nothing",
            "unnamed": rinex([DAY_ONE_S], marker="My Marker 7"),
        },
    )
    assert owners(listing) == {
        LONG: "stat00aut",
        "2025/ract0010.25d.gz": "ract",
        "2025/RACT0020.25O": "ract",
        "deep/er/ract001a15.25d.gz": "ract",
        "unnamed": "my_marker_7",
    }
    assert [file.receiver for file in listing.files] == sorted(file.receiver for file in listing.files)
    assert whys(listing) == {
        "ract0010.25n": "navigation file by its name",
        "STAT00AUT_R_20250010000_01D_MN.rnx": "navigation file by its name",
        "readme.txt": "neither name nor header tell a station of this archive",
    }


def test_what_names_promise(tmp_path):
    listing = listed(tmp_path, {LONG: None, "ract001b15.25d.gz": None, "ract0020.25d": None})
    spans = {file.uri: (file.start_ns - DAY_ONE_NS, file.end_ns - DAY_ONE_NS) for file in listing.files}
    quarter_ns = 900 * SECOND_NS
    assert spans == {
        LONG: (0, DAY_NS),
        "ract001b15.25d.gz": (5 * quarter_ns, 6 * quarter_ns),
        "ract0020.25d": (DAY_NS, 2 * DAY_NS),
    }
    assert {file.size_bytes for file in listing.files} == {len(rinex([DAY_ONE_S]))}
    assert all(file.etag for file in listing.files)


def test_what_headers_promise_where_names_say_nothing(tmp_path):
    content = gzip.compress(rinex(span_s(DAY_ONE_S + 60, 5)))
    (file,) = listed(tmp_path, {"a/b.dat": content}).files
    assert file.receiver == "stat"
    assert file.start_ns == DAY_ONE_NS + 60 * SECOND_NS
    (file,) = listed(tmp_path / "other", {"x": rinex([DAY_ONE_S]).replace(b"TIME OF FIRST OBS", b"COMMENT")}).files
    assert (file.start_ns, file.end_ns) == (None, None)


def test_the_path_names_the_receiver(tmp_path):
    files = {f"site/{folder}/2025/{LONG}": None for folder in ("01_Reference", "02_canopy")}
    listing = listed(tmp_path, files | {"elsewhere/x.txt": b"", LONG: None}, layout="site/{receiver}/**")
    assert set(owners(listing).values()) == {"01_reference", "02_canopy"}
    assert set(whys(listing)) == {"elsewhere/x.txt", LONG}


def test_receivers_of_the_settings(tmp_path):
    files = {"one/ract0010.25o": None, "two/ract0010.25o": None, "two/abcd0010.25o": None, "three/zzzz": None}
    receivers = {
        "canopy": Receiver(station="RACT", include=("two/*",)),
        "reference": Receiver(include=("one/*",)),
        "by_header": Receiver(station="stat", include=("three/*",)),
    }
    listing = listed(tmp_path, files, receivers=receivers)
    assert owners(listing) == {"one/ract0010.25o": "reference", "two/ract0010.25o": "canopy", "three/zzzz": "by_header"}
    assert whys(listing) == {"two/abcd0010.25o": "station ABCD is none of archive.receivers"}


def test_files_claimed_twice_are_all_named(tmp_path):
    receivers = {"one": Receiver(station="ract"), "two": Receiver(include=("**",))}
    with pytest.raises(PlanError) as caught:
        listed(tmp_path, {"ract0010.25o": None, "ract0020.25o": None, "abcd0010.25o": None}, receivers=receivers)
    assert caught.value.conflicts == tuple(
        f"{uri}: belongs to several receivers (one, two); narrow archive.receivers"
        for uri in ("ract0010.25o", "ract0020.25o")
    )


def test_globs(tmp_path):
    files = {"a/ract0010.25o": None, "b/ract0020.25o": None, "b/old/ract0030.25o": None}
    assert set(owners(listed(tmp_path, files, include=("b/**",)))) == {"b/ract0020.25o", "b/old/ract0030.25o"}
    assert set(owners(listed(tmp_path, {}, include=("b/**",), exclude=("*/old/*",)))) == {"b/ract0020.25o"}


def test_a_replaced_file_has_another_etag(tmp_path):
    (before,) = listed(tmp_path, {LONG: None}).files
    os.utime(tmp_path / LONG, (10**9, 10**9))
    (after,) = listed(tmp_path, {}).files
    assert before.etag != after.etag
    assert etag({"ETag": '"abc"', "mtime": 5}) == "abc"
    assert etag({}) == ""


def test_an_archive_that_is_not_there(tmp_path):
    with pytest.raises(ArchiveError, match=r"check archive\.url"):
        list_files(Archive(url=str(tmp_path / "nowhere")))
    with pytest.raises(ArchiveError, match="can't be opened"):
        list_files(Archive(url="nosuchscheme://x"))
    with pytest.raises(ArchiveError, match="gone: the archive"):
        access(Archive(url=str(tmp_path))).fetch("gone")


def test_fetching_a_part(tmp_path):
    write(tmp_path, {"f": b"0123456789"})
    archive = access(Archive(url=tmp_path.as_uri()))
    assert archive.fetch("f") == b"0123456789"
    assert archive.fetch("f", 4) == b"0123"


def test_archives_in_memory_list_like_folders(tmp_path):
    """Any filesystem that fsspec knows; this one has no ETag and no modification time as a local one has."""
    import fsspec

    filesystem = fsspec.filesystem("memory")
    filesystem.pipe(f"/{tmp_path.name}/x/{LONG}", rinex([DAY_ONE_S]))
    listing = list_files(Archive(url=f"memory://{tmp_path.name}"))
    assert owners(listing) == {f"x/{LONG}": "stat00aut"}
    assert access(Archive(url=f"memory://{tmp_path.name}")).fetch(f"x/{LONG}", 10) == rinex([DAY_ONE_S])[:10]


@pytest.mark.parametrize(
    ("station", "group"), [("RACT", "ract"), (" My Site/7 ", "my_site_7"), ("a..b-c", "a..b-c"), ("__", ""), ("é", "")]
)
def test_group_names(station, group):
    assert group_name(station) == group
