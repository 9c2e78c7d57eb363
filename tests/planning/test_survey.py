from dataclasses import replace

import pytest

from gnssice_batch.archive.listing import access, list_files
from gnssice_batch.config import Archive
from gnssice_batch.errors import PlanError, Reason
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.values import FileFacts, FileOutcome, SourceFile, Status
from gnssice_batch.planning.survey import FileSurvey, Sampling, channels, sample, sampling, survey_file
from gnssice_batch.rinex import ReadOptions
from tests.support.runs import DAY_ONE_S, name, rinex, span_s, write

BOUNDS = Bounds(0, 3 * DAY_ONE_S * SECOND_NS, 0)
TOLERANCE_NS = 5_000_000


def surveyed(folder, content):
    write(folder, {name(DAY_ONE_S): content})
    settings = Archive(url=str(folder), layout="{receiver}/**")
    (file,) = list_files(settings).files
    return survey_file(file, ReadContext(access(settings), ReadOptions(), {"rec": BOUNDS}))


@pytest.mark.parametrize(
    ("times", "interval_s", "phase_s"),
    [
        (span_s(DAY_ONE_S, 1), 30, 0),
        ([time + 18 for time in span_s(DAY_ONE_S, 1)], 30, 18),
        ([time + 14 for time in span_s(DAY_ONE_S, 1, 15)], 15, 14),
        ([time + 0.0004 for time in span_s(DAY_ONE_S, 1)], 30, 0),
        ([time + 29.9996 for time in span_s(DAY_ONE_S, 1)], 30, 0),
        ([DAY_ONE_S + index * 0.2 for index in range(500)], 0.2, 0),
        ([DAY_ONE_S + index * 1.001 for index in range(100)], 1, None),
        (span_s(DAY_ONE_S, 1)[::3] + span_s(DAY_ONE_S + 3600, 1), 30, 0),
        ([DAY_ONE_S + 7], 0, 0),
    ],
)
def test_interval_and_phase_of_a_file(tmp_path, times, interval_s, phase_s):
    found = surveyed(tmp_path, rinex(times))
    assert found.interval_ns == round(interval_s * SECOND_NS)
    if phase_s is not None:
        assert found.phase_ns == phase_s * SECOND_NS
    assert found.sids == {"G01|L1|C", "G02|L1|C", "R03|G1|C"}
    assert found.outcome.facts.span.first_ns == round(times[0] * 1e6) * 1000
    assert found.outcome.status is Status.OK


def test_a_file_that_cannot_be_read_says_only_why(tmp_path):
    found = surveyed(tmp_path, b"no RINEX at all")
    assert found.outcome.status is Status.REJECTED
    assert found.outcome.refusal.reason is Reason.NOT_RINEX
    assert (found.sids, found.interval_ns) == (frozenset(), 0)


def files(count):
    return [SourceFile(f"{number:03d}", "rec", 1, "", 1000 - number) for number in range(count)]


def test_samples_are_spread_over_the_time():
    assert sample([], 8) == ()
    assert sample(files(3), 8) == tuple(reversed(files(3)))
    chosen = sample(files(100), 5)
    assert [file.uri for file in chosen] == ["099", "075", "050", "025", "000"] or len(chosen) == 5
    assert (chosen[0].uri, chosen[-1].uri) == ("099", "000")
    assert sample(list(reversed(files(100))), 5) == chosen
    assert len(sample(files(9), 1)) == 1


def survey(interval_s, phase_s=0.0, start_ns=0, glonass=None):
    file = SourceFile("x", "rec", 1, "", start_ns)
    outcome = FileOutcome(file, Status.OK, FileFacts(channels=glonass or {}))
    return FileSurvey(outcome, frozenset(), round(interval_s * SECOND_NS), round(phase_s * SECOND_NS))


@pytest.mark.parametrize(
    ("surveys", "expected_s"),
    [
        ([(30, 0), (30, 0), (15, 0)], (30, 0)),
        ([(30, 0), (15, 0)], (15, 0)),
        ([(30, 18), (30, 18), (30, 0)], (30, 18)),
        ([(30, 0.005), (30, 0.005)], (30, 0)),
        ([(30, 29.997)], (30, 0)),
        ([(30, 0.006)], (30, 0.006)),
        ([(0, 0), (30, 0)], (30, 0)),
    ],
)
def test_what_most_files_have_is_taken(surveys, expected_s):
    found = [survey(*one) for one in surveys]
    interval_ns, phase_ns = (round(part * SECOND_NS) for part in expected_s)
    assert sampling("rec", found, None, None, TOLERANCE_NS) == Sampling(interval_ns, phase_ns)
    assert sampling("rec", list(reversed(found)), None, None, TOLERANCE_NS) == Sampling(interval_ns, phase_ns)


def test_settings_go_before_what_was_found():
    found = [survey(30, 18)]
    assert sampling("rec", found, 60 * SECOND_NS, None, TOLERANCE_NS) == Sampling(60 * SECOND_NS, 18 * SECOND_NS)
    assert sampling("rec", found, 15 * SECOND_NS, None, TOLERANCE_NS) == Sampling(15 * SECOND_NS, 3 * SECOND_NS)
    assert sampling("rec", found, None, 0, TOLERANCE_NS) == Sampling(30 * SECOND_NS, 0)
    assert sampling("rec", [], SECOND_NS, None, TOLERANCE_NS) == Sampling(SECOND_NS, 0)


def test_an_interval_nobody_tells_is_a_conflict():
    with pytest.raises(PlanError, match=r"set archive\.receivers\.rec\.grid\.interval_s"):
        sampling("rec", [survey(0)], None, None, TOLERANCE_NS)


def test_channels_of_all_headers_the_latest_wins():
    old, new = survey(30, glonass={"R01": 1, "R02": -4}), survey(30, start_ns=5, glonass={"R01": -7})
    assert channels([new, old]) == channels([old, new]) == {"R01": -7, "R02": -4}
    assert channels([replace(old)]) == {"R01": 1, "R02": -4}
