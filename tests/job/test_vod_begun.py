"""What a vod run is told, how it goes on with an earlier start, what a plan of it says."""

import json
import logging
from concurrent.futures import Future
from dataclasses import replace

import pytest

from gnssice_batch.canopy.planning import Earlier
from gnssice_batch.cluster.executor import InProcess
from gnssice_batch.errors import StoreError
from gnssice_batch.job import vod as vods
from gnssice_batch.job import vod_preview as previews
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.counting import Counting
from gnssice_batch.job.execution import Execution, NoProgress
from gnssice_batch.job.interruption import Stop
from gnssice_batch.job.resume import Resumed
from gnssice_batch.job.start import Start
from gnssice_batch.job.target import target_of
from gnssice_batch.job.vod import _earlier, _Planned, _Vod, vod
from gnssice_batch.job.vod_preview import AnalysisPlan, VodPlanSummary, _analysis, preview_vod
from gnssice_batch.job.vod_report import AnalysisReport, VodReport
from gnssice_batch.job.vod_units import finished_unit
from gnssice_batch.model.values import Done
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.tags import tag_snapshot
from gnssice_batch.store.writing.structure import Structure
from tests.support.histories import FAR, commit, on_disk
from tests.support.runs import settings
from tests.support.vod_plans import key, made_unit, orbit, outcome, plan, plans, start, stored


class Stages(NoProgress):
    """Keep the stages."""

    def __init__(self):
        self.told = []

    def stage(self, name, tasks):
        self.told.append((name, tasks))


class Told(NoProgress):
    """Keep the latest counts."""

    def counted(self, counts):
        self.counts = counts


@pytest.fixture
def jobs(monkeypatch):
    """The jobs that would be coordinated."""
    found = []
    monkeypatch.setattr(vods, "coordinate", lambda job, *_: found.append(job))
    return found


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ({"analyses": ["b", "a"]}, True),
        ({"analyses": ["a"]}, False),
        ({"analyses": ["a", "b"], "everything": True}, False),
        ({}, False),
    ],
)
def test_starts_that_are_told_the_same_are_one_run(tmp_path, jobs, words, same):
    chosen = settings(tmp_path)
    vod(chosen, analyses=["a", "b"])
    vod(chosen, **words)
    first, second = jobs
    assert (first.target.identity == second.target.identity) is same
    assert (second.only, second.everything) == (tuple(sorted(words.get("analyses", ()))), "everything" in words)


def test_the_identity_of_a_run_is_that_of_its_settings_and_what_it_was_told(tmp_path, jobs):
    vod(settings(tmp_path), analyses=["b", "a"], everything=True)
    vod(settings(tmp_path))
    told, plain = (job.target for job in jobs)
    assert told.identity == f"{plain.identity} a b --full"
    assert (plain.identity, plain.product) == (settings(tmp_path).identity("vod"), "vod")
    assert plain.url == f"{tmp_path}/stores/site/vod"


def finished(unit, files, rows, **change):
    (assignment,) = plan(
        "a", (unit,), None, dict(zip([(one.uri, one.etag) for one in files], rows, strict=True)), files
    ).assignments
    return finished_unit(assignment, outcome(assignment, replace(made_unit(unit), **change)))


def test_what_an_earlier_start_has_decided_is_gone_on_with():
    x, y, z = (orbit(uri) for uri in "xyz")
    done = {"2": finished(2, (z, x), (0, 1), snapshot="B"), "1": finished(1, (y, x), (2, 1), snapshot="A")}
    templates = {"tau_omega/a": plan("a").template}
    assert _earlier(Resumed(done=done, templates=templates)) == Earlier("A", ((z, 0), (x, 1), (y, 2)), templates)
    assert _earlier(Resumed()) == Earlier()


def test_the_order_of_orbit_files_of_one_row_is_that_of_their_paths():
    files = [orbit(uri) for uri in "hgfedcba"]
    done = {"1": finished(1, files, [3] * 8)}
    assert [file.uri for file, _ in _earlier(Resumed(done=done)).orbits] == list("abcdefgh")


@pytest.fixture
def asked(monkeypatch):
    """What planning is asked for."""
    found = []

    def planned(*arguments, **words):
        found.append((*arguments, words))
        return plans()

    monkeypatch.setattr(vods, "plan_all", planned)
    monkeypatch.setattr(previews, "plan_all", planned)
    return found


