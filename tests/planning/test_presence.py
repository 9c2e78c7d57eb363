import numpy as np
import pytest

from gnssice_batch.archive.listing import Listing
from gnssice_batch.archive.skipped import SkipKind, SkippedFile
from gnssice_batch.config import Archive
from gnssice_batch.errors import ArchiveError, PlanError
from gnssice_batch.model.values import SourceFile
from gnssice_batch.planning.presence import check_gone, check_not_empty, check_owners, gone
from gnssice_batch.store.layout.ledger import Ledger

README = SkippedFile("README", SkipKind.UNKNOWN, "the name has none of the known forms")
STRAY = SkippedFile("ract0010.25o", SkipKind.NO_RECEIVER, "archive.layout has no receiver", observations=True)


def files(*uris, receiver="rec"):
    return tuple(SourceFile(uri, receiver, 1, "") for uri in uris)


def ledger(**statuses):
    return Ledger(uri=np.array(list(statuses), object), status=np.array(list(statuses.values()), object))


def archive(**settings):
    return Archive(url="somewhere", **settings)


def test_an_archive_without_a_file_is_refused():
    with pytest.raises(ArchiveError, match="the archive somewhere holds no file: is it mounted"):
        check_not_empty(Listing((), ()), archive())
    check_not_empty(Listing((), ()), archive(may_be_empty=True))


def test_an_archive_without_a_file_of_a_receiver_is_refused():
    said = r"holds 2 files and none of them .*: ract0010\.25o: archive\.layout has no receiver; README: "
    with pytest.raises(ArchiveError, match=said):
        check_not_empty(Listing((), (README, STRAY)), archive())
    check_not_empty(Listing((), (README, STRAY)), archive(may_be_empty=True))
    check_not_empty(Listing(files("a"), (README,)), archive())


def test_files_that_were_taken_and_are_not_listed_are_gone():
    ledgers = {"rec": ledger(a="ok", b="partial", c="rejected", d="ok"), "other": ledger(e="ok")}
    skipped = SkippedFile("d", SkipKind.EXCLUDED, "archive.exclude has d")
    assert gone(Listing(files("a"), (skipped,)), ledgers) == ("b", "e")
    assert gone(Listing(files("a", "b", "d", "e"), ()), ledgers) == ()


def test_files_below_a_folder_that_is_left_out_are_not_gone():
    hidden = SkippedFile("a/.incoming/", SkipKind.EXCLUDED, "archive.hidden is false")
    ledgers = {"rec": ledger(**{"a/.incoming/x": "ok", "a/y": "ok", "a/z": "ok"})}
    assert gone(Listing(files("a/z"), (hidden,)), ledgers) == ("a/y",)


def test_more_files_gone_than_allowed_end_the_run():
    ledgers = {"rec": ledger(a="ok", b="ok", c="ok", d="ok", e="ok", f="rejected")}
    check_gone(("a", "b"), ledgers, archive())
    check_gone(("a", "b"), ledgers, archive(max_gone_fraction=0.4))
    said = r"lacks 4 of the 5 files that the store was made from \(a, b, c and 1 more\); .* allows 40\.0%"
    with pytest.raises(ArchiveError, match=said):
        check_gone(("a", "b", "c", "d"), ledgers, archive(max_gone_fraction=0.4))


def test_files_of_another_receiver_are_not_taken_again():
    ledgers = {"ract": ledger(a="ok", b="rejected")}
    with pytest.raises(PlanError, match=r"as those of another receiver already \(a: of ract, now of rosalia\)"):
        check_owners(files("a", "b", "c", receiver="rosalia"), ledgers, archive())
    check_owners(files("a", "b", "c", receiver="rosalia"), ledgers, archive(take_again=True))
    check_owners(files("a", "b", "c", receiver="ract"), ledgers, archive())
    check_owners((), ledgers, archive())
