"""What the parts of a fork say of its storage, word by word."""

import pickle

import msgpack
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.store.forks import _check_leaf, _leaves, _unpacker, fork_bytes, fork_of
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.storages import S3Fetcher

LONG = list(range(17))


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ("a", [("", "a")]),
        (("x", "a"), [("x", "a")]),
        (["x", "a"], [("", "x"), ("", "a")]),
        ((1, "a"), [("", 1), ("", "a")]),
        (("x", "a", "b"), [("", "x"), ("", "a"), ("", "b")]),
        (("x", ("y", 1)), [("y", 1)]),
        ((("x", ("y", 1)), ("z", [2, 3]), ("q", None)), [("y", 1), ("z", 2), ("z", 3), ("q", None)]),
        (("x", LONG), [("x", bytes(LONG))]),
        (tuple(LONG), [("", bytes(LONG))]),
        (LONG[:16], [("", number) for number in LONG[:16]]),
        ([*LONG[:16], "a"], [*(("", number) for number in LONG[:16]), ("", "a")]),
        ([], []),
    ],
    ids=str,
)
def test_every_word_is_told_with_the_name_of_its_field(tree, words):
    assert list(_leaves(tree)) == words


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("credentials", "static"),
        ("credential_type", "static"),
        ("s3_credential_type", "static"),
    ],
)
def test_keys_are_refused(name, value):
    with pytest.raises(ValueError, match=r"^it carries keys of its storage$"):
        _check_leaf(name, value)


@pytest.mark.parametrize("code", [bytes(17), pickle.dumps(print), pickle.dumps(S3Fetcher("s3://b/p", "{}")) + b"."])
def test_code_of_others_is_refused(code):
    with pytest.raises(ValueError, match=r"^it names code to run that is not this program's$"):
        _check_leaf("", code)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "static"),
        ("", "static"),
        ("credentials", "refreshable"),
        ("s3_credential_type", None),
        ("credentials_of", "static"),
        ("url", "a text of more than sixteen letters"),
        ("id", bytes(16)),
        ("pickled_function", pickle.dumps(S3Fetcher("s3://b/p", "{}"))),
    ],
)
def test_all_else_is_let_pass(name, value):
    _check_leaf(name, value)


def test_fields_are_read_as_pairs_whatever_their_keys():
    packed = msgpack.packb({"a": {1: "b"}, "c": [b"d"]})
    assert _unpacker(packed).unpack() == (("a", ((1, "b"),)), ("c", [b"d"]))


@pytest.fixture
def content(tmp_path):
    return fork_bytes(open_repository(str(tmp_path / "r")).handle.writable_session("main").fork())


def test_a_fork_that_carries_keys_is_not_given_as_bytes(content):
    parts = msgpack.unpackb(content, raw=False, strict_map_key=False)
    parts[2] = {"type": "S3Storage", "credentials": "static"}

    class Fork:
        def __getstate__(self):
            return {"_session": msgpack.packb(parts)}

    with pytest.raises(StoreError, match="it carries keys of its storage"):
        fork_bytes(Fork())


def test_changes_that_icechunk_can_t_read_are_refused_where_the_storage_is_known(content):
    with pytest.raises(StoreError, match=f"{len(content) - 1} bytes are no fork of this version of icechunk: "):
        fork_of(content[:-1])
