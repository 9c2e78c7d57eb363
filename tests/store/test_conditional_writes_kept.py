"""What is said of a server that lets pass what it should refuse, and what is kept of one that does not."""

from datetime import UTC, datetime, timedelta

import icechunk
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.location import location
from gnssice_batch.store import conditional_writes as module
from gnssice_batch.store.conditional_writes import PROOF, is_proven, prove, remember

WHERE = location("s3://bucket/here", {"endpoint_url": "https://here"})


def test_every_fault_of_a_server_is_told(monkeypatch):
    monkeypatch.setattr(module, "faults_of_conditional_writes", lambda where: [f"{where.url} one", "two"])
    with pytest.raises(StoreError, match=r"server https://here does not .*be lost: s3://bucket/here one; two\. It can"):
        prove(WHERE)
    monkeypatch.setattr(module, "faults_of_conditional_writes", lambda _: [])
    prove(WHERE)


def test_the_time_of_a_proof_is_kept_to_the_second():
    handle = icechunk.Repository.create(icechunk.in_memory_storage())
    handle.update_metadata({PROOF: {"another": "https://here"}})
    assert not is_proven(handle, WHERE)
    remember(handle, WHERE)
    kept = handle.get_metadata()[PROOF]
    when = datetime.fromisoformat(kept["proven"])
    assert (kept.keys(), kept["server"], when.microsecond) == ({"server", "proven"}, "https://here", 0)
    assert timedelta(0) <= datetime.now(UTC) - when < timedelta(minutes=1)
    assert is_proven(handle, WHERE)
