"""Which file of the archive part of a virtual array can't be read of, and which reads are held against the files."""

import os

import icechunk
import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.virtual import NetcdfFile, Profile, SeriesGrid, StoredSeries, VirtualRow, VirtualState
from gnssice_batch.storage.location import location
from gnssice_batch.store.containers import container_of, with_container
from gnssice_batch.store.layout import telling
from gnssice_batch.store.layout.telling import _GROUPS_KEPT, Told, UnreadableFileError, _Kept
from gnssice_batch.store.layout.virtual_files import write_rows

EPOCHS, SIGNALS = 4, 2
SIZE = EPOCHS * SIGNALS * 4
DAYS = {"a": 0, "b": 1, "d": 3}
SERIES = StoredSeries(
    "rec", Profile("epoch", "", "", "", "", "", "", 10, EPOCHS), SeriesGrid(1000, 10, EPOCHS, 4 * EPOCHS)
)
ALONE = "rec.files/alone"
PLAIN = {"compressors": (), "filters": (), "fill_value": 0}
REPLACED = "the file was touched or replaced since it was referenced"


def rows():
    """Make the rows of three days of an array over time, and of a file with a group of its own."""
    days = [
        VirtualRow(
            NetcdfFile(uri, "rec", SIZE, ""),
            VirtualState.NATIVE if uri == "a" else VirtualState.VIRTUAL,
            "rec",
            first_ns=1000 + day * EPOCHS * 10,
            epochs=EPOCHS,
        )
        for uri, day in DAYS.items()
    ]
    return [*days, VirtualRow(NetcdfFile("alone", "rec", SIZE, ""), VirtualState.VIRTUAL, ALONE)]


def refer(store, key, uri):
    store.set_virtual_ref(key, f"vcc://nc/{uri}", offset=0, length=SIZE, validate_container=False)


def make_series(root):
    """Make an array over time whose first day is native, one that is turned, and others that hold no references."""
    group, shape = root.create_group("rec"), (4 * EPOCHS, SIGNALS)
    group.create_array(
        "SNR", shape=shape, chunks=(EPOCHS, SIGNALS), dtype="<i4", dimension_names=("epoch", "sid"), **PLAIN
    )
    group.create_array(
        "turned", shape=shape[::-1], chunks=(SIGNALS, EPOCHS), dtype="<i4", dimension_names=("sid", "epoch"), **PLAIN
    )
    for uri in ("b", "d"):
        refer(root.store, f"rec/SNR/c/{DAYS[uri]}/0", uri)
        refer(root.store, f"rec/turned/c/0/{DAYS[uri]}", uri)
    group["SNR"][:EPOCHS] = 1
    group["turned"][:, :EPOCHS] = 1
    group.create_array("clock", data=np.ones(4 * EPOCHS), dimension_names=("epoch",))
    group.create_array("place", data=np.ones((SIGNALS, 3)), dimension_names=("sid", "xyz"))
    group.create_array("unnamed", data=np.ones((SIGNALS, 3)))
    names = group.create_array("names", shape=shape, chunks=shape, dtype="str", dimension_names=("epoch", "sid"))
    names[0, 0] = "one"


@pytest.fixture
def handle(tmp_path):
    """A repository of four files on a disk, each of the same bytes."""
    (tmp_path / "nc").mkdir()
    for uri in (*DAYS, "alone"):
        (tmp_path / "nc" / uri).write_bytes(np.arange(EPOCHS * SIGNALS, dtype="<i4").tobytes())
    made = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "store")))
    made = with_container(made, container_of("nc", location(str(tmp_path / "nc"))), location(str(tmp_path / "store")))
    session = made.writable_session("main")
    root = zarr.create_group(session.store)
    make_series(root)
    alone = root.create_group("rec.files").create_group("alone")
    alone.create_array("SNR", shape=(EPOCHS, SIGNALS), chunks=(EPOCHS, SIGNALS), dtype="<i4", **PLAIN)
    alone.create_array("place", data=np.ones((SIGNALS, 3)))
    refer(session.store, f"{ALONE}/SNR/c/0/0", "alone")
    write_rows(root, {}, rows())
    session.commit("made")
    return made


def told_of(handle, group="rec"):
    session = handle.readonly_session("main")
    return Told(session, group, "stores/demo/virtual", SERIES if group == "rec" else None), session.store


def read(handle, name, key=slice(None), group="rec", fails=None):
    """Read part of an array, or fail to do so."""
    told, store = told_of(handle, group)
    one = zarr.open_group(store, mode="r")[f"{group}/{name}"]
    with told.of(one, key):
        if fails is not None:
            raise fails
        return one[key]


EVERYTHING = slice(None)


@pytest.mark.parametrize(
    ("name", "key", "uri"),
    [
        ("SNR", (slice(4, 8), EVERYTHING), "b"),
        ("SNR", (slice(8, 16), EVERYTHING), "d"),
        ("SNR", (slice(8, 16),), "d"),
        ("SNR", EVERYTHING, "b"),
        ("turned", (0, slice(12, 14)), "d"),
        ("turned", (0,), "b"),
        ("turned", (EVERYTHING, np.array([13, 5])), "b"),
    ],
)
def test_the_file_is_named_that_holds_what_is_asked_for_and_fails(handle, tmp_path, name, key, uri):
    (tmp_path / "nc" / "b").unlink()
    (tmp_path / "nc" / "d").unlink()
    with pytest.raises(UnreadableFileError, match=f"^{uri}: the file is not in the archive any more") as said:
        read(handle, name, key)
    assert said.value.known
    assert isinstance(said.value.__cause__, icechunk.IcechunkError)
    assert "; all other files of stores/demo/virtual can be read: put it back as it was" in str(said.value)


