"""Any order of arrival of the same files, in whatever batches, gives the same data, compared by label and content."""

import os
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from gnssice_batch.job.report import exit_code
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from gnssice_batch.simulate import SimulatedReceiver, SimulationPlan, simulate
from tests.support.runs import assert_same, check_ledger, head, ledger, open_group, rinex, settings, span_s, stored

pytestmark = pytest.mark.heavy
GROUP = "rec"
STEP_S = 600
DAY = date(2025, 1, 2)
DAY_S = (DAY - date(1980, 1, 6)).days * 86400
OLD = SimulatedReceiver(GROUP, "OLDR")
REAL = {"grid": {"interval_s": 5, "phase_s": 0}, "chunks": {"epoch": 2160}}
NEW = SimulatedReceiver(GROUP, "NEWR", height_m=161)


def _plan(hours, period_h, receiver=OLD, **kwargs):
    options = {"start": DAY, "systems": "GE", "packing": "rnx"} | kwargs
    return SimulationPlan((receiver,), days=hours / 24, interval_s=STEP_S, period_s=period_h * 3600, **options)


def _shifted(hours):
    """A file of an hour that begins so many hours after the day, and has a signal that no other has."""
    return rinex(span_s(DAY_S + 3600 * hours, 1, STEP_S), ("G01", "E11"), codes=("C1C", "L1C", "C5I"), marker="OLDR")


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """What an archive may hold of one receiver: every kind of overlap, and of late arrival."""
    folder = tmp_path_factory.mktemp("arrival")
    whole = simulate(folder / "whole", _plan(12, 12))
    hourly = simulate(folder / "hourly", _plan(4, 1))
    middle = simulate(folder / "middle", _plan(6, 3, systems="GER", seed=1))
    year_before = simulate(folder / "before", _plan(1, 1, start=DAY - timedelta(days=365)))
    changed = simulate(folder / "changed", _plan(3, 3, receiver=NEW, start=DAY + timedelta(days=1), systems="GC"))
    signal = folder / "signal.rnx"
    signal.write_bytes(_shifted(16))
    files = [*whole, *hourly, *middle, *year_before, *changed, signal]
    return [*((path.name, path) for path in files), ("copy.rnx", hourly[1]), ("again.rnx", whole[0])]


@dataclass
class Arrived:
    """One way in which the files have arrived."""

    settings: object
    reports: list

    @property
    def data(self):
        """What the store holds, every epoch with the hash of the file that it is from."""
        data, rows = stored(self.settings, GROUP), ledger(self.settings, GROUP)
        hashes = dict(zip(rows["uri"], rows["sha256"], strict=True))
        return replace(data, uri=[hashes[uri] for uri in data.uri])


def arrive(folder, files, batches, **sections):
    """Let files into an archive batch by batch, with a run after each."""
    defaults = {"grid": {"interval_s": STEP_S, "phase_s": 0}, "chunks": {"epoch": 72}, "run": {"sample_files": 2}}
    chosen = settings(folder, **(defaults | sections))
    arrived = Arrived(chosen, [])
    for batch in batches:
        for index in batch:
            name, path = files[index]
            target = Path(chosen.archive.url) / GROUP / f"{index:02d}" / name
            target.parent.mkdir(parents=True)
            os.link(path, target)
        arrived.reports.append(run(chosen))
    return arrived


def check(arrived, reference):
    """Hold what has arrived against the reference, its ledger against what it holds, and that it is complete."""
    assert_same(arrived.data, reference.data)
    check_ledger(arrived.settings, GROUP)
    assert {o.status for report in arrived.reports for o in report.files[GROUP]} == {Status.OK}
    assert sorted(ledger(arrived.settings, GROUP)["sha256"]) == sorted(ledger(reference.settings, GROUP)["sha256"])
    standing = head(arrived.settings)
    again = run(arrived.settings)
    assert (again.snapshot, exit_code(again, 0), head(arrived.settings)) == (None, 0, standing)


@pytest.fixture(scope="session")
def at_once(simulated, tmp_path_factory):
    """All files in one run."""
    return arrive(tmp_path_factory.mktemp("at_once"), simulated, [range(len(simulated))])


