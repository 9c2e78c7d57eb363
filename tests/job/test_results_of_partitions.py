"""What a run publishes and reports of finished partitions, from values alone."""

from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from gnssice_batch.archive.listing import Listing
from gnssice_batch.archive.skipped import SkipKind, SkippedFile
from gnssice_batch.errors import PlanError, Reason, StoreError
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.ingestion import Ingestion
from gnssice_batch.job.killed import killed
from gnssice_batch.job.prepare import Prepared
from gnssice_batch.job.report import Proof
from gnssice_batch.job.results import (
    file_outcomes,
    left_out,
    new_ledger_rows,
    publication_of,
    refused_again,
    report_of,
    up_to_date_report,
)
from gnssice_batch.job.work import Begun
from gnssice_batch.model.grid import DAY_NS
from gnssice_batch.model.template import VARIABLES
from gnssice_batch.model.values import (
    Done,
    EpochRows,
    FileFacts,
    FileOutcome,
    HeaderFacts,
    Overlap,
    Partition,
    PartitionOutcome,
    Refusal,
    SourceFile,
    Span,
    Status,
    Strategy,
    Tally,
)
from gnssice_batch.planning.backlog import Backlog
from gnssice_batch.planning.changes import Change
from gnssice_batch.planning.plan import GroupPlan, Learned
from gnssice_batch.planning.requests import Requests
from gnssice_batch.planning.software import SOFTWARE
from gnssice_batch.planning.survey import FileSurvey
from gnssice_batch.store.layout.ledger import StoredRefusal
from gnssice_batch.store.reading.contents import StoredGroup
from tests.support.templates import DAY_ONE_NS, template

BOUNDS = Bounds(0, 2 * DAY_ONE_NS, 1, 100 * DAY_NS)


def source(uri, receiver="rec"):
    return SourceFile(uri, receiver, 1, "")


def facts(marker="", days=0):
    first = DAY_ONE_NS + days * DAY_NS
    span = Span(first, first + 1)
    return FileFacts("ab", span=span, epochs=10, observations=100, marker=marker, header=HeaderFacts(marker=marker))


def outcome(uri, receiver="rec", written=(10, 100), marker="", days=0, **more):
    return FileOutcome(source(uri, receiver), Status.OK, facts(marker, days), None, Tally(*written), **more)


def rejected(uri, receiver="rec", reason=Reason.NOT_RINEX):
    return FileOutcome(source(uri, receiver), Status.REJECTED, FileFacts(), Refusal(reason))


def prepared(surveys=(), receivers=("rec",), left_out=None, **more):
    """A run of these receivers, each with a group that is there."""
    groups = {name: template(receiver=name) for name in receivers}
    words = {"listing": Listing((), ()), "snapshot": None, "stored": {}, "files": {}, "up_to_date": 0, "refused": {}}
    backlog = Backlog(**{**words, "overlaps": {}, "reader": "reader 1", **more})
    context = SimpleNamespace(archive=SimpleNamespace(kept_bytes=0), kept_bytes=0, bounds={"rec": BOUNDS})
    plans = tuple(GroupPlan(group, group, ()) for group in groups.values())
    told = tuple(FileSurvey(one, frozenset(), 0) for one in surveys)
    return Prepared(backlog, told, groups, {}, Learned(), context, plans, left_out or {})


def finished(key, units, files=(), rows=(), parts=(), receiver="rec", **more):
    partition = Partition(key, receiver, units.start, len(units))
    result = PartitionOutcome(key, more.pop("fork", b"fork"), tuple(parts), **more)
    return Done(partition, 0, 3, "digest", tuple(map(source, files)), rows, result)


def work_of(*done, receivers=("rec",), **more):
    begun: Future[Begun] = Future()
    journal = SimpleNamespace(record=SimpleNamespace(run="run"))
    begun.set_result(Begun(SimpleNamespace(url="url"), journal, None))
    templates = {name: template(receiver=name, units=9) for name in receivers}
    return Ingestion(Aside(), begun, done={one.partition.key: one for one in done}, templates=templates, **more)


