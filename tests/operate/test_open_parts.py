"""A run that took a part of what is new says by which options it is gone on with."""

from datetime import date

from gnssice_batch.job.journal import RunRecord, begin
from gnssice_batch.job.run import run
from gnssice_batch.job.target import target_of
from gnssice_batch.operate.open_runs import open_runs
from gnssice_batch.planning.part import Part
from tests.failures.small import hourly
from tests.support.runs import settings, write


def test_the_options_of_a_part_are_told(tmp_path):
    write(tmp_path / "archive", hourly(0))
    chosen = settings(tmp_path)
    run(chosen)
    part = Part(frozenset({"rec"}), date(2025, 1, 1), 3)
    target = target_of(chosen, part)
    assert target.identity != target_of(chosen).identity
    with begin(target.journals, RunRecord("20250101T000000-abc", target.identity, "main", "", "2025-01-01", "")):
        (found,) = open_runs(chosen)
    assert found.goes_on_with == "run --receiver rec --since 2025-01-01 --limit 3"
    assert (found.same_settings, found.retry) == (True, False)
