"""A test that the run of one mutant is tried with."""

import pytest

from gnssice_batch.job.sealing import seal, unseal


def test_a_changed_document_is_not_believed():
    with pytest.raises(ValueError, match="changed"):
        unseal(seal({"a": 1}).replace(b"1}", b"2}"))