ROWS = EpochRows.of(0, np.array([-2, -1], np.int32))
FIRST = finished(
    "rec.0",
    range(2),
    files=("a", "b", "refused"),
    rows=(7, 8),
    epochs=(ROWS,),
    written_units=(0, 1),
    displaced={3: Tally(1, 2), 4: Tally(1, 1)},
    joined={3: 5},
    not_mixed={4: 6},
    bytes_read=10,
    peak_memory_bytes=20,
)
SECOND = finished(
    "rec.1", range(2, 4), fork=b"more", written_units=(3,), displaced={3: Tally(4, 8)}, joined={3: 2}, bytes_read=5
)
IDLE = finished("rec.2", range(4, 5), fork=b"idle", peak_memory_bytes=4)
OTHER = finished("other.0", range(1), receiver="other", fork=b"other", written_units=(0,), joined={3: 99})
ALL = (FIRST, SECOND, IDLE, OTHER)


class TestPublication:
    def made(self, files, done=ALL, **more):
        work = work_of(*done, receivers=("rec", "other"))
        return publication_of(prepared(receivers=("rec", "other"), **more), work, "structure", files)

    def test_it_has_what_workers_have_written_and_nothing_else(self):
        found = self.made({"rec": (outcome("a"),), "other": ()})
        assert (found.run, found.structure, found.source_format) == ("run", "structure", "rinex3")
        assert found.forks == [b"fork", b"more", b"other"]
        assert found.metadata == {"partitions": 4, "software": SOFTWARE}
        shards = {"rec": {(0, 0), (1, 0), (3, 0)}, "other": {(0, 0)}}
        assert found.planned == {
            f"/{receiver}/{spec.name}": units for receiver, units in shards.items() for spec in VARIABLES
        }

    def test_what_earlier_files_have_lost_is_added_up_by_receiver(self):
        stored = {"rec": StoredGroup(template(), None)}
        rec = self.made({"rec": (outcome("a"),), "other": ()}, stored=stored).groups["rec"]
        assert (rec.template, rec.current) == (template(units=9), template())
        assert rec.displaced == {3: Tally(5, 10), 4: Tally(1, 1)}
        assert (rec.joined, rec.not_mixed) == ({3: 7}, {4: 6})
        assert rec.files == (outcome("a"),)
        assert [(one.rows, one.uris, one.foreseen) for one in rec.epochs] == [(ROWS, ("a", "b"), (7, 8))]

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            ({"rec": (outcome("a", joined=3), outcome("b"))}, "2 files, 17 epochs, rec"),
            ({"rec": (outcome("a", written=(1, 4)),)}, "1 file, 1 epoch, rec"),
            ({"rec": (outcome("a"),), "other": (outcome("b", written=(0, 0)),)}, "2 files, 10 epochs, other, rec"),
            ({"other": (), "rec": ()}, "0 files, 0 epochs, other, rec"),
        ],
    )
    def test_its_message_counts_files_and_epochs_and_names_receivers(self, files, message):
        assert self.made(files).message == message

    def test_its_message_is_cut_where_there_are_many_receivers(self):
        names = {f"receiver_{number:03}": () for number in range(40)}
        found = publication_of(prepared(receivers=names), work_of(receivers=names), "structure", names)
        assert found.message == f"0 files, 0 epochs, {', '.join(names)}"[:200]

    def test_its_provenance_says_who_has_written_when_and_how(self):
        before = datetime.now(UTC).replace(microsecond=0)
        said = self.made({"rec": ()}).provenance
        assert (said.run, said.reader, said.strategy) == ("run", "reader 1", "skip")
        assert before <= datetime.fromisoformat(said.written_at) <= datetime.now(UTC)
        assert len(said.written_at) == len("2025-01-01T00:00:00+00:00")
        appending = {"rec": Overlap(Strategy.BEST), "other": Overlap(Strategy.APPEND)}
        assert self.made({"rec": ()}, overlaps=appending).provenance.strategy == "append"

    def test_two_owners_of_a_unit_stop_it(self):
        with pytest.raises(PlanError, match=r"write unit 1 of rec belongs to rec\.0 and to rec\.9"):
            self.made({"rec": ()}, [FIRST, finished("rec.9", range(1, 2), written_units=(1,))])

    def test_a_worker_that_wrote_outside_its_units_stops_it(self):
        with pytest.raises(StoreError, match=r"^rec\.9: wrote outside its own write units; nothing was published"):
            self.made({"rec": ()}, [FIRST, finished("rec.9", range(5, 6), written_units=(5, 6))])


