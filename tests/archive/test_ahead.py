"""Files fetched ahead, or kept: each asked for once, never more of them at a time than there is room for."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from time import monotonic, sleep
from uuid import uuid4

import pytest

from gnssice_batch.archive.ahead import Ahead
from gnssice_batch.archive.kept import Kept
from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.errors import ArchiveError
from gnssice_batch.ingest.fetching import KEPT, Fetching
from gnssice_batch.model.values import SourceFile
from gnssice_batch.storage.folder import Folder

SIZE = 10


@dataclass(frozen=True)
class Watched(ArchiveAccess):
    """An archive in memory that tells what it was asked for, and answers when it is let."""

    asked: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    answers: Event = field(default_factory=Event)

    def fetch(self, uri, size_bytes=None):
        with self.lock:
            self.asked.append(uri)
        assert self.answers.wait(10)
        return super().fetch(uri, size_bytes)


@pytest.fixture
def archive():
    watched = Watched(Folder(f"memory://{uuid4().hex}"), ahead_bytes=3 * SIZE, kept_bytes=5 * SIZE)
    for number in range(9):
        watched.folder.write(f"{number}", b"%010d" % number)
    watched.answers.set()
    return watched


def file(number, size=SIZE):
    return SourceFile(f"{number}", "rec", size, "etag")


def there(content):
    """A request that is over."""
    request = Future()
    request.set_result(content)
    return request


def asked(archive, least, within=10):
    """What an archive was asked for, once it is as many files as are named."""
    until = monotonic() + within
    while len(archive.asked) < least and monotonic() < until:
        sleep(0.001)
    return sorted(archive.asked)


FILES = [file(number) for number in range(8)]


def test_files_come_as_they_are_and_are_asked_for_once(archive):
    ahead = Ahead(archive, FILES)
    assert [ahead.take(one) for one in FILES] == [b"%010d" % number for number in range(8)]
    assert sorted(archive.asked) == sorted(one.uri for one in FILES)


def test_no_more_are_asked_for_than_there_is_room_for(archive):
    archive.answers.clear()
    ahead = Ahead(archive, FILES)
    with ThreadPoolExecutor(1) as other:
        taken = other.submit(ahead.take, FILES[0])
        assert asked(archive, 3) == ["0", "1", "2"]
        archive.answers.set()
        assert taken.result(10) == b"%010d" % 0
    assert [ahead.take(one) for one in FILES[1:]] == [b"%010d" % number for number in range(1, 8)]


def test_one_that_is_larger_than_the_room_is_fetched_all_the_same(archive):
    ahead = Ahead(archive, [file(0, 1000), file(1, 1000)])
    assert (ahead.take(file(0, 1000)), ahead.take(file(1, 1000))) == (b"%010d" % 0, b"%010d" % 1)


def test_files_may_be_taken_in_another_order_or_not_at_all(archive):
    ahead = Ahead(archive, FILES[:6])
    assert ahead.take(FILES[5]) == b"%010d" % 5
    assert ahead.take(FILES[7]) == b"%010d" % 7
    ahead.close()
    assert ahead.take(FILES[0]) == b"%010d" % 0
    assert archive.asked.count("5") == 1


def test_a_file_that_is_not_there_is_an_error_where_it_is_taken(archive):
    ahead = Ahead(archive, [file("nowhere"), FILES[0]])
    assert ahead.take(FILES[0]) == b"%010d" % 0
    with pytest.raises(ArchiveError, match="nowhere"):
        ahead.take(file("nowhere"))


def test_of_a_disk_nothing_is_fetched_ahead_or_kept(archive, tmp_path):
    (tmp_path / "0").write_bytes(b"0")
    local = Watched(Folder(str(tmp_path)), asked=archive.asked, answers=archive.answers)
    ahead, kept = Ahead(local, FILES), Kept()
    kept.put(local, FILES[0], there(b"0"))
    kept.ask(local, FILES)
    assert (archive.asked, kept.take(local, FILES[0])) == ([], None)
    assert ahead.take(FILES[0]) == b"0"


def test_kept_files_go_first_in_first_out(archive):
    kept = Kept()
    for one in FILES:
        kept.put(archive, one, there(one.uri.encode()))
    found = [kept.take(archive, one) for one in FILES]
    assert [each and each.result() for each in found] == [None, None, None, b"3", b"4", b"5", b"6", b"7"]
    assert all(kept.take(archive, one) is None for one in FILES)


def test_a_request_that_failed_is_made_again(archive):
    nowhere = file("nowhere")
    for _ in range(2):
        KEPT.ask(archive, [nowhere])
        with pytest.raises(ArchiveError), Fetching(archive, [nowhere]) as files:
            files.fetch(nowhere)
    archive.folder.write("nowhere", b"found")
    with Fetching(archive, [nowhere]) as files:
        assert files.fetch(nowhere) == b"found"


def test_nothing_is_kept_when_a_run_is_over(archive):
    kept = Kept()
    kept.ask(archive, FILES)
    kept.forget()
    assert all(kept.take(archive, one) is None for one in FILES)
    kept.ask(archive, FILES)
    assert kept.take(archive, FILES[2])


def test_a_file_that_was_replaced_is_not_the_kept_one(archive):
    kept = Kept()
    kept.put(archive, FILES[0], there(b"old"))
    assert kept.take(archive, SourceFile("0", "rec", SIZE, "another")) is None


def test_files_asked_for_are_not_more_than_there_is_room_for(archive):
    kept = Kept()
    kept.ask(archive, FILES)
    kept.ask(archive, FILES)
    found = [kept.take(archive, one) for one in FILES]
    assert [each and each.result() for each in found] == [*(b"%010d" % number for number in range(3)), *[None] * 5]
    assert sorted(archive.asked) == ["0", "1", "2"]


def test_a_partition_that_is_done_again_asks_for_nothing_again(archive):
    with Fetching(archive, FILES[:4]) as files:
        assert [files.fetch(one) for one in FILES[:4] * 2] == [b"%010d" % number for number in range(4)] * 2
        files.keep()
    with pytest.raises(ZeroDivisionError), Fetching(archive, FILES[:4]) as files:
        assert files.fetch(FILES[0]) == b"%010d" % (1 // 0)
    with Fetching(archive, FILES[:4]) as files:
        assert files.fetch(FILES[0]) == b"%010d" % 0
    assert sorted(archive.asked) == ["0", "1", "2", "3"]
    assert KEPT.take(archive, FILES[0]) is None


def test_a_file_that_partitions_share_is_asked_for_once_also_at_the_same_time(archive):
    archive.answers.clear()

    def partition(_):
        with Fetching(archive, FILES[:2], shared=FILES[:1]) as files:
            return [files.fetch(one) for one in FILES[:2]]

    with ThreadPoolExecutor(3) as partitions:
        found = [partitions.submit(partition, number) for number in range(3)]
        assert asked(archive, 4) == ["0", "1", "1", "1"]
        archive.answers.set()
        assert [one.result(10) for one in found] == [[b"%010d" % 0, b"%010d" % 1]] * 3
    assert partition(None) == [b"%010d" % 0, b"%010d" % 1]
    assert archive.asked.count("0") == 1
    KEPT.forget()


def test_a_shared_file_that_could_not_be_had_is_asked_for_again(archive):
    nowhere = file("nowhere")
    for _ in range(2):
        with pytest.raises(ArchiveError), Fetching(archive, [nowhere], shared=[nowhere]) as files:
            files.fetch(nowhere)
    archive.folder.write("nowhere", b"found")
    with Fetching(archive, [nowhere], shared=[nowhere]) as files:
        assert files.fetch(nowhere) == b"found"
    KEPT.forget()


def test_a_shared_file_larger_than_all_that_may_be_kept_is_asked_for_each_time(archive):
    large = file(0, 6 * SIZE)
    for _ in range(2):
        with Fetching(archive, [large], shared=[large]) as files:
            assert files.fetch(large) == b"%010d" % 0
    assert archive.asked == ["0", "0"]


def test_only_what_other_partitions_read_is_kept(archive):
    with Fetching(archive, FILES[:3]) as files:
        assert [files.fetch(one) for one in FILES[:3]] == [b"%010d" % number for number in range(3)]
        files.keep(frozenset(FILES[1:2]))
    assert [bool(KEPT.take(archive, one)) for one in FILES[:3]] == [False, True, False]
