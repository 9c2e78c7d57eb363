"""Requests counted where they are made, against those that a proxy has seen."""

import pytest

from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from gnssice_batch.storage.traffic import TRAFFIC, Traffic
from tests.support.object_stores.faults import Fault, Rule
from tests.support.object_stores.stores import SERVER, fresh

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("kind", SERVER)
def test_what_is_counted_is_what_was_asked(kind, tmp_path, object_servers, proxy):
    place = fresh(kind, tmp_path, object_servers(SERVER[kind]))
    between = proxy(place)
    away = place.through(between.address)
    folder = folder_at(location(away.url, away.options))
    folder.write("warm", b"")
    between.begin()
    TRAFFIC.take()
    for number in range(3):
        folder.write(f"a/{number}", b"x" * 1000)
    version = folder.write_version("lease", b"y", None)
    assert folder.write_version("lease", b"y", None) is None
    assert version
    assert folder.read("a/1") == b"x" * 1000
    assert len(folder.entries()) == 5
    folder.remove_file("lease")
    counted, seen = TRAFFIC.take(), between.counts()
    assert counted.requests == dict(seen.requests)
    assert counted.requests == {"PUT": 5, "GET": 1, "LIST": 1, "DELETE": 1}
    assert (counted.sent_bytes, counted.received_bytes >= 1000) == (3002, True)
    assert TRAFFIC.take() == Traffic()


@pytest.mark.parametrize("kind", SERVER)
def test_what_is_tried_again_is_counted_again(kind, tmp_path, object_servers, proxy):
    place = fresh(kind, tmp_path, object_servers(SERVER[kind]))
    between = proxy(place)
    away = place.through(between.address)
    folder = folder_at(location(away.url, away.options))
    folder.write("file", b"x")
    between.begin(rules=[Rule(Fault.SLOW_DOWN, ("GET",), count=2)])
    TRAFFIC.take()
    assert folder.read("file") == b"x"
    assert TRAFFIC.take().requests == dict(between.counts().requests) == {"GET": 3}


def test_sums():
    both = Traffic({"GET": 1, "PUT": 2}, 3, 4) + Traffic({"GET": 5}, 6, 7)
    assert both == Traffic({"GET": 6, "PUT": 2}, 9, 11)
    assert both.as_json() == {"GET": 6, "PUT": 2, "received_bytes": 11, "sent_bytes": 9}
