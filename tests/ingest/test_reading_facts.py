"""What is told of a file that was read, and what of it alone is enough to refuse it."""

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import pytest

from gnssice_batch.errors import AccessDeniedError, ArchiveError, Reason
from gnssice_batch.ingest.align import Bounds
from gnssice_batch.ingest.reading import (
    Fetched,
    ReadContext,
    for_interval,
    is_faster,
    observations_bytes,
    other_marker,
    read_content,
    read_file,
    too_fast,
    too_large,
)
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.model.values import FileFacts, SourceFile, Span, Status, Tally
from gnssice_batch.rinex import ReadOptions
from gnssice_batch.storage.location import Location
from tests.support.runs import DAY_ONE_S, rinex

DAY_ONE_NS = DAY_ONE_S * SECOND_NS
BOUNDS = Bounds(DAY_ONE_NS, DAY_ONE_NS + 86400 * SECOND_NS, 1000, 3600 * SECOND_NS)


def context(**changes):
    return ReadContext(SimpleNamespace(), ReadOptions(max_unpacked_bytes=100_000), {"rec": BOUNDS}, **changes)


def source(size_bytes=10):
    return SourceFile("rec/a.rnx", "rec", size_bytes, "tag")


def as_read(content, interval_ns=None, **changes):
    return read_content(
        Fetched(source(), content, hashlib.sha256(content).hexdigest()), context(**changes), interval_ns
    )


def text(slots, **content):
    return rinex([DAY_ONE_S + 30 * slot for slot in slots], ("G01",), **content)


class TestContext:
    def test_of_a_receiver_it_has_what_is_told_of_it_alone(self):
        whole = context(
            markers={"rec": "STAT", "other": "OTHE"},
            overrides={"rec": {"G": {}}, "other": {}},
            kept_bytes=5,
            processes=3,
        )
        whole = replace(whole, bounds={"rec": BOUNDS, "other": BOUNDS})
        own = whole.of("rec")
        assert (own.bounds, own.markers, own.overrides) == ({"rec": BOUNDS}, {"rec": "STAT"}, {"rec": {"G": {}}})
        assert (own.options, own.kept_bytes, own.processes) == (whole.options, 5, 3)
        assert (whole.of("third").bounds, whole.of("third").markers, whole.of("third").overrides) == ({}, {}, {})

    def test_a_receiver_is_read_with_overrides_of_its_own_or_with_the_common_ones(self):
        overrides = {"C": {"C2I": "C2I"}}
        found = context(overrides={"rec": overrides})
        assert found.options_of("rec") == replace(found.options, signal_overrides=overrides)
        assert found.options_of("other") is found.options

    def test_a_store_is_far_where_it_is_not_on_this_machine(self, tmp_path):
        assert not context().store_is_far
        assert not context(store=Location(str(tmp_path))).store_is_far
        assert context(store=Location("s3://bucket/store")).store_is_far


class TestTooMuch:
    def test_as_large_as_the_limit_is_allowed(self):
        assert too_large(source(100_000), context()) is None
        refusal = too_large(source(100_001), context())
        assert (refusal.reason, refusal.detail) == (
            Reason.UNPACK_LIMIT,
            "100,001 bytes; reader.max_unpacked_bytes allows 100,000",
        )

    def test_it_is_refused_by_its_listed_size_before_it_is_fetched(self):
        result = read_file(source(100_001), context(), None, None)
        assert (result.status, result.refusal.reason, result.facts) == (
            Status.REJECTED,
            Reason.UNPACK_LIMIT,
            FileFacts(),
        )

    @pytest.mark.parametrize(
        ("step_s", "grid_s", "faster"),
        [(0, 30, False), (30, 30, False), (27, 30, False), (26.9, 30, True), (60, 30, False), (1, 30, True)],
    )
    def test_up_to_a_tenth_faster_is_the_same_interval(self, step_s, grid_s, faster):
        assert is_faster(round(step_s * SECOND_NS), grid_s * SECOND_NS) is faster

    def test_a_faster_file_is_told_with_both_intervals(self):
        facts = FileFacts(interval_s=1.0, epochs=3, observations=5)
        refusal = too_fast(facts, 30 * SECOND_NS)
        assert (refusal.reason, refusal.detail) == (
            Reason.FASTER_THAN_GRID,
            "sampled every 1 s, the group's grid has 30 s: give it its own group",
        )
        assert too_fast(facts, SECOND_NS) is None


class TestNotFetched:
    def gives(self, error):
        def content_of(_):
            raise error

        return read_file(source(1234), context(), None, content_of)

    def test_what_the_archive_does_not_give_is_unreadable_with_the_reason(self):
        result = self.gives(ArchiveError("it is gone"))
        assert (result.status, result.refusal.reason, result.refusal.detail) == (
            Status.REJECTED,
            Reason.UNREADABLE,
            "it is gone",
        )

    def test_what_does_not_fit_into_memory_is_unreadable_with_its_size(self):
        refusal = self.gives(MemoryError()).refusal
        assert refusal.detail == "there is not enough memory to fetch its 1,234 bytes"
        assert refusal.reason is Reason.UNREADABLE

    def test_credentials_that_get_nothing_are_no_fault_of_the_file(self):
        with pytest.raises(AccessDeniedError):
            self.gives(AccessDeniedError("no"))


