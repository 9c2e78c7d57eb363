"""Calls that are made again where the storage fails, and what counts as its failure."""

from itertools import pairwise

import icechunk
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.model.damage import Damage, DamagedError
from gnssice_batch.storage.patience import PATIENCE, Patience
from gnssice_batch.store import faults
from gnssice_batch.store.faults import as_store_errors, failed_storage, repeatable


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Patience of this test alone, without pauses."""
    patience = Patience()
    monkeypatch.setattr(faults, "PATIENCE", patience)
    monkeypatch.setattr(faults.time, "sleep", lambda _: None)
    return patience


def failing(times, error):
    """A call that fails so often, and how often it was made."""
    made = []

    @repeatable
    def call(url):
        made.append(url)
        if len(made) <= times:
            raise error
        return len(made)

    return call, made


def from_storage():
    error = StoreError("the storage failed")
    error.__cause__ = OSError("reset by peer")
    return error


def test_there_is_a_pause_before_each_further_try(monkeypatch):
    pauses = []
    monkeypatch.setattr(faults.time, "sleep", pauses.append)
    call, _ = failing(3, from_storage())
    call("there")
    assert len(pauses) == 3
    assert min(pauses) > 0


@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_call_is_made_four_times_at_most_where_the_storage_fails(times):
    call, made = failing(times, from_storage())
    assert call("there") == times + 1
    assert made == ["there"] * (times + 1)


def test_the_fourth_failure_is_the_last():
    call, made = failing(4, from_storage())
    with pytest.raises(StoreError, match="the storage failed"):
        call("there")
    assert len(made) == 4


def test_what_is_no_failure_of_the_storage_is_not_tried_again():
    call, made = failing(9, StoreError("a conflict"))
    with pytest.raises(StoreError, match="a conflict"):
        call("there")
    assert len(made) == 1


def test_what_took_long_to_fail_is_not_tried_again(monkeypatch):
    """Icechunk has asked again by itself."""
    moments = iter(range(0, 1000, 6))
    monkeypatch.setattr(faults.time, "monotonic", lambda: next(moments))
    call, made = failing(9, from_storage())
    with pytest.raises(StoreError):
        call("there")
    assert len(made) == 1


def test_an_answer_after_a_failure_is_noted(patient):
    call, _ = failing(1, from_storage())
    call("there")
    assert patient._silent_since is None
    assert patient._answered
    assert PATIENCE is not patient


def icechunk_error(tmp_path):
    try:
        icechunk.Repository.open(icechunk.local_filesystem_storage(str(tmp_path / "nothing")))
    except icechunk.IcechunkError as error:
        return error
    raise AssertionError


def test_errors_of_icechunk_name_the_repository_where_its_url_is_the_first_argument(tmp_path):
    error = icechunk_error(tmp_path)
    call, _ = failing(9, error)
    with pytest.raises(StoreError, match="s3://bucket/site") as raised:
        call("s3://bucket/site")
    assert raised.value.__cause__ is error

    class Opened:
        url = "s3://bucket/other"

    with pytest.raises(StoreError, match="s3://bucket/other"):
        call(Opened())
    with pytest.raises(StoreError), as_store_errors():
        raise error


def chained(*errors):
    for error, cause in pairwise(errors):
        error.__cause__ = cause
    return errors[0]


@pytest.mark.parametrize(
    ("error", "its"),
    [
        (None, False),
        (ValueError("x"), False),
        (OSError("reset by peer"), True),
        (TimeoutError("x"), True),
        (FileNotFoundError("x"), False),
        (PermissionError("x"), False),
        (OSError("(os error 13)"), False),
        (chained(StoreError("x"), OSError("x")), True),
        (chained(StoreError("x"), ValueError("x"), ConnectionError("x")), True),
        (chained(StoreError("x"), DamagedError([Damage("rec", "SNR", 0, None, "cut short")]), OSError("x")), False),
        (chained(StoreError("x"), FileNotFoundError("x"), OSError("x")), False),
        (chained(StoreError("x"), PermissionError("x"), OSError("x")), True),
    ],
    ids=str,
)
def test_what_comes_from_a_storage_that_did_not_answer(error, its):
    assert failed_storage(error) is its


def test_what_icechunk_says_is_not_there_is_no_failure(tmp_path):
    assert not failed_storage(icechunk_error(tmp_path))


def test_an_answer_at_once_is_no_news_of_the_storage(patient):
    call, _ = failing(0, None)
    call("there")
    assert not patient._answered


@pytest.mark.parametrize(("arguments", "named"), [((), "repository"), ((7,), "repository"), (("/store",), "/store")])
def test_the_fourth_failure_of_icechunk_is_told_as_the_others_are(arguments, named):
    error, made = icechunk.StorageError("reset by peer"), []

    @repeatable
    def call(*given):
        made.append(given)
        raise error

    with pytest.raises(StoreError, match=rf"the storage of the (repository )?{named} failed: reset by peer") as raised:
        call(*arguments)
    assert made == [arguments] * 4
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    ("kind", "its"), [(icechunk.ErrorKind.OBJECT_NOT_FOUND, False), (icechunk.ErrorKind.OBJECT_STORE, True)]
)
def test_an_object_that_is_not_there_is_no_failure_of_its_storage(kind, its):
    said = type("Said", (icechunk.StorageError,), {"kind": kind})
    assert failed_storage(said("x")) is its
