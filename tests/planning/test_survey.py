from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.archive.listing import access, list_files
from gnssice_batch.config import Archive
from gnssice_batch.errors import ConfigError, PlanError, Reason
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.ingest.reading import ReadContext
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.template import GroupTemplate, signal_axis
from gnssice_batch.model.values import FileFacts, FileOutcome, SourceFile, Status
from gnssice_batch.planning.sampling import Marks
from gnssice_batch.planning.survey import (
    FileSurvey,
    Sampling,
    channels,
    foreseen_losses,
    sample,
    sampling,
    survey_file,
)
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
        (span_s(DAY_ONE_S, 1)[::3] + span_s(DAY_ONE_S + 3600, 1), 30, 0),
        ([DAY_ONE_S + 7], 0, 0),
        ([DAY_ONE_S + index * 0.075 for index in range(300)], 0.075, 0),
    ],
)
def test_interval_and_phase_of_a_file(tmp_path, times, interval_s, phase_s):
    found = surveyed(tmp_path, rinex(times))
    assert found.interval_ns == round(interval_s * SECOND_NS)
    if interval_s:
        expected = Sampling(found.interval_ns, phase_s * SECOND_NS, TOLERANCE_NS)
        assert sampling("rec", [found], None, None, None) == expected
    assert found.sids == {"G01|L1|C", "G02|L1|C", "R03|G1|C"}
    assert found.outcome.facts.span.first_ns == round(times[0] * 1e6) * 1000
    assert found.outcome.status is Status.OK


@pytest.mark.parametrize(
    ("name_of_file", "expected_s"), [("run-75ms.16o", (0.075, 0, 0.005)), ("run-tags-drift-1ms.06o", (15, 0, 1))]
)
def test_files_with_unusual_tags(tmp_path, shared_data, name_of_file, expected_s):
    found = surveyed(tmp_path, (shared_data / "faults" / name_of_file).read_bytes())
    interval_ns, phase_ns, tolerance_ns = (round(part * SECOND_NS) for part in expected_s)
    assert sampling("rec", [found], None, None, None) == Sampling(interval_ns, phase_ns, tolerance_ns)


def test_a_stated_interval_is_believed_where_epochs_are_few(tmp_path):
    stated = f"{30:10.3f}{'':50}INTERVAL"
    for times, interval_s in (([DAY_ONE_S], 30), ([DAY_ONE_S, DAY_ONE_S + 90], 30), ([DAY_ONE_S, DAY_ONE_S + 1], 1)):
        lines = rinex(times).decode().replace(f"{'':60}END OF HEADER", f"{stated}\n{'':60}END OF HEADER")
        assert surveyed(tmp_path, lines.encode()).interval_ns == interval_s * SECOND_NS


def test_the_epochs_of_a_long_file_are_thinned_without_a_rhythm(tmp_path):
    times = [DAY_ONE_S + 30 * index + 7 * (index % 2) for index in range(2000)]
    found = surveyed(tmp_path, rinex(times, ["G01"]))
    assert (found.marks.times_ns.size, found.marks.epochs) == (256, 2000)
    alternating = found.marks.times_ns // SECOND_NS % 30
    assert 100 < (alternating == 7).sum() < 156


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


def survey(interval_s, phase_s=0.0, start_ns=0, glonass=None, status=Status.OK):
    file = SourceFile("x", "rec", 1, "", start_ns)
    outcome = FileOutcome(file, status, FileFacts(channels=glonass or {}))
    times_ns = np.arange(100) * round(interval_s * SECOND_NS) + round(phase_s * SECOND_NS)
    return FileSurvey(outcome, frozenset(), round(interval_s * SECOND_NS), Marks(times_ns, 100))


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
    assert sampling("rec", found, None, None, TOLERANCE_NS) == Sampling(interval_ns, phase_ns, TOLERANCE_NS)
    assert sampling("rec", list(reversed(found)), None, None, None) == Sampling(interval_ns, phase_ns, TOLERANCE_NS)


def test_settings_go_before_what_was_found():
    found = [survey(30, 18)]

    def in_s(*chosen):
        grid = sampling("rec", chosen[0], *(None if one is None else round(one * SECOND_NS) for one in chosen[1:]))
        return tuple(part / SECOND_NS for part in (grid.interval_ns, grid.phase_ns, grid.tolerance_ns))

    assert in_s(found, 60, None, None) == (60, 18, 0.005)
    assert in_s(found, 15, None, None) == (15, 3, 0.005)
    assert in_s(found, None, 0, None) == (30, 0, 0.005)
    assert in_s([], 1, None, None) == (1, 0, 0.005)
    assert in_s([survey(30, 0.1)], None, None, 0.2) == (30, 0, 0.2)
    assert in_s(found, None, 0, 14) == (30, 0, 14)


@pytest.mark.parametrize(
    ("phase_s", "tolerance_s", "said"),
    [
        (0, 20, r"grid\.tolerance_s \(20\) should be less than half of the interval of the sample, 30 s"),
        (0, 15, r"grid\.tolerance_s \(15\) should be less than half of the interval of the sample, 30 s"),
        (30, 1, r"grid\.phase_s \(30\) should be less than the interval of the sample, 30 s"),
        (40, 1, r"grid\.phase_s \(40\) should be less than the interval of the sample, 30 s"),
    ],
)
def test_settings_that_do_not_go_with_the_interval_that_was_found_are_refused(phase_s, tolerance_s, said):
    with pytest.raises(ConfigError, match=said):
        sampling("rec", [survey(30)], None, phase_s * SECOND_NS, tolerance_s * SECOND_NS)
    assert sampling("rec", [survey(120)], None, phase_s * SECOND_NS, tolerance_s * SECOND_NS).interval_ns


@pytest.mark.parametrize(("interval_s", "why"), [(0, "tells its interval"), (7, "7 s does not divide a day")])
def test_an_interval_that_makes_no_grid_is_a_conflict(interval_s, why):
    with pytest.raises(PlanError, match=rf"{why}; set archive\.receivers\.rec\.grid\.interval_s"):
        sampling("rec", [survey(interval_s)], None, None, TOLERANCE_NS)


def group(interval_s, phase_s=0.0, tolerance_s=0.005):
    parts = [round(part * SECOND_NS) for part in (interval_s, phase_s, tolerance_s)]
    grid = empty_grid(parts[0], parts[1], 2880, 0)
    return GroupTemplate("rec", grid, signal_axis(()), 64, "default", "zstd", 5, {}, {}, tolerance_ns=parts[2])


def test_losses_that_a_sample_foretells():
    sampled = [survey(30), survey(30, 7), survey(1), survey(30)]
    assert foreseen_losses(group(30), sampled) == {Reason.OFF_GRID: 0.25, Reason.FASTER_THAN_GRID: 0.25}
    assert foreseen_losses(group(30, 0, 7), sampled[:2]) == {}
    assert foreseen_losses(group(30), []) == {}


def test_channels_of_all_headers_the_latest_wins():
    old, new = survey(30, glonass={"R01": 1, "R02": -4}), survey(30, start_ns=5, glonass={"R01": -7})
    assert channels([new, old]) == channels([old, new]) == {"R01": -7, "R02": -4}
    assert channels([replace(old)]) == {"R01": 1, "R02": -4}
    assert channels([new, survey(30, start_ns=None, glonass={"R01": 3})]) == {"R01": -7}, "without a date: the first"
