"""No file is read twice: of the sample, or because a signal was not on the axis; what does not fit is read again."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr

from gnssice_batch import open_dataset
from gnssice_batch.archive.listing import list_files
from gnssice_batch.errors import Reason
from gnssice_batch.ingest import reading
from gnssice_batch.ingest.kept_readings import READINGS, KeptReadings
from gnssice_batch.ingest.reading import observations_bytes, read_file
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.rinex import ReadOptions
from tests.support.runs import DAY_ONE_S, name, rinex, settings, span_s, write

GROUP = "rec"
HOUR_S = 3600
SECOND_NS = 10**9
SVS = {0: ("G01",), 1: ("G01", "R03"), 2: ("G02",), 3: ("G01", "E05"), 8: ("G01", "C07")}
FILES = {
    name(DAY_ONE_S + HOUR_S * hour, "01H"): rinex(span_s(DAY_ONE_S + HOUR_S * hour, 1), svs=svs)
    for hour, svs in SVS.items()
}
"""Two write units; all signals but those of the sample's one file are new to the axis."""


@pytest.fixture
def reads(monkeypatch):
    """How often each file was read."""
    found, read_content = Counter(), reading.read_content

    def counted(fetched, *arguments):
        found[fetched.file.uri] += 1
        return read_content(fetched, *arguments)

    monkeypatch.setattr(reading, "read_content", counted)
    return found


def made(folder, **reader):
    write(folder / "archive", FILES)
    chosen = settings(folder, run={"sample_files": 1}, reader=reader)
    report = run(chosen)
    with open_dataset(f"{chosen.store.url}/site/rinex", GROUP) as found:
        return report, found.load().drop_attrs()


def test_each_file_is_read_once(tmp_path, reads):
    once, found = made(tmp_path / "once")
    assert reads == Counter(dict.fromkeys(FILES, 1))
    reads.clear()
    again, expected = made(tmp_path / "again", kept_bytes=0)
    assert max(reads.values()) > 1
    xr.testing.assert_identical(found, expected)
    assert set(found.sv.values) == {sv for svs in SVS.values() for sv in svs}
    assert [one.written for one in once.files[GROUP]] == [one.written for one in again.files[GROUP]]


def test_with_little_room_only_the_rest_is_read_again(tmp_path, reads):
    _, expected = made(tmp_path / "expected")
    room = 2 * size_of_one(tmp_path / "expected")
    reads.clear()
    _, found = made(tmp_path / "found", kept_bytes=room)
    assert set(reads.values()) == {1, 2}
    xr.testing.assert_identical(found, expected)


def test_what_was_refused_or_is_too_large_is_not_kept_and_drives_nothing_out(tmp_path):
    made(tmp_path)
    chosen = settings(tmp_path)
    context = rules_of(chosen).context([GROUP])
    first, second, *_ = (read_file(file, context) for file in list_files(chosen.archive).files)
    context = replace(context, kept_bytes=observations_bytes(first))
    large = replace(second, parts=(*second.parts, *read_file(second.file, context).parts))
    kept = KeptReadings()
    kept.put(context, [first, large, replace(second, status=Status.REJECTED, parts=())])
    assert list(kept.take(context, [first.file, second.file], 30 * SECOND_NS)) == [first.file]
    assert kept.take(context, [first.file], 30 * SECOND_NS) == {}


def test_nothing_is_kept_beyond_a_run(tmp_path):
    made(tmp_path)
    assert READINGS.take(context_of(tmp_path), files_of(tmp_path), 30 * SECOND_NS) == {}


def test_what_is_kept_is_what_would_be_read(tmp_path):
    context, file = context_of(tmp_path), files_of(tmp_path)[0]
    kept, result = KeptReadings(), read_file(file, context)
    kept.put(context, [result])
    assert kept.take(context, [file], 30 * SECOND_NS) == {file: result}
    assert kept.take(context, [file], 30 * SECOND_NS) == {}
    kept.put(context, [result])
    (taken,) = kept.take(context, [file], 60 * SECOND_NS).values()
    assert (taken.status, taken.refusal.reason) == (Status.REJECTED, Reason.FASTER_THAN_GRID)
    assert taken == read_file(file, context, 60 * SECOND_NS)


def other_contexts(context):
    bounds = context.bounds[GROUP]
    yield replace(context, options=ReadOptions(decoder="hatanaka"))
    yield replace(context, bounds={GROUP: replace(bounds, earliest_ns=bounds.earliest_ns + 1)})
    yield replace(context, markers={GROUP: "other"})
    yield replace(context, overrides={GROUP: {"G": {"C1C": "C1W"}}})
    yield replace(context, archive=rules_of(settings_of(Path("elsewhere"))).context([GROUP]).archive)


def test_a_file_that_would_be_read_otherwise_is_read_again(tmp_path):
    context, file = context_of(tmp_path), files_of(tmp_path)[0]
    result = read_file(file, context)
    for other in other_contexts(context):
        kept = KeptReadings()
        kept.put(context, [result])
        assert kept.take(other, [file], 30 * SECOND_NS) == {}
    for changed in (replace(file, etag="other"), replace(file, size_bytes=1)):
        kept = KeptReadings()
        kept.put(context, [result])
        assert kept.take(context, [changed], 30 * SECOND_NS) == {}


def test_the_first_go_first(tmp_path):
    context = context_of(tmp_path)
    results = [read_file(file, context) for file in files_of(tmp_path)]
    sizes = [observations_bytes(result) for result in results]
    kept, narrow = KeptReadings(), replace(context, kept_bytes=sum(sizes) - 1)
    kept.put(narrow, results)
    kept.put(narrow, [replace(results[1], status=Status.REJECTED)])
    taken = kept.take(narrow, [result.file for result in results], 30 * SECOND_NS)
    assert list(taken) == [result.file for result in results[1:]]


def settings_of(folder):
    return settings(folder)


def context_of(folder):
    write(folder / "archive", FILES)
    return rules_of(settings_of(folder)).context([GROUP])


def files_of(folder):
    return sorted(list_files(settings_of(folder).archive).files, key=lambda file: file.uri)


def size_of_one(folder):
    return max(observations_bytes(read_file(file, context_of(folder))) for file in files_of(folder))
