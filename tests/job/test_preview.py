"""A plan as it is shown: warnings by their bars, and JSON by its names."""

from dataclasses import replace

import numpy as np

from gnssice_batch.archive.skipped import SkipKind, SkippedFile
from gnssice_batch.config import Run
from gnssice_batch.errors import Reason
from gnssice_batch.job.preview import PlanSummary, ReceiverPlan, sample_warnings, unit_note
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Span, Status
from gnssice_batch.planning.changes import Change
from gnssice_batch.planning.plan import Totals
from gnssice_batch.planning.requests import Requests
from gnssice_batch.planning.sampling import Marks
from gnssice_batch.planning.survey import FileSurvey
from tests.support.templates import DAY_ONE_NS, template


def survey(phase_s=0, interval_s=30, status=Status.OK, receiver="rec"):
    times_ns = np.arange(100) * interval_s * SECOND_NS + phase_s * SECOND_NS
    outcome = FileOutcome(SourceFile("x", receiver, 1, ""), status, FileFacts())
    return FileSurvey(outcome, frozenset(), interval_s * SECOND_NS, Marks(times_ns, 100))


class TestWarnings:
    LIMITS = Run(max_lost_fraction=0.25, max_partial_fraction=0.5)

    def told(self, *surveys, new=True):
        return sample_warnings(template(), surveys, self.LIMITS, new=new)

    def test_as_much_as_is_allowed_is_not_told(self):
        assert self.told() == ()
        assert self.told(survey(7), survey(), survey(), survey()) == ()
        assert self.told(survey(), survey(status=Status.PARTIAL)) == ()

    def test_more_is_told_with_the_way_out_of_a_new_group_and_of_a_fixed_one(self):
        said = "of the sample's epochs 33.3% off_grid, 33.3% faster_than_grid"
        surveys = (survey(7), survey(interval_s=1), survey())
        assert self.told(*surveys) == (f"{said}: see grid.tolerance_s, grid.phase_s and grid.interval_s",)
        (fixed,) = self.told(*surveys, new=False)
        assert fixed.startswith(f"{said}: the group's grid is fixed, give these files a receiver of their own")

    def test_partial_files_are_told(self):
        partial = survey(status=Status.PARTIAL)
        assert self.told(survey(), partial, partial) == (
            "2 of 3 files of the sample are taken only in part: see gnssice-batch inspect",
        )

    def test_other_receivers_do_not_count(self):
        assert self.told(survey(), *[survey(7, receiver="other")] * 9) == ()
        assert self.told(*[survey(status=Status.PARTIAL, receiver="other")] * 9) == ()


def test_a_write_unit_that_is_not_the_wanted_one_says_why():
    grid = empty_grid(SECOND_NS, 0, 34560, DAY_ONE_NS)
    assert unit_note(grid, 34560) == (
        "not 34560: that is neither whole days nor a part of a day, which has 86400 epochs"
    )
    assert unit_note(grid, grid.unit) == ""


RECEIVER = ReceiverPlan(
    receiver="rec",
    new=True,
    files=2,
    size_bytes=3,
    span=Span(DAY_ONE_NS, DAY_ONE_NS + 30 * SECOND_NS),
    grid=replace(template().grid, phase_ns=7 * SECOND_NS, read_unit=180),
    signals=4,
    partitions=5,
    write_units=6,
    unit_note="why",
    markers={"STAT": 7},
    tolerance_ns=5_000_000,
    warnings=("warned",),
)
REFUSED = FileOutcome(
    SourceFile("bad", "rec", 1, ""),
    Status.REJECTED,
    FileFacts(skipped={Reason.COMMENT: 3}),
    Refusal(Reason.NOT_RINEX, "no header", 7, b"\xe9"),
)
SUMMARY = PlanSummary(
    archive="archive",
    store="store",
    totals=Totals(1, 2, 3, 4, 5, 6),
    receivers=(RECEIVER, replace(RECEIVER, receiver="other", span=None)),
    up_to_date=7,
    left=8,
    skipped_files=(SkippedFile("x", SkipKind.METEO, "why", observations=True),),
    gone=("lost",),
    older_reader=9,
    left_out={"third": "why not"},
    refused=(REFUSED, replace(REFUSED, refusal=None)),
    changes={"rec": (Change("x", "marker", "A", "B"),)},
    requests=Requests(file_gets=10),
    max_unpacked_bytes=11,
)


def test_the_json_of_a_plan_says_all_there_is_by_these_names():
    told = SUMMARY.as_json()
    receivers = told.pop("receivers")
    assert told == {
        "archive": "archive",
        "store": "store",
        "files": 1,
        "size_bytes": 2,
        "partitions": 3,
        "write_units": 4,
        "references": 5,
        "task_memory_bytes": 6,
        "max_unpacked_bytes": 11,
        "up_to_date": 7,
        "left": 8,
        "skipped": 1,
        "skipped_by_kind": {"meteo": 1},
        "gone": 1,
        "gone_files": ["lost"],
        "older_reader": 9,
        "requests": SUMMARY.requests.as_json(),
        "skipped_files": [{"file": "x", "kind": "meteo", "reason": "why", "observations": True}],
        "left_out": {"third": "why not"},
        "changes_in_sample": {"rec": [{"file": "x", "what": "marker", "before": "A", "after": "B"}]},
        "refused_in_sample": [
            {
                "file": "bad",
                "receiver": "rec",
                "reason": "not_rinex",
                "detail": "no header",
                "line": 7,
                "first_bytes": "é",
                "reasons": {"not_rinex": 1, "comment": 3},
            },
            {
                "file": "bad",
                "receiver": "rec",
                "reason": "",
                "detail": "",
                "line": 0,
                "first_bytes": "",
                "reasons": {},
            },
        ],
    }
    assert receivers["rec"] == {
        "new": True,
        "files": 2,
        "size_bytes": 3,
        "interval_s": 30,
        "phase_s": 7,
        "tolerance_s": 0.005,
        "first_epoch": "2025-01-01T00:00:00.000000000",
        "last_epoch": "2025-01-01T00:00:30.000000000",
        "warnings": ["warned"],
        "signals": 4,
        "write_unit_epochs": 720,
        "write_unit_note": "why",
        "read_unit_epochs": 180,
        "markers": {"STAT": 7},
        "partitions": 5,
        "write_units": 6,
    }
    assert (receivers["other"]["first_epoch"], receivers["other"]["last_epoch"]) == (None, None)
