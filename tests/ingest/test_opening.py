"""The work fork of a partition: opened beside other work, and only where it is wanted."""

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.ingest.opening import Later, Opening
from gnssice_batch.model.values import Assignment, Partition
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.structure import StructureChange, make_structure
from tests.support.templates import template


@pytest.fixture
def fork(tmp_path):
    repository = open_repository(str(tmp_path / "site" / "rinex"))
    return make_structure(repository, repository.head(), "staging", StructureChange([template()], "rinex3")).work_fork


def assignment(made):
    return Assignment(Partition(f"{made.receiver}.2025001", made.receiver, 0, 1), made.grid, made.axis, (), (), ())


def test_a_fork_that_is_not_made_yet_is_asked_for_when_something_is_to_be_written(fork):
    asked = []
    later = Later(lambda: asked.append(1) or fork, at_once=False)
    with Opening(later, assignment(template())):
        pass
    assert asked == []
    with Opening(later, assignment(template())) as opening:
        assert opening.work.group.path == template().receiver
        assert opening.work is opening.work
        assert opening.before is opening.before is not opening.work
        assert opening.before.group.path == template().receiver
    assert asked == [1]


@pytest.mark.parametrize("ahead", [True, False])
def test_a_fork_that_is_there_is_opened_ahead_only_where_the_store_is_far(fork, ahead):
    with Opening(fork, assignment(template()), ahead=ahead) as opening:
        assert (opening._opened is not None) is ahead
        assert opening.work.group.path == template().receiver


def test_a_fork_of_other_axes_is_refused_where_it_is_wanted(fork):
    with (
        Opening(fork, assignment(template(units=3))) as opening,
        pytest.raises(StoreError, match="stored epoch axis"),
    ):
        opening.work  # noqa: B018 - waits for it
