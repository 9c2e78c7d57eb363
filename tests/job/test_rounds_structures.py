"""The structures of a run's rounds: when one is made, what it extends, and on which version."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import zarr

from gnssice_batch.errors import Reason
from gnssice_batch.job import rounds
from gnssice_batch.job.aside import Aside
from gnssice_batch.job.journal import RunRecord, begin
from gnssice_batch.job.making import made_before
from gnssice_batch.model.values import Status
from gnssice_batch.storage.folder import Folder
from gnssice_batch.store.layout.ledger import Ledger
from gnssice_batch.store.reading.contents import stored_templates
from gnssice_batch.store.repository import open_repository
from gnssice_batch.store.writing.commit import merge
from gnssice_batch.store.writing.structure import StructureChange, ensure_root, make_structure, staging_branch
from tests.support.rounds import (
    ANY,
    HOUR_NS,
    UNIT_NS,
    Elsewhere,
    Worker,
    execution,
    file,
    ingestion,
    key,
    outcome,
    part,
    prepared,
)
from tests.support.templates import template

RECORD = RunRecord("20250101T000000-abc", "settings", "main", "BASE", "2025-01-01T00:00:00+00:00", "gnssice_batch 0")
FIRST, SECOND = key(0), key(1)
MADE = template()
"""A group of two write units."""


@pytest.fixture
def repository(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


@pytest.fixture
def journal(tmp_path):
    with begin(Folder(str(tmp_path / "runs")), RECORD) as journal:
        yield journal


@pytest.fixture
def aside():
    with Aside() as aside:
        yield aside


@pytest.fixture
def work(aside, repository, journal):
    return ingestion(aside, repository, journal)


@pytest.fixture
def worker(monkeypatch):
    made = Worker()
    monkeypatch.setattr(rounds, "ingest_partition", made)
    return made


def structure_of(repository, made=MADE):
    return make_structure(
        repository, repository.head(), staging_branch("earlier", 0), StructureChange((made,), "rinex3")
    )


def publish(repository, made=MADE):
    """Publish a group without any epoch."""
    session = repository.handle.writable_session("main")
    structure = structure_of(repository, made)
    ensure_root(session, "rinex3")
    merge(session, structure, [])
    return session.commit("an earlier run")


def stored(folder, *files, snapshot=None):
    """A run that takes these files into the group that is there."""
    there = {"rec": SimpleNamespace(template=MADE, ledger=Ledger())}
    return prepared(folder, *files, templates={"rec": MADE}, stored=there, snapshot=snapshot)


def test_a_group_that_needs_no_change_is_written_to_as_it_is(tmp_path, repository, journal, aside, worker):
    snapshot = publish(repository)
    work = ingestion(aside, repository, journal)
    structure = rounds.ingest(stored(tmp_path, file(0), snapshot=snapshot), work, ANY, execution()[0])
    assert worker.calls == [(FIRST, 3, "at once")]
    assert (structure.base, structure.units) == (snapshot, {})


@pytest.mark.parametrize(
    ("sids", "done", "current", "may"),
    [
        ({}, {}, [None], True),
        ({}, {}, [MADE, None], True),
        ({}, {}, [MADE], False),
        ({}, {}, [], False),
        ({"rec": frozenset({"E01|E1|C"})}, {}, [None], False),
        ({}, {FIRST: None}, [None], False),
    ],
)
def test_a_structure_waits_only_for_the_first_files_of_a_new_group(sids, done, current, may):
    """What is known of its signals later has been seen by then."""
    plans = tuple(SimpleNamespace(current=each) for each in current)
    assert rounds._may_lack_signals(SimpleNamespace(sids=sids, done=done), plans) is may


def test_a_group_that_grows_in_a_later_round_is_lengthened(tmp_path, repository, work, worker):
    longer = replace(file(0), end_ns=file(0).start_ns + UNIT_NS + HOUR_NS)
    worker.told[FIRST] = [lambda assignment: outcome(assignment, replace(part(longer), file=file(0)))]
    structure = rounds.ingest(prepared(tmp_path, file(0)), work, ANY, execution()[0])
    assert [name for name, _, _ in worker.calls] == [FIRST, SECOND]
    assert stored_templates(repository, branch=structure.branch)["rec"].grid.units == 2
    assert work.structures == 1
    group = zarr.open_group(repository.handle.readonly_session(branch=structure.branch).store, path="rec", mode="r")
    assert group["SNR"].shape == (2 * 720, 3)


@pytest.mark.usefixtures("worker")
def test_a_structure_is_made_on_the_version_of_the_plan_where_no_branch_is_there_for_it(
    tmp_path, repository, journal, aside
):
    snapshot = publish(repository)
    publish(repository, template(receiver="another"))
    work = ingestion(aside, repository, journal, staged=False)
    structure = rounds.ingest(stored(tmp_path, file(0), snapshot=snapshot), work, ANY, execution()[0])
    assert (structure.base, work.structures) == (snapshot, 1)
    assert f"{RECORD.run}-1-" in structure.branch


@pytest.mark.usefixtures("worker")
def test_the_structure_of_an_earlier_start_is_extended_on_its_own_version(tmp_path, repository, journal, aside):
    before = structure_of(repository)
    head = publish(repository, template(receiver="another"))
    work = ingestion(aside, repository, journal, staged=False)
    work.making, work.templates = made_before(before), {"rec": MADE}
    plan = prepared(tmp_path, file(0), file(4), templates={"rec": MADE}, snapshot=head)
    structure = rounds.ingest(plan, work, ANY, execution()[0])
    assert structure.base == before.base != head
    assert stored_templates(repository, branch=structure.branch)["rec"].grid.units == 5
    nodes = [_node(repository, branch) for branch in (before.branch, structure.branch)]
    assert nodes[0] == nodes[1], "its arrays stay the same arrays"


def _node(repository, branch):
    found = repository.handle.inspect_snapshot(repository.handle.lookup_branch(branch))
    return {node["path"]: node["id"] for node in found["nodes"]}["/rec/SNR"]


@pytest.mark.parametrize("change", [{"axis_digest": "another"}, {"origin_ns": 0}], ids=["signals", "origin"])
def test_what_was_done_for_other_axes_is_done_again(tmp_path, work, worker, change):
    plan = prepared(tmp_path, file(0), file(1))
    for one in plan.plans[0].assignments:
        work.note_done(one, outcome(one))
    work.done[FIRST] = replace(work.done[FIRST], **change)
    rounds.ingest(plan, work, ANY, execution()[0])
    assert [name for name, _, _ in worker.calls] == [FIRST]


@pytest.mark.parametrize(("tasks", "asked"), [(None, [[file(1)]]), (Elsewhere(), [])], ids=["here", "elsewhere"])
def test_this_process_asks_ahead_for_the_files_of_its_own_tasks_alone(
    tmp_path, work, worker, monkeypatch, tasks, asked
):
    found = []
    monkeypatch.setattr(rounds, "KEPT", SimpleNamespace(ask=lambda _, files: found.append(files)))
    rounds.ingest(prepared(tmp_path, file(0), file(1)), work, ANY, execution(tasks)[0])
    assert found == asked
    assert len(worker.calls) == 2


def test_a_file_that_was_refused_is_told_of_though_its_partition_is_done_again_without_it(tmp_path, work, worker):
    beside = replace(file(0), uri="rec/beside")
    refused = part(beside, Status.REJECTED, Reason.EMPTY)
    worker.told[FIRST] = [
        lambda assignment: outcome(assignment, part(file(0)), refused, unknown=("E01|E1|C",)),
    ]
    rounds.ingest(prepared(tmp_path, file(0), beside), work, ANY, execution()[0])
    assert work.done[FIRST].outcome.files == (part(file(0)), refused)
    assert work.rejected == {FIRST: {"rec/beside": refused}}