class TestFacts:
    def test_they_say_what_is_in_the_file(self):
        content = text([0, 1, 3])
        result = as_read(content)
        facts = result.facts
        assert (result.status, result.refusal, result.size_bytes) == (Status.OK, None, len(content))
        assert result.sids == {"G01|L1|C"}
        assert facts.sha256 == hashlib.sha256(content).hexdigest()
        assert (facts.version, facts.marker, facts.time_system) == ("3.04", "STAT", "GPS")
        assert facts.interval_s == 30.0
        assert facts.span == Span(DAY_ONE_NS, DAY_ONE_NS + 90 * SECOND_NS)
        assert (facts.epochs, facts.observations, facts.refused) == (3, 12, {})
        assert facts.lines == content.count(b"\n")
        assert facts.rank.intact

    def test_signals_of_one_kind_rank_once_whichever_satellites_send_them(self):
        one = as_read(rinex([DAY_ONE_S], ("G01",))).facts.rank
        two = as_read(rinex([DAY_ONE_S], ("G01", "G02"))).facts.rank
        other = as_read(rinex([DAY_ONE_S], ("G01", "R02"))).facts.rank
        assert (one.signals, two.signals, other.signals) == (1, 1, 2)

    def test_epochs_at_implausible_dates_make_it_partial_and_are_counted_apart(self):
        result = as_read(text([0, 1, 2, 200, 5000]))
        assert result.status is Status.PARTIAL
        assert result.facts.refused == {Reason.OUT_OF_BOUNDS: Tally(1, 4), Reason.IMPLAUSIBLE_DATE: Tally(1, 4)}
        assert result.refusal.reason is Reason.OUT_OF_BOUNDS
        assert result.facts.span == Span(DAY_ONE_NS, DAY_ONE_NS + 60 * SECOND_NS)

    def test_without_a_plausible_epoch_it_is_refused_with_all_that_is_in_it(self):
        result = as_read(text([5000, 5001]))
        assert (result.status, result.refusal.reason) == (Status.REJECTED, Reason.OUT_OF_BOUNDS)
        assert result.refusal.detail == "no epoch within grid.earliest and grid.latest"
        assert (result.facts.refused, result.parts) == ({Reason.OUT_OF_BOUNDS: Tally(2, 8)}, ())

    def test_of_two_stations_in_a_file_the_wanted_one_is_taken_and_else_the_first(self):
        content = text([0, 1]) + text([2], marker="OTHE")
        first, second = as_read(content), as_read(content, markers={"rec": "OTHE"})
        assert (first.facts.marker, first.facts.epochs, len(first.parts)) == ("STAT", 3, 1)
        assert first.facts.refused == {Reason.OTHER_MARKER: Tally(1, 4)}
        assert (second.facts.marker, second.facts.refused) == ("OTHE", {Reason.OTHER_MARKER: Tally(2, 8)})
        assert (first.status, first.refusal.reason) == (Status.PARTIAL, Reason.OTHER_MARKER)

    def test_another_station_alone_is_refused(self):
        result = as_read(text([0]), markers={"rec": "OTHE"})
        assert (result.status, result.refusal.reason) == (Status.REJECTED, Reason.OTHER_MARKER)
        assert result.refusal.detail == (
            "marker STAT; the receiver's other files have OTHE, and archive.one_marker allows one"
        )
        assert other_marker(result.facts, "stat") is None

    def test_it_is_refused_for_a_slower_grid_only_where_one_is_given(self):
        content = rinex([DAY_ONE_S, DAY_ONE_S + 1, DAY_ONE_S + 2], ("G01",))
        assert as_read(content).status is Status.OK
        assert as_read(content, SECOND_NS).status is Status.OK
        refused = as_read(content, 30 * SECOND_NS)
        assert (refused.refusal.reason, refused.facts.refused) == (
            Reason.FASTER_THAN_GRID,
            {Reason.FASTER_THAN_GRID: Tally(3, 12)},
        )
        assert for_interval(as_read(content), SECOND_NS).status is Status.OK

    def test_what_is_no_rinex_is_refused_with_its_hash_and_counts(self):
        result = as_read(b"not an observation file\n")
        assert result.status is Status.REJECTED
        assert result.facts.sha256 == hashlib.sha256(b"not an observation file\n").hexdigest()
        assert (result.parts, result.facts.refused, result.facts.span) == ((), {}, None)

    def test_memory_of_observations_counts_each_buffer_once(self):
        result = as_read(text(range(50)))
        (part,) = result.parts
        owned = [part.time_100ns, part.value, part.lli]
        assert observations_bytes(result) >= sum(array.nbytes for array in owned)
        twice = replace(result, parts=(part, part))
        assert observations_bytes(twice) == observations_bytes(result)
        assert observations_bytes(replace(result, parts=())) == 0
