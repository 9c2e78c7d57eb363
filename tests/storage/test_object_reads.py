"""Whole objects fetched with one request; what goes wrong is left to the patient client."""

import pytest

from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from gnssice_batch.storage.patience import PATIENCE
from tests.support.object_stores.faults import Fault, Rule
from tests.support.object_stores.stores import SERVER, fresh

pytestmark = pytest.mark.processes


@pytest.fixture(params=SERVER)
def distant(request, tmp_path, object_servers, proxy):
    place = fresh(request.param, tmp_path, object_servers(SERVER[request.param]))
    between = proxy(place)
    away = place.through(between.address)
    folder = folder_at(location(away.url, away.options))
    folder.write("a/b", b"x" * 5000)
    PATIENCE.answered()
    between.begin()
    return folder, between


def test_one_request_and_no_other(distant):
    folder, between = distant
    assert folder.read_at_once("a/b") == b"x" * 5000
    assert dict(between.counts().requests) == {"GET": 1}


@pytest.mark.parametrize("fault", [Fault.SLOW_DOWN, Fault.RESET, Fault.TRUNCATE, Fault.EXPIRED])
def test_a_request_that_fails_is_not_made_again_and_others_wait(distant, fault):
    folder, between = distant
    between.begin(rules=[Rule(fault, ("GET",))])
    assert folder.read_at_once("a/b") is None
    assert dict(between.counts().requests) == {"GET": 1}
    if fault is not Fault.EXPIRED:
        assert folder.read_at_once("a/b") is None
        assert dict(between.counts().requests) == {"GET": 1}
        assert folder.read("a/b") == b"x" * 5000
        PATIENCE.answered()
    assert folder.read_at_once("a/b") == b"x" * 5000


def test_what_is_not_there_or_not_an_object_is_left_to_others(distant, tmp_path):
    folder, _ = distant
    assert folder.read_at_once("nothing") is None
    local = folder_at(location(str(tmp_path)))
    local.write("file", b"x")
    assert local.read_at_once("file") is None
