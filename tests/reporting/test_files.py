"""What a ledger says of files: the last row of each counts, what is too much is counted and not listed."""

import json

import numpy as np

from gnssice_batch.reporting import files as module
from gnssice_batch.reporting.facts import ReasonCount
from gnssice_batch.reporting.files import COLUMNS, files_of, reason_counts
from gnssice_batch.store.layout.file_rows import FILE_COLUMNS, NO_TIME

TEXT = {"str", "json"}


def ledger(*rows):
    """Columns of a ledger of rows that say some of their values."""

    def value(row, name):
        nothing = "" if FILE_COLUMNS[name] in TEXT else NO_TIME if name.endswith("_epoch") else 0
        return row.get(name, nothing)

    return {
        name: np.array([value(row, name) for row in rows], object if FILE_COLUMNS[name] in TEXT else FILE_COLUMNS[name])
        for name in COLUMNS
    }


def taken(number, **more):
    at = {"first_epoch": number * 100, "last_epoch": number * 100 + 99, "interval_s": 30.0}
    return {"uri": f"{number}.rnx", "status": "ok", "version": "3.04", "size_bytes": 10, "epochs_read": 4, **at, **more}


def test_a_file_that_was_taken_again_counts_as_it_ended_last():
    bad = {"uri": "1.rnx", "status": "rejected", "reason": "truncated", "size_bytes": 3}
    found = files_of("rec", ledger(bad, taken(2), taken(1)), "reader")
    assert found.by_status == {"ok": 2, "partial": 0, "rejected": 0}
    assert (found.archive_bytes, found.epochs_read, found.by_version) == (20, 8, {"3.04": 2})
    assert (found.refused, found.by_reason, found.not_ok) == ((), (), 0)


def test_rows_of_older_programs_have_no_header():
    rows = [taken(3, receiver_type="NEW"), taken(1, receiver_type="OLD"), taken(2, receiver_type="OLD")]
    (found,) = files_of("rec", ledger(*rows), "reader").changes
    assert (found.at_ns, found.change.what, found.change.before, found.change.after) == (300, "receiver", "OLD", "NEW")


def test_changes_that_are_not_listed_are_counted(monkeypatch):
    monkeypatch.setattr(module, "MOST_CHANGES", 3)
    headers = [json.dumps({"antenna_type": f"A{number % 2}"}) for number in range(10)]
    rows = [taken(number, header=header, interval_s=float(1 + number)) for number, header in enumerate(headers)]
    found = files_of("rec", ledger(*rows), "reader")
    assert (len(found.changes), found.change_count) == (3, 9)
    assert (len(found.sampling), found.sampling_changes) == (3, 9)


def test_files_that_are_not_listed_are_counted(monkeypatch):
    monkeypatch.setattr(module, "MOST_REFUSED", 2)
    rows = [{"uri": f"{number}", "status": "rejected", "reason": "not_rinex"} for number in range(5)]
    found = files_of("rec", ledger(*rows), "reader")
    assert (len(found.refused), found.not_ok) == (2, 5)
    assert found.by_reason == (ReasonCount("not_rinex", 5, 0, 0),)


def test_files_before_a_day_are_left_out_and_those_of_no_day_are_not():
    rows = [taken(1), taken(2), {"uri": "x", "status": "rejected", "reason": "empty"}]
    assert files_of("rec", ledger(*rows), "reader", since_ns=200).by_status == {"ok": 1, "partial": 0, "rejected": 1}


def test_a_file_of_one_epoch_changes_no_sampling():
    rows = [taken(1), taken(2, interval_s=0.0), taken(3)]
    (period,) = files_of("rec", ledger(*rows), "reader").sampling
    assert (period.first_ns, period.last_ns, period.files) == (100, 399, 2)


def test_reasons_of_most_files_come_first():
    found = reason_counts(
        [
            ("partial", "", {"bad_value": 7, "truncated": 1}),
            ("partial", "", {"truncated": 1}),
            ("rejected", "empty", {"empty": 1, "bad_value": 9}),
        ]
    )
    assert found == (
        ReasonCount("truncated", 0, 2, 2),
        ReasonCount("bad_value", 0, 1, 7),
        ReasonCount("empty", 1, 0, 0),
    )


def test_a_period_of_sampling_ends_with_the_last_of_its_own_files():
    long = taken(0, last_epoch=10_000)
    within = taken(1, interval_s=1.0)
    periods = files_of("rec", ledger(long, within, taken(2, interval_s=1.0)), "reader").sampling
    assert [(one.interval_s, one.last_ns) for one in periods] == [(30.0, 10_000), (1.0, 299)]
