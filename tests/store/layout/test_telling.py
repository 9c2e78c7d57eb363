"""What is said of a file whose chunks can't be read."""

from types import SimpleNamespace

import icechunk
import pytest

from gnssice_batch.model.virtual import VirtualState
from gnssice_batch.store.layout.telling import _meaning

OTHER_BYTES = "its chunks do not decode, so that the file has other bytes than when it was referenced"


@pytest.mark.parametrize(
    ("state", "error", "said"),
    [
        (VirtualState.NATIVE, icechunk.IcechunkError("checksum"), "its native chunks can't be read"),
        (VirtualState.VIRTUAL, ValueError("no such codec"), OTHER_BYTES),
        (VirtualState.VIRTUAL, icechunk.IcechunkError("something that nobody knows"), ""),
    ],
)
def test_it_is_told_by_what_holds_the_chunks_and_who_failed(state, error, said):
    assert _meaning(SimpleNamespace(state=state), error) == said
