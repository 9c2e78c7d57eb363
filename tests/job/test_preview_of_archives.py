"""The plan of a small archive as it is summed up: receivers that are there, new ones, and what is not taken."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import Reason, StoreError
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.job import preview as module
from gnssice_batch.job.execution import execution
from gnssice_batch.job.preview import ReceiverPlan, preview
from gnssice_batch.job.run import run
from gnssice_batch.model.grid import Grid
from gnssice_batch.model.values import Span, Status
from gnssice_batch.planning import rules
from gnssice_batch.planning.changes import Change
from gnssice_batch.planning.part import Part
from gnssice_batch.planning.plan import GroupPlan
from gnssice_batch.store.layout.ledger import Ledger
from tests.support.runs import DAY_ONE_S, rinex, settings, span_s, write
from tests.support.templates import template

HOUR_NS = 3600 * 10**9
DAY_ONE_NS = DAY_ONE_S * 10**9


def hours(first, count, **content):
    return rinex(span_s(DAY_ONE_S + 3600 * first, count, 3600), **content)


BEFORE = {f"old/{number}.rnx": hours(24 * number, 3) for number in range(2)}
NEWS = {
    "old/2.rnx": hours(50, 4, marker="MOVED"),
    "new/a.rnx": hours(5, 6, svs=("G01", "G02")),
    "new/b.rnx": hours(30, 4, svs=("G01",)),
    "new/broken.rnx": b"no RINEX at all",
    "none/broken.rnx": b"nor this",
    "old/far.rnx": hours(-24 * 200, 2),
    "brdc0010.25n": b"     2.10           NAVIGATION DATA                         RINEX VERSION / TYPE\n",
}
EVEN = {"grid": {"interval_s": 3600, "phase_s": 0, "max_gap_days": 100}, "chunks": {"epoch": 30}}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An archive of which two files were taken; one of these is gone, others have come."""
    folder = tmp_path_factory.mktemp("archive")
    chosen = settings(folder, **EVEN)
    write(folder / "archive", BEFORE)
    run(chosen)
    (folder / "archive" / "old" / "0.rnx").unlink()
    write(folder / "archive", NEWS)
    return SimpleNamespace(folder=folder, settings=chosen)


@pytest.fixture(scope="module")
def summary(archive):
    """As another version of the reader sees it, with settings that the group that is there does not follow."""
    chosen = settings(archive.folder, **EVEN, encoding={"profile": "compact"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "reader_name", lambda _: "another reader")
        return preview(chosen)


def test_a_plan_says_what_is_taken_and_what_is_not(archive, summary):
    folder, stores = archive.folder / "archive", archive.folder / "stores"
    taken = [len(NEWS[uri]) for uri in ("old/2.rnx", "new/a.rnx", "new/b.rnx")]
    assert (summary.archive, summary.store) == (str(folder), str(stores / "site" / "rinex"))
    assert (summary.totals.files, summary.totals.size_bytes, summary.totals.partitions) == (3, sum(taken), 3)
    assert (summary.up_to_date, summary.left, summary.gone, summary.older_reader) == (1, 0, ("old/0.rnx",), 2)
    assert [(one.uri, str(one.kind)) for one in summary.skipped_files] == [("brdc0010.25n", "navigation")]
    assert summary.left_out == {"none": "no file of it can be read"}
    assert summary.changes == {"old": (Change("old/2.rnx", "marker", "STAT", "MOVED"),)}
    assert summary.requests.file_gets == 3
    assert summary.max_unpacked_bytes == archive.settings.reader.max_unpacked_bytes


def test_rejected_files_of_the_sample_are_told_and_those_of_an_absurd_date_among_them(summary):
    assert [(one.file.uri, str(one.refusal.reason), one.status) for one in summary.refused] == [
        ("new/broken.rnx", Reason.NOT_RINEX, Status.REJECTED),
        ("none/broken.rnx", Reason.NOT_RINEX, Status.REJECTED),
        ("old/far.rnx", Reason.IMPLAUSIBLE_DATE, Status.REJECTED),
    ]


def test_a_new_receiver_is_planned_from_its_sample(summary):
    new, _ = summary.receivers
    assert new == ReceiverPlan(
        receiver="new",
        new=True,
        files=2,
        size_bytes=len(NEWS["new/a.rnx"]) + len(NEWS["new/b.rnx"]),
        span=Span(DAY_ONE_NS + 5 * HOUR_NS, DAY_ONE_NS + 33 * HOUR_NS),
        grid=Grid(HOUR_NS, 0, DAY_ONE_NS, 48, 24, 24),
        signals=2,
        partitions=2,
        write_units=2,
        unit_note="not 30: that is neither whole days nor a part of a day, which has 24 epochs",
        markers={"STAT": 2},
        tolerance_ns=5_000_000,
        warnings=(),
    )


def test_a_receiver_that_is_there_keeps_its_group_and_says_what_it_does_not_follow(summary):
    _, old = summary.receivers
    assert old == ReceiverPlan(
        receiver="old",
        new=False,
        files=1,
        size_bytes=len(NEWS["old/2.rnx"]),
        span=Span(DAY_ONE_NS + 50 * HOUR_NS, DAY_ONE_NS + 53 * HOUR_NS),
        grid=Grid(HOUR_NS, 0, DAY_ONE_NS, 72, 24, 24),
        signals=3,
        partitions=1,
        write_units=1,
        unit_note="",
        markers={"MOVED": 1, "STAT": 3},
        tolerance_ns=5_000_000,
        warnings=("encoding.profile is compact, the group keeps the default it was made with",),
    )


@pytest.mark.parametrize(("limit", "kind", "left"), [(1, "local", 5), (0, "inline", 6)])
def test_workers_are_started_only_where_there_is_something_to_read(archive, monkeypatch, limit, kind, left):
    """All else is left for a later run."""
    asked = []

    def here(chosen, progress):
        asked.append(chosen.cluster.kind)
        return execution(module._without_workers(chosen), progress)

    monkeypatch.setattr(module, "execution", here)
    cluster = archive.settings.cluster.model_copy(update={"kind": "local"})
    found = preview(archive.settings.model_copy(update={"cluster": cluster}), part=Part(limit=limit))
    assert (asked, found.left, found.up_to_date) == ([kind], left, 1)


def test_among_the_files_of_others_no_repository_is_planned(tmp_path):
    write(tmp_path / "archive", BEFORE)
    write(tmp_path / "stores" / "site" / "rinex", {"thesis.tex": b"all of it"})
    with pytest.raises(StoreError, match=r"holds thesis\.tex"):
        preview(settings(tmp_path, **EVEN))


def test_a_receiver_whose_files_hold_no_plausible_epoch_has_no_span():
    """It is in the plan because of units that are made again from nothing."""
    template_ = template()
    plan = GroupPlan(template_, template_, ())
    prepared = SimpleNamespace(
        surveys=(),
        backlog=SimpleNamespace(ledger=lambda _: Ledger()),
        context=SimpleNamespace(bounds={"rec": Bounds(0, 1, 7)}),
    )
    found = module._receiver(plan, settings(Path("nowhere")), prepared)
    assert (found.span, found.files, found.partitions, found.tolerance_ns) == (None, 0, 0, 7)
