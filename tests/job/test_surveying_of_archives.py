"""Which files are read before the plan is made, round by round, and what groups are made of what they say."""

from types import SimpleNamespace

import pytest

from gnssice_batch.archive.listing import Listing
from gnssice_batch.errors import InterruptedRunError, PlanError, RefusedError
from gnssice_batch.job import surveying as module
from gnssice_batch.job.execution import NoProgress, execution
from gnssice_batch.job.surveying import Surveying, true_span, usable
from gnssice_batch.model.grid import DAY_NS
from gnssice_batch.model.values import FileFacts, FileOutcome, Overlap, SourceFile, Span, Status, Strategy
from gnssice_batch.planning.backlog import Backlog
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.planning.survey import FileSurvey
from tests.support.runs import DAY_ONE_S, DAY_S, rinex, settings, span_s, write
from tests.support.templates import DAY_ONE_NS, template

CALM = {"breaker_files": 1000}


class Told(NoProgress):
    """Notes how many files each round reads, and those that were read; may ask the job to stop."""

    def __init__(self, asked_to_stop=None):
        self.rounds, self.read, self.asked_to_stop = [], {}, asked_to_stop

    def stage(self, name, tasks):
        self.rounds.append((name, tasks))

    def finished(self, key, size_bytes):
        self.read[key] = size_bytes
        if self.asked_to_stop:
            self.asked_to_stop()


class Archive:
    """Files of receivers, each with the day that its name promises, none where it promises nothing."""

    def __init__(self, folder):
        self.folder, self.files, self.known, self.overlaps = folder, {}, {}, {}

    def add(self, receiver, *promised, holds=None, content=None):
        """A file for each promised day, which holds hours of that day or of another one."""
        for day in promised:
            uri = f"{receiver}/{len(self.files.get(receiver, ()))}"
            held = (day or 0) if holds is None else holds
            made = rinex(span_s(DAY_ONE_S + held * DAY_S, 1)) if content is None else content
            write(self.folder / "archive", {uri: made})
            start = None if day is None else DAY_ONE_NS + day * DAY_NS
            file = SourceFile(uri, receiver, len(made), "", start, start if start is None else start + DAY_NS)
            self.files[receiver] = (*self.files.get(receiver, ()), file)

    def survey(self, work, told=None, run=None, grid=None):
        """What a survey says that is made of these files."""
        chosen = settings(self.folder, run={**CALM, "sample_files": 2, **(run or {})}, grid=grid or {})
        rules = rules_of(chosen)
        overlaps = {name: self.overlaps.get(name, Overlap()) for name in self.files}
        backlog = Backlog(Listing((), ()), None, {}, self.files, 0, {}, overlaps, "reader")
        with execution(chosen, told) as workers:
            if told and told.asked_to_stop:
                told.asked_to_stop = lambda: setattr(workers.stop, "requested", True)
            return work(Surveying(backlog, rules, self.known, rules.context(self.files), workers))


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)


def uris(surveys):
    return [survey.outcome.file.uri for survey in surveys]


def confirmed(surveying):
    return surveying.confirmed(surveying.sampled())


def test_a_sample_is_doubled_as_long_as_nothing_in_it_can_be_read(archive):
    archive.add("rec", *range(8), content=b"broken")
    told = Told()
    found = archive.survey(Surveying.sampled, told)
    assert told.rounds == [("survey", 2), ("survey", 4), ("survey", 2)]
    assert sorted(uris(found)) == [file.uri for file in archive.files["rec"]]
    assert uris(found)[:2] == ["rec/0", "rec/7"]
    assert told.read == {f"survey/rec/{number}": 6 for number in range(8)}


def test_what_can_be_read_is_enough_of_a_new_receiver_and_a_known_one_needs_none(archive):
    archive.add("rec", 0)
    archive.add("rec", *range(1, 8), content=b"broken")
    archive.add("old", *range(5))
    archive.known["old"] = template(receiver="old")
    told = Told()
    assert uris(archive.survey(Surveying.sampled, told)) == ["rec/0", "rec/7"]
    assert told.rounds == [("survey", 2)]


def test_files_whose_names_tell_no_time_are_read_of_all_receivers(archive):
    archive.add("rec", 0, None, 1, None, 2)
    archive.add("old", 0, None)
    archive.known["old"] = template(receiver="old")
    assert sorted(uris(archive.survey(Surveying.sampled))) == ["old/1", "rec/0", "rec/1", "rec/3", "rec/4"]


def test_a_survey_of_an_archive_that_can_not_be_read_ends_early(archive):
    archive.add("rec", *range(8), content=b"broken")
    told = Told()
    with pytest.raises(RefusedError, match="3 of 3 files were rejected for the same reason"):
        archive.survey(Surveying.sampled, told, run={"breaker_files": 3})
    assert len(told.read) == 2


