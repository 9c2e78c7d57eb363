"""What a survey makes of a file that killed the workers that looked at it."""

from distributed import KilledWorker

from gnssice_batch.cluster.executor import Finished
from gnssice_batch.errors import Reason
from gnssice_batch.job.surveying import _survey_of
from gnssice_batch.model.values import FileFacts, FileOutcome, SourceFile, Status
from gnssice_batch.planning.survey import FileSurvey

FILE = SourceFile("x", "rec", 1, "")


def test_it_is_refused_and_the_run_goes_on():
    died = Finished("x", error=KilledWorker("x", None, 3))
    found = _survey_of(died, FILE)
    assert (found.outcome.file, found.outcome.status) == (FILE, Status.REJECTED)
    assert found.outcome.refusal.reason is Reason.KILLED_WORKERS


def test_another_survey_says_who_has_made_it():
    survey = FileSurvey(FileOutcome(FILE, Status.OK, FileFacts()), frozenset(), 0)
    assert _survey_of(Finished("x", survey, worker="w"), FILE).worker == "w"
