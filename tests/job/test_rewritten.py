"""Units made again are not published without a file that they were made of."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import ArchiveError, Reason
from gnssice_batch.job.rewritten import check_read_again
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Status
from gnssice_batch.planning.rewriting import Rewriting

FILE = SourceFile("a.rnx", "rec", 1, "")
TAKEN = FileOutcome(FILE, Status.OK, FileFacts("00ff"))
REFUSED = replace(TAKEN, status=Status.REJECTED, refusal=Refusal(Reason.TRUNCATED, "at line 7"))
NEW = replace(TAKEN, file=replace(FILE, uri="new.rnx"), status=Status.REJECTED)


def backlog(**more):
    """What a run knows of one unit that is made of one file."""
    found = {"accept_loss": False, "rewriting": {"rec": Rewriting(frozenset({0}), (FILE,), {"a.rnx": "00ff"})}}
    return SimpleNamespace(**found | more)


def test_what_gives_the_same_again_is_no_loss():
    check_read_again(backlog(), {"rec": (TAKEN, NEW), "other": (REFUSED,)})
    check_read_again(backlog(), {"rec": (replace(TAKEN, status=Status.PARTIAL),)})
    check_read_again(backlog(), {"rec": (replace(TAKEN, facts=FileFacts("")),)})
    check_read_again(backlog(), {})


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (replace(TAKEN, facts=FileFacts("11ee")), "a.rnx: has other content than when it was taken"),
        (REFUSED, f"a.rnx: {Reason.TRUNCATED}, at line 7"),
        (replace(REFUSED, refusal=None), "a.rnx: is rejected now"),
        (replace(REFUSED, facts=FileFacts("")), f"a.rnx: {Reason.TRUNCATED}, at line 7"),
    ],
    ids=["other content", "refused", "refused without a reason", "not even fetched"],
)
def test_what_gives_something_else_stops_the_publication(outcome, why):
    with pytest.raises(ArchiveError, match="1 files that the units to repair hold") as raised:
        check_read_again(backlog(), {"rec": (NEW, outcome)})
    assert f"({why})" in str(raised.value)
    check_read_again(backlog(accept_loss=True), {"rec": (outcome,)})
