"""Chunks are sent while a partition goes on: what could not be sent is never missing without a word."""

import icechunk
import pytest

from gnssice_batch import StoreError
from gnssice_batch.ingest.partition import ingest_partition
from gnssice_batch.job import rounds
from gnssice_batch.job.run import run
from gnssice_batch.store.layout import patches
from tests.failures.small import GROUP, check_as_in_one_run, hourly, site
from tests.support.runs import DAY_ONE_S, ledger, name, rinex, span_s

TRIES = 4
UNITS_OF_AN_HOUR = {"chunks": {"epoch": 720}, "run": {"partition_units": 4}}
MISNAMED = {name(DAY_ONE_S + 6 * 3600, "01H"): rinex(span_s(DAY_ONE_S + 2 * 3600, 1))}
"""Its name promises the second unit, and it has epochs of the first, which is made again."""


class Storage:
    """Takes what is put, but for one of the things that a partition sends: that it refuses for some tries."""

    def __init__(self, monkeypatch, refused, tries=TRIES):
        self.refused, self.tries, self.sent = refused, tries, []
        self.put, self.working = patches._put, False
        monkeypatch.setattr(patches, "_put", self)
        monkeypatch.setattr(rounds, "ingest_partition", self.ingest)

    def ingest(self, *arguments):
        self.working = True
        self.sent.clear()
        try:
            return ingest_partition(*arguments)
        finally:
            self.working = False

    async def __call__(self, store, chunks, *, fresh):
        if self.working and not any(chunks is one for one in self.sent):
            self.sent.append(chunks)
        if self.working and self.tries and len(self.sent) > self.refused and chunks is self.sent[self.refused]:
            self.tries -= 1
            raise icechunk.StorageError("object store error: 503 slow down")
        await self.put(store, chunks, fresh=fresh)


@pytest.mark.parametrize("refused", [0, 1, 4, 5, 7])
@pytest.mark.parametrize("files", [hourly(0, 6, 12, 18), hourly(0, 1, 3, 7, 11) | MISNAMED], ids=["plain", "again"])
def test_a_partition_one_of_whose_sends_fails_is_done_again(tmp_path, monkeypatch, files, refused):
    chosen = site(tmp_path, files, **UNITS_OF_AN_HOUR)
    storage = Storage(monkeypatch, refused)
    report = run(chosen)
    assert storage.tries in {0, TRIES}
    assert {outcome.status.value for outcome in report.files[GROUP]} == {"ok"}
    assert ledger(chosen, GROUP)["epochs_written"].tolist() == [120] * len(files)
    check_as_in_one_run(tmp_path / "whole", chosen, files)


def test_a_storage_that_takes_nothing_ends_the_run_which_can_be_gone_on_with(tmp_path, monkeypatch):
    files = hourly(0, 6, 12, 18)
    chosen = site(tmp_path, files, **UNITS_OF_AN_HOUR)
    storage = Storage(monkeypatch, 0, tries=10**6)
    with pytest.raises(StoreError, match="slow down"):
        run(chosen)
    storage.tries = 0
    run(chosen)
    check_as_in_one_run(tmp_path / "whole", chosen, files)
