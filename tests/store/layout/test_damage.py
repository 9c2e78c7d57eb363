"""What reading a chunk can meet: damage is told by its place, anything else is left as it is."""

import pickle

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.model.damage import Damage, DamagedError
from gnssice_batch.model.values import Span
from gnssice_batch.operate.integrity import scan_store
from gnssice_batch.store.faults import failed_storage
from tests.support.damage import chunks, spoil
from tests.support.runs import repository


def test_damage_is_told_by_the_read_units_that_can_t_be_read(published):
    spoil(chunks(published)[0], "missing")
    (found,) = scan_store(published).damaged
    assert found.damage.span is not None
    assert str(found.damage).endswith(f"(write unit {found.damage.unit}): a chunk is missing")


@pytest.mark.heavy
def test_a_manifest_is_no_chunk(published):
    for path in (repository(published) / "manifests").iterdir():
        path.unlink()
    with pytest.raises(StoreError) as ended:
        scan_store(published)
    assert not isinstance(ended.value, DamagedError)


def test_it_travels_between_processes_and_is_not_worth_another_try():
    damages = [
        Damage("rec", "SNR", 2, Span(0, 30 * 10**9), "a chunk is missing"),
        Damage("rec", "sid", None, None, "x"),
    ]
    error = pickle.loads(pickle.dumps(DamagedError(damages)))
    assert error.damages == tuple(damages)
    assert "rec SNR 1980-01-06T00:00:00 to 1980-01-06T00:00:30 (write unit 2): a chunk is missing (and 1 more)" in str(
        error
    )
    error.__cause__ = OSError("the disk")
    assert not failed_storage(error)
