"""What a report says of a stored repository, held against the files it was made of, and against its datasets."""

import asyncio
import json
from dataclasses import replace
from datetime import date

import icechunk
import numpy as np
import pytest
from zarr.core.buffer import cpu

from gnssice_batch import open_dataset
from gnssice_batch.errors import ConfigError, StoreError
from gnssice_batch.job.run import run
from gnssice_batch.reporting.gathering import Wanted, store_facts
from gnssice_batch.reporting.samples import QUANTILES
from gnssice_batch.reporting.store_page import store_page
from tests.support.reported import BETTER, CUT, EVIL, LATER, PAGE, SLOW, WHOLE, reported
from tests.support.runs import DAY_ONE_S, name, open_group, repository, rinex, settings, span_s, write


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return reported(tmp_path_factory.mktemp("reported"))[0]


@pytest.fixture(scope="module")
def facts(store):
    return store_facts(store)


@pytest.fixture(scope="module")
def rec(facts):
    return next(each for each in facts.receivers if each.receiver == "rec")


def test_every_receiver_and_the_version_that_was_looked_at(facts, store):
    assert [each.receiver for each in facts.receivers] == ["other", "rec"]
    assert facts.version == facts.versions[0]
    assert (facts.version.number, facts.version_count, facts.left_out) == (1, 1, 0)
    on_disk = sum(path.stat().st_size for path in repository(store).rglob("*") if path.is_file())
    assert facts.stored_bytes == on_disk


def test_hours_gaps_and_epochs(rec):
    there = rec.presence
    assert there.filled == 8 * 120 + 100 + 60 + 119
    day = rec.presence.hours.filled[24:].tolist()
    assert day == [100, 0, 60, 0, 119]
    assert there.gaps == 1 + 1 + 59 + 1
    assert [gap.epochs for gap in sorted(there.longest_gaps, key=lambda gap: -gap.epochs)[:2]] == [16 * 120, 140]


def test_files_by_outcome_and_reason(rec):
    assert rec.files.by_status == {"ok": 4, "partial": 1, "rejected": 1}
    assert {row.reason: (row.rejected, row.partial, row.lost) for row in rec.files.by_reason} == {
        "not_rinex": (1, 0, 0),
        "truncated": (0, 1, 1),
    }
    assert [file.file for file in rec.files.refused] == [PAGE, CUT]


def test_changes_of_equipment_say_when(rec):
    assert [(dated.change.what, dated.change.before, dated.change.after) for dated in rec.files.changes] == [
        ("receiver", "SEPT POLARX4 17", f"{EVIL[:20]} 17")
    ]
    assert rec.files.changes[0].change.file == SLOW
    assert rec.station["Antenna Type"] == "AERAT2775_42    NONE"


def test_changes_of_sampling(rec):
    assert [(period.interval_s, period.files) for period in rec.files.sampling] == [(30, 3), (60, 1), (30, 1)]
    assert rec.files.sampling_changes == 2


def test_signals_and_strength_are_those_of_the_dataset(rec, store):
    """The last hour is read whole: its SNR are the very values."""
    snr = open_dataset(str(repository(store)), "rec").SNR
    sample = rec.samples.samples[-1]
    times = np.array([sample.first_ns, sample.last_ns], "timedelta64[ns]") + np.datetime64("1980-01-06")
    cells = snr.sel(epoch=slice(*times)).dropna("epoch", how="all").values
    assert rec.samples.whole
    assert rec.samples.counted_by == "SNR"
    assert sample.epochs == len(cells)
    assert sample.signals == {"G": 2, "R": 1}
    np.testing.assert_allclose(sample.strength.quantiles, np.nanquantile(cells, QUANTILES), atol=0.006)
    assert sum(each.values for each in rec.samples.by_band.values()) == int(np.isfinite(snr.values).sum())


def test_signals_without_strength_are_counted_by_their_pseudorange(tmp_path):
    text = rinex(span_s(DAY_ONE_S, 1), codes=("C1C", "L1C"))
    write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): text})
    chosen = settings(tmp_path)
    run(chosen)
    found = store_facts(chosen).receivers[0].samples
    assert found.counted_by == "Pseudorange"
    assert found.samples[0].signals == {"G": 2, "R": 1}
    assert (found.samples[0].strength, found.by_band) == (None, {})


def test_only_some_receivers_and_days(store):
    found = store_facts(store, wanted=Wanted(["rec"], date(2025, 1, 2)))
    (rec,) = found.receivers
    assert found.left_out == 1
    assert rec.presence.filled == 100 + 60 + 119
    assert rec.presence.possible == 5 * 120 - 1
    assert {file.file for file in rec.files.refused} == {CUT, PAGE}
    assert sum(rec.files.by_status.values()) == len({LATER, SLOW, CUT, PAGE})
    later = store_facts(store, wanted=Wanted(["other"], date(2025, 1, 2))).receivers[0]
    assert (later.presence, later.samples, later.first_ns) == (None, None, None)


def test_what_is_not_there_is_named(store):
    with pytest.raises(ConfigError, match="no receiver nobody; it has other, rec"):
        store_facts(store, wanted=Wanted(["nobody"]))
    with pytest.raises(StoreError, match="no version"):
        store_facts(store, wanted=Wanted(version="nothing"))


@pytest.mark.heavy
def test_an_earlier_version(tmp_path):
    chosen, report = reported(tmp_path)
    write(tmp_path / "archive", {name(DAY_ONE_S + 5 * 86400, "01H"): rinex(span_s(DAY_ONE_S + 5 * 86400, 1))})
    run(chosen)
    before = store_facts(chosen, wanted=Wanted(version=report.snapshot))
    now = store_facts(chosen)
    assert (before.version.id, before.version_count, now.version_count) == (report.snapshot, 1, 2)
    rec_before, rec_now = (facts.receivers[1].presence.filled for facts in (before, now))
    assert rec_now == rec_before + 120


def test_as_json_it_says_times_as_text(facts):
    told = json.loads(json.dumps(facts.as_json(), allow_nan=False))
    rec = told["receivers"][1]
    assert (rec["first"], rec["last"]) == ("2025-01-01T00:00:00", "2025-01-02T04:59:00")
    assert rec["presence"]["hours"]["2025-01-02"]["filled"][:5] == [100, 0, 60, 0, 119]
    assert rec["files"]["changes"][0]["at"] == "2025-01-02T02:00:00"
    assert {WHOLE, BETTER}.isdisjoint(file["file"] for file in rec["files"]["refused"])


@pytest.mark.heavy
def test_what_is_damaged_is_left_out_and_counted(tmp_path):
    """A chunk of signal strength that does not decode; the other hours are there."""
    chosen, _ = reported(tmp_path)
    group = open_group(chosen, "rec")
    unit = group["SNR"].shards[0]
    change_bytes(chosen, f"rec/SNR/c/{(24 + 4) * 120 // unit}/0")
    found = store_facts(chosen, wanted=Wanted(["rec"])).receivers[0]
    whole = store_facts(chosen, wanted=Wanted(["rec"], version="1")).receivers[0]
    assert found.samples.unreadable == 1
    assert not found.samples.whole
    assert 0 < len(found.samples.samples) < len(whole.samples.samples)
    assert found.presence.filled == whole.presence.filled
    assert "1 stretch could not be read" in store_page(replace(store_facts(chosen), receivers=(found,)))


def change_bytes(chosen, key):
    """Put other bytes in the place of a chunk, in a version of their own."""
    store = icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(chosen))))
    session = store.writable_session("main")
    asyncio.run(session.store.set(key, cpu.Buffer.from_bytes(b"no chunk at all")))
    session.commit("damaged")