def test_a_job_that_is_told_to_stop_surveys_no_further(archive):
    archive.add("rec", *range(8))
    with pytest.raises(InterruptedRunError):
        archive.survey(Surveying.sampled, Told(asked_to_stop=print))


def test_files_that_are_read_in_this_process_are_asked_for_ahead(archive, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "KEPT", SimpleNamespace(ask=lambda _, files: asked.append([one.uri for one in files])))
    archive.add("rec", 0, 1, 2)
    archive.survey(Surveying.sampled)
    assert asked == [["rec/0", "rec/2"]]


def test_the_outermost_files_are_read_until_names_promise_no_more_than_was_found(archive):
    """The names of the last two promise too much, so that the next two are read."""
    archive.add("rec", *range(6))
    archive.add("rec", 6, 7, holds=0)
    archive.add("old", 0, 1)
    archive.known["old"] = template(receiver="old", units=9)
    told = Told()
    found = archive.survey(confirmed, told, run={"sample_files": 1})
    assert told.rounds == [("survey", 1), ("survey", 1), ("survey", 2)]
    assert uris(found.surveys) == ["rec/0", "rec/5", "rec/6", "rec/7"]
    assert found.templates["old"] == archive.known["old"]
    assert found.templates["rec"].grid.origin_ns == DAY_ONE_NS
    assert (list(found.templates), found.left_out) == (["rec", "old"], {})


def test_where_only_later_epochs_are_taken_earlier_files_are_not_read(archive):
    """What ends there is earlier too; a file whose time is not known is read anyhow."""
    archive.add("old", 9, 11, None)
    archive.known["old"] = template(receiver="old")
    assert uris(archive.survey(confirmed).surveys) == ["old/1", "old/2"]
    archive.overlaps["old"] = Overlap(Strategy.APPEND, DAY_ONE_NS + 12 * DAY_NS)
    assert uris(archive.survey(confirmed).surveys) == ["old/2"]


def test_a_group_is_made_of_files_that_lie_near_its_other_data(archive):
    archive.add("rec", 0, holds=-4000)
    archive.add("rec", 1, 2, 3)
    grid = {"max_gap_days": 100}
    made = archive.survey(confirmed, run={"sample_files": 9}, grid=grid).templates["rec"]
    assert made.grid.origin_ns == DAY_ONE_NS + DAY_NS
    anywhere = archive.survey(confirmed, run={"sample_files": 9}, grid={"max_gap_days": None})
    assert anywhere.templates["rec"].grid.origin_ns == DAY_ONE_NS - 4000 * DAY_NS


def test_a_group_is_made_of_a_file_far_from_the_others_where_no_other_has_a_signal(archive):
    archive.add("rec", 1, 2, 3)
    far = FileSurvey(outcome(Status.OK, days=-4000), frozenset({"G01|L1|C"}), 30 * 10**9)
    silent = FileSurvey(outcome(Status.OK, uri="rec/1"), frozenset(), 30 * 10**9)
    near = archive.survey(lambda surveying: surveying._near("rec", [far, silent]), grid={"max_gap_days": 100})
    assert near == [far]


def outcome(status, uri="rec/0", days=1):
    span = Span(DAY_ONE_NS + days * DAY_NS, DAY_ONE_NS + days * DAY_NS)
    return FileOutcome(SourceFile(uri, "rec", 1, ""), status, FileFacts(span=span))


def test_receivers_without_an_interval_are_left_out_and_those_without_a_file_are_not_made(archive):
    archive.add("rec", 0)
    archive.add("short", 0, content=rinex([DAY_ONE_S]))
    archive.add("broken", 0, content=b"broken")
    found = archive.survey(confirmed, grid={"interval_s": None, "phase_s": None})
    assert list(found.templates) == ["rec"]
    assert list(found.left_out) == ["short"]
    assert "no file of the sample tells its interval" in found.left_out["short"]


def test_settings_that_make_no_group_are_told_of_all_receivers_together(archive):
    for receiver in ("one", "two"):
        archive.add(receiver, 0)
    archive.add("old", 0)
    archive.known["old"] = template(receiver="old")
    with pytest.raises(PlanError) as caught:
        archive.survey(confirmed, grid={"interval_s": None, "phase_s": 40})
    assert [line.partition(" (40)")[0] for line in caught.value.conflicts] == ["one: grid.phase_s", "two: grid.phase_s"]


def test_a_file_that_was_rejected_or_is_empty_makes_no_group():
    sids = frozenset({"G01|L1|C"})
    surveys = [
        FileSurvey(outcome(Status.OK), sids, 0),
        FileSurvey(outcome(Status.PARTIAL), sids, 0),
        FileSurvey(outcome(Status.REJECTED), sids, 0),
        FileSurvey(outcome(Status.OK), frozenset(), 0),
    ]
    assert usable(surveys) == surveys[:2]
    assert [true_span(survey.outcome) for survey in surveys[1:3]] == [outcome(Status.OK).facts.span, None]
