"""Names of versions that are nearly those of others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.store.repository import make_branch, remove_branch
from gnssice_batch.store.tags import tag_snapshot
from gnssice_batch.store.versions import snapshot_of, versions
from tests.support.histories import commit, far


@pytest.fixture(scope="module")
def made():
    """A repository with two versions on main, and one that only a tag leads to; their ids."""
    repository = far()
    ids = [commit(repository, 1)]
    make_branch(repository, "gone", ids[0])
    ids += [commit(repository, 2), commit(repository, 3, "gone")]
    for name in ("v1", "kept"):
        tag_snapshot(repository, name, ids[2])
    remove_branch(repository, "gone")
    return repository, ids


class Alike:
    """A repository that has two versions, too, whose ids begin alike."""

    IDS = ("20250101ABC000000000", "20250101ABCZZZZZZZZZ")

    def __init__(self, handle):
        self.handle = handle

    def __getattr__(self, name):
        return getattr(self.handle, name)

    def lookup_snapshot(self, _):
        return self.handle.lookup_snapshot(self.handle.lookup_branch("main"))

    def ancestry(self, **named):
        more = [
            SimpleNamespace(id=one, parent_id=None, written_at=datetime.now(UTC), message="", metadata={})
            for one in self.IDS
        ]
        return iter([*more, *self.handle.ancestry(**named)])


def refused(repository, *name):
    with pytest.raises(StoreError) as raised:
        snapshot_of(repository, *name)
    return str(raised.value).removeprefix(f"the repository {repository.url} has ")


def test_four_characters_are_enough(made):
    repository, ids = made
    assert [snapshot_of(repository, one[:4]) for one in ids if not one[:4].isdigit()] == [
        one for one in ids if not one[:4].isdigit()
    ]


def test_what_only_a_tag_leads_to_is_found_by_its_beginning(made):
    repository, ids = made
    assert snapshot_of(repository, ids[2][:8]) == ids[2]


@pytest.mark.parametrize("name", ["2025", "20250101", "20250101ABC", "20250101abc"])
def test_what_begins_two_ids_names_neither(made, name):
    """Nor a number, nor a day."""
    repository, _ = made
    found = replace(repository, handle=Alike(repository.handle))
    assert refused(found, name).startswith(f"2 versions whose ids begin with {name!r}; tags: kept, v1; ")
    assert snapshot_of(found, "20250101ABC0") == Alike.IDS[0]


@pytest.mark.parametrize(("name", "said"), [("123456", "123456"), ("1234567", "'1234567'"), (1234567, "1234567")])
def test_up_to_six_digits_are_a_number_and_more_are_an_id(made, name, said):
    assert refused(made[0], name).startswith(f"no version {said}; tags")


@pytest.mark.parametrize("hours", [-5, 0, 5])
def test_a_time_is_the_same_in_every_zone(hours):
    repository = far()
    first, second = commit(repository, 1), commit(repository, 2)
    zone = timezone(timedelta(hours=hours))
    times = [version.written_at.astimezone(zone) for version in versions(repository)]
    assert [snapshot_of(repository, time) for time in times] == [first, second]
    assert [snapshot_of(repository, time.isoformat()) for time in times] == [first, second]


def test_where_there_is_nothing_instead_that_is_said():
    repository = far()
    assert refused(repository, "nothing") == "no version 'nothing'; tags: none; branches: main; latest versions: none"
    commit(repository, 1)
    assert refused(repository, "nothing", "nope").endswith("; branches: main; latest versions: none")


def test_a_version_is_told_with_its_tags_but_for_one():
    repository = far()
    snapshot = commit(repository, 1)
    (bare,) = versions(repository)
    said = f"1 {snapshot} {bare.written_at:%Y-%m-%d %H:%M:%S}Z"
    assert bare.told() == str(bare) == f"{said} 'version 1'"
    for tag in "ba":
        tag_snapshot(repository, tag, snapshot)
    (tagged,) = versions(repository)
    assert [tagged.told(without).removeprefix(said) for without in ("", "a", "c")] == [
        " [a, b] 'version 1'",
        " [b] 'version 1'",
        " [a, b] 'version 1'",
    ]
