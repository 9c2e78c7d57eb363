import gzip

import pytest

from gnssice_batch.ingest import deadly
from gnssice_batch.ingest.deadly import deadly_files
from gnssice_batch.model.values import SourceFile
from gnssice_batch.planning.rules import rules_of
from tests.support.runs import DAY_ONE_S, rinex, settings, span_s, write

pytestmark = pytest.mark.processes

HEADER = b"     3.05           OBSERVATION DATA    M" + b" " * 39 + b"\n"
"""Of a file that goes on and on."""


@pytest.fixture
def context(tmp_path):
    good = rinex(span_s(DAY_ONE_S, 1))
    bomb = gzip.compress(HEADER + b" " * (900 << 20), 1)
    write(tmp_path / "archive", {"a": good, "b": bomb, "c": good, "d": b"<html>", "e": bomb})
    chosen = settings(tmp_path, reader={"max_unpacked_bytes": 2 << 30})
    return rules_of(chosen).context(["rec"])


def files(*names):
    return [SourceFile(name, "rec", 1, "") for name in names]


def named(found):
    return [file.uri for file in found]


def own():
    return deadly._own_bytes()


@pytest.mark.heavy
def test_they_are_found_and_refused_ones_are_not_among_them(context):
    assert named(deadly_files(files("a", "b", "c", "d", "e", "gone"), context, own() + (900 << 20))) == ["b", "e"]


@pytest.mark.heavy
def test_without_a_limit_nothing_dies(context):
    assert deadly_files(files("a", "d"), context, None) == ()


def test_where_there_is_no_room_for_a_child_nobody_is_blamed(context):
    assert deadly_files(files("a"), context, own() + (20 << 20)) == ()


def test_its_own_memory_is_known():
    assert 10 << 20 < own() < 8 << 30


def test_what_is_refused_or_gone_is_not_deadly(tmp_path):
    write(tmp_path / "archive", {"good": rinex(span_s(DAY_ONE_S, 1)), "page": b"<html>"})
    context = rules_of(settings(tmp_path)).context(["rec"])
    assert [deadly._survives(file, context) for file in files("good", "page", "gone")] == [True] * 3