class TestPlans:
    """Planning is told what the run was told."""

    def start(self, repository, chosen):
        resumed = Resumed(done={"1": finished(1, (orbit("x"),), (0,), snapshot="A")})
        return Start(target_of(chosen, product="vod"), "run", None, None, repository=repository, resumed=resumed)

    def test_of_which_analyses_and_whether_of_everything(self, tmp_path, asked):
        chosen, repository = settings(tmp_path, run={"branch": "trial"}), on_disk(tmp_path)
        start, stages = self.start(repository, chosen), Stages()
        run = Execution(InProcess(), 1, Counting(stages), Stop())
        planned = _Vod(start.target, chosen, ("a",), True).plan(start, run)
        earlier = Earlier("A", ((orbit("x"), 0),), {})
        assert asked == [(chosen, repository, "trial", earlier, {"only": ("a",), "everything": True})]
        assert (planned.head, planned.idle, stages.told) == ("HEAD", True, [("plan", 0)])

    @pytest.mark.usefixtures("asked")
    def test_nothing_is_begun_whose_tag_another_version_has(self, tmp_path):
        chosen, repository = settings(tmp_path, run={"tag": "v1"}), on_disk(tmp_path)
        tag_snapshot(repository, "v1", commit(repository, 1))
        start = self.start(repository, chosen)
        with pytest.raises(StoreError, match="has a tag 'v1' already"):
            _Vod(start.target, chosen, (), False).plan(start, Execution(InProcess(), 1, Counting(Told()), Stop()))

    def test_of_a_preview_too(self, tmp_path, asked):
        chosen = settings(tmp_path)
        found = preview_vod(chosen, analyses=["a"], everything=True)
        assert asked == [(chosen, None, "main", {"only": ["a"], "everything": True})]
        assert (found.store, found.orbit_files) == (f"{tmp_path}/stores/site/vod", 0)
        repository = open_repository(found.store)
        preview_vod(chosen)
        (_, opened, *_) = asked[1]
        assert opened.url == repository.url


class TestPlanned:
    """A run before anything is written."""

    @pytest.mark.parametrize("planned", [True, False])
    def test_the_structure_is_made_on_what_was_planned_on_or_the_head(self, tmp_path, planned):
        repository = on_disk(tmp_path)
        first, last = commit(repository, 1), commit(repository, 2)
        found = _Planned(None, plans(head=first if planned else None))
        assert found.base(repository) == (first if planned else last)

    @pytest.mark.parametrize("structure", [None, Structure("BASE", "staging", b"", b"", {})])
    def test_what_an_earlier_start_has_left_is_gone_on_with(self, tmp_path, structure):
        done = {key("a", 1): finished(1, (), ())}
        kind = _Vod(None, settings(tmp_path, run={"verify": "full"}), (), False)
        begun = Future()
        templates = {"tau_omega/a": plan("a").template}
        with Aside() as aside:
            making = _Planned(kind, plans()).begin(aside, begun, Resumed(structure, templates, done))
        work = making.work
        assert (work.done, work.resumed, making.units.templates, making.units.level) == (done, 1, templates, "full")
        assert (work.making.result() if structure else work.making) == structure
        assert all(isinstance(one, Done) for one in work.done.values())


def test_canopies_that_were_moved_are_told_and_what_was_read_is_counted(tmp_path, caplog):
    run = Execution(InProcess(), 1, Counting(told := Told()), Stop())
    parts = {"a": AnalysisReport("c", "r", moved="it was moved"), "b": AnalysisReport("c", "r")}
    with caplog.at_level(logging.WARNING):
        _Vod(None, settings(tmp_path), (), False).ended(VodReport("run", "", None, bytes_read=77, analyses=parts), run)
    assert [record.getMessage() for record in caplog.records] == ["a: it was moved"]
    assert told.counts.bytes_read == 77


class TestPreview:
    """What a run would do."""

    def test_says_of_an_analysis_what_would_be_made(self):
        waiting = frozenset(start(unit) for unit in range(7, 2, -1))
        mine = plan("a", (1, 2), stored("a"), waiting=waiting, up_to_date=4, everything="why")
        assert _analysis(mine, {"a": "it was moved"}) == AnalysisPlan(
            "a_canopy", "a_reference", False, (key("a", 1), key("a", 2)), 4,
            tuple(key("a", unit) for unit in range(3, 8)), 3, "why", "it was moved",
        )  # fmt: skip
        assert _analysis(plan("a"), {"b": "it was moved"}) == AnalysisPlan(
            "a_canopy", "a_reference", True, (), 0, (), 3, "", ""
        )

    def test_is_plain_values(self):
        part = AnalysisPlan("c", "r", True, ("key",), 1, (), 3, "", "moved")
        told = json.loads(json.dumps(VodPlanSummary(FAR, "OBSERVED", 2, {"a": part}).as_json()))
        assert told == {
            "store": FAR,
            "rinex_snapshot": "OBSERVED",
            "orbit_files": 2,
            "analyses": {
                "a": {
                    "canopy": "c",
                    "reference": "r",
                    "new": True,
                    "units": ["key"],
                    "up_to_date": 1,
                    "without_orbits": [],
                    "signals": 3,
                    "everything": "",
                    "moved": "moved",
                }
            },
        }

    def test_refuses_a_place_where_something_else_is(self, tmp_path):
        """As a run would, before it looks for observations."""
        place = tmp_path / "stores" / "site" / "vod"
        place.mkdir(parents=True)
        (place / "notes.txt").write_text("mine")
        with pytest.raises(StoreError, match=r"because it holds notes\.txt"):
            preview_vod(settings(tmp_path))
