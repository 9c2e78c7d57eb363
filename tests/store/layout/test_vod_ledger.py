"""The ledger of a vod group: its arrays as they are stored, what planning reads of them, the rows of orbit files."""

import numpy as np
import pytest
import zarr

from gnssice_batch.errors import StoreError
from gnssice_batch.model.vod_values import MadeUnit, OrbitFacts
from gnssice_batch.store.layout.documents import put_documents
from gnssice_batch.store.layout.vod_ledger import (
    ORBIT_VALUES,
    UNIT_COLUMNS,
    VodLedger,
    orbit_texts,
    read_vod_ledger,
    vod_ledger_documents,
)
from tests.support.text_documents import text_document

FACTS = OrbitFacts("a.sp3", 5, "tag", "7c", "sp3", 100, 200, 31)
LOST = OrbitFacts("b.rnx", 6, "", "8d", "broadcast", 0, 0, 0, "it is empty", {"bad_value": 2})
ROW = (
    '{"uri":"a.sp3","hash":"7c","source":"sp3","start":100,"end":200,"satellites":31,"size_bytes":5,"etag":"tag",'
    '"run":"r1"}'
)


def column(kind, **words):
    """Return the document of a column of units."""
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}, text_document("unit", 1)["codecs"][1]]
    return {**text_document("unit", 4_096), "data_type": kind, "codecs": codecs, **words}


def test_the_arrays_are_stored_as_canvodpy_knows_them():
    found = vod_ledger_documents()
    said = "Orbit files, a JSON object each"
    assert found.pop("metadata/orbits") == text_document("file", 128, long_name=said, values=dict(ORBIT_VALUES))
    times = {"name": "numpy.datetime64", "configuration": {"unit": "ns", "scale_factor": 1}}
    kinds = {
        "int64": column("int64", fill_value=0),
        "str": text_document("unit", 4_096),
        "datetime64[ns]": column(times, fill_value=np.iinfo(np.int64).min),
    }
    assert found == {f"metadata/table/{name}": kinds[kind] for name, kind in UNIT_COLUMNS.items()}


def ledger(units=(), epochs=(), orbits=()):
    """Make a group with the attributes and epochs of units and rows of orbit files."""
    group = zarr.create_group(zarr.storage.MemoryStore(), path="rec")
    put_documents(group, vod_ledger_documents())
    for name, values in (("metadata/table/attrs", units), ("metadata/orbits", orbits)):
        group[name].resize((len(values),))
        group[name][:] = np.array(values, np.dtypes.StringDType())
    group["metadata/table/epochs"].resize((len(epochs),))
    group["metadata/table/epochs"][:] = np.array(epochs, np.int64)
    return group


def test_an_empty_ledger_says_nothing():
    assert read_vod_ledger(ledger()) == VodLedger({}, {}, 0, {})


def test_a_unit_is_as_it_was_made_last():
    units = [
        '{"unit_start_ns":7,"orbits_digest":"d1","orbits":"broadcast"}',
        '{"unit_start_ns":9}',
        "",
        '{"other":1}',
        '{"unit_start_ns":7,"orbits_digest":"d2","orbits":"sp3"}',
    ]
    found = read_vod_ledger(ledger(units, [10, 20, 30, 40, 50]))
    assert found.units == {7: MadeUnit("d2", 50, "sp3"), 9: MadeUnit("", 20, "")}


def test_an_orbit_file_is_known_by_path_etag_and_size():
    rows = [
        *orbit_texts([FACTS, None], "r1"),
        '{"uri":"a.sp3","etag":"tag","size_bytes":6,"start":1,"end":2,"fault":"cut"}',
        '{"uri":"old.sp3"}',
    ]
    found = read_vod_ledger(ledger(orbits=rows))
    assert (found.orbits, found.rows) == ({("a.sp3", "tag"): 2, ("old.sp3", ""): 3}, 4)
    assert found.known == {
        ("a.sp3", "tag", 5): (100, 200, ""),
        ("a.sp3", "tag", 6): (1, 2, "cut"),
        ("old.sp3", "", 0): (0, 0, ""),
    }


def test_rows_of_orbit_files_say_what_was_read_and_what_failed():
    assert orbit_texts([FACTS, None], "r1") == [ROW, "{}"]
    (lost,) = orbit_texts([LOST], "r1")
    assert lost == (
        '{"uri":"b.rnx","hash":"8d","source":"broadcast","start":0,"end":0,"satellites":0,"size_bytes":6,"etag":"",'
        '"run":"r1","fault":"it is empty","lost":{"bad_value":2}}'
    )


@pytest.mark.parametrize("damaged", [{"units": ["no object"], "epochs": [1]}, {"orbits": ["no object"]}])
def test_a_row_that_is_no_json_is_refused(damaged):
    with pytest.raises(StoreError, match=r"^the ledger of 'rec' is no JSON: "):
        read_vod_ledger(ledger(**damaged))
