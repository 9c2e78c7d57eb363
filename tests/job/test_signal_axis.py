"""The axis of signals: it grows as signals appear, and holds those of all files."""

import numpy as np
import pytest

from gnssice_batch.model.values import Status
from tests.support.ingested import GROUP, expected, hourly, ingest, seconds
from tests.support.runs import DAY_ONE_S, VALUES, check_ledger, column, name, open_group, rinex, span_s, stored


def test_unknown_signals_extend_the_axis(tmp_path):
    odd = {"svs": ("G01", "E11", "C20"), "codes": ("C1C", "L1C", "D1C", "S1C")}
    files = hourly(0) | hourly(2, **odd) | hourly(8) | hourly(23)
    chosen, report = ingest(tmp_path, files, run={"sample_files": 1})
    data = stored(chosen, GROUP)
    assert len(data.sids) == 5
    assert seconds(data) == [t for hour in (0, 2, 8, 23) for t in span_s(DAY_ONE_S + 3600 * hour, 1)]
    expected(data)
    sids = column(open_group(chosen, GROUP)["sid"]).tolist()
    assert sids[:3] == ["G01|L1|C", "G02|L1|C", "R03|G1|C"]
    assert sorted(sids[3:]) == sids[3:]
    assert {o.status for o in report.files[GROUP]} == {Status.OK}
    check_ledger(chosen, GROUP)


@pytest.mark.heavy
def test_signals_beyond_the_width_of_a_write_unit(tmp_path):
    """A second column of write units, met in a run that has already written others one column wide, and a later run."""
    many = tuple(f"{system}{number:02d}" for system in "GREC" for number in range(1, 25))
    files = hourly(0) | hourly(7, svs=many) | hourly(8) | hourly(14)
    chosen, _ = ingest(tmp_path, files, run={"sample_files": 1})
    assert open_group(chosen, GROUP)["SNR"].shards == (720, 64)
    data = stored(chosen, GROUP)
    assert len(data.sids) == 96
    expected(data)
    check_ledger(chosen, GROUP)
    ingest(tmp_path, hourly(15) | hourly(1))
    data = stored(chosen, GROUP)
    assert len(seconds(data)) == 6 * 120
    expected(data)
    check_ledger(chosen, GROUP)


@pytest.mark.parametrize("codes", [("C1C",), ("S1C", "L1C")])
def test_variables_that_no_file_has_stay_empty(tmp_path, codes):
    chosen, _ = ingest(tmp_path, hourly(1, codes=codes))
    ingest(tmp_path, hourly(2, codes=codes))
    data = stored(chosen, GROUP)
    assert len(seconds(data)) == 240
    kinds = dict(zip("SCLD", VALUES, strict=True))
    for kind, variable in kinds.items():
        assert np.isfinite(data.arrays[variable]).all() == (kind in {code[0] for code in codes})
    check_ledger(chosen, GROUP)


def test_a_signal_that_comes_later_has_the_channel_of_its_header(tmp_path):
    """The header's GLONASS SLOT / FRQ # goes before the table of slots, whenever the satellite is first seen."""
    record = f"{'  1 R05  6':60}GLONASS SLOT / FRQ #\n{'':60}END OF HEADER".encode()
    later = rinex(span_s(DAY_ONE_S + 3600, 1), ("R05",)).replace(f"{'':60}END OF HEADER".encode(), record)
    chosen, _ = ingest(tmp_path, hourly(0))
    ingest(tmp_path, {name(DAY_ONE_S + 3600, "01H"): later})
    group = open_group(chosen, GROUP)
    assert dict(zip(column(group["sid"]), group["glonass_fcn"][:].tolist(), strict=True))["R05|G1|C"] == 6
