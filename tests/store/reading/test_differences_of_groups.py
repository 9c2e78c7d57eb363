"""Which groups of two versions are not the same, and how their arrays, signals and rows are told apart."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.template import GroupTemplate, signal_axis
from gnssice_batch.store.reading.chunk_changes import Change
from gnssice_batch.store.reading.differences import _own, _Record, _rows_touched, _shifts, _signals, difference
from gnssice_batch.store.reading.ledger_changes import LedgerChange
from gnssice_batch.store.repository import make_branch, open_existing, open_repository
from tests.support.small_groups import committed, made_group, put_ledger
from tests.support.templates import DAY_ONE_NS, template

ONE = {"uri": "one", "status": "ok", "epochs_written": 4}
TWO = {"uri": "two", "status": "ok", "epochs_written": 7, "epochs_joined": 1}
EMPTY = ("d", "b", "f", "a", "e", "c")


def begun(root):
    made_group(root, template(), [ONE])
    root.create_group("weather/station").create_array("t", shape=(4,), dtype="f4", chunks=(2,))[:] = 1
    root.create_group("Xtra").create_array("t", shape=(4,), dtype="f4", chunks=(2,))[:] = 1
    root.create_array("loose", shape=(), dtype="f4")[...] = 2
    for name in EMPTY:
        root.create_group(name)


def gone_on(root):
    root["rec/SNR"][:1] = 40
    put_ledger(root["rec"], [ONE, TWO])
    root["weather/station/t"][:2] = 3
    root["loose"][...] = 3


def replaced(root):
    for name in ("weather", "loose", "rec"):
        del root[name]
    made_group(root, template(signals=5), [TWO])


def taken(root):
    del root["rec"]
    root.create_group("rec").create_array("t", shape=(4,), dtype="f4", chunks=(4,))[:] = 1


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A repository, and its versions: empty, begun, gone on, with a group made anew, with one of another program."""
    repository = open_repository(str(tmp_path_factory.mktemp("differences") / "rinex"))
    changes = (begun, gone_on, replaced, taken)
    return repository, [repository.head(), *(committed(repository, change) for change in changes)]


def compared(stored, before, after):
    """The groups that are not the same, by name; seen from the other version they are the same ones reversed."""
    repository, versions = stored
    found = difference(repository, versions[before], versions[after])
    assert (found.before.id, found.after.id) == (versions[before], versions[after])
    back = difference(repository, versions[after], versions[before])
    assert back.groups == tuple(one.reversed() for one in found.groups)
    names = [one.name for one in found.groups]
    assert names == sorted(names)
    return {one.name: one for one in found.groups}


def states(found):
    return {name: (one.state, one.own) for name, one in found.items()}


def test_a_version_is_not_different_from_itself(stored):
    assert compared(stored, 2, 2) == {}


def test_groups_that_are_new_are_told_with_all_that_is_in_them(stored):
    found = compared(stored, 0, 1)
    assert states(found) == {
        "/": ("changed", False),
        "rec": ("added", True),
        "Xtra": ("added", False),
        "weather": ("added", False),
        **dict.fromkeys(EMPTY, ("added", False)),
    }
    rec = found["rec"]
    assert (rec.epochs, rec.signals, rec.files) == (Change(4), Change(3), Change(1))
    assert rec.chunks.chunks.added > 5
    for name, chunks in (("/", 1), ("Xtra", 2), ("weather", 2)):
        assert found[name].chunks.chunks == Change(added=chunks)
        assert (found[name].epochs, found[name].signals, found[name].files) == (Change(), Change(), Change())


def test_groups_that_go_on_are_told_with_what_was_written(stored):
    found = compared(stored, 1, 2)
    assert states(found) == {"/": ("changed", False), "rec": ("changed", True), "weather": ("changed", False)}
    rec = found["rec"]
    assert (rec.epochs, rec.signals, rec.files) == (Change(6), Change(), Change(1))
    assert rec.chunks.chunks == Change(added=2, removed=1), "SNR, and the ledger anew"
    assert found["/"].chunks.chunks == found["weather"].chunks.chunks == Change(changed=1)


