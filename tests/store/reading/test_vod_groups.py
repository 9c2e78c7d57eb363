"""What planning is told of the groups of a vod repository."""

from dataclasses import replace

import pytest

from gnssice_batch.model.values import Span
from gnssice_batch.model.vod_contents import VOD
from gnssice_batch.store.layout.vod_ledger import POSITION, RINEX_SNAPSHOT, WAITING, VodLedger
from gnssice_batch.store.reading.vod_groups import vod_groups
from gnssice_batch.store.repository import open_repository
from tests.support.small_stores import changing, made
from tests.support.templates import template

NAME = "tau_omega/a_vs_b"
BARE = "tau_omega/c_vs_b"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A repository of two analyses, and its versions: of one of them much is said, later on."""
    path = tmp_path_factory.mktemp("vod") / "site" / "vod"
    templates = [replace(template(receiver=name), contents=VOD) for name in (NAME, BARE)]
    snapshots = [made(path, *templates, source_format="vod")]
    with changing(path, snapshots) as root:
        told = {POSITION: [4_000_000, 1_000_000.5, -3], WAITING: [7, 5, 7], RINEX_SNAPSHOT: "ABC"}
        root[NAME].attrs.update({**told, "first_epoch_ns": 30, "last_epoch_ns": 90})
    return open_repository(str(path)), snapshots


def test_a_group_is_told_with_what_its_attributes_say(stored):
    repository, snapshots = stored
    found = vod_groups(repository, snapshots[1], [NAME])[NAME]
    assert (found.template.receiver, found.template.contents) == (NAME, VOD)
    assert found.template.grid.size == 1_440
    assert (found.ledger, found.rinex_snapshot) == (VodLedger(), "ABC")
    assert found.position_m == (4_000_000.0, 1_000_000.5, -3.0)
    assert {type(one) for one in found.position_m} == {float}
    assert (found.waiting, found.span) == (frozenset({5, 7}), Span(30, 90))


def test_of_a_group_that_says_nothing_nothing_is_told(stored):
    repository, snapshots = stored
    for snapshot, name in ((snapshots[0], NAME), (snapshots[1], BARE)):
        found = vod_groups(repository, snapshot, [name])[name]
        assert (found.rinex_snapshot, found.position_m, found.waiting, found.span) == ("", None, frozenset(), None)


def test_groups_that_are_not_there_are_left_out(stored):
    repository, snapshots = stored
    found = vod_groups(repository, snapshots[1], ["tau_omega/x_vs_y", NAME, "z", BARE])
    assert list(found) == [NAME, BARE]
    assert vod_groups(repository, snapshots[1], ["z"]) == {}
