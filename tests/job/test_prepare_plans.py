"""The plan of a run: what is surveyed for it, with what its workers read, and what it foresees."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gnssice_batch.archive.skipped import SkippedFile
from gnssice_batch.cluster.executor import InProcess
from gnssice_batch.errors import Reason
from gnssice_batch.job.prepare import Prepared, plan_all, prepare, requests_of
from gnssice_batch.model.values import FileFacts, FileOutcome, Overlap, Refusal, Span, Status, Strategy
from gnssice_batch.planning.backlog import find_backlog
from gnssice_batch.planning.plan import Learned
from gnssice_batch.planning.rewriting import Rewriting
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.store.layout.ledger import Ledger
from tests.support.rounds import UNIT_NS, execution, file, key, part, prepared
from tests.support.runs import DAY_ONE_S, name, rinex, settings, span_s, write
from tests.support.templates import DAY_ONE_NS, UNIT, template

FILES = {name(DAY_ONE_S + 21_600 * unit, "01H"): rinex(span_s(DAY_ONE_S + 21_600 * unit, 0.1)) for unit in range(4)}
URIS = tuple(sorted(FILES))


class Three(InProcess):
    """As if three processes ran tasks; keeps what context each had."""

    def __init__(self):
        self.contexts = {}

    def processes(self):
        return 3

    def run(self, tasks):
        for task in tasks:
            self.contexts[task.key] = task.arguments[1]
            yield from super().run([task])


@pytest.fixture
def tasks():
    return Three()


def site(folder, **sections):
    """Rules and backlog of a new store of four files."""
    chosen = settings(folder, write(folder / "archive", FILES), **sections)
    rules = rules_of(chosen)
    return rules, find_backlog(rules, None, "main")


def told(plan):
    return [(one.partition.key, [each.uri for each in one.files]) for one in plan.assignments]


def test_a_new_receiver_is_surveyed_and_planned(tmp_path, tasks):
    rules, backlog = site(tmp_path, run={"sample_files": 1})
    found = prepare(backlog, rules, execution(tasks)[0])
    assert found.templates.keys() == {"rec"}
    assert found.templates["rec"].grid.size == 0
    assert {survey.outcome.file.uri for survey in found.surveys} >= {URIS[0], URIS[-1]}
    spans = {survey.outcome.file.uri: survey.outcome.facts.span for survey in found.surveys}
    assert found.learned == Learned(spans)
    assert told(found.plans[0]) == [(key(unit), [uri]) for unit, uri in enumerate(URIS)]
    assert (found.partition_units, found.left_out, found.refused) == ({"rec": 1}, {}, ())


def test_all_who_read_know_how_many_they_are(tmp_path, tasks):
    """They share what storages may be asked again."""
    rules, backlog = site(tmp_path)
    found = prepare(backlog, rules, execution(tasks)[0])
    assert found.context.processes == 3
    assert {context.processes for context in tasks.contexts.values()} == {3}


def test_a_receiver_has_one_marker_once_a_sample_was_read_where_that_is_wanted(tmp_path, tasks):
    rules, backlog = site(tmp_path, run={"sample_files": 1})
    archive = rules.archive.model_copy(update={"one_marker": True})
    found = prepare(backlog, replace(rules, archive=archive), execution(tasks)[0])
    assert found.context.markers == {"rec": "STAT"}
    first, *others = (dict(context.markers) for context in tasks.contexts.values())
    assert first == {}
    assert others
    assert all(markers == {"rec": "STAT"} for markers in others)


@pytest.mark.parametrize(("wanted", "units"), [(3, 3), (None, 1)])
def test_partitions_are_as_large_as_the_settings_say_or_as_the_files_want(tmp_path, wanted, units):
    rules, backlog = site(tmp_path, run={"partition_units": wanted})
    assert prepare(backlog, rules, execution()[0]).partition_units == {"rec": units}


def test_a_group_that_an_earlier_start_has_made_is_not_surveyed_again(tmp_path, tasks):
    rules, backlog = site(tmp_path)
    made = replace(template(units=4), tolerance_ns=7)
    refusal = FileOutcome(backlog.files["rec"][1], Status.REJECTED, FileFacts(), Refusal(Reason.EMPTY))
    found = prepare(backlog, rules, execution(tasks)[0], {"rec": made}, [refusal])
    assert found.templates == {"rec": made}
    assert tasks.contexts == {}
    assert found.refused == (refusal,)
    assert found.context.bounds["rec"].tolerance_ns == 7, "epochs are placed as in that group"
    assert [uris for _, uris in told(found.plans[0])] == [[URIS[0]], [URIS[2]], [URIS[3]]]


def test_settings_that_stored_groups_do_not_follow_are_said_of_those_that_have_news(tmp_path, caplog):
    rules, backlog = site(tmp_path, grid={"interval_s": 15})
    stored = {name: SimpleNamespace(template=template(receiver=name), ledger=Ledger()) for name in ("rec", "idle")}
    prepare(replace(backlog, stored=stored), rules, execution()[0])
    said = [record.message for record in caplog.records if "the group keeps" in record.message]
    assert "rec: grid.interval_s is 15, the group keeps the 30 it was made with" in said
    assert not any("idle" in message for message in said)


def test_a_new_group_follows_the_settings(tmp_path, caplog):
    rules, backlog = site(tmp_path)
    prepare(backlog, rules, execution()[0], {"rec": replace(template(), profile="compact")})
    assert "the group keeps" not in caplog.text


def surveyed(*versions, status=Status.OK):
    return [SimpleNamespace(outcome=part(file(0), status, version=version)) for version in versions]


@pytest.mark.parametrize(
    ("versions", "said"),
    [((), "rinex3"), (("",), "rinex3"), (("2.11",), "rinex2"), (("2.11", "", "4.00", "3.05"), "rinex4")],
)
def test_the_source_is_called_after_the_newest_version_of_the_sample(versions, said):
    assert Prepared.source_format.fget(SimpleNamespace(surveys=surveyed(*versions))) == said


def test_only_what_the_survey_has_refused_is_refused():
    kept, refused = surveyed("3.04"), surveyed("", status=Status.REJECTED)
    assert Prepared.refused.fget(SimpleNamespace(surveys=(*kept, *refused))) == (refused[0].outcome,)


def test_a_receiver_is_planned_by_what_is_known_of_it(tmp_path):
    plan = prepared(tmp_path, file(0), file(1), file(9), file(1, "other"))
    after = Overlap(Strategy.APPEND, file(0).end_ns)
    backlog = replace(
        plan.backlog,
        overlaps={"rec": after, "other": Overlap()},
        stored={"rec": SimpleNamespace(template=template(), ledger=Ledger())},
    )
    bounds = {
        "rec": replace(plan.context.bounds["rec"], latest_ns=file(8).start_ns),
        "other": plan.context.bounds["other"],
    }
    found = replace(
        plan, backlog=backlog, context=replace(plan.context, bounds=bounds), partition_units={"rec": 2, "other": 1}
    )
    mine, other = plan_all(found, Learned())
    assert told(mine) == [(key(0), ["rec/0", "rec/1"])]
    assert (mine.assignments[0].overlap, mine.current) == (after, template())
    assert mine.assignments[0].rewritten is None
    assert told(other) == [(key(1, "other"), ["other/1"])]
    assert other.current is None


def test_units_that_are_made_again_are_planned_for_their_receiver_alone(tmp_path):
    again = Rewriting(frozenset({DAY_ONE_NS + UNIT_NS}))
    plan = prepared(
        tmp_path, file(0), file(1), file(1, "other"), rewriting={"rec": again}, templates={"rec": template()}
    )
    assert [one.rewritten for each in plan.plans for one in each.assignments] == [{1}, {1}, None]


def test_groups_grow_from_what_a_run_has_made_of_them(tmp_path):
    plan = prepared(tmp_path, file(1), file(1, "other"))
    made = {"rec": template(first_unit=0, units=5)}
    assert [one.template.grid.size // UNIT for one in plan_all(plan, Learned(), made)] == [5, 2]
    assert [one.template.grid.size // UNIT for one in plan_all(plan, Learned(), {})] == [2, 2]


def test_what_was_learned_takes_the_place_of_what_names_promise(tmp_path):
    plan = prepared(tmp_path, file(0), file(1))
    learned = Learned({"rec/1": None, "rec/0": Span(file(2).start_ns, file(3).start_ns)})
    (found,) = plan_all(plan, learned)
    assert told(found) == [(key(2), ["rec/0"]), (key(3), ["rec/0"])]


def test_requests_are_foreseen_from_the_whole_archive_and_the_store_that_is_there(tmp_path):
    plan = prepared(tmp_path, file(0), file(1))
    few = requests_of(plan)
    assert (few.archive_lists, few.file_gets, few.journal_puts) == (1, 2, 4 + 2)
    skipped = [SkippedFile(f"rec/{number}.txt", None, "") for number in range(1999)]
    many = replace(plan.backlog, listing=replace(plan.backlog.listing, skipped=skipped))
    assert requests_of(replace(plan, backlog=many)).archive_lists == 3, "pages of a thousand names"
    there = replace(plan.backlog, snapshot="SNAPSHOT", stored={"rec": SimpleNamespace(ledger=range(10**7))})
    found = requests_of(replace(plan, backlog=there))
    assert found.commit_puts < few.commit_puts, "no repository has to be made"
    assert found.store_gets > few.store_gets, "a ledger has to be read"


def test_requests_are_foreseen_from_what_the_sample_has_shown(tmp_path):
    plan = prepared(tmp_path, file(0), file(1))
    marks = SimpleNamespace(times_ns=np.array([DAY_ONE_NS]))
    phases = SimpleNamespace(outcome=part(file(0)), fills=frozenset({"Phase"}), marks=marks)
    assert requests_of(replace(plan, surveys=(phases,))).chunk_puts == 2
    assert requests_of(plan).chunk_puts == 2 * 6
    refused = SimpleNamespace(outcome=part(file(0), Status.REJECTED), fills=frozenset(), marks=marks)
    assert requests_of(replace(plan, surveys=(refused,))).journal_puts == requests_of(plan).journal_puts + 1


def test_a_file_too_large_to_be_kept_is_foreseen_for_each_of_its_partitions(tmp_path):
    long = file(0, hours=12)
    plan = prepared(tmp_path, long)
    small = replace(plan.context, archive=replace(plan.context.archive, kept_bytes=long.size_bytes - 1))
    assert requests_of(plan).file_gets == 1
    assert requests_of(replace(plan, context=small)).file_gets == 2
