"""What the report makes of a file whose parts lie in several partitions, or that was rejected."""

from dataclasses import replace

import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.job.killed import killed
from gnssice_batch.job.report import RunReport, combined, shortfalls, summary
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Status, Tally

FILE = SourceFile("a", "rec", 1, "")
READ = FileFacts(sha256="ab", epochs=10, observations=100)


def part(key, written, refused=None, status=Status.OK, refusal=None):
    lost = {reason: Tally(*tally) for reason, tally in (refused or {}).items()}
    return FileOutcome(FILE, status, READ, refusal, Tally(*written), lost, (key,))


def test_a_file_that_was_cut_off_is_not_said_to_have_killed_workers():
    cut = Refusal(Reason.TRUNCATED, line=7)
    parts = [part(key, (5, 50), status=Status.PARTIAL, refusal=cut) for key in ("p1", "p2")]
    whole = combined(parts)
    assert (whole.status, whole.refusal, whole.refused) == (Status.PARTIAL, cut, {})


def test_what_no_partition_accounts_for_is_told_of_the_one_that_killed_its_workers():
    deadly = killed(FILE, "partition p1", ("p1",))
    whole = combined([deadly, part("p2", (4, 40), {Reason.OFF_GRID: (1, 10)})])
    assert whole.refused == {Reason.OFF_GRID: Tally(1, 10), Reason.KILLED_WORKERS: Tally(5, 50)}
    assert (whole.facts, whole.partitions) == (READ, ("p1", "p2"))
    assert combined([deadly]).refused == {Reason.KILLED_WORKERS: Tally()}


@pytest.mark.parametrize("others", [[], ["p1"]])
def test_what_was_lost_to_the_grid_makes_a_file_partial_whatever_else_was_refused(others):
    lost = {Reason.SUPERSEDED: (2, 20), Reason.OFF_GRID: (1, 10)}
    parts = [part("p0", (7, 70), lost), *(part(key, (0, 0)) for key in others)]
    assert combined(parts).status is Status.PARTIAL


def test_the_partitions_of_a_file_are_told_in_their_order():
    keys = tuple(f"p{number}" for number in range(10))
    assert combined([part(key, (1, 10)) for key in keys[::-1]]).partitions == keys


def test_a_receiver_is_told_to_be_left_out_though_some_of_its_files_were_never_read():
    unread = FileOutcome(FILE, Status.REJECTED, FileFacts(), Refusal(Reason.NOT_RINEX))
    untold = replace(part("", (0, 0), {Reason.NO_INTERVAL: (10, 100)}), status=Status.REJECTED)
    report = RunReport("run", "url", None, files={"rec": (unread, untold)}, left_out={"rec": "no interval"})
    assert shortfalls(report, 1, 1, 1) == ("rec was left out: no interval",)


def test_statuses_that_no_file_has_are_counted_too():
    assert summary([part("p", (10, 100))]) == {
        "files": {"ok": 1, "partial": 0, "rejected": 0},
        "epochs_read": 10,
        "epochs_written": 10,
        "epochs_joined": 0,
        "epochs_refused": {},
        "epochs_lost_to_grid": 0,
        "observations_read": 100,
        "observations_written": 100,
    }
