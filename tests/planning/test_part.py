"""A part of what is new: of some receivers, since a day, so many files."""

from datetime import date

import pytest

from gnssice_batch.errors import ConfigError
from gnssice_batch.model.grid import DAY_NS
from gnssice_batch.model.values import SourceFile
from gnssice_batch.planning.part import Part, options_of_part, part_of
from gnssice_batch.planning.plan import Selection

DAY_ONE = date(2025, 1, 1)
DAY_ONE_NS = (DAY_ONE - date(1980, 1, 6)).days * DAY_NS


def daily(receiver, *days):
    starts = (DAY_ONE_NS + day * DAY_NS for day in days)
    return tuple(SourceFile(f"{receiver}/{start}", receiver, 1, "", start, start + DAY_NS) for start in starts)


A, B = daily("a", 0, 1, 2), daily("b", 1, 3)
UNKNOWN = SourceFile("b/unknown", "b", 1, "")
CHOSEN = {"a": Selection(A, left=1), "b": Selection((*B, UNKNOWN), {B[0].uri: "why"}), "c": Selection()}


def taken(part):
    found = part.of(CHOSEN)
    assert sum(len(one.files) + one.left for one in found.values()) == 7, "none is lost"
    return {name: one.files for name, one in found.items()}


def test_of_some_receivers():
    assert taken(Part(frozenset({"b"}))) == {"a": (), "b": (*B, UNKNOWN), "c": ()}


def test_since_a_day_with_those_that_may_be_of_it():
    assert taken(Part(since=date(2025, 1, 2))) == {"a": A[1:], "b": (*B, UNKNOWN), "c": ()}
    assert taken(Part(since=date(2025, 1, 5))) == {"a": (), "b": (UNKNOWN,), "c": ()}


def test_the_oldest_first():
    assert taken(Part(limit=3)) == {"a": A[:2], "b": B[:1], "c": ()}
    assert taken(Part(frozenset({"a"}), date(2025, 1, 2), 1)) == {"a": A[1:2], "b": (), "c": ()}


def test_what_is_not_taken_is_not_tried_again():
    assert Part(frozenset({"a"})).of(CHOSEN)["b"].refused == {}
    assert Part(frozenset({"b"})).of(CHOSEN)["b"].refused == {B[0].uri: "why"}


def test_a_receiver_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(ConfigError, match="no receiver x; it has a, b, c"):
        Part(frozenset({"x"})).of(CHOSEN)


def test_the_words_of_a_part():
    part = part_of(["b", "a"], DAY_ONE, 3)
    assert options_of_part(str(part)) == "--receiver a --receiver b --since 2025-01-01 --limit 3"
    assert part_of([], None, None) is None
    assert options_of_part("not_rinex; rec; ") is None
