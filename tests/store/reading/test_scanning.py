"""The stored chunks of a receiver are found, those of joined signals among them, and each is counted once."""

from gnssice_batch.model.template import JOINED, OBSERVED_COORDINATES, VARIABLES
from gnssice_batch.store.reading.cells import cells_of_snapshot
from gnssice_batch.store.reading.scanning import chunks_by_unit, damage_beside
from tests.support.published import GROUP, ingested
from tests.support.runs import DAY_ONE_S, name, repository, rinex, span_s


def test_chunks_are_told_by_the_unit_they_lie_in(tmp_path):
    files = {
        name(DAY_ONE_S, "02H"): rinex(span_s(DAY_ONE_S, 2), svs=("G01", "G02")),
        name(DAY_ONE_S, "01H", "OTHR"): rinex(span_s(DAY_ONE_S, 1), svs=("R03",)),
        name(DAY_ONE_S + 13 * 3600, "01H"): rinex(span_s(DAY_ONE_S + 13 * 3600, 1)),
    }
    files = {f"{GROUP}/{uri.rpartition('/')[2]}": content for uri, content in files.items()}
    chosen, report = ingested(tmp_path, files)
    stored = cells_of_snapshot(str(repository(chosen)), report.snapshot, GROUP)
    found = chunks_by_unit(stored)
    filled = {spec.name for spec in VARIABLES} | {"epoch_flag", "source_file"}
    assert sorted(found) == [0, 2]
    assert filled <= found[0].keys()
    assert filled <= found[2].keys()
    assert {spec.name for spec in JOINED} & found[0].keys()
    assert not {spec.name for spec in JOINED} & found[2].keys()
    assert found[0].keys() <= {*filled, *OBSERVED_COORDINATES, *(spec.name for spec in JOINED)}
    assert {found[0][spec.name] for spec in VARIABLES} == {1}
    count, damages = damage_beside(stored)
    assert damages == []
    assert count > 0
