"""A ledger as a DataFrame: times, mappings and words as its columns say."""

import numpy as np
import pandas as pd
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.store.layout.file_rows import FILE_COLUMNS
from gnssice_batch.store.reading.ledger_frame import ledger
from gnssice_batch.store.repository import open_repository
from tests.support.small_groups import committed, made_group
from tests.support.templates import template

DAY_NS = 86_400 * 10**9
ROWS = (
    {
        "uri": "a.rnx",
        "status": "partial",
        "interval_s": 30.0,
        "epochs_written": 4,
        "first_epoch": DAY_NS,
        "last_epoch": DAY_NS + 1_500_000_000,
        "refused": {"off_grid": [1, 4]},
        "header": {"marker": "STAT"},
    },
    {"uri": "b.rnx", "status": "rejected", "reason": "unreadable"},
)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    repository = open_repository(str(tmp_path_factory.mktemp("frame") / "rinex"))

    def begun(root):
        made_group(root, template(), ROWS)
        root.create_group("weather")

    committed(repository, begun)
    return repository.url


def test_every_column_of_a_file_is_there(url):
    found = ledger(url, "rec")
    assert list(found) == list(FILE_COLUMNS)
    assert found.uri.tolist() == ["a.rnx", "b.rnx"]
    assert found.epochs_written.tolist() == [4, 0]
    assert found.interval_s.tolist() == [30.0, 0.0]
    assert found.reason.tolist() == ["", "unreadable"]


def test_times_are_times_and_missing_where_there_are_none(url):
    found = ledger(url, "rec")
    assert found.first_epoch.dtype == found.last_epoch.dtype == np.dtype("datetime64[ns]")
    assert found.first_epoch[0] == pd.Timestamp("1980-01-07")
    assert found.last_epoch[0] == pd.Timestamp("1980-01-07T00:00:01.5")
    assert found.first_epoch.isna().tolist() == found.last_epoch.isna().tolist() == [False, True]


def test_what_is_counted_by_reason_is_a_mapping(url):
    found = ledger(url, "rec")
    assert found.refused.tolist() == [{"off_grid": [1, 4]}, {}]
    assert found.header.tolist() == [{"marker": "STAT"}, {}]
    assert found.skipped.tolist() == [{}, {}]


def test_a_group_of_another_program_has_no_ledger(url):
    with pytest.raises(StoreError, match="group 'weather' was not made by gnssice-batch"):
        ledger(url, "weather")