class TestFileOutcomes:
    def test_each_file_has_one_from_its_partitions_else_from_the_survey(self):
        half = {"written": (5, 50)}
        one = finished("p1", range(1), parts=(outcome("z"), outcome("a", partitions=("p1",), **half)))
        other = finished("p2", range(1, 2), parts=(outcome("a", partitions=("p2",), **half),))
        deadly = killed(source("c"), "this file", ("p1",))
        work = work_of(one, other, rejected={"p1": {"c": deadly}, "p3": {"z": killed(source("z"), "it")}})
        surveys = (rejected("b"), rejected("x", "none"), outcome("z"))
        files = {"rec": tuple(map(source, "abcz")), "idle": ()}
        found = file_outcomes(prepared(surveys, ("rec", "idle"), files=files), work)
        whole = (outcome("a", partitions=("p1", "p2")), rejected("b"), deadly, outcome("z"))
        assert [replace(each, refused={}) for each in found["rec"]] == [*whole]
        assert list(found) == ["rec"]

    def test_files_of_absurd_dates_are_refused_wherever_they_were_read(self):
        far = {uri: outcome(uri, days=9000) for uri in "abc"}
        work = work_of(
            finished("p1", range(1), parts=(far["b"], outcome("z"))),
            read={"c": far["c"]},
            implausible=frozenset("abc"),
        )
        found = file_outcomes(prepared([far["a"]], files={"rec": tuple(map(source, "abcz"))}), work)["rec"]
        assert [(one.file.uri, one.refusal and one.refusal.reason) for one in found] == [
            *((uri, Reason.IMPLAUSIBLE_DATE) for uri in "abc"),
            ("z", None),
        ]

    def test_a_file_without_one_stops_the_run(self):
        work = work_of(finished("p1", range(1), parts=(outcome("a"),)))
        with pytest.raises(StoreError, match=r"^2 files without an outcome, e\.g\. b; nothing was published"):
            file_outcomes(prepared(files={"rec": tuple(map(source, "abc"))}), work)


AGAIN = {
    "never refused before": (None, rejected("a"), False),
    "by the same reader": (StoredRefusal("not_rinex", "reader 1"), rejected("a"), True),
    "by another reader": (StoredRefusal("not_rinex", "reader 0"), rejected("a"), False),
    "for another reason": (StoredRefusal("truncated", "reader 1"), rejected("a"), False),
    "unreadable, whoever tried": (
        StoredRefusal("unreadable", "reader 0"),
        rejected("a", reason=Reason.UNREADABLE),
        True,
    ),
    "unreadable for the first time": (
        StoredRefusal("not_rinex", "reader 1"),
        rejected("a", reason=Reason.UNREADABLE),
        False,
    ),
    "taken now": (StoredRefusal("not_rinex", "reader 1"), outcome("a"), False),
    "taken in part now": (
        StoredRefusal("truncated", "reader 1"),
        replace(outcome("a"), status=Status.PARTIAL, refusal=Refusal(Reason.TRUNCATED)),
        False,
    ),
    "rejected without a word": (StoredRefusal("", "reader 1"), replace(rejected("a"), refusal=None), False),
}


