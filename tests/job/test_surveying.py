"""What a survey makes of a file that killed the workers that looked at it, and of an earlier start's survey."""

from dataclasses import replace
from types import SimpleNamespace

from distributed import KilledWorker

from gnssice_batch.cluster.executor import Finished
from gnssice_batch.errors import Reason
from gnssice_batch.job.surveying import Surveying, _survey_of
from gnssice_batch.model.values import FileFacts, FileOutcome, SourceFile, Status
from gnssice_batch.planning.survey import FileSurvey

FILE = SourceFile("x", "rec", 1, "")


def test_it_is_refused_and_the_run_goes_on():
    died = Finished("x", error=KilledWorker("x", None, 3))
    found = _survey_of(died, FILE)
    assert (found.outcome.file, found.outcome.status) == (FILE, Status.REJECTED)
    assert found.outcome.refusal.reason is Reason.KILLED_WORKERS
    assert (found.sids, found.interval_ns) == (frozenset(), 0)


def test_another_survey_says_who_has_made_it():
    survey = FileSurvey(FileOutcome(FILE, Status.OK, FileFacts()), frozenset(), 0)
    assert _survey_of(Finished("x", survey, worker="w"), FILE).worker == "w"


def test_an_earlier_survey_stands_for_files_of_known_time_of_groups_that_are_made():
    """What has no known time is read again: it decides how far the axis reaches."""
    dated, undated = replace(FILE, uri="dated", start_ns=0), replace(FILE, uri="undated")
    new, gone = replace(dated, uri="new", receiver="new"), replace(dated, uri="gone")
    backlog = SimpleNamespace(files={"rec": (dated, undated), "new": (new,)})
    surveying = Surveying(backlog, None, {"rec": None, "idle": None}, None, None)
    refused = [FileOutcome(file, Status.REJECTED, FileFacts()) for file in (dated, undated, new, gone)]
    assert surveying.earlier(refused) == (FileSurvey(refused[0], frozenset(), 0),)
