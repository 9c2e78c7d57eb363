"""Archives of real files, ingested whole and held against readers that share nothing with ours.

What georinex reads otherwise, and why (`differences` holds exactly these):

==============================  ======================================================================================
georinex                        why
==============================  ======================================================================================
LLI of L1 and L2 phases only    it has no column for the others; ours keeps them
X1 of GLONASS                   a pseudo-observable (frequency channel), no signal: ours counts it and keeps no cell
==============================  ======================================================================================
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import hatanaka
import numpy as np
import pytest

from gnssice_batch.config import Settings
from gnssice_batch.job.run import run
from gnssice_batch.model.values import Status
from tests.golden import make_georinex_golden
from tests.support import cells
from tests.support.runs import (
    VARIABLES,
    Stored,
    assert_same,
    branches,
    check_ledger,
    ledger,
    messages,
    metadata,
    open_group,
    stored,
)

pytestmark = [pytest.mark.corpus, pytest.mark.heavy]

GOLDEN = Path(__file__).parents[1] / "golden"
RACT = "nfb2021__canvodpy-demo/ract_15min_5s"
AJAC = "nav-solutions__data/AJAC_2024_daily"
ZIMM = "goGPS-Project__goGPS_MATLAB/ZIMM_2021_daily"
MOZA = "nfb2021__canvodpy-test-data/MOZA_hourly_15s"
FIRST_HALF, SECOND_HALF = ("ract001[a-o]*",), ("ract001[p-x]*", "ract002*")
RACT_EPOCHS = 21_600
DAY_NS = 86400 * 10**9
DAY_2025_001 = 16_432
"""Days from 1980-01-06 to 2025-01-01."""
BAND_DIGITS = {
    "GL1": 1,
    "GL2": 2,
    "GL5": 5,
    "JL1": 1,
    "JL2": 2,
    "JL5": 5,
    "SL1": 1,
    "SL5": 5,
    "IL5": 5,
    "IL1": 1,
    "IS": 9,
    "RG1": 1,
    "RG2": 2,
    "RG3": 3,
    "EE1": 1,
    "EE5a": 5,
    "EE6": 6,
    "EE5b": 7,
    "EE5": 8,
    "CB1C": 1,
    "CB1I": 2,
    "CB2a": 5,
    "CB3I": 6,
    "CB2b": 7,
    "CB2": 8,
}
"""System and band of a sid to the band's digit in RINEX 3."""
KINDS = {"S": "SNR", "C": "Pseudorange", "L": "Phase", "D": "Doppler"}


def ract_settings(data: Path, stores: Path, **sections: object) -> Settings:
    archive = {"url": str(data / "rinex" / RACT), "receivers": {"canopy_01": {"station": "ract"}}}
    archive |= sections.pop("archive", {})
    chosen = {"chunks": {"epoch": 2880}, **sections}
    return Settings(site="rosalia", archive=archive, store={"url": str(stores)}, **chosen)


@pytest.fixture(scope="module")
def ract(shared_data, tmp_path_factory):
    """The whole series in one run on two worker processes: settings, report, what is stored."""
    cluster = {"kind": "local", "workers": 2, "dashboard_port": None}
    chosen = ract_settings(shared_data, tmp_path_factory.mktemp("ract"), cluster=cluster)
    report = run(chosen)
    return chosen, report, stored(chosen, "canopy_01")


@pytest.fixture(scope="module")
def network(shared_data, tmp_path_factory):
    """Three stations in one run into one repository."""
    receivers = {
        "ajac": {"include": [f"{AJAC}/*"]},
        "zimm": {"include": [f"{ZIMM}/*"]},
        "moza": {"include": [f"{MOZA}/*"]},
    }
    chosen = Settings(
        site="network",
        archive={"url": str(shared_data / "rinex"), "receivers": receivers},
        store={"url": str(tmp_path_factory.mktemp("network"))},
        chunks={"epoch": 2880},
    )
    return chosen, run(chosen)


@pytest.fixture(scope="module")
def manifest(shared_data):
    with (shared_data / "rinex" / "MANIFEST.csv").open(encoding="utf-8") as lines:
        return {row["file"]: row for row in csv.DictReader(lines)}