@pytest.mark.parametrize("case", AGAIN.values(), ids=AGAIN)
def test_a_file_that_is_refused_again_as_before_gets_no_second_row(case):
    before, now, again = case
    run = prepared(refused={"a": before} if before else {})
    other = outcome("b")
    assert new_ledger_rows(run, {"rec": (now, other)}) == {"rec": (other,) if again else (now, other)}
    assert refused_again(run, {"rec": (now, other)}) == ((now,) if again else ())


SURVEYS = (
    rejected("a"),
    rejected("b", "broken"),
    outcome("c", "empty"),
    rejected("d", "empty"),
    outcome("e", "new"),
)
FILES = {name: (source("x", name),) for name in ("rec", "broken", "empty", "new")}


class TestReceiversWithoutAGroup:
    def run(self):
        return prepared(SURVEYS, left_out={"new": "no interval"}, files=FILES)

    def test_it_is_told_why(self):
        assert left_out(self.run()) == {
            "broken": "no file of it can be read",
            "empty": "no file of it has an observation yet",
            "new": "no interval",
        }

    def test_their_files_are_in_the_report_and_readable_ones_are_rejected_for_the_interval(self):
        files = up_to_date_report(self.run(), "url", "run").files
        assert (files["broken"], files["empty"]) == ((SURVEYS[1],), SURVEYS[2:4])
        (new,) = files["new"]
        assert (new.status, new.refusal) == (Status.REJECTED, Refusal(Reason.NO_INTERVAL, "no interval"))
        assert new.refused == {Reason.NO_INTERVAL: Tally(10, 100)}
        assert list(files) == ["broken", "empty", "new"]

    def test_the_report_says_why_too(self):
        assert up_to_date_report(self.run(), "url", "run").left_out == left_out(self.run())

    def test_what_can_not_be_read_is_rejected_for_what_it_is(self):
        run = prepared((rejected("d", "new"),), left_out={"new": "no interval"}, files=FILES)
        assert up_to_date_report(run, "url", "run").files == {"new": (rejected("d", "new"),)}


def test_a_report_of_nothing_says_what_the_archive_holds():
    skipped = (SkippedFile("x.nav", SkipKind.NAVIGATION, "navigation"),)
    run = prepared(listing=Listing((source("a"),), skipped), up_to_date=7, left=8, gone=("lost",))
    found = up_to_date_report(run, "url", "run")
    assert (found.run, found.url, found.snapshot, found.files) == ("run", "url", None, {})
    assert (found.up_to_date, found.left, found.skipped_files, found.gone) == (7, 8, skipped, ("lost",))
    assert (found.left_out, found.planned) == ({}, Requests(archive_lists=1))


def test_a_report_of_a_run_adds_up_what_its_partitions_say():
    news = (outcome("a", marker="A"), outcome("b", marker="B", days=1))
    files = {"rec": (*news, rejected("c")), "same": (rejected("d", "same"),), "one": (outcome("e", "one", marker="C"),)}
    refused = {"c": StoredRefusal("not_rinex", "reader 1"), "d": StoredRefusal("not_rinex", "reader 1")}
    run = prepared((rejected("x", "none"),), ("rec", "same", "one"), refused=refused, files={"none": (source("x"),)})
    work = work_of(FIRST, SECOND, IDLE, resumed=2, set_aside={"rec.7": None})
    proof = Proof("full", 3)
    found = report_of(run, work, files, proof, "snapshot")
    assert (found.run, found.url, found.snapshot, found.proof) == ("run", "url", "snapshot", proof)
    assert found.files == {"none": (rejected("x", "none"),), "rec": news, "one": files["one"]}
    assert found.refused_again == (rejected("c"), rejected("d", "same"))
    assert (found.partitions, found.resumed, found.set_aside) == (3, 2, ("rec.7",))
    assert (found.bytes_read, found.peak_memory_bytes) == (15, 20)
    assert found.changes == {"rec": (Change("b", "marker", "A", "B"),)}
    assert found.markers == {"rec": {"A": 1, "B": 1}}
    assert report_of(run, work_of(), files, proof, None).peak_memory_bytes == 0
