"""What reading a chunk can meet: damage is told by its place, anything else is left as it is."""

import pickle

import icechunk
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.model.damage import Damage, DamagedError
from gnssice_batch.model.values import Span
from gnssice_batch.operate.integrity import scan_store
from gnssice_batch.store.faults import failed_storage
from gnssice_batch.store.layout.damage import _why
from tests.support.damage import chunks, spoil
from tests.support.runs import repository

SHORT = "a chunk is cut short"


def test_damage_is_told_by_the_read_units_that_can_t_be_read(published):
    spoil(chunks(published)[0], "missing")
    (found,) = scan_store(published).damaged
    assert found.damage.span is not None
    assert str(found.damage).endswith(f"(write unit {found.damage.unit}): a chunk is missing")


class Failed(icechunk.StorageError):
    """What Icechunk raises for a storage."""

    kind = icechunk.ErrorKind.OBJECT_STORE


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Generic LocalFileSystem error: Requested range was invalid: Wanted range starting at 9", SHORT),
        ("Generic S3 error: <Code>InvalidRange</Code>", SHORT),
        ("Generic LocalFileSystem error: Unable to open file /data/orange/chunks/X: Too many open files", None),
        ("Generic S3 error: error sending request for url (https://host/oranges/chunks/X)", None),
    ],
)
def test_a_storage_that_fails_is_no_damage_whatever_its_path_says(said, why):
    assert _why(Failed(said)) == why


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
