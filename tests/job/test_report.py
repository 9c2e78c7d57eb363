"""The report of a run by itself: what adds up, what comes to an exit code, what stands in its JSON."""

from dataclasses import asdict, replace

import pytest

from gnssice_batch.archive.skipped import SkipKind, SkippedFile
from gnssice_batch.errors import Reason, StoreError
from gnssice_batch.job.report import (
    Proof,
    RunReport,
    all_reasons,
    combined,
    exit_code,
    lost_to_grid,
    misdated_files,
    refused_files,
    shortfalls,
)
from gnssice_batch.model.grid import DAY_NS
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Span, Status, Tally
from gnssice_batch.planning.changes import Change
from gnssice_batch.planning.requests import Requests
from gnssice_batch.storage.traffic import Traffic
from tests.support.templates import DAY_ONE_NS


def outcome(uri, status=Status.OK, read=(10, 100), written=None, refused=None, **words):
    """One file's outcome that adds up, unless it is told otherwise."""
    refused = {reason: Tally(*tally) for reason, tally in (refused or {}).items()}
    rest = Tally(*read) - sum(refused.values(), Tally())
    facts = FileFacts(sha256="ab", epochs=read[0], observations=read[1])
    file = SourceFile(uri, "rec", 1, "")
    return FileOutcome(file, status, facts, None, Tally(*written) if written else rest, refused, **words)


def rejected(uri, reason=Reason.NOT_RINEX):
    return FileOutcome(SourceFile(uri, "rec", 1, ""), Status.REJECTED, FileFacts(), Refusal(reason))


class TestCombined:
    def test_parts_are_added_up_to_what_was_read(self):
        parts = [
            outcome("a", written=(4, 40), partitions=("p2",), joined=1),
            outcome("a", written=(5, 50), refused={Reason.OFF_GRID: (1, 10)}, partitions=("p1",), joined=2),
        ]
        whole = combined(parts)
        assert (whole.written, whole.refused) == (Tally(9, 90), {Reason.OFF_GRID: Tally(1, 10)})
        assert (whole.partitions, whole.joined, whole.status) == (("p1", "p2"), 3, Status.PARTIAL)

    def test_what_belongs_to_no_partition_is_added_once(self):
        facts = replace(outcome("a").facts, refused={Reason.OUT_OF_BOUNDS: Tally(2, 20)})
        parts = [replace(outcome("a", written=(4, 40)), facts=facts, partitions=(key,)) for key in ("p1", "p2")]
        assert combined(parts).refused == {Reason.OUT_OF_BOUNDS: Tally(2, 20)}
        with pytest.raises(StoreError, match="a: 10 epochs with 100 values were read, 6 with 60 are accounted for"):
            combined(parts[:1])

    def test_reasons_that_lose_nothing_leave_a_file_as_it_is(self):
        parts = [outcome("a", written=(4, 40), refused={Reason.SUPERSEDED: (6, 60)}, partitions=("p1",))]
        assert combined(parts) == parts[0]

    def test_a_single_part_that_lost_something_is_partial(self):
        (part,) = [outcome("a", refused={Reason.OFF_GRID: (6, 60)}, partitions=("p1",))]
        assert combined([part]).status is Status.PARTIAL

    @pytest.mark.parametrize("written", [(9, 100), (10, 99), (11, 100)])
    def test_what_does_not_add_up_stops_the_run(self, written):
        with pytest.raises(StoreError, match="nothing was published: please report this"):
            combined([outcome("a", written=written)])
        with pytest.raises(StoreError, match="please report this"):
            combined([outcome("a", written=written), outcome("a", written=(0, 1)), outcome("a", written=(0, 1))])

    def test_what_a_partition_that_was_set_aside_did_not_take_is_told_of_it(self):
        killed = FileOutcome(
            SourceFile("a", "rec", 1, ""),
            Status.REJECTED,
            FileFacts(),
            Refusal(Reason.KILLED_WORKERS),
            partitions=("p1",),
        )
        whole = combined([killed, outcome("a", written=(4, 40), partitions=("p2",))])
        assert whole.refused == {Reason.KILLED_WORKERS: Tally(6, 60)}
        assert (whole.status, whole.written) == (Status.PARTIAL, Tally(4, 40))
        assert combined([killed]).status is Status.REJECTED


class TestShortfalls:
    def test_as_much_as_is_allowed_is_allowed(self):
        files = (rejected("a"), outcome("b", Status.PARTIAL), outcome("c"), outcome("d"))
        report = RunReport("run", "url", None, files={"rec": files})
        assert shortfalls(report, 0.25, 1, 0.25) == ()
        assert shortfalls(report, 0.24, 1, 0.25) == ("1 of 4 files are rejected, allowed are 24.0%",)
        assert shortfalls(report, 0.25, 1, 0.24) == ("1 of 4 files are partial, allowed are 24.0%",)
        assert (exit_code(report, 0.25), exit_code(report, 0.24)) == (0, 1)
        assert shortfalls(RunReport("run", "url", None), 0, 0, 0) == ()

    def test_epochs_that_do_not_fit_a_grid_are_counted_by_receiver(self):
        lost = outcome(
            "a", refused={Reason.OFF_GRID: (1, 9), Reason.DUPLICATE_EPOCH: (1, 9), Reason.SUPERSEDED: (5, 1)}
        )
        assert lost_to_grid([lost, lost]) == {Reason.OFF_GRID: 2, Reason.DUPLICATE_EPOCH: 2}
        report = RunReport(
            "run", "url", None, files={"one": (lost, lost), "two": (outcome("b"),), "none": (rejected("c"),)}
        )
        assert shortfalls(report, 1, 0.2, 1) == ()
        assert shortfalls(report, 1, 0.19, 1) == (
            "one: of 20 epochs read these do not fit its grid: 2 off_grid, 2 duplicate_epoch; allowed are 19.0%",
        )

    def test_a_receiver_that_was_left_out_is_told_whatever_is_allowed(self):
        untold = replace(rejected("a"), refused={Reason.NO_INTERVAL: Tally()})
        report = RunReport("run", "url", None, files={"rec": (untold,)}, left_out={"rec": "no interval"})
        assert shortfalls(report, 1, 1, 1) == ("rec was left out: no interval",)


