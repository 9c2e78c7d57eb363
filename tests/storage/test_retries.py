"""Requests of fsspec's libraries that fail: made again when they should, seldom, and with what they should give."""

import logging
import re
import time

import pytest

from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.errors import ArchiveError
from gnssice_batch.storage import filesystems
from gnssice_batch.storage.conditions import faults_of_conditional_writes
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from gnssice_batch.storage.patience import TRIES
from tests.support.object_stores.faults import Fault, Rule

pytestmark = [
    pytest.mark.processes,
    pytest.mark.parametrize("object_stores", ["s3", "azure"], indirect=True),
]
CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def behind(object_stores, proxy):
    """A place with one file, as it is reached through a proxy, and the proxy."""
    folder_at(location(object_stores.url, object_stores.options)).write("name", CONTENT)
    between = proxy(object_stores)
    through = object_stores.through(between.address)
    yield location(through.url, through.options), between
    filesystems.forget()


@pytest.mark.parametrize(
    ("rule", "requests"),
    [
        (Rule(Fault.SLOW_DOWN, ("GET",), count=2), 3),
        (Rule(Fault.RESET, ("GET",)), 2),
        (Rule(Fault.TRUNCATE, ("GET",)), 2),
        (Rule(Fault.LOST_ANSWER, ("GET",)), 2),
        (Rule(Fault.GONE, ("GET",), seconds=0.5), 2),
    ],
    ids=lambda each: getattr(each, "fault", None),
)
def test_a_file_comes_whole_and_is_asked_for_no_more_than_needed(behind, rule, requests):
    where, between = behind
    between.begin(rules=[rule])
    assert ArchiveAccess(folder_at(where)).fetch("name") == CONTENT
    assert between.counts().requests == {"GET": requests}


@pytest.mark.heavy
def test_it_waits_as_long_as_the_server_says_and_the_log_shows_it(behind, caplog):
    where, between = behind
    between.begin(rules=[Rule(Fault.SLOW_DOWN, count=2, seconds=1)])
    started = time.monotonic()
    with caplog.at_level(logging.WARNING, "gnssice_batch"):
        assert ArchiveAccess(folder_at(where)).fetch("name") == CONTENT
    waited = [float(found) for found in re.findall(r"503 \w+; asked again in ([\d.]+) s", caplog.text)]
    assert len(waited) == 2
    assert min(waited) >= 1
    assert time.monotonic() - started >= sum(waited) - 0.1


def test_what_is_refused_is_not_asked_for_for_ever(behind, monkeypatch):
    monkeypatch.setattr("gnssice_batch.storage.patience._LONGEST_PAUSE_S", 0.01)
    where, between = behind
    between.begin(rules=[Rule(Fault.SLOW_DOWN, count=None)])
    with pytest.raises(ArchiveError, match="does not give this file"):
        ArchiveAccess(folder_at(where)).fetch("name")
    assert between.counts().requests.total() <= 3 * TRIES


@pytest.mark.parametrize("first", range(4))
def test_an_answer_that_was_lost_is_no_proof_against_a_server(behind, first):
    where, between = behind
    between.begin(rules=[Rule(Fault.LOST_ANSWER, ("PUT",), conditional=True, first=first)])
    assert faults_of_conditional_writes(where) == []
    assert between.counts().faults == {"lost_answer": 1}


@pytest.mark.parametrize("first", [1, 6])
def test_a_server_that_goes_while_it_is_tried_is_no_error_of_a_library(behind, first):
    where, between = behind
    between.begin(rules=[Rule(Fault.GONE, ("PUT",), first=first, seconds=20)])
    with pytest.raises(OSError, match=r"can't be made|onnect"):
        faults_of_conditional_writes(where)
