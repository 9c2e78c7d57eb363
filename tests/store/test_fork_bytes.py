"""Bytes that are no fork of this program are refused before Icechunk gets them."""

import msgpack
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.store.forks import fork_bytes, fork_of
from gnssice_batch.store.repository import open_repository


@pytest.fixture
def content(tmp_path):
    return fork_bytes(open_repository(str(tmp_path / "r")).handle.writable_session("main").fork())


def unpacked(content):
    return msgpack.unpackb(content, raw=False, strict_map_key=False)


def test_a_fork_comes_back_from_its_bytes(content):
    assert fork_bytes(fork_of(content)) == content
    assert len(unpacked(content)) == 10


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda _: b"no fork at all",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: msgpack.packb(unpacked(whole)[:-1]),
        lambda whole: msgpack.packb([*unpacked(whole), None]),
        lambda whole: msgpack.packb({"a": whole}),
    ],
    ids=["nothing", "text", "cut off", "a part less", "a part more", "a mapping"],
)
def test_what_is_no_fork_of_this_version_is_refused_by_its_length(content, spoil):
    spoilt = spoil(content)
    with pytest.raises(StoreError, match=f"{len(spoilt)} bytes are no fork of this version of icechunk"):
        fork_of(spoilt)


@pytest.mark.parametrize("parts", [9, 11])
def test_another_number_of_parts_is_said(content, parts):
    spoilt = msgpack.packb((unpacked(content) * 2)[:parts])
    with pytest.raises(StoreError, match=f"{parts} parts instead of 10"):
        fork_of(spoilt)


@pytest.mark.parametrize("state", [None, [], {}, {"_session": "text"}, {"other": b"x"}], ids=str)
def test_forks_that_are_kept_in_another_way_are_not_taken_for_known(state):
    class Fork:
        def __getstate__(self):
            return state

    with pytest.raises(StoreError, match="keeps forks in a way this program does not know"):
        fork_bytes(Fork())
