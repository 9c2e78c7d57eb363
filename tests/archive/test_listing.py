import gzip
import os

import pytest

import gnssice_batch.archive.listing
from gnssice_batch.archive.listing import access, list_files
from gnssice_batch.archive.listing import listing as list_entries
from gnssice_batch.archive.skipped import by_kind
from gnssice_batch.config import Archive, Receiver
from gnssice_batch.errors import ArchiveError, PlanError
from gnssice_batch.model.grid import DAY_NS, SECOND_NS
from gnssice_batch.rinex import read_header
from gnssice_batch.storage.entries import Entry, Listed, Other, OtherKind
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
        "readme.txt": "the name has none of the known forms, and the header can't be read:"
        " not_rinex: no RINEX VERSION / TYPE in the first line (line 1)",
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
    assert whys(listing) == {"two/abcd0010.25o": "archive.receivers has no receiver for station ABCD"}


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


def kinds(listing):
    return {file.uri: (str(file.kind), file.observations) for file in listing.skipped}


def test_every_kind_of_skipped_file(tmp_path):
    files = {
        "rec/ract0010.25o": None,
        "ract0020.25o": None,
        "ract0010.25n": b"",
        "ract0010.25m": b"",
        "ract0010.25s": b"",
        "readme.txt": b"nothing",
        "odd.rnx": b"<html>",
        "old/ract0030.25o": None,
        "rec/tmp": None,
    }
    listing = listed(tmp_path, files, layout="{receiver}/*", exclude=("old/*", "*/tmp"))
    assert kinds(listing) == {
        "ract0020.25o": ("no_receiver", True),
        "ract0010.25n": ("navigation", False),
        "ract0010.25m": ("meteo", False),
        "ract0010.25s": ("other_product", False),
        "readme.txt": ("unknown", False),
        "odd.rnx": ("unknown", True),
        "old/ract0030.25o": ("excluded", False),
        "rec/tmp": ("excluded", False),
    }
    assert by_kind(listing.skipped) == {
        "no_receiver": 1, "unknown": 2, "navigation": 1, "meteo": 1, "other_product": 1, "excluded": 2,
    }  # fmt: skip
    said = whys(listing)
    assert said["ract0020.25o"] == "archive.layout ({receiver}/*) has no receiver for its path"
    assert said["rec/tmp"] == "archive.exclude has */tmp"
    assert whys(listed(tmp_path, {}, include=("rec/*",)))["readme.txt"] == "not among archive.include"


def test_observations_without_a_marker_stand_out(tmp_path):
    """A header that can be read and names nobody: the operator has to say whose the file is."""
    listing = listed(tmp_path, {"x.dat": rinex([DAY_ONE_S], marker="")})
    assert kinds(listing) == {"x.dat": ("unknown", True)}
    assert "the header has no marker to find a receiver by" in whys(listing)["x.dat"]
    owned = listed(tmp_path, {}, receivers={"mine": Receiver(include=("*.dat",))})
    assert (owners(owned), owned.skipped) == ({"x.dat": "mine"}, ())


def test_a_marker_that_no_receiver_has(tmp_path):
    listing = listed(tmp_path, {"x": rinex([DAY_ONE_S], marker="OTHR")}, receivers={"a": Receiver(station="stat")})
    assert kinds(listing) == {"x": ("no_receiver", True)}
    assert whys(listing) == {"x": "archive.receivers has no receiver for marker 'OTHR'"}


def test_a_header_that_the_reader_fails_at_is_skipped_with_its_name(tmp_path, monkeypatch):
    def fail(prefix):
        if b"BAD" in prefix:
            raise ZeroDivisionError
        return read_header(prefix)

    monkeypatch.setattr(gnssice_batch.archive.listing, "read_header", fail)
    listing = listed(tmp_path, {"x": rinex([DAY_ONE_S], marker="BAD"), "y": None})
    assert owners(listing) == {"y": "stat"}
    assert kinds(listing) == {"x": ("unknown", True)}
    assert "reader_failed: ZeroDivisionError, in gnssice_batch.archive.listing._header, line" in whys(listing)["x"]
    assert "please report" in whys(listing)["x"]


def test_a_replaced_file_has_another_etag(tmp_path):
    (before,) = listed(tmp_path, {LONG: None}).files
    os.utime(tmp_path / LONG, (10**9, 10**9))
    (after,) = listed(tmp_path, {}).files
    assert before.etag != after.etag


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


def test_hidden_files_and_folders_are_left_out(tmp_path):
    """Unfinished copies of rsync, snapshots of a file server."""
    files = {"ract0010.25o": None, ".ract0020.25o.aB3x9Z": None, ".snapshot/ract0010.25o": None, "a/.tmp/x": b""}
    listing = listed(tmp_path, files)
    assert owners(listing) == {"ract0010.25o": "ract"}
    hidden = "a folder that is not looked into: archive.hidden is false"
    assert whys(listing) == {
        ".ract0020.25o.aB3x9Z": "hidden, and archive.hidden is false",
        ".snapshot/": hidden,
        "a/.tmp/": hidden,
    }
    assert set(owners(listed(tmp_path, {}, hidden=True))) == {*files} - {"a/.tmp/x"}


def closed(path, **settings):
    """The listing of an archive that holds a file and a folder that is closed."""
    others = {path: Other(OtherKind.CLOSED, "can't be listed: Permission denied")}
    entries = {"ract0010.25o": Entry(1, "x")}
    return list_entries(Listed(entries, others), Archive(url="somewhere", **settings))


def test_a_folder_that_is_closed_ends_the_run():
    with pytest.raises(
        ArchiveError, match=r"of the archive somewhere a/2025/ can't be listed: Permission denied; make"
    ):
        closed("a/2025/")


def test_a_folder_that_is_closed_may_be_left_out():
    listing = closed("a/2025/", exclude=("a/2025/*",))
    assert owners(listing) == {"ract0010.25o": "ract"}
    assert kinds(listing) == {"a/2025/": ("excluded", False)}


@pytest.mark.parametrize("elsewhere", [{"include": ("rinex/**",)}, {"layout": "rinex/{receiver}/*"}])
def test_a_closed_folder_that_nobody_looks_into_is_no_matter(elsewhere):
    listing = closed("private/", **elsewhere)
    assert kinds(listing)["private/"] == ("excluded", False)


def test_what_is_no_file_is_named_and_not_opened(tmp_path):
    tmp_path.joinpath("ract0010.25o").write_bytes(rinex([DAY_ONE_S]))
    os.mkfifo(tmp_path / "ract0020.25o")
    os.mkfifo(tmp_path / "pipe")
    listing = listed(tmp_path, {})
    assert owners(listing) == {"ract0010.25o": "ract"}
    assert kinds(listing) == {"ract0020.25o": ("no_file", True), "pipe": ("no_file", False)}


def test_names_that_are_no_utf8_are_taken(tmp_path):
    tmp_path.joinpath(os.fsdecode(b"caf\xe9.25o")).write_bytes(rinex([DAY_ONE_S]))
    listing = listed(tmp_path, {})
    assert owners(listing) == {"caf\\xe9.25o": "stat"}
    assert access(Archive(url=str(tmp_path))).fetch("caf\\xe9.25o") == rinex([DAY_ONE_S])
