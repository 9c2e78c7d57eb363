"""Equal parts of values made one object: nothing else about them changes."""

import math
import pickle
from dataclasses import replace

from gnssice_batch.errors import Reason
from gnssice_batch.model.sharing import shared, with_files
from gnssice_batch.model.values import (
    FileFacts,
    FileOutcome,
    HeaderFacts,
    PartitionOutcome,
    Refusal,
    SourceFile,
    Span,
    Status,
    Tally,
    rank,
)


def outcome(number):
    """What became of a file, all its values made anew."""
    header = HeaderFacts(marker=text("MARK"), position_xyz_m=(1.5e6, 2.25, -0.0), phase_shifts=(text("G L2X -0.25"),))
    facts = FileFacts(
        f"{number:064x}", text("3.04"), span=Span(10**12, 10**13), rank=rank(9, "3.04", 2880, f"{number:064x}"),
        epochs=2880, skipped={Reason.COMMENT: 2}, channels={text("R01"): -7}, header=header,
    )  # fmt: skip
    file = SourceFile(f"rec/{number}", text("rec"), 1_400_000, text("etag"), 10**12, 10**13)
    refusal = Refusal(Reason.TRUNCATED, text("cut off"), 7, b"> 20\xff")
    return FileOutcome(file, Status.PARTIAL, facts, refusal, Tally(2880, 9999), {Reason.OFF_GRID: Tally(1, 3)}, ("k",))


def text(content):
    """Return another object each time."""
    return "".join(content)


def test_values_stay_equal_and_of_their_types():
    parts = (outcome(1), outcome(2), replace(outcome(3), refusal=None))
    found = shared(parts)
    assert found == parts
    assert repr(found) == repr(parts)


def test_equal_parts_are_one_in_another_process_too():
    found = pickle.loads(pickle.dumps(shared((outcome(1), outcome(2)))))
    one, other = found
    assert one.facts.header is other.facts.header
    assert one.facts.skipped is other.facts.skipped
    assert one.refused is other.refused
    assert one.written is other.written
    assert one.partitions is other.partitions
    assert one.facts.sha256 != other.facts.sha256
    apart = pickle.dumps(tuple(outcome(number) for number in range(12)))
    assert len(pickle.dumps(shared(tuple(outcome(number) for number in range(12))))) < 0.75 * len(apart)


def test_what_only_compares_as_equal_stays_apart():
    minus, plus, count, truth = shared((-0.0, 0.0, 1, True))
    assert (math.copysign(1, minus), math.copysign(1, plus)) == (-1, 1)
    assert (type(count), type(truth)) == (int, bool)
    assert [type(each) for each in shared((1, 1.0))] == [int, float]
    one, other = shared((HeaderFacts(position_xyz_m=(0.0,)), HeaderFacts(position_xyz_m=(-0.0,))))
    assert repr(one) != repr(other)


def test_files_take_the_place_of_equal_ones():
    mine, again = outcome(1), outcome(2)
    files = (replace(mine.file),)
    found = with_files(PartitionOutcome("k", b"", (mine, again)), files)
    assert found.files == (mine, again)
    assert found.files[0].file is files[0]
    assert found.files[1].file is again.file