def test_groups_that_are_gone_or_made_anew_are_told_with_what_was_there(stored):
    found = compared(stored, 2, 3)
    assert states(found) == {"/": ("changed", False), "rec": ("made anew", True), "weather": ("removed", False)}
    rec = found["rec"]
    assert (rec.epochs, rec.signals, rec.files) == (Change(6, 0, 10), Change(5, 0, 3), Change(1, 0, 2))
    assert rec.chunks.chunks.removed == rec.chunks.chunks.added + 1, "SNR"
    assert rec.chunks.chunks.changed == 0
    assert found["weather"].chunks.chunks == Change(removed=2)


def test_a_receiver_that_another_program_s_group_replaces_is_told_as_a_receiver(stored):
    found = compared(stored, 3, 4)
    assert states(found) == {"rec": ("made anew", True)}
    assert (found["rec"].epochs, found["rec"].files) == (Change(removed=6), Change(removed=1))
    assert found["rec"].chunks.chunks.added == 1


def test_what_came_and_went_in_between_is_not_told(stored):
    assert states(compared(stored, 0, 4)) == dict.fromkeys((*EMPTY, "rec", "Xtra"), ("added", False))


def test_versions_of_two_lines_are_refused_with_what_they_have_in_common(stored):
    repository, versions = stored
    make_branch(repository, "trial", versions[1])
    other = committed(repository, lambda root: root.create_group("other"), "trial")
    said = f"^{other} and {versions[2]} are on different lines.* compare each with {versions[1]}, the last"
    with pytest.raises(StoreError, match=said):
        difference(repository, other, versions[2])
    make_branch(repository, "apart", versions[0])
    other = committed(repository, lambda root: root.create_group("other"), "apart")
    with pytest.raises(StoreError, match=r"from one to the other, and they have no version in common$"):
        difference(repository, versions[2], other)


@pytest.fixture
def two_versions(tmp_path):
    """Where a repository is, and two versions of it."""
    url = str(tmp_path / "rinex")
    repository = open_repository(url)
    before = committed(repository, lambda root: made_group(root, template(), [ONE]))
    return url, before, committed(repository, lambda root: root["rec/SNR"].__setitem__(slice(1), 40))


def test_a_damaged_manifest_is_told_with_both_versions(two_versions, tmp_path):
    url, before, after = two_versions
    shutil.rmtree(tmp_path / "rinex" / "manifests")
    with pytest.raises(StoreError, match=f"is damaged, version {before} or {after} can't be read"):
        difference(open_existing(url), before, after)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_damaged_version_is_told(two_versions, tmp_path, lost):
    url, *versions = two_versions
    (tmp_path / "rinex" / "snapshots" / versions[lost]).unlink()
    with pytest.raises(StoreError, match=f"is damaged, snapshots/{versions[lost]} can't be read"):
        difference(open_existing(url), *versions)


def record(chunks=None, touched=(), replaced=()):
    return _Record(chunks or {}, frozenset(touched), frozenset(replaced))


class TestRows:
    """The chunks of rows that were written."""

    def test_are_those_of_the_ledger_alone(self):
        chunks = {"/rec/metadata/files": [[3], [0]], "/other/metadata/files": [[1]], "/rec/metadata/table/start": [[7]]}
        assert _rows_touched("rec", record(chunks, chunks)) == {0, 3}
        assert _rows_touched("third", record(chunks, chunks)) == set()

    @pytest.mark.parametrize("path", ["/rec/metadata/files", "/rec/metadata/files/uri"])
    def test_may_be_any_where_the_ledger_has_another_form(self, path):
        chunks = {"/rec/metadata/files": [[3]]}
        replaced = [path] if path == "/rec/metadata/files" else []
        assert _rows_touched("rec", record(chunks, [path, "/rec"], replaced)) is None