def test_rejected_files_come_first_and_whole_ones_not_at_all():
    files = {"one": (outcome("d"), outcome("b", Status.PARTIAL)), "two": (rejected("c"), rejected("a"))}
    found = refused_files(RunReport("run", "url", None, files=files))
    assert [one.file.uri for one in found] == ["a", "c", "b"]


def test_all_reasons_begin_with_the_one_a_file_was_rejected_for():
    facts = FileFacts(skipped={Reason.BAD_VALUE: 9}, refused={Reason.OUT_OF_BOUNDS: Tally(5, 1)})
    refusal = Refusal(Reason.TRUNCATED)
    said = FileOutcome(SourceFile("a", "rec", 1, ""), Status.REJECTED, facts, refusal)
    assert list(all_reasons(said)) == [Reason.TRUNCATED, Reason.BAD_VALUE, Reason.OUT_OF_BOUNDS]
    taken = replace(said, status=Status.PARTIAL, refused={Reason.OFF_GRID: Tally(1, 1)})
    assert list(all_reasons(taken)) == [Reason.BAD_VALUE, Reason.OFF_GRID]


def test_the_json_of_a_report_says_all_there_is_by_these_names():
    file = SourceFile("bad", "rec", 1, "", DAY_ONE_NS, DAY_ONE_NS + DAY_NS)
    facts = FileFacts(span=Span(DAY_ONE_NS + 9 * DAY_NS, DAY_ONE_NS + 9 * DAY_NS), skipped={Reason.COMMENT: 3})
    bad = FileOutcome(file, Status.REJECTED, facts, Refusal(Reason.NOT_RINEX, "no header", 7, b"\xe9"))
    partial = outcome("part", Status.PARTIAL, refused={Reason.OFF_GRID: (1, 10), Reason.SUPERSEDED: (2, 0)}, joined=3)
    report = RunReport(
        run="run",
        url="url",
        snapshot="snapshot",
        tagged="tagged",
        files={"rec": (bad, partial, outcome("good"))},
        partitions=4,
        bytes_read=5,
        seconds=6.54321,
        resumed=7,
        set_aside=("p",),
        up_to_date=8,
        left=9,
        refused_again=(bad, bad),
        skipped_files=(SkippedFile("x.nav", SkipKind.NAVIGATION, "navigation", observations=False),),
        gone=("lost",),
        left_out={"other": "why"},
        markers={"rec": {"A": 1, "B": 2}},
        peak_memory_bytes=10,
        proof=Proof("full", 1, 2, 3, 4, 5, {"plain": 6}, {"damage": 7}, {"ValueError": 8}),
        changes={"rec": (Change("good", "marker", "A", "B"),)},
        kept_at="kept",
        planned=Requests(file_gets=2),
        used={"w": Traffic({"GET": 1}, 2, 3), "": Traffic({"GET": 4, "PUT": 5}, 6, 7)},
    )
    told = report.as_json()
    ((_, said),) = misdated_files(report)
    receivers, requests = told.pop("receivers"), told.pop("requests")
    assert told == {
        "run": "run",
        "url": "url",
        "snapshot": "snapshot",
        "tagged": "tagged",
        "kept_at": "kept",
        "partitions": 4,
        "bytes_read": 5,
        "seconds": 6.543,
        "resumed": 7,
        "set_aside": ["p"],
        "up_to_date": 8,
        "left": 9,
        "refused_again": 2,
        "skipped": 1,
        "gone": 1,
        "gone_files": ["lost"],
        "skipped_by_kind": {"navigation": 1},
        "skipped_files": [{"file": "x.nav", "kind": "navigation", "reason": "navigation", "observations": False}],
        "left_out": {"other": "why"},
        "markers": {"rec": {"A": 1, "B": 2}},
        "peak_memory_bytes": 10,
        "proof": asdict(report.proof),
        "changes": {"rec": [{"file": "good", "what": "marker", "before": "A", "after": "B"}]},
        "misdated_files": [{"file": "bad", "what": said}],
        "refused_files": [
            {
                "file": "bad",
                "receiver": "rec",
                "status": "rejected",
                "reason": "not_rinex",
                "detail": "no header",
                "line": 7,
                "first_bytes": "é",
                "reasons": {"not_rinex": 1, "comment": 3},
            },
            {
                "file": "part",
                "receiver": "rec",
                "status": "partial",
                "reason": "",
                "detail": "",
                "line": 0,
                "first_bytes": "",
                "reasons": {"off_grid": 1},
            },
        ],
    }
    assert requests["planned"]["file_gets"] == 2
    assert requests["used"] == {"GET": 5, "PUT": 5, "received_bytes": 10, "sent_bytes": 8}
    assert list(requests["by_worker"]) == ["coordinator", "w"]
    assert receivers == {
        "rec": {
            "files": {"ok": 1, "partial": 1, "rejected": 1},
            "epochs_read": 20,
            "epochs_written": 17,
            "epochs_joined": 3,
            "epochs_lost_to_grid": 1,
            "epochs_refused": {"off_grid": 1, "superseded": 2},
            "observations_read": 200,
            "observations_written": 190,
        }
    }
