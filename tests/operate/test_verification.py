"""Verification of a published store: agreement is found, and every kind of difference."""

import json

import numpy as np
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.operate.verification import as_json, verify_store
from tests.support.published import FILES, FIRST, GROUP, SECOND, THIRD, cells_of, change
from tests.support.runs import head, open_group, write


def test_a_store_agrees_with_its_archive(published):
    report = verify_store(published, None)
    assert report.agrees
    assert (report.taken, report.proof.files, report.proof.epochs) == (3, 3, 960 + 120)
    grid = open_group(published, GROUP)["SNR"].chunks[0]
    assert report.proof.cells == cells_of(3, 3 * grid)
    assert not report.absent
    assert report.snapshot == head(published)
    sample = verify_store(published, 1)
    assert sample.agrees
    assert (sample.proof.level, sample.proof.files) == ("sample", 1)
    assert sample == verify_store(published, 1)


@pytest.mark.parametrize(
    ("array", "index", "value", "uri", "said"),
    [
        ("Phase", (0, 1), 21e6, FIRST, "epoch 2025-01-01T00:00:00.000, G02|L1|C: Phase is 21000000.0 in the store"),
        ("SNR", (800, 0), np.nan, SECOND, "epoch 2025-01-01T06:40:00.000, G01|L1|C: SNR is nan in the store"),
        ("Doppler", (1, 2), np.nextafter(np.float32(-1470), np.float32(0)), FIRST, "R03|G1|C: Doppler is"),
        ("LLI", (120, 0), 0, FIRST, "epoch 2025-01-01T01:00:00.000, G01|L1|C: LLI is 0 in the store, 1 in the file"),
        ("SSI", (2880, 0), 6, THIRD, "SSI is 6 in the store, 7 in the file"),
        ("Pseudorange", (800, 1), 2e7, SECOND, "G02|L1|C: Pseudorange is 20000000.0 in the store, nan in the file"),
        ("epoch_flag", (2887,), 0, THIRD, "epoch_flag is 0 in the store, 1 in the file"),
        ("rx_clock_offset", (5,), 0.0, FIRST, "rx_clock_offset is 0.0 in the store, nan in the file"),
        ("epoch_offset", (5,), 0.001, FIRST, "epoch_offset is 0.001 in the store, 0.0 in the file"),
        ("Phase", (1000, 1), 21e6, "", "epoch 2025-01-01T08:20:00.000, G02|L1|C: Phase is 21000000.0 in the store"),
    ],
)
def test_one_changed_cell_is_named(published, array, index, value, uri, said):
    before = change(published, array, index, value)
    assert not np.array_equal(before, value, equal_nan=True)
    report = verify_store(published, None)
    counted = [sentence for sentence in report.first if "values are in the store" in sentence]
    assert report.differences == 1 + len(counted)
    assert report.first[0].startswith(f"{GROUP}: {uri}: " if uri else f"{GROUP}: epoch")
    assert said in report.first[0]
    assert not verify_store(published, None, [GROUP]).agrees


def test_an_epoch_with_another_source(published):
    change(published, "source_file", 10, 2)
    report = verify_store(published, None)
    assert not report.agrees
    text = "\n".join(report.first)
    assert f"{FIRST}: epochs_written is 720, 719 epochs have it as source" in text
    assert f"{THIRD}: epochs_written is 120, 121 epochs have it as source" in text


def test_an_epoch_of_nobody(published):
    change(published, "source_file", 10, -1)
    text = "\n".join(verify_store(published, None).first)
    assert f"{FIRST}: 719 epochs with 8628 values are in the store, 720 with 8640 are said to be" in text
    assert "G01|L1|C: SNR is" in text
    assert "nan expected" in text


def test_an_epoch_of_a_file_that_has_none_there(published):
    change(published, "source_file", 730, 0)
    change(published, "source_file", 3200, 2)
    text = "\n".join(verify_store(published, None).first)
    assert f"{FIRST}: epochs_written is 720, 721 epochs have it as source" in text
    assert f"{THIRD}: epoch 2025-01-02T02:40:00.000 is said to be from it and is not" in text


def test_a_source_that_is_no_row(published):
    change(published, "source_file", 10, 9)
    assert "no row of the ledger: epochs_written is 0, 1 epochs" in "\n".join(verify_store(published, None).first)


def test_a_count_of_the_ledger(published):
    row = json.loads(np.asarray(open_group(published, GROUP)["metadata/files"][0]).item())
    text = json.dumps(row | {"epochs_written": 719})
    change(published, "files", 0, np.array(text, np.dtypes.StringDType()), f"{GROUP}/metadata")
    report = verify_store(published, 1)
    assert f"{FIRST}: epochs_written is 719, 720 epochs" in report.first[0]


def test_what_the_archive_has_no_more_is_no_difference(published, tmp_path):
    (tmp_path / "archive" / FIRST).unlink()
    write(tmp_path / "archive", {SECOND: FILES[FIRST]})
    report = verify_store(published, None)
    assert report.agrees
    assert report.proof.files == 1
    assert sorted(report.absent) == sorted(
        [f"{FIRST}: can't be had any more", f"{SECOND}: has other content than when it was taken"]
    )
    assert as_json(report)["absent"] == list(report.absent)


def test_no_such_receiver(published):
    with pytest.raises(StoreError, match="no receiver nobody; it has rec"):
        verify_store(published, 1, ["nobody"])
