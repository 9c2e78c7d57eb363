"""What the settings say of planning, looked up once."""

from datetime import UTC, date, datetime, timedelta

import pytest

from gnssice_batch.errors import Reason
from gnssice_batch.model.grid import DAY_NS, SECOND_NS
from gnssice_batch.model.values import Strategy
from gnssice_batch.planning.part import Part
from gnssice_batch.planning.plan import Retry
from gnssice_batch.planning.rewriting import Rewrite
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.planning.sampling import STEADY_NS
from tests.support.runs import settings
from tests.support.templates import template


def of(folder, retry=None, **sections):
    return rules_of(settings(folder, **sections), retry)


def ns(day):
    return (day - date(1980, 1, 6)).days * DAY_NS


def test_dates_are_those_of_the_settings_or_end_two_days_ahead(tmp_path):
    stated = of(tmp_path, grid={"earliest": "2020-01-02", "latest": "2021-03-04", "max_gap_days": 30}).bounds("rec")
    assert (stated.earliest_ns, stated.latest_ns) == (ns(date(2020, 1, 2)), ns(date(2021, 3, 4)))
    assert stated.gap_ns == 30 * DAY_NS
    today = datetime.now(UTC).date()
    latest = of(tmp_path).bounds("rec").latest_ns
    assert latest in {ns(today + timedelta(days=days)) for days in (2, 3)}


@pytest.mark.parametrize(
    ("retry", "bounded"),
    [
        (None, True),
        (Retry(), True),
        (Retry(frozenset({Reason.EMPTY.value})), True),
        (Part(limit=1), True),
        (Retry(frozenset({Reason.EMPTY.value, Reason.IMPLAUSIBLE_DATE.value})), False),
    ],
)
def test_naming_the_reason_is_the_consent_to_any_date(tmp_path, retry, bounded):
    rules = of(tmp_path, retry, grid={"max_gap_days": 30})
    assert (rules.bounds("rec").gap_ns is not None) == bounded


def test_no_gap_is_too_long_where_the_settings_say_none(tmp_path):
    assert of(tmp_path, grid={"max_gap_days": None}).bounds("rec").gap_ns is None


def test_a_tolerance_is_that_of_the_group_else_of_the_settings_else_that_of_a_steered_clock(tmp_path):
    assert of(tmp_path).bounds("rec").tolerance_ns == STEADY_NS
    stated = of(tmp_path, grid={"tolerance_s": 2})
    assert stated.bounds("rec").tolerance_ns == 2 * SECOND_NS
    assert stated.bounds("rec", template()).tolerance_ns == 2 * SECOND_NS, "an older group keeps none"
    kept = stated.context(["rec", "other"], {"rec": kept_template(7)})
    assert {name: bounds.tolerance_ns for name, bounds in kept.bounds.items()} == {"rec": 7, "other": 2 * SECOND_NS}


def kept_template(tolerance_ns):
    from dataclasses import replace

    return replace(template(), tolerance_ns=tolerance_ns)


@pytest.mark.parametrize(
    ("retry", "strategy"),
    [(None, Strategy.SKIP), (Retry(), Strategy.SKIP), (Rewrite({"rec": frozenset({0})}), Strategy.BEST)],
)
def test_units_made_again_hold_nothing_that_a_strategy_could_keep(tmp_path, retry, strategy):
    assert of(tmp_path, retry, run={"overlap": "skip"}).strategy is strategy


@pytest.mark.parametrize(("on_error", "stops"), [("quarantine", False), ("fail", True)])
def test_whether_the_first_refused_file_stops_a_run(tmp_path, on_error, stops):
    limits = of(tmp_path, run={"on_error": on_error, "breaker_files": 7, "breaker_fraction": 0.25}).limits
    assert (limits.first_stops, limits.files, limits.fraction) == (stops, 7, 0.25)


def test_new_groups_are_made_as_the_settings_say(tmp_path):
    groups = of(
        tmp_path,
        site="elsewhere",
        chunks={"epoch": 1440},
        encoding={"profile": "compact"},
        icechunk={"compression_algorithm": "gzip", "compression_level": 3},
        attributes={"Institution": "none"},
    ).groups
    assert (groups.site, groups.unit_epochs, groups.profile) == ("elsewhere", 1440, "compact")
    assert (groups.algorithm, groups.level, groups.attributes) == ("gzip", 3, {"Institution": "none"})


def test_workers_read_as_the_settings_say(tmp_path):
    overrides = {"G": {"C1C": "C1W"}}
    rules = of(
        tmp_path, reader={"signal_overrides": overrides, "max_unpacked_bytes": 12_345_678, "kept_bytes": 1_234_567}
    )
    context = rules.context(["rec"])
    assert context.options.max_unpacked_bytes == 12_345_678
    assert (context.kept_bytes, rules.kept_bytes) == (1_234_567, 1_234_567)
    assert {name: dict(of_one) for name, of_one in context.overrides.items()} == {"rec": overrides}
    assert context.options.signal_overrides == overrides
