"""What errors of Icechunk say of a repository, and what local folders are taken for."""

import icechunk
import pytest
from icechunk import ErrorKind

from gnssice_batch.errors import StoreError
from gnssice_batch.store.damage import begun, check_free, check_state, damaged, first_line, of_version, told

FIRST = "1CECHNKREP0F1RSTCMT0"
TO_DO = (
    "Everything else stands: restore that part from a copy, or go back to an earlier version (gnssice-batch versions"
    " lists them) with {} in Python, and run again, which takes what that version lacks."
)
ROLLBACK = TO_DO.format("IcechunkStore.open_or_create('/store').rollback(VERSION)")
RAISED = (StoreError, icechunk.IcechunkError, RuntimeError, OSError)
COPY = "put a copy of that file back, or the newest one in overwritten/"


def said(text, kind=None):
    """An error of Icechunk, which only it can make with a kind."""
    return type("Said", (icechunk.IcechunkError,), {"kind": kind} if kind else {})(text)


UNREADABLE = (
    said("x", ErrorKind.OBJECT_NOT_FOUND),
    said("x", ErrorKind.INVALID_OBJECT_SIZE),
    said("x", ErrorKind.MANIFEST_INFO_NOT_FOUND),
    said("x", ErrorKind.DESERIALIZATION),
    said("x", ErrorKind.INVALID_FILE_FORMAT),
    said("failed to fill whole buffer", ErrorKind.IO),
    icechunk.FormatError("x"),
)
ELSE = (
    None,
    OSError("x"),
    type("Foreign", (RuntimeError,), {"kind": ErrorKind.OBJECT_NOT_FOUND})("x"),
    said("x"),
    said("x", ErrorKind.OBJECT_STORE),
    said("No space left on device (os error 28)", ErrorKind.IO),
    said("No space left on device (os error 28)", ErrorKind.BRANCH_NOT_FOUND),
)


@pytest.mark.parametrize("error", UNREADABLE, ids=repr)
def test_objects_that_are_missing_or_of_other_contents_are_damage(error):
    assert damaged(error) is True


@pytest.mark.parametrize("error", ELSE, ids=repr)
def test_what_a_disk_or_a_storage_says_is_no_damage(error):
    assert damaged(error) is False


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (said("no answer", ErrorKind.OBJECT_STORE), "the storage of the repository /store failed: no answer"),
        (
            said('no such object\npath="snapshots/ABC"', ErrorKind.OBJECT_NOT_FOUND),
            f"the repository /store is damaged, snapshots/ABC can't be read (no such object). {ROLLBACK}",
        ),
        (
            said("no such object\nmanifest_id=XYZ", ErrorKind.OBJECT_NOT_FOUND),
            f"the repository /store is damaged, manifests/XYZ can't be read (no such object). {ROLLBACK}",
        ),
        (
            said("no such object", ErrorKind.OBJECT_NOT_FOUND),
            f"the repository /store is damaged, one of its objects can't be read (no such object). {ROLLBACK}",
        ),
    ],
)
def test_a_sentence_says_which_part_of_a_repository_can_t_be_read_and_what_to_do(error, sentence):
    assert told(error, "/store") == sentence


def test_the_file_of_the_versions_can_be_put_back():
    found = told(said("cut short\nfetch_repo_info", ErrorKind.IO), "/store")
    assert found.startswith("the repository /store is damaged, its file repo can't be read (cut short). ")
    assert COPY in found


def test_a_repository_whose_place_is_not_known_is_named_without_it():
    assert told(said("no answer")) == "the storage of the repository failed: no answer"
    found = told(said("gone", ErrorKind.OBJECT_NOT_FOUND))
    rollback = TO_DO.format("IcechunkStore.rollback")
    assert found == f"the repository is damaged, one of its objects can't be read (gone). {rollback}"


