"""A file that lies an absurd distance from its receiver's other data, as it is refused."""

from types import SimpleNamespace

import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.job.prepare import Prepared
from gnssice_batch.model.grid import DAY_NS
from gnssice_batch.model.values import FileFacts, FileOutcome, SourceFile, Span, Status, Tally
from tests.support.templates import DAY_ONE_NS

FILE = SourceFile("a.rnx", "rec", 1, "")
SPAN = Span(DAY_ONE_NS, DAY_ONE_NS + DAY_NS)


@pytest.mark.parametrize(
    ("span", "gap_ns", "said"),
    [(SPAN, 30 * DAY_NS, "lie more than 30 days from the receiver's other data"), (SPAN, None, ""), (None, DAY_NS, "")],
)
def test_it_is_told_how_far_it_lies_where_that_is_known(span, gap_ns, said):
    prepared = SimpleNamespace(context=SimpleNamespace(bounds={"rec": Bounds(0, DAY_ONE_NS, 0, gap_ns)}))
    read = FileOutcome(FILE, Status.OK, FileFacts(span=span, epochs=3, observations=12), partitions=("key",))
    found = Prepared.implausible(prepared, read)
    assert (found.status, found.refusal.reason, found.partitions) == (
        Status.REJECTED,
        Reason.IMPLAUSIBLE_DATE,
        ("key",),
    )
    assert found.facts.refused == {Reason.IMPLAUSIBLE_DATE: Tally(3, 12)}
    assert said in found.refusal.detail
    assert bool(said) == bool(found.refusal.detail)