def test_a_file_is_named_only_if_it_fails_itself(handle, tmp_path):
    (tmp_path / "nc" / "d").unlink()
    with pytest.raises(UnreadableFileError, match=r"^d: "):
        read(handle, "SNR")
    with pytest.raises(UnreadableFileError, match=r"^d: "):
        read(handle, "turned")
    np.testing.assert_array_equal(read(handle, "SNR", (slice(4, 8), EVERYTHING)), np.arange(8).reshape(4, 2))


def test_where_no_file_fails_by_itself_the_first_one_of_the_part_is_named(handle):
    with pytest.raises(UnreadableFileError, match=r"^b: its chunks do not decode"):
        read(handle, "SNR", (slice(4, 16), EVERYTHING), fails=ValueError("no such codec"))
    with pytest.raises(UnreadableFileError, match=r"^a: its native chunks can't be read"):
        read(handle, "place", fails=ValueError("no such codec"))
    with pytest.raises(UnreadableFileError, match=r"^alone: its chunks do not decode"):
        read(handle, "place", group=ALONE, fails=ValueError("no such codec"))


def test_the_file_of_a_group_of_its_own_is_named(handle, tmp_path):
    os.truncate(tmp_path / "nc" / "alone", 3)
    with pytest.raises(UnreadableFileError, match=r"^alone: the file is shorter than when it was referenced"):
        read(handle, "SNR", group=ALONE)


def test_what_nobody_knows_is_told_as_it_is(handle):
    with pytest.raises(UnreadableFileError, match=r"^b: it cannot be read \(a riddle") as said:
        read(handle, "SNR", (slice(4, 8), EVERYTHING), fails=icechunk.IcechunkError("a riddle"))
    assert not said.value.known


def test_a_group_of_which_the_ledger_has_no_file_is_told_without_one(handle):
    told, store = told_of(handle)
    one = zarr.open_group(store, mode="r")["rec/SNR"]
    with (
        pytest.raises(
            StoreError, match=r"^stores/demo/virtual: group 'other', array 'SNR' can't be read: gone$"
        ) as said,
        Told(told.session, "other", told.url, None).of(one, EVERYTHING),
    ):
        raise OSError("gone")
    assert not isinstance(said.value, UnreadableFileError)


def test_where_the_ledger_can_t_be_read_either_it_is_told_without_a_file(handle, monkeypatch):
    def failing(_root):
        raise icechunk.IcechunkError("no answer")

    monkeypatch.setattr(telling, "read_rows", failing)
    with pytest.raises(StoreError, match=r"^stores/demo/virtual: group 'rec', array 'SNR' can't be read: no codec$"):
        read(handle, "SNR", fails=ValueError("no codec"))


def test_an_error_of_this_program_stays_what_it_is(handle):
    with pytest.raises(StoreError, match=r"^of this program$"):
        read(handle, "SNR", fails=StoreError("of this program"))


def test_what_is_no_failure_to_read_stays_what_it_is(handle):
    with pytest.raises(IndexError):
        read(handle, "SNR", fails=IndexError())


@pytest.mark.parametrize(
    ("name", "group", "uri"), [("SNR", "rec", "b"), ("turned", "rec", "b"), ("SNR", ALONE, "alone")]
)
def test_values_of_a_file_that_was_replaced_are_not_given(handle, tmp_path, name, group, uri):
    """In an array over time, too, whose first file is native."""
    with (tmp_path / "nc" / uri).open("ab") as file:
        file.write(b"more")
    with pytest.raises(UnreadableFileError, match=rf"^{uri}: {REPLACED} \(it has 36 bytes instead of 32\); all other"):
        read(handle, name, group=group)


def test_what_was_copied_of_a_file_that_was_replaced_is_given(handle, tmp_path):
    for path in (tmp_path / "nc").iterdir():
        path.write_bytes(b"other")
    assert read(handle, "clock").sum() == 4 * EPOCHS
    assert read(handle, "names")[0, 0] == "one"
    assert read(handle, "unnamed").sum() == SIGNALS * 3
    assert read(handle, "place").sum() == read(handle, "place", group=ALONE).sum() == SIGNALS * 3
    assert read(handle, "SNR", (slice(0, 4), EVERYTHING)).sum() == EPOCHS * SIGNALS


def test_the_files_of_a_group_are_read_once_and_of_a_few_groups_kept(handle):
    kept, (told, _) = _Kept(), told_of(handle)
    first = kept.get(told)
    assert [row.file.uri for row in first.rows] == ["a", "b", "d"]
    assert kept.get(told_of(handle)[0]) is first
    others = [Told(told.session, f"group {number}", told.url, None) for number in range(_GROUPS_KEPT)]
    second = kept.get(others[0])
    for other in others:
        assert kept.get(told) is first
        kept.get(other)
    assert kept.get(told) is first
    assert kept.get(others[0]) is not second
    assert len(kept._files) == _GROUPS_KEPT