class TestSignals:
    """What became of the signals of a receiver."""

    OLD = ("G01|L1|C", "R01|G1|C", "R02|G1|C", "R02|G2|C", "R03|G1|C")
    NEW = ("E05|E1|C", "E05|E5a|Q", "R01|G1|C", "R02|G1|C", "R02|G2|C", "R03|G1|C")

    def templates(self):
        old = replace(template(), axis=signal_axis(self.OLD), channels={"R01": 1, "R02": 2})
        return old, replace(template(), axis=signal_axis(self.NEW), channels={"R01": 1, "R02": -4, "R03": 5})

    def test_are_changed_where_their_channel_is_another(self):
        old, new = self.templates()
        assert _signals(old, new) == Change(added=2, changed=3, removed=1)
        assert _signals(new, old) == Change(added=1, changed=3, removed=2)
        assert _signals(new, new) == Change()

    def test_are_all_new_or_gone_with_the_group(self):
        old, new = self.templates()
        assert (_signals(None, new), _signals(old, None)) == (Change(added=6), Change(removed=5))
        assert _signals(None, None) == Change()


class TestShifts:
    """How arrays have moved when an axis begins earlier: by four units of four read units each."""

    NAMES = ("SNR", "epoch_flag", "metadata/joined/source_file")

    @pytest.fixture
    def templates(self):
        def at(first_unit, units) -> GroupTemplate:
            made = template(first_unit, units)
            return replace(made, grid=replace(made.grid, read_unit=180))

        return at(0, 2), at(-4, 6)

    def ledger(self, *hours):
        fresh = [[DAY_ONE_NS + hour * 3600 * 10**9 for hour in each] for each in hours]
        return LedgerChange(fresh=np.array(fresh, np.int64).reshape(-1, 2))

    def shifts(self, templates, epochs, *hours):
        was, now = templates
        return _shifts(was, now, self.ledger(*hours), record({"/rec/epoch": [[each] for each in epochs]}))

    def test_are_those_of_the_axis_in_units_or_read_units(self, templates):
        found = self.shifts(templates, [3, 8])
        assert {name: found[f"/rec/{name}"].by for name in self.NAMES} == {
            "SNR": (4, 0),
            "epoch_flag": (16,),
            "metadata/joined/source_file": (4, 0),
        }

    def test_belong_to_what_is_told_of_a_receiver(self, templates):
        was, now = (made_group(zarr.create_group(zarr.storage.MemoryStore()), made, [ONE]) for made in templates)
        moved = record({"/rec/epoch": [[0]], "/rec/SNR": [[0, 0]]}, ["/rec/epoch", "/rec/SNR"])
        assert _own("rec", was, now, moved).shifts["/rec/SNR"].by == (4, 0)

    def test_only_units_that_new_files_reach_were_written(self, templates):
        found = self.shifts(templates, [3], (-14, -10), (7, 7))
        written = {1, 2, 5}
        snr, flag = found["/rec/SNR"].written, found["/rec/epoch_flag"].written
        assert {unit for unit in range(9) if snr((unit, 0))} == {unit for unit in range(9) if snr((unit, 5))} == written
        assert [chunk for chunk in range(40) if flag((chunk,))] == [*range(4, 12), *range(20, 24)]

    @pytest.mark.parametrize("epochs", [(), (8,), (8, 9)])
    def test_there_are_none_where_the_axis_only_grew(self, templates, epochs):
        assert self.shifts(templates, epochs) == {}
        assert self.shifts(templates, [*epochs, 7]) != {}

    def test_there_are_none_of_a_group_that_is_in_one_version_alone(self, templates):
        moved = record({"/rec/epoch": [[0]]})
        for was, now in ((None, templates[1]), (templates[0], None), (None, None)):
            assert _shifts(was, now, self.ledger(), moved) == {}
