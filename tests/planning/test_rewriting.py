"""Which files a unit is made again of, which of them are lost, and that losses are refused."""

from dataclasses import replace

import numpy as np
import pytest

from gnssice_batch.errors import ArchiveError
from gnssice_batch.model.values import SourceFile
from gnssice_batch.planning.rewriting import (
    Rewrite,
    Rewriting,
    check_losses,
    is_rewrite,
    older_rows,
    reaching_units,
    rewriting,
)
from gnssice_batch.store.layout.ledger import Ledger
from tests.support.templates import template

GRID = template(units=4).grid
STEP_NS = GRID.interval_ns


def start(unit):
    return GRID.origin_ns + unit * GRID.unit_ns


def rows(*found):
    """A ledger of files: URI, first and last epoch as (unit, epoch of it), SHA-256, status."""
    uris, firsts, lasts, hashes, statuses = zip(*found, strict=True)

    def time(at):
        return start(at[0]) + at[1] * STEP_NS

    return Ledger(
        uri=np.array(uris, object),
        size_bytes=np.full(len(found), 10, np.int64),
        etag=np.array([f"e-{each}" for each in hashes], object),
        status=np.array(statuses, object),
        first_ns=np.array([time(at) for at in firsts], np.int64),
        last_ns=np.array([time(at) for at in lasts], np.int64),
        sha256=np.array(hashes, object),
        reader=np.array(["gnssice_batch 1, reader 3"] * len(found), object),
    )


def listed(uri, sha256="", size=10):
    return SourceFile(uri, "rec", size, f"e-{sha256 or uri}", 1, 2)


def never(file, sha256):
    raise AssertionError((file, sha256))


LAST = GRID.unit - 1
LEDGER = rows(
    ("before", (0, 0), (0, LAST), "before", "ok"),
    ("in", (1, 0), (1, LAST), "in", "ok"),
    ("over", (0, LAST), (1, 0), "over", "partial"),
    ("refused", (1, 0), (1, 5), "refused", "rejected"),
    ("behind", (2, 0), (3, LAST), "behind", "ok"),
)
ALL = [listed(uri) for uri in LEDGER.uri]


def made_of(files, ledger=LEDGER, units=(1,), written=None, same=never):
    held = np.full(len(ledger), 100) if written is None else np.array(written)
    return rewriting(frozenset(map(start, units)), GRID, files, ledger, held, same)


def test_a_unit_is_made_of_the_taken_files_that_reach_it_with_the_epochs_that_were_read():
    found = made_of(ALL)
    assert [file.uri for file in found.files] == ["in", "over"]
    assert (found.files[1].start_ns, found.files[1].end_ns) == (start(1) - STEP_NS, start(1) + STEP_NS)
    assert found.sha256 == {"in": "in", "over": "over"}
    assert (found.gone, found.changed) == ((), ())
    assert [file.uri for file in made_of(ALL, units=(0, 3)).files] == ["before", "behind", "over"]


def test_a_file_that_the_archive_lacks_or_has_changed_is_told():
    found = made_of([listed("in", "other"), listed("before")], same=lambda *_: False)
    assert (found.files, found.gone, found.changed) == ((), ("over",), ("in",))


def test_another_size_is_another_content_whatever_the_etag():
    found = made_of([listed("in", size=11), listed("over")])
    assert ([file.uri for file in found.files], found.changed) == (["over"], ("in",))


def test_a_touched_file_counts_where_its_content_is_the_same():
    asked = []
    found = made_of(
        [listed("in", "touched"), listed("over")], same=lambda file, sha256: asked.append((file.uri, sha256)) or True
    )
    assert [file.uri for file in found.files] == ["in", "over"]
    assert asked == [("in", "in")]


def test_nothing_is_lost_with_a_row_of_which_the_store_holds_nothing_or_whose_content_another_name_has():
    assert made_of([listed("over")], written=[100, 0, 100, 0, 100]).gone == ()
    twice = rows(("old", (1, 0), (1, 5), "same", "ok"), ("new", (1, 0), (1, 5), "same", "ok"))
    assert made_of([listed("new", "same")], twice).gone == ()
    assert made_of([], twice).gone == ("old", "new")


def test_only_the_latest_row_of_a_file_counts_as_what_it_is():
    """Its earlier content is no longer to be had, and lost where the store still holds of it."""
    twice = rows(("file", (1, 0), (1, 5), "first", "ok"), ("file", (1, 0), (1, 5), "second", "ok"))
    found = made_of([listed("file", "second")], twice, written=[3, 100])
    assert (found.sha256, found.changed) == ({"file": "second"}, ("file",))
    assert made_of([listed("file", "second")], twice, written=[0, 100]).changed == ()


def test_losses_are_refused_by_their_names():
    check_losses([Rewriting(frozenset())])
    with pytest.raises(ArchiveError, match=r"the archive lacks 1 file that .*\(a\)"):
        check_losses([Rewriting(frozenset(), gone=("a",))])
    with pytest.raises(ArchiveError, match=r"the archive has other content now of 2 files .*\(a, b\)"):
        check_losses(iter([Rewriting(frozenset(), changed=("a",)), Rewriting(frozenset(), changed=("b",))]))


def test_units_that_do_not_lie_on_a_grid_are_no_units_of_it():
    found = Rewriting(frozenset({start(-1), start(0), start(3), start(4)}))
    assert found.units(GRID) == {0, 3}


def test_the_units_of_rows_lie_on_the_grid():
    assert reaching_units(LEDGER, GRID, [1, 2]) == {0, 1}
    assert reaching_units(LEDGER, GRID, [4]) == {2, 3}
    shorter = replace(GRID, size=3 * GRID.unit)
    assert reaching_units(LEDGER, shorter, [4]) == {2}
    later = replace(GRID, origin_ns=start(1), size=3 * GRID.unit)
    assert reaching_units(LEDGER, later, [2]) == {0}


def test_rows_of_an_older_reader_are_the_latest_of_files_that_were_taken():
    ledger = replace(LEDGER, reader=np.array([f"gnssice_batch {n}, reader {n % 2}" for n in range(5)], object))
    assert older_rows(ledger, "gnssice_batch 9, reader 1") == [0, 2, 4]
    assert older_rows(ledger, "gnssice_batch 9, reader 0") == [1]
    twice = rows(("file", (1, 0), (1, 5), "a", "ok"), ("file", (1, 0), (1, 5), "b", "ok"))
    twice = replace(twice, reader=np.array(["p 1, reader 0", "p 2, reader 1"], object))
    assert older_rows(twice, "p 3, reader 1") == []
    assert older_rows(twice, "p 3, reader 2") == [1]


def test_the_words_of_a_wish_say_which_units():
    one, other = Rewrite({"rec": frozenset({1, 2})}), Rewrite({"rec": frozenset({1, 3})})
    assert str(one) == str(Rewrite({"rec": frozenset({2, 1})})) != str(other)
    assert str(Rewrite({"rec": frozenset({1}), "two": frozenset({2})})).startswith("rewrite 2 write units ")
    assert is_rewrite(str(one))
    assert not is_rewrite("part --limit 1")
