"""Files cut into what a worker does at a time, and what many of them have in common held once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.model.virtual import NetcdfFile
from gnssice_batch.records import dump
from gnssice_batch.storage.folder import Folder
from gnssice_batch.virtual.partitions import (
    MOST_BYTES,
    MOST_FILES,
    facts_in,
    in_partitions,
    key_of,
    parse_partition,
    with_shared,
)
from tests.support.netcdf import archive

FILES = st.lists(
    st.builds(
        NetcdfFile,
        uri=st.text("abc", min_size=1, max_size=6),
        receiver=st.sampled_from(["canopy", "reference"]),
        size_bytes=st.integers(0, MOST_BYTES * 2),
        etag=st.just(""),
    ),
    unique_by=lambda file: file.uri,
    max_size=60,
)


@given(FILES)
def test_every_file_is_in_one_part(files):
    parts = list(in_partitions(files))
    assert sorted(file.uri for part in parts for file in part) == sorted(file.uri for file in files)
    for part in parts:
        assert len({file.receiver for file in part}) == 1
        assert len(part) <= MOST_FILES
        assert len(part) == 1 or sum(file.size_bytes for file in part) <= MOST_BYTES
    assert len({key_of(part) for part in parts}) == len(parts)


def test_what_is_equal_is_one_object(tmp_path):
    pytest.importorskip("virtualizarr")
    paths = archive(tmp_path)
    files = tuple(NetcdfFile(f"canopy_01/{path.name}", "canopy_01", path.stat().st_size, "") for path in paths)
    outcome = parse_partition("key", files, ArchiveAccess(Folder(str(tmp_path))))
    known = {}
    found = [with_shared(one, known) for one in facts_in(outcome)]
    assert dump(tuple(found)) == dump(facts_in(outcome))
    first, second, _ = found
    assert first.profile is second.profile
    assert {id(one.document) for one in first.referenced} == {id(one.document) for one in second.referenced}
    labels = [next(one for one in facts.copied if one.name == "sid") for facts in found]
    assert labels[0].texts is labels[1].texts


def test_a_file_that_the_archive_does_not_give_is_told(tmp_path):
    file = NetcdfFile("gone.nc", "canopy", 10, "")
    (found,) = facts_in(parse_partition("key", (file,), ArchiveAccess(Folder(str(tmp_path)))))
    assert (found.reason, found.file) == ("unreadable", file)
    (tmp_path / "gone.nc").write_bytes(b"longer than it was listed")
    (found,) = facts_in(parse_partition("key", (replace(file),), ArchiveAccess(Folder(str(tmp_path)))))
    assert "it had 10 bytes when it was listed" in found.detail