def test_the_series_is_one_commit(ract):
    chosen, report, data = ract
    assert messages(chosen) == ["120 files, 21600 epochs, canopy_01"]
    assert report.partitions == 8
    assert {outcome.status for outcome in report.files["canopy_01"]} == {Status.OK}
    assert data.time_ns.size == RACT_EPOCHS
    first_ns = DAY_2025_001 * DAY_NS
    np.testing.assert_array_equal(data.time_ns, first_ns + np.arange(RACT_EPOCHS) * 5 * 10**9)
    assert len(repr(metadata(chosen))) < 1024
    assert branches(chosen) == {"main"}
    check_ledger(chosen, "canopy_01")
    again = run(chosen.model_copy(update={"cluster": type(chosen.cluster)()}))
    assert again.snapshot is None
    assert again.up_to_date == 120


def test_the_ledger_of_the_series(ract, manifest):
    chosen, _, data = ract
    rows = ledger(chosen, "canopy_01")
    assert rows["uri"].size == 120
    for index, uri in enumerate(rows["uri"]):
        said = manifest[f"{RACT}/{uri}"]
        assert rows["sha256"][index] == said["sha256"]
        assert rows["size_bytes"][index] == int(said["stored_bytes"])
        assert rows["epochs_written"][index] == int(said["epochs"]) == 180
        assert (rows["status"][index], rows["refused"][index]) == ("ok", "{}")
    assert data.uri == [uri for uri in rows["uri"] for _ in range(180)]


def codes_of(data: Stored) -> Iterator[tuple[int, str, str]]:
    """Yield column, satellite, and band digit with tracking letter of each signal."""
    for index, sid in enumerate(data.sids):
        sv, band, letter = sid.split("|")
        yield index, sv, f"{BAND_DIGITS[sv[0] + band]}{letter}"


def expected_arrays(epochs: list[cells.EpochCells], data: Stored) -> dict[str, np.ndarray]:
    """What the variables should be according to a reading, over the stored signals."""
    shape = (len(epochs), len(data.sids))
    arrays = {
        name: np.full(shape, -1 if name in {"LLI", "SSI"} else np.nan, data.arrays[name].dtype) for name in VARIABLES
    }
    columns = {(sv, code): index for index, sv, code in codes_of(data)}
    for row, epoch in enumerate(epochs):
        for (sv, code), (value, lli, ssi) in epoch.cells.items():
            column = columns[sv, code[1:]]
            if value is not None:
                arrays[KINDS[code[0]]][row, column] = value / 1000
            if code[0] == "L" and lli is not None:
                arrays["LLI"][row, column] = lli
            if ssi is not None and (code[0] == "L" or (code[0] == "C" and phase_strength(epoch, sv, code) is None)):
                arrays["SSI"][row, column] = ssi
    return arrays


def phase_strength(epoch: cells.EpochCells, sv: str, code: str) -> int | None:
    return epoch.cells.get((sv, f"L{code[1:]}"), (None, None, None))[2]


def hold_against_reference(data: Stored, path: Path, uri: str, version: str) -> None:
    epochs = list(cells.reference(hatanaka.decompress(path.read_bytes()), version))
    times = np.array([epoch.time_100ns for epoch in epochs]) * 100
    mine = np.array([found == uri for found in data.uri])
    assert data.time_ns[mine].tolist() == times.tolist()
    assert data.flag[mine].tolist() == [epoch.flag for epoch in epochs]
    for name, array in expected_arrays(epochs, data).items():
        np.testing.assert_array_equal(data.arrays[name][mine], array, f"{uri}: {name}")


@pytest.mark.parametrize("name", ["ract001x45.25d.gz", "ract002a00.25d.gz"])
def test_values_are_those_of_the_reference_reader(ract, shared_data, name):
    hold_against_reference(ract[2], shared_data / "rinex" / RACT / name, name, "3.04")


@pytest.mark.long
def test_all_values_are_those_of_the_reference_reader(ract, shared_data):
    paths = sorted((shared_data / "rinex" / RACT).iterdir())
    assert len(paths) == 120
    for path in paths:
        hold_against_reference(ract[2], path, path.name, "3.04")


@pytest.mark.long
@pytest.mark.parametrize(
    ("group", "folder", "version"), [("ajac", AJAC, "3.04"), ("zimm", ZIMM, "2.11"), ("moza", MOZA, "2.11")]
)
def test_all_values_of_the_network_are_those_of_the_reference_reader(network, shared_data, group, folder, version):
    data = stored(network[0], group)
    for path in sorted((shared_data / "rinex" / folder).iterdir()):
        hold_against_reference(data, path, f"{folder}/{path.name}", version)