def test_the_archive_holds_what_it_should(at_once, simulated):
    """Or the comparisons below would say little: losers of every kind, a prepended year, signals that only one has."""
    data, rows = at_once.data, ledger(at_once.settings, GROUP)
    assert len(simulated) == len(rows["uri"]) == 12
    assert data.time_ns[-1] - data.time_ns[0] > 365 * 86400 * 10**9
    assert {"E11|E1|C", "G01|L5|I"} <= set(data.sids)
    assert any(sid.startswith("R0") for sid in data.sids)
    assert sum("duplicate_content" in each for each in rows["refused"]) == 2
    assert sum("superseded" in each for each in rows["refused"]) >= 3
    assert len(set(rows["marker"])) == 2
    assert len(set(data.uri)) >= 5


def _batches(draw, count, most):
    order = draw(st.permutations(range(count)))
    cuts = sorted(draw(st.sets(st.integers(1, count - 1), min_size=1, max_size=most - 1)))
    return [order[a:b] for a, b in zip([0, *cuts], [*cuts, count], strict=True)]


SETTINGS = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
}
"""Whole runs: no shrinking, which would take minutes."""


@hypothesis(**SETTINGS, max_examples=3)
@given(data=st.data())
def test_any_order_gives_the_same(data, simulated, at_once, tmp_path_factory):
    batches = _batches(data.draw, len(simulated), 3)
    check(arrive(tmp_path_factory.mktemp("order"), simulated, batches), at_once)


@pytest.mark.long
@hypothesis(**SETTINGS, max_examples=60)
@given(data=st.data())
def test_many_orders_give_the_same(data, simulated, at_once, tmp_path_factory):
    batches = _batches(data.draw, len(simulated), 8)
    check(arrive(tmp_path_factory.mktemp("order"), simulated, batches), at_once)


@pytest.mark.long
def test_one_file_at_a_time_in_either_direction(simulated, at_once, tmp_path_factory):
    for order in (range(len(simulated)), reversed(range(len(simulated)))):
        check(arrive(tmp_path_factory.mktemp("order"), simulated, [[index] for index in order]), at_once)


def test_a_year_before_the_origin_moves_no_chunk(simulated, at_once, tmp_path_factory):
    """The prepended run references the same chunk objects: nothing that was stored is written again."""
    before = next(index for index, (name, _) in enumerate(simulated) if "_2024" in name)
    others = [index for index in range(len(simulated)) if index != before]
    first = arrive(tmp_path_factory.mktemp("prepend"), simulated, [others])
    origin = open_group(first.settings, GROUP).attrs["origin_ns"]
    chunks = _chunks(first.settings)
    target = Path(first.settings.archive.url) / GROUP / simulated[before][0]
    os.link(simulated[before][1], target)
    first.reports.append(run(first.settings))
    assert open_group(first.settings, GROUP).attrs["origin_ns"] < origin
    new = _chunks(first.settings) - chunks
    assert 0 < len(new) < len(chunks)
    check(first, at_once)


def _chunks(chosen):
    root = Path(chosen.store.url) / chosen.site / "rinex" / "chunks"
    return {path.name for path in root.iterdir()}


@pytest.mark.corpus
@hypothesis(**SETTINGS, max_examples=2)
@given(data=st.data())
def test_any_order_of_real_files_gives_the_same(data, real, tmp_path_factory):
    files, reference = real
    batches = _batches(data.draw, len(files), 3)
    arrived = arrive(tmp_path_factory.mktemp("real"), files, batches, **REAL)
    assert np.isfinite(arrived.data.arrays["SNR"]).any()
    check(arrived, reference)


@pytest.fixture(scope="session")
def real(shared_data, tmp_path_factory):
    """Eight quarters of an hour of a real receiver across a boundary of write units, one of them twice."""
    folder = shared_data / "rinex" / "nfb2021__canvodpy-demo" / "ract_15min_5s"
    paths = sorted(folder.iterdir())[8:16]
    files = [*((path.name, path) for path in paths), ("again.gz", paths[3])]
    return files, arrive(tmp_path_factory.mktemp("real"), files, [range(len(files))], **REAL)
