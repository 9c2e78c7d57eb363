"""The circuit breaker by itself: how many files, of which outcome, stop a run."""

import pytest

from gnssice_batch.errors import Reason, RefusedError
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Status
from gnssice_batch.planning.breaker import BreakerLimits

LIMITS = BreakerLimits(files=4, fraction=0.5)


def outcome(uri, reason=None):
    refusal = Refusal(reason) if reason else None
    status = Status.REJECTED if reason else Status.OK
    return FileOutcome(SourceFile(uri, "rec", 1, ""), status, FileFacts(), refusal)


def bad(*uris, reason=Reason.NOT_RINEX):
    return [outcome(uri, reason) for uri in uris]


def good(*uris):
    return [outcome(uri) for uri in uris]


def test_it_judges_once_it_has_seen_so_many_and_more_than_the_part_failed():
    LIMITS.work().check(bad("a", "b", "c"))
    LIMITS.work().check([*bad("a", "b"), *good("c", "d")])
    with pytest.raises(RefusedError, match=r"3 of 4 files were rejected for the same reason \(not_rinex, last c\)"):
        LIMITS.work().check([*bad("a", "b", "c"), *good("d")])


def test_what_came_before_counts_and_no_file_counts_twice():
    breaker = LIMITS.work()
    breaker.check(bad("a", "b"))
    breaker.check(bad("a", "b"))
    breaker.check(good("c", "d"))
    breaker.check(good("e"))
    with pytest.raises(RefusedError, match="4 of 7"):
        breaker.check([*good("a"), *bad("f", "g")])


def test_each_reason_is_judged_by_itself():
    breaker = LIMITS.work()
    breaker.check([*bad("a", "b"), *bad("c", "d", reason=Reason.EMPTY)])
    with pytest.raises(RefusedError, match=r"3 of 5 .* \(empty, last e\)"):
        breaker.check(bad("e", reason=Reason.EMPTY))


def test_files_that_were_refused_before_are_no_news():
    LIMITS.work(known={"a", "b", "c"}).check([*bad("a", "b", "c"), *good("d", "e")])
    LIMITS.survey(known={"a", "b", "c"}).check([*bad("a", "b", "c"), *good("d", "e")])


def test_the_first_stops_a_run_that_is_told_to_but_not_a_look_at_a_sample():
    limits = BreakerLimits(files=4, fraction=0.5, first_stops=True)
    limits.survey().check(bad("a"))
    limits.work().check(good("a", "b"))
    limits.work(known={"a"}).check(bad("a"))
    with pytest.raises(RefusedError, match=r"b: rejected \(not_rinex\) and run\.on_error is 'fail'"):
        limits.work().check([*good("a"), *bad("b")])