def digests(data: Stored, uri: str) -> dict[str, dict[str, list[object]]]:
    """Digests of what is stored from one file, as `make_georinex_golden` makes them."""
    mine = np.array([found == uri for found in data.uri])
    found: dict[str, dict[str, list[object]]] = {}
    for index, sv, code in codes_of(data):
        for name in VARIABLES:
            column = data.arrays[name][mine, index].astype(np.float64)
            if name in {"LLI", "SSI"}:
                column[column < 0] = np.nan
            key = next((kind for kind, variable in KINDS.items() if variable == name), name) + code
            pair = make_georinex_golden.digest(column)
            if pair[0]:
                found.setdefault(key, {})[sv] = pair
    return found


def differences(found, golden):
    """What differs, less what the table explains."""
    kept = {name: by_sv for name, by_sv in found.items() if not name.startswith("LLI") or name[3] in "12"}
    if not golden["indicators"]:
        kept = {name: by_sv for name, by_sv in kept.items() if name[:3] not in {"LLI", "SSI"}}
    theirs = golden["digests"]
    return [
        (name, sv, kept.get(name, {}).get(sv), theirs.get(name, {}).get(sv))
        for name in sorted(kept.keys() | theirs.keys())
        for sv in sorted(kept.get(name, {}).keys() | theirs.get(name, {}).keys())
        if kept.get(name, {}).get(sv) != theirs.get(name, {}).get(sv)
    ]


def golden_of(path: str) -> dict[str, object]:
    return json.loads((GOLDEN / f"{Path(path).name}.json").read_text())[Path(path).name]


@pytest.mark.parametrize("path", [path for path in make_georinex_golden.FILES if "ract" in path])
def test_values_are_those_of_georinex(ract, path):
    golden = golden_of(path)
    assert golden["epochs"] == 180
    assert differences(digests(ract[2], Path(path).name), golden) == []


def test_the_heaviest_day_is_that_of_georinex(network):
    path = f"{AJAC}/AJAC00FRA_R_20242090000_01D_30S_MO.crx.gz"
    golden = golden_of(path)
    assert (golden["epochs"], golden["seconds"] > 300) == (2880, True)
    assert differences(digests(stored(network[0], "ajac"), path), golden) == []


@pytest.mark.parametrize(
    "order",
    [
        pytest.param((FIRST_HALF, SECOND_HALF), id="append", marks=pytest.mark.long),
        pytest.param((SECOND_HALF, FIRST_HALF), id="prepend"),
    ],
)
def test_in_two_runs_the_same_data(ract, shared_data, tmp_path, order):
    for include in order:
        chosen = ract_settings(shared_data, tmp_path, archive={"include": include})
        assert run(chosen).snapshot
        check_ledger(chosen, "canopy_01")
    assert messages(chosen) == 2 * ["60 files, 10800 epochs, canopy_01"]
    assert_same(stored(chosen, "canopy_01"), ract[2])
    assert open_group(chosen, "canopy_01").attrs["origin_ns"] == DAY_2025_001 * DAY_NS
    assert run(ract_settings(shared_data, tmp_path)).snapshot is None


def test_with_the_default_write_unit_the_same_data(ract, shared_data, tmp_path):
    chosen = ract_settings(shared_data, tmp_path, chunks={"epoch": 34560})
    assert run(chosen).partitions == 1
    assert open_group(chosen, "canopy_01")["SNR"].shards[0] == 34560
    assert_same(stored(chosen, "canopy_01"), ract[2])
    check_ledger(chosen, "canopy_01")


def test_three_stations_in_one_repository(network, manifest):
    chosen, report = network
    assert len(messages(chosen)) == 1
    assert set(open_group(chosen, "").group_keys()) == {"ajac", "zimm", "moza"}
    assert report.skipped > 100
    intervals = {}
    for group, folder in (("ajac", AJAC), ("zimm", ZIMM), ("moza", MOZA)):
        said = {name: row for name, row in manifest.items() if name.startswith(folder)}
        rows = ledger(chosen, group)
        assert set(rows["uri"]) == set(said)
        for uri, epochs, written in zip(rows["uri"], rows["epochs_read"], rows["epochs_written"], strict=True):
            assert epochs == int(said[uri]["epochs"])
            assert written <= epochs
        check_ledger(chosen, group)
        intervals[group] = open_group(chosen, group).attrs["interval_s"]
    assert intervals == {"ajac": 30, "zimm": 30, "moza": 15}
    assert run(chosen).snapshot is None
