"""Repair: damaged and differing write units made again from the archive, in one commit, and nothing else touched."""

import numpy as np
import pytest

from gnssice_batch.errors import ArchiveError
from gnssice_batch.job.run import run
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.operate.integrity import scan_store
from gnssice_batch.operate.repair import Wanted, plan_repair, repair
from gnssice_batch.operate.verification import verify_store
from tests.failures.small import Hook, Interrupt, check_as_in_one_run, hourly, interrupt, journal_files, site
from tests.support.damage import KINDS, chunks, everything, spoil
from tests.support.marks import most_heavy
from tests.support.published import change
from tests.support.runs import DAY_ONE_S, head, ledger, messages, name, rinex, row, span_s, write

GROUP = "rec"
LONG = name(DAY_ONE_S + 5 * 3600, "03H")
"""Crosses the border of two write units, and is joined with the hourly files of both."""
FILES = {
    **hourly(0, 5, 6, 12),
    LONG: rinex(span_s(DAY_ONE_S + 5 * 3600, 3), svs=("G01", "E04", "R03"), salt=1),
    name(DAY_ONE_S + 3600, "01H"): rinex(span_s(DAY_ONE_S + 3600, 1), svs=("G01",), flags={7: 1}),
}
MORE = hourly(2, 8, 13)
"""A file for each write unit."""


@pytest.fixture
def chosen(tmp_path):
    """Settings of a store of three write units, with files that cross their borders and files that are joined."""
    settings = site(tmp_path, FILES)
    run(settings)
    return settings


def mended(chosen, **wanted):
    """Plan a repair and do it."""
    plan = plan_repair(chosen, Wanted(**wanted))
    return plan, repair(chosen, plan)


@pytest.mark.parametrize("number", most_heavy([0, 5, *range(1, 5), *range(6, 12)], 2))
@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_listed_then_named_then_mended(tmp_path, chosen, kind, number, caplog):
    path = chunks(chosen)[number]
    spoil(path, kind)
    before, kept = head(chosen), everything(chosen)

    (found,) = scan_store(chosen).damaged
    report = verify_store(chosen, None)
    assert not report.agrees
    assert {(each.damage.receiver, each.damage.array, each.damage.unit) for each in report.damaged} == {
        (GROUP, found.damage.array, found.damage.unit)
    }
    assert set(found.files) >= {file for each in report.damaged for file in each.files} > set()
    assert report.differences == 0
    assert "a chunk" in found.damage.why

    write(tmp_path / "archive", MORE)
    with pytest.raises(DamagedError) as ended:
        run(chosen)
    assert f"{GROUP} " in str(ended.value)
    assert f"(write unit {found.damage.unit}): a chunk" in str(ended.value)
    assert "gnssice-batch repair" in str(ended.value)
    assert ended.value.exit_code == 5
    assert not [record for record in caplog.records if "attempt" in record.message or "asked again" in record.message]
    assert head(chosen) == before

    plan, outcome = mended(chosen)
    assert [one.unit for one in plan.units] == [found.damage.unit]
    assert outcome.snapshot == head(chosen) != before
    assert len(outcome.files[GROUP]) == plan.files[GROUP]
    now = everything(chosen)
    assert all(now[name] == content for name, content in kept.items() if name.startswith(("chunks/", "manifests/")))
    run(chosen)
    assert verify_store(chosen, None).agrees
    assert scan_store(chosen).damaged == ()
    check_as_in_one_run(tmp_path, chosen, FILES | MORE)
