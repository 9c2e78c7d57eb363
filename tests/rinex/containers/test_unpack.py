"""Containers are told by content, unpacked within a limit, and keep what came before a break."""

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile

import ncompress
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import read_header
from gnssice_batch.rinex.containers.unpack import PREFIX_BYTES, Member, members, unpack_prefix

TEXT = b"".join(b"line %06d of a RINEX file\n" % n for n in range(4000))
LIMIT = 1 << 24


def tar(files: dict[str, bytes], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tar_format) as archive:
        folder = tarfile.TarInfo("2025/001/")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("folder/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def one(name: str = "", content: bytes = TEXT) -> list[Member]:
    return [Member(name, content)]


CONTAINERS = {
    "plain": (TEXT, one()),
    "gzip": (gzip.compress(TEXT), one()),
    "gzip of two streams": (gzip.compress(TEXT[:50_000]) + gzip.compress(TEXT[50_000:]), one()),
    "gzip padded with zeros": (gzip.compress(TEXT) + bytes(700), one()),
    "gzip with a file name inside": (b"\x1f\x8b\x08\x08" + bytes(6) + b"a.crx\0" + gzip.compress(TEXT)[10:], one()),
    "compress": (ncompress.compress(TEXT), one()),
    "bzip2": (bz2.compress(TEXT), one()),
    "bzip2 of two streams": (bz2.compress(TEXT[:50_000]) + bz2.compress(TEXT[50_000:]), one()),
    "xz": (lzma.compress(TEXT), one()),
    "xz of two streams, padded": (lzma.compress(TEXT[:50_000]) + bytes(4) + lzma.compress(TEXT[50_000:]), one()),
    "gzip in gzip": (gzip.compress(gzip.compress(TEXT)), one()),
    "zip": (zipped({"a.25o": TEXT}), one("a.25o")),
    "zip, stored": (zipped({"a.25o": TEXT}, zipfile.ZIP_STORED), one("a.25o")),
    "zip of gzip": (zipped({"a.25d.gz": gzip.compress(TEXT)}), one("a.25d.gz")),
    "tar": (tar({"a.rnx": TEXT}), one("a.rnx")),
    "tar, ustar": (tar({"a.rnx": TEXT}, tarfile.USTAR_FORMAT), one("a.rnx")),
    "tar, gnu, long name": (tar({"b" * 200: TEXT}, tarfile.GNU_FORMAT), one("b" * 200)),
    "tar of many": (
        tar({"1.crx.gz": gzip.compress(TEXT), "2.crx.Z": ncompress.compress(TEXT), "readme": b"hello"}),
        [*one("1.crx.gz"), *one("2.crx.Z"), *one("readme", b"hello")],
    ),
    "tar in gzip": (gzip.compress(tar({"1.rnx.gz": gzip.compress(TEXT)})), one("1.rnx.gz")),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_its_members(name):
    content, expected = CONTAINERS[name]
    assert list(members(content, LIMIT)) == expected


@pytest.mark.parametrize("name", [name for name in CONTAINERS if "bzip2" not in name and "xz" not in name])
def test_a_prefix_gives_the_first_bytes_of_the_first_file(name):
    content, expected = CONTAINERS[name]
    found = unpack_prefix(content[: len(content) // 2])
    assert len(found) > 500
    assert expected[0].content.startswith(found)
    assert unpack_prefix(content) == expected[0].content


def test_a_prefix_of_a_zip_passes_over_its_folders():
    assert unpack_prefix(zipped({"a": TEXT})[:300]).startswith(TEXT[:20])


def test_a_prefix_of_bzip2_gives_its_whole_blocks():
    assert unpack_prefix(bz2.compress(TEXT)) == TEXT
    assert unpack_prefix(bz2.compress(TEXT)[:200]) == b""


def test_a_prefix_is_never_unpacked_beyond_its_bound():
    assert len(unpack_prefix(gzip.compress(bytes(8 * PREFIX_BYTES)))) == PREFIX_BYTES
    assert len(unpack_prefix(b"x" * (2 * PREFIX_BYTES))) == PREFIX_BYTES


@pytest.mark.parametrize("packed", [gzip.compress(TEXT), gzip.compress(TEXT[:70_000]) + gzip.compress(TEXT[70_000:])])
def test_a_cut_gzip_keeps_what_came_before(packed):
    (member,) = members(packed[:-2000], LIMIT)
    assert member.fault == Reason.TRUNCATED
    assert len(member.content) > 60_000
    assert TEXT.startswith(member.content)


def test_a_gzip_without_its_checksum_is_cut_too():
    (member,) = members(gzip.compress(TEXT)[:-1], LIMIT)
    assert member == Member("", TEXT, Reason.TRUNCATED, "ends inside a compressed stream")


def test_a_cut_bzip2_keeps_its_whole_blocks():
    long = TEXT * 12
    (member,) = members(bz2.compress(long)[:-500], LIMIT)
    assert member.fault == Reason.TRUNCATED
    assert len(member.content) >= 800_000
    assert long.startswith(member.content)


def test_a_cut_compress_keeps_what_came_before():
    (member,) = members(ncompress.compress(TEXT)[:-500], LIMIT)
    assert len(member.content) > 50_000
    assert TEXT.startswith(member.content)


def test_a_whole_stream_before_a_damaged_one_stands():
    second = bytearray(gzip.compress(TEXT))
    second[-6] ^= 1
    (member,) = members(gzip.compress(TEXT) + second, LIMIT)
    assert (member.content, member.fault) == (TEXT, Reason.TRUNCATED)
    second = bytearray(gzip.compress(TEXT))
    second[0] ^= 1
    (member,) = members(gzip.compress(TEXT) + second, LIMIT)
    assert (member.content, member.fault) == (TEXT, Reason.TRUNCATED)
    (member,) = members(gzip.compress(TEXT) + gzip.compress(TEXT)[:2], LIMIT)
    assert (member.content, member.fault) == (TEXT, Reason.TRUNCATED)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("garbage", [b"garbage!", b"\n", b"\x1a" * 100, b"<html>", TEXT])
def test_garbage_behind_a_whole_stream_costs_nothing_and_is_said(pack, garbage):
    (member,) = members(pack(TEXT) + garbage, LIMIT)
    assert (member.content, member.fault, member.oddity) == (TEXT, None, Reason.TRAILING_BYTES)
    assert not Reason.TRAILING_BYTES.loses


def test_garbage_behind_a_tar_in_gzip_costs_no_member():
    found = list(members(gzip.compress(tar({"1": TEXT, "2": TEXT})) + b"garbage", LIMIT))
    assert [(member.name, member.content, member.fault) for member in found] == [("1", TEXT, None), ("2", TEXT, None)]


@pytest.mark.parametrize(
    ("magic", "name"),
    [
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!\x1a\x07\x01\x00", "rar"),
        (b"LZIP\x01", "lzip"),
    ],
)
def test_a_container_that_is_not_unpacked_is_named(magic, name):
    packed = magic + bytes(100)
    for content in (packed, gzip.compress(packed)):
        with pytest.raises(ReadError) as caught:
            list(members(content, LIMIT))
        assert caught.value.reason == Reason.UNSUPPORTED_CONTAINER
        assert name in caught.value.detail
        assert unpack_prefix(content) == packed
        with pytest.raises(ReadError) as caught:
            read_header(content)
        assert caught.value.reason == Reason.UNSUPPORTED_CONTAINER


def test_xz_keeps_what_came_before_a_break():
    (member,) = members(lzma.compress(TEXT)[:-40], LIMIT)
    assert member.fault == Reason.TRUNCATED
    assert member.content
    assert TEXT.startswith(member.content)


def test_a_cut_tar_keeps_the_members_before_and_says_so():
    whole = tar({"1": TEXT, "2": TEXT})
    first, second = members(whole[: len(whole) // 2 + 20_000], LIMIT)
    assert first == Member("1", TEXT)
    assert (second.name, second.fault) == ("2", Reason.TRUNCATED)
    assert second.content
    assert TEXT.startswith(second.content)


def test_a_tar_cut_between_two_members_is_not_taken_for_whole():
    whole = tar({"1": TEXT, "2": TEXT}, tarfile.USTAR_FORMAT)
    (cut,) = [at for at in range(512, len(whole), 512) if whole[at : at + 2] == b"2\0"]
    first, end = members(whole[:cut], LIMIT)
    assert first == Member("1", TEXT)
    assert (end.content, end.fault) == (b"", Reason.TRUNCATED)


def test_a_damaged_header_inside_a_tar_is_not_taken_for_its_end():
    whole = bytearray(tar({"1": TEXT, "2": TEXT}, tarfile.USTAR_FORMAT))
    (at,) = [at for at in range(512, len(whole), 512) if whole[at : at + 2] == b"2\0"]
    whole[at + 150] ^= 1
    first, end = members(bytes(whole), LIMIT)
    assert first == Member("1", TEXT)
    assert (end.content, end.fault) == (b"", Reason.TRUNCATED)


def test_a_tar_in_a_cut_gzip_keeps_its_whole_members():
    packed = gzip.compress(tar({"1": TEXT, "2": TEXT[::-1]}))
    first, *rest = members(packed[: len(packed) * 3 // 4], LIMIT)
    assert first == Member("1", TEXT)
    assert [member.fault for member in rest] == [Reason.TRUNCATED]


def test_one_bad_member_does_not_stop_the_others():
    damaged = bytearray(gzip.compress(TEXT))
    damaged[-6] ^= 1
    files = {"1.gz": bytes(damaged), "2": TEXT, "3": b"", "4.gz": gzip.compress(bytes(LIMIT))}
    for packed in (tar(files), zipped(files)):
        found = list(members(packed, LIMIT))
        assert [member.fault for member in found] == [
            *(Reason.UNPACK_FAILED, None, Reason.EMPTY, Reason.UNPACK_LIMIT),
        ]
        assert found[1].content == TEXT


def flipped(packed: bytes, at: int) -> bytes:
    damaged = bytearray(packed)
    damaged[at] ^= 0x10
    return bytes(damaged)


REFUSED = {
    "nothing": (b"", Reason.EMPTY),
    "gzip of nothing": (gzip.compress(b""), Reason.EMPTY),
    "compress of nothing": (b"\x1f\x9d\x90", Reason.EMPTY),
    "zip of nothing": (zipped({}), Reason.EMPTY),
    "tar of nothing": (tar({}), Reason.EMPTY),
    "zip of an empty file": (zipped({"a": b""}), Reason.EMPTY),
    "gzip, checksum wrong": (flipped(gzip.compress(TEXT), -6), Reason.UNPACK_FAILED),
    "gzip, header only": (b"\x1f\x8b\x08", Reason.UNPACK_FAILED),
    "gzip, no gzip": (b"\x1f\x8bgarbage and more garbage", Reason.UNPACK_FAILED),
    "compress, damaged": (ncompress.compress(TEXT)[:3000] + b"\xff" * 500, Reason.UNPACK_FAILED),
    "bzip2, damaged": (flipped(bz2.compress(TEXT), 2000), Reason.UNPACK_FAILED),
    "xz, damaged": (flipped(lzma.compress(TEXT), -20), Reason.UNPACK_FAILED),
    "zip, damaged": (flipped(zipped({"a": TEXT}), 1000), Reason.UNPACK_FAILED),
    "zip, cut": (zipped({"a": TEXT})[:-30], Reason.UNPACK_FAILED),
    "zip, bzip2 inside": (zipped({"a": TEXT}, zipfile.ZIP_BZIP2), Reason.UNPACK_FAILED),
    "tar, damaged": (flipped(tar({"a": TEXT}), 150), Reason.UNPACK_FAILED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_unpacked_is_refused_with_its_reason(name):
    content, reason = REFUSED[name]
    with pytest.raises(ReadError) as caught:
        list(members(content, LIMIT))
    assert caught.value.reason == reason


BOMBS = {
    "gzip": gzip.compress(bytes(LIMIT)),
    "gzip of many streams": gzip.compress(bytes(LIMIT // 8)) * 9,
    "bzip2": bz2.compress(bytes(LIMIT)),
    "compress": ncompress.compress(bytes(LIMIT)),
    "xz": lzma.compress(bytes(LIMIT), preset=0),
    "zip": zipped({"a": bytes(LIMIT)}),
    "tar": gzip.compress(tar({"a": bytes(LIMIT)})),
    "gzip in gzip": gzip.compress(gzip.compress(bytes(LIMIT))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_is_held(name):
    limit = 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(ReadError) as caught:
            list(members(BOMBS[name], limit))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.reason == Reason.UNPACK_LIMIT
    assert peak_bytes < 8 * limit


def test_the_limit_counts_what_all_members_unpack_to():
    packed = tar({str(n): gzip.compress(TEXT) for n in range(10)})
    found = list(members(packed, 3 * len(TEXT)))
    assert [member.fault for member in found] == [None] * 3 + [Reason.UNPACK_LIMIT] * 7


def test_containers_nested_without_end_are_refused():
    packed = TEXT
    for _ in range(9):
        packed = gzip.compress(packed)
    with pytest.raises(ReadError) as caught:
        list(members(packed, LIMIT))
    assert caught.value.reason == Reason.UNPACK_LIMIT


def test_exactly_the_limit_is_allowed():
    assert list(members(gzip.compress(TEXT), len(TEXT))) == one()
    with pytest.raises(ReadError):
        list(members(gzip.compress(TEXT), len(TEXT) - 1))


def outcome(content: bytes) -> tuple[list[Member], Reason | None]:
    try:
        return list(members(content, LIMIT)), None
    except ReadError as error:
        return [], error.reason


@given(
    name=st.sampled_from(sorted(CONTAINERS)),
    changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=8),
    cut=st.integers(0, 1 << 20),
)
def test_no_damage_raises_anything_else(name, changes, cut):
    packed = bytearray(CONTAINERS[name][0])
    for at, value in changes:
        packed[at % len(packed)] = value
    content = bytes(packed[: cut % (len(packed) + 1)] if cut % 2 else packed)
    assert len(unpack_prefix(content)) <= PREFIX_BYTES
    found, reason = outcome(content)
    assert reason in {None, Reason.EMPTY, Reason.UNPACK_FAILED, Reason.UNPACK_LIMIT, Reason.UNSUPPORTED_CONTAINER}
    assert sum(len(member.content) for member in found) <= LIMIT
    assert all(member.content or member.fault for member in found)
