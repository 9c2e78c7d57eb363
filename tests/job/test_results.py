"""What became of files whose partitions killed their workers."""

from types import SimpleNamespace

from gnssice_batch.errors import Reason
from gnssice_batch.job.killed import killed
from gnssice_batch.job.results import _parts
from gnssice_batch.model.values import SourceFile


def test_files_that_were_found_deadly_in_a_partition_that_is_set_aside_are_among_its_parts():
    """They are in no plan any more, and another partition may have taken something of them."""
    deadly, left = SourceFile("x", "rec", 1, ""), SourceFile("y", "rec", 1, "")
    aside = SimpleNamespace(partition=SimpleNamespace(key="A"), files=(left,))
    work = SimpleNamespace(
        done={}, set_aside={"A": aside}, rejected={"A": {"x": killed(deadly, "this file", ("A",))}, "B": {}}
    )
    assert {(part.file.uri, part.refusal.reason) for part in _parts(work)} == {
        ("x", Reason.KILLED_WORKERS),
        ("y", Reason.KILLED_WORKERS),
    }