def raised(error):
    """What is raised in place of an error where a version is read."""
    with (
        pytest.raises((StoreError, icechunk.IcechunkError, RuntimeError, OSError)) as ended,
        of_version("/store", "V1"),
    ):
        raise error
    return ended.value


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (said("gone", ErrorKind.OBJECT_NOT_FOUND), "can't be read (gone)"),
        (said('gone\npath="chunks/ABC"', ErrorKind.OBJECT_NOT_FOUND), "can't be read in chunks/ABC (gone)"),
        (said("gone\nmanifest_id=XYZ", ErrorKind.OBJECT_NOT_FOUND), "can't be read in manifests/XYZ (gone)"),
        (RuntimeError("Zstd decompression failed"), "has chunks that can't be decoded (Zstd decompression failed)"),
        (RuntimeError("a Checksum differs"), "has chunks that can't be decoded (a Checksum differs)"),
    ],
)
def test_a_version_that_can_t_be_read_is_named(error, said):
    found = raised(error)
    assert str(found) == f"the repository /store is damaged, version V1 {said}. {ROLLBACK}"
    assert isinstance(found, StoreError)
    assert found.__cause__ is error


@pytest.mark.parametrize("error", [said("no answer", ErrorKind.OBJECT_STORE), RuntimeError("no loop"), OSError("x")])
def test_an_error_that_says_nothing_of_a_version_is_left_as_it_is(error):
    assert raised(error) is error


def test_nothing_is_said_of_a_version_that_can_be_read():
    with of_version("/store", "V1"):
        pass


def test_the_first_line_of_what_is_said_is_enough():
    assert first_line(ValueError("  one \ntwo\nthree")) == "one "
    assert first_line(OSError("object store error Generic LocalFileSystem error: gone")) == "gone"


def put(folder, *files):
    for each in files:
        path = folder / each
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return str(folder)


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        ((), []),
        ((f"snapshots/{FIRST}",), ["snapshots"]),
        ((f"transactions/{FIRST}#17", f"snapshots/{FIRST}#3"), ["snapshots", "transactions"]),
        ((f"snapshots/{FIRST}", "snapshots/ANOTHER"), []),
        ((f"snapshots/{FIRST}", f"manifests/{FIRST}"), []),
        ((f"snapshots/{FIRST}", FIRST), []),
        (("repo", f"snapshots/{FIRST}"), []),
    ],
)
def test_a_repository_that_was_begun_has_nothing_but_its_first_version(tmp_path, files, parts):
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    assert begun(put(tmp_path, *files)) == [str(tmp_path / part) for part in parts]


def test_what_is_no_folder_is_no_begun_repository(tmp_path):
    assert begun(str(tmp_path / "nothing")) == []
    (tmp_path / "file").write_text("x")
    assert begun(str(tmp_path / "file")) == []


@pytest.mark.parametrize(
    ("files", "lost"),
    [
        ((), False),
        (("readme",), False),
        (("snapshots/deep/ABC", "readme"), True),
        (("manifests/ABC",), True),
        ((f"snapshots/{FIRST}",), False),
        ((f"snapshots/{FIRST}", "chunks/ABC"), True),
    ],
)
def test_a_folder_of_a_repository_that_lacks_its_file_is_damaged(tmp_path, files, lost):
    (tmp_path / "manifests").mkdir()
    url = put(tmp_path, *files)
    if not lost:
        check_state(url)
        return
    with pytest.raises(StoreError, match=f"the repository {url} is damaged, its file repo is missing") as ended:
        check_state(url)
    assert COPY in str(ended.value)


@pytest.mark.parametrize("files", [(), (f"snapshots/{FIRST}",), (f"snapshots/{FIRST}", f"transactions/{FIRST}#2")])
def test_a_place_is_free_where_nothing_is_or_a_repository_was_begun(tmp_path, files):
    check_free(str(tmp_path / "nothing"))
    check_state(str(tmp_path / "nothing"))
    (tmp_path / "empty").mkdir()
    check_free(put(tmp_path, *files))


def test_a_place_that_something_else_is_at_is_not_free(tmp_path):
    (tmp_path / "aside").mkdir()
    url = put(tmp_path, "d/deep/file", "c", "b", "a")
    with pytest.raises(StoreError, match=f"{url} is no repository, .* because it holds a, b, c: change store.url"):
        check_free(url)
    (tmp_path / "aside" / "empty").mkdir()
    put(tmp_path / "aside" / "full", "x")
    with pytest.raises(StoreError, match="because it holds full: change"):
        check_free(str(tmp_path / "aside"))
    with pytest.raises(StoreError, match=f"{url}/a should be the folder of the repository, and is a file"):
        check_free(f"{url}/a")
