"""Which write units of receivers have another SNR than at an earlier version, told without reading any."""

import shutil

import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.values import FileFacts, FileOutcome, SourceFile, Span, Status, Tally
from gnssice_batch.store.reading.vod_source import Changed, changed_since, leads_to, units_with_snr
from gnssice_batch.store.repository import open_existing, open_repository
from gnssice_batch.store.writing.ledger_rows import Provenance, append_files
from tests.support.small_stores import changing, made
from tests.support.templates import DAY_ONE_NS, UNIT, template

INTERVAL_NS = 30 * 10**9
UNIT_NS = UNIT * INTERVAL_NS
PROVENANCE = Provenance("run", "reader", "2025-01-01T00:00:00+00:00", "message")
BOTH = ("a", "b")


def fill(root, receiver, *units, column=0, name="SNR"):
    for unit in units:
        root[f"{receiver}/{name}"][unit * UNIT + 5, column] = 40


def templates(**words):
    return {name: template(receiver=name, **words) for name in BOTH}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "site" / "rinex"


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two receivers of four write units and two columns of shards, the first of which has SNR in two; its version."""
    path = tmp_path_factory.mktemp("two") / "rinex"
    made(path, *templates(units=4, signals=70, width=64).values())
    snapshots = []
    with changing(path, snapshots) as root:
        fill(root, "a", 0, 2)
        fill(root, "a", 2, column=69)
    return path, snapshots[0]


@pytest.fixture
def first(two, path):
    """The version of a copy of these."""
    shutil.copytree(two[0], path)
    return two[1]


def changed(path, since, receivers=BOTH, now=None):
    """Return what has changed since a version."""
    repository = open_repository(str(path))
    return changed_since(repository, since, repository.head(), receivers, now or templates(units=4, signals=70))


class TestUnits:
    def test_with_snr_are_told_by_receiver_at_a_version(self, path, first):
        with changing(path) as root:
            fill(root, "b", 3, column=69)
            fill(root, "a", 1, name="LLI")
        repository = open_repository(str(path))
        assert units_with_snr(repository, first, BOTH) == {"a": {0, 2}, "b": frozenset()}
        assert units_with_snr(repository, repository.head(), ["b"]) == {"b": {3}}

    def test_that_have_changed_are_those_whose_snr_was_written(self, path, first):
        with changing(path) as root:
            fill(root, "a", 1, 2, column=69)
            fill(root, "a", 3, name="LLI")
        with changing(path) as root:
            fill(root, "b", 3)
        assert changed(path, first) == Changed({"a": frozenset({1, 2}), "b": frozenset({3})})
        assert changed(path, first, ["b"]) == Changed({"b": frozenset({3})})

    def test_of_the_same_version_are_none(self, path, first):
        assert changed(path, first) == Changed({"a": frozenset(), "b": frozenset()})

    def test_after_the_later_version_do_not_count(self, path, first):
        snapshots = []
        for unit in (1, 3):
            with changing(path, snapshots) as root:
                fill(root, "a", unit)
        found = changed_since(open_repository(str(path)), first, snapshots[0], ["a"], templates(units=4, signals=70))
        assert found == Changed({"a": frozenset({1})})

    def test_of_a_receiver_that_came_since_are_all_with_snr(self, path, first):
        made(path, template(receiver="c", units=2))
        with changing(path) as root:
            fill(root, "c", 1)
        assert changed(path, first, ["a", "c"]) == Changed({"a": frozenset(), "c": frozenset({1})})


class TestWhatCannotBeTold:
    def test_since_a_version_that_is_not_in_the_history(self, path, first):
        snapshots = []
        with changing(path, snapshots) as root:
            fill(root, "a", 1)
        handle = open_existing(str(path)).handle
        handle.reset_branch("main", first)
        with changing(path) as root:
            fill(root, "a", 3)
        found = changed(path, snapshots[0])
        assert found.units == {}
        assert found.everything.startswith(f"version {snapshots[0]} of ")
        assert found.everything.endswith(" has expired, or the branch was set back before it")

    def test_of_a_group_that_was_made_anew(self, path, first):
        with changing(path) as root:
            del root["a"]
        made(path, template(receiver="a", units=4))
        assert changed(path, first) == Changed({}, "the group a was made anew")
        assert changed(path, first, ["b"]) == Changed({"b": frozenset()})

    def test_of_a_version_whose_changes_are_lost(self, path, first):
        snapshots = []
        with changing(path, snapshots) as root:
            fill(root, "a", 1)
        (path / "transactions" / snapshots[0]).unlink()
        with pytest.raises(StoreError, match="site/rinex is damaged"):
            changed(path, first)

    def test_a_version_leads_to_those_behind_it_alone(self, path, first):
        repository, snapshots = open_repository(str(path)), []
        with changing(path, snapshots) as root:
            fill(root, "a", 1)
        assert leads_to(repository, first, snapshots[0])
        assert leads_to(repository, first, first)
        assert not leads_to(repository, snapshots[0], first)


def outcome(uri, first_unit, last_unit):
    """Return a file that reaches from one write unit to another, counted from the first day."""
    span = Span(DAY_ONE_NS + first_unit * UNIT_NS, DAY_ONE_NS + (last_unit + 1) * UNIT_NS - INTERVAL_NS)
    facts = FileFacts(epochs=3, span=span)
    return FileOutcome(SourceFile(uri, "a", 1, ""), Status.OK, facts, None, Tally(3, 30))


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A receiver of two write units with two files in its ledger, and its version."""
    path = tmp_path_factory.mktemp("one") / "rinex"
    made(path, template(receiver="a"))
    snapshots = []
    with changing(path, snapshots) as root:
        fill(root, "a", 0, 1)
        append_files(root["a"], [outcome("old", 0, 1), outcome("older", 0, 0)], PROVENANCE, {})
    return path, snapshots[0]


