"""The segments of a journal are read in the order of their starts, however a folder lists them."""

import pytest

from gnssice_batch.job import segments as module
from gnssice_batch.job.segments import (
    finished_keys,
    highest_start,
    names_in,
    read_segments,
    record,
    segment,
    segment_name,
)
from gnssice_batch.storage.folder import Folder
from tests.job.test_journal import finished


@pytest.fixture
def folder(tmp_path):
    """Three starts: the first finishes two partitions, the second drops one of them, the third finishes another."""
    made = Folder(str(tmp_path / "run"))
    done = {key: record(key, finished(key=key)) for key in "abc"}
    for origin, number, records in (
        ("000001.cc", 0, [done["a"]]),
        ("000001.cc", 1, [done["b"]]),
        ("000002.bb", 0, [record("a", None)]),
        ("000003.aa", 0, [done["c"]]),
    ):
        made.write(segment_name(origin, number), segment(records))
    return made


@pytest.mark.parametrize("backwards", [False, True])
def test_what_was_dropped_later_stays_dropped(folder, monkeypatch, backwards):
    listed = module._sizes

    def sizes(below):
        return dict(sorted(listed(below).items(), reverse=backwards))

    monkeypatch.setattr(module, "_sizes", sizes)
    found = read_segments(folder)
    assert set(found.partitions) == finished_keys(folder) == {"b", "c"}
    assert list(found.records.values()) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("names", "highest"),
    [([], 0), (["run.json"], 0), (["partitions/000002.ab.00000000", "starts/000011.x", "000007"], 11), (["x/1"], 1)],
)
def test_the_highest_start_is_that_of_any_file(names, highest):
    assert highest_start(names) == highest


def test_files_are_named_with_their_sizes(folder):
    names = names_in(folder, module.FOLDER)
    assert sorted(names) == ["000001.cc.00000000", "000001.cc.00000001", "000002.bb.00000000", "000003.aa.00000000"]
    assert all(size > 0 for size in names.values())
