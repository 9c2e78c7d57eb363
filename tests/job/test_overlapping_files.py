"""Runs over files that share epochs, of one archive or of a later one."""

import random
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from tests.support.ingested import GROUP, expected, hourly, ingest, seconds
from tests.support.marks import most_heavy
from tests.support.runs import (
    CODES,
    DAY_ONE_S,
    DAY_S,
    assert_same,
    check_ledger,
    ledger,
    messages,
    name,
    open_group,
    rinex,
    row,
    span_s,
    stored,
    value,
)


@pytest.mark.heavy
def test_the_epoch_of_midnight_at_the_end_of_a_daily_file(tmp_path):
    first = {name(DAY_ONE_S): rinex(span_s(DAY_ONE_S, 24 + 1 / 12, 300))}
    second = {name(DAY_ONE_S + DAY_S): rinex(span_s(DAY_ONE_S + DAY_S, 24, 300), salt=5)}
    midnight = DAY_ONE_S + DAY_S
    alone, _ = ingest(tmp_path / "alone", first)
    assert seconds(stored(alone, GROUP))[-1] == midnight
    check_ledger(alone, GROUP)
    both, _ = ingest(tmp_path / "both", first | second)
    data = stored(both, GROUP)
    assert data.uri[seconds(data).index(midnight)] == name(DAY_ONE_S)
    lost = row(both, GROUP, name(DAY_ONE_S + DAY_S))
    assert lost["refused"] == {"superseded": [1, 12]}
    assert lost["status"] == "ok"
    check_ledger(both, GROUP)
    ingest(tmp_path / "alone", second)
    assert_same(stored(alone, GROUP), data)
    check_ledger(alone, GROUP)


def overlapping():
    """A daily file, an hourly one with fewer signals, one with more, one of a newer version."""
    day = name(DAY_ONE_S)
    fewer, more, newer = (name(DAY_ONE_S + 3600 * hour, "01H") for hour in (3, 5, 7))
    salts = {day: 0, fewer: 1, more: 2, newer: 3}
    contents = {
        day: rinex(span_s(DAY_ONE_S, 24, 60)),
        fewer: rinex(span_s(DAY_ONE_S + 3600 * 3, 1), ("G01",), codes=CODES, salt=1),
        more: rinex(span_s(DAY_ONE_S + 3600 * 5, 1), codes=(*CODES, "C2W", "L2W"), salt=2),
        newer: rinex(span_s(DAY_ONE_S + 3600 * 7, 1), version="3.05", salt=3),
    }
    return contents, salts


def winner(time_s):
    hour, minute = divmod(time_s - DAY_ONE_S, 3600)
    on_the_minute = minute % 60 == 0
    names = {3: (name(DAY_ONE_S + 3 * 3600, "01H"), False), 5: (name(DAY_ONE_S + 5 * 3600, "01H"), True)}
    names[7] = (name(DAY_ONE_S + 7 * 3600, "01H"), True)
    own, better = names.get(hour, (name(DAY_ONE_S), False))
    return own if better or not on_the_minute else name(DAY_ONE_S)


ORDERS = [
    [[0, 1, 2, 3]],
    *[[[index] for index in order] for order in random.Random(4).sample([*permutations(range(4))], 1)],
]


@pytest.mark.parametrize("batches", most_heavy([*ORDERS, [[1, 2], [0, 3]]]), ids=str)
def test_overlap_is_decided_per_epoch_whatever_the_order_of_arrival(tmp_path, batches):
    contents, salts = overlapping()
    uris = list(contents)
    for batch in batches:
        chosen, _ = ingest(tmp_path, {uris[index]: contents[uris[index]] for index in batch})
        check_ledger(chosen, GROUP)
    data = stored(chosen, GROUP)
    assert data.uri == [winner(time) for time in seconds(data)]
    assert len(data.uri) == 24 * 60 + 3 * 60
    signals = [sid for sid in data.sids if sid.endswith("|C")]
    columns = [data.sids.index(sid) for sid in signals]
    expected(replace(data, sids=signals, arrays={k: v[:, columns] for k, v in data.arrays.items()}), salts)
    second_band = data.arrays["Phase"][:, data.sids.index("G01|L2|W")]
    np.testing.assert_array_equal(np.isfinite(second_band), [uri == uris[2] for uri in data.uri])
    assert len(messages(chosen)) == len(batches)


@pytest.mark.parametrize("folders", ["ab", "ba"])
def test_a_better_file_and_a_lying_name_in_a_unit_that_stands_already(tmp_path, folders):
    """The unit is read back, and made again when a file of the partition turns out to reach it."""
    known = hourly(20, codes=(*CODES, "C2W"))
    chosen, _ = ingest(tmp_path, hourly(2) | known)
    start_s = DAY_ONE_S + 3600 * 2
    better = name(start_s, "02H").replace("/", f"/{folders[0]}/")
    best = name(DAY_ONE_S + 3600 * 9, "01H").replace("/", f"/{folders[1]}/")
    files = {
        better: rinex(span_s(start_s, 2), ("G01", "R03"), salt=1),
        best: rinex(span_s(start_s, 2), ("G02",), codes=(*CODES, "C2W"), version="3.05", salt=2),
    }
    ingest(tmp_path, files, run={"partition_units": 4})
    data = stored(chosen, GROUP)
    there = [uri == best for uri in data.uri]
    assert sum(there) == 240
    assert np.isfinite(data.arrays["Phase"][there]).sum(axis=1).tolist() == [3] * 240
    phases = dict(zip(data.sids, data.arrays["Phase"][there].T, strict=True))
    times = span_s(start_s, 2)
    for sid, sv, salt in (("G01|L1|C", "G01", 1), ("G02|L1|C", "G02", 2), ("R03|G1|C", "R03", 1)):
        assert phases[sid].tolist() == [value(sv, "L1C", time, salt) / 1000 for time in times]
    assert row(chosen, GROUP, name(start_s, "01H"))["refused"] == {"superseded": [120, 120 * 12]}
    check_ledger(chosen, GROUP)


def test_a_changed_file_is_read_again(tmp_path):
    uri = name(DAY_ONE_S, "01H")
    chosen, _ = ingest(tmp_path, {uri: rinex(span_s(DAY_ONE_S, 0.5))})
    report = ingest(tmp_path, {uri: rinex(span_s(DAY_ONE_S, 1))})[1]
    assert report.snapshot
    assert len(seconds(stored(chosen, GROUP))) == 120
    assert ledger(chosen, GROUP)["uri"].size == 2
    check_ledger(chosen, GROUP)


def test_a_file_that_the_archive_has_replaced_gives_way_to_its_new_version(tmp_path):
    """Even to one that would rank lower; what the new version lacks stays."""
    file = name(DAY_ONE_S, "01H")
    chosen, _ = ingest(tmp_path, {file: rinex([DAY_ONE_S + 30 * n for n in range(5)], ("G01", "R05"))})
    ingest(tmp_path, {file: rinex([DAY_ONE_S + 30 * n for n in range(4)], ("G01",))})
    assert open_group(chosen, GROUP)["source_file"][:6].tolist() == [1, 1, 1, 1, 0, -1]
    check_ledger(chosen, GROUP)