@pytest.fixture
def before(one, path):
    """The version of a copy of it."""
    shutil.copytree(one[0], path)
    return one[1]


def moved(path, units, outcomes, displaced=None, **words):
    """Begin the axis some units earlier and add files to the ledger, in one version; return the group's template."""
    now = template(receiver="a", first_unit=-units, units=2 + units)
    made(path, now)
    session = open_existing(str(path)).handle.writable_session("main")
    root = zarr.open_group(session.store, mode="a")
    append_files(root["a"], outcomes, PROVENANCE, displaced or {}, **words)
    session.amend("moved")
    return now


class TestMovedAxis:
    def test_has_changed_where_files_have_come(self, path, before):
        now = moved(path, 3, [outcome("new", -3, -2), outcome("late", 1, 1)])
        assert changed(path, before, ["a"], {"a": now}) == Changed({"a": frozenset({0, 1, 4})})

    def test_has_not_changed_where_none_has(self, path, before):
        now = template(receiver="a", first_unit=-1, units=3)
        made(path, now)
        assert changed(path, before, ["a"], {"a": now}) == Changed({"a": frozenset()})

    def test_has_changed_where_versions_before_and_after_have_written(self, path, before):
        with changing(path) as root:
            fill(root, "a", 1)
        moved(path, 2, [outcome("new", -2, -2)])
        with changing(path) as root:
            fill(root, "a", 1, column=2)
        now = moved(path, 3, [outcome("newer", -3, -3)])
        assert changed(path, before, ["a"], {"a": now}) == Changed({"a": frozenset({0, 1, 2, 4})})

    @pytest.mark.parametrize("lost", [{"displaced": {0: Tally(1, 9)}, "not_mixed": {0: 9}}, {"joined": {0: 1}}])
    def test_can_t_be_told_where_older_files_have_lost_something(self, path, before, lost):
        now = moved(path, 1, [outcome("new", -1, -1)], **lost)
        why = "the axis of a begins at another time, and older files have lost cells"
        assert changed(path, before, ["a"], {"a": now}) == Changed({}, why)

    def test_can_t_be_told_where_rows_are_gone(self, path, before):
        now = moved(path, 1, [outcome("new", -1, -1)])
        session = open_existing(str(path)).handle.writable_session("main")
        rows = zarr.open_group(session.store, mode="a")["a/metadata/files"]
        rows.resize((1,))
        rows[0] = rows[0]
        session.amend("a row less")
        assert changed(path, before, ["a"], {"a": now}).units == {}
