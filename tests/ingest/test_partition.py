"""What a worker gives back of a partition: in little memory, and as the journal keeps it."""

import json
from dataclasses import replace

import numpy as np

from gnssice_batch.ingest.partition import ingest_partition
from gnssice_batch.job import rounds
from gnssice_batch.model.values import PartitionOutcome
from gnssice_batch.records import dump, load
from tests.support.published import ingested


def test_an_outcome_brings_the_text_that_the_journal_keeps(tmp_path, monkeypatch):
    met = []

    def kept(*arguments):
        met.append(ingest_partition(*arguments))
        return met[-1]

    monkeypatch.setattr(rounds, "ingest_partition", kept)
    ingested(tmp_path)
    whole = [outcome for outcome in met if not outcome.unknown_sids]
    assert whole
    for outcome in whole:
        assert b"\n" not in outcome.document
        back = load(PartitionOutcome, json.loads(outcome.document))
        assert dump(back) == dump(replace(outcome, document=b""))
        assert back.files == outcome.files
        for one, other in zip(back.epochs, outcome.epochs, strict=True):
            np.testing.assert_array_equal(one.source, other.source)
    assert all(not outcome.document for outcome in met if outcome.unknown_sids)
