"""What was warmed is not compiled again when a store is exported."""

from gnssice_batch.exports import survey, text2, text3
from gnssice_batch.exports.warming import warm_export
from tests.support.exported import exported
from tests.support.ingested import ingest
from tests.support.runs import DAY_ONE_S, name, rinex, span_s

KERNELS = (survey._values, survey._indicators, text2.write_epochs, text3.write_epochs)


def test_export_has_no_types_that_were_not_warmed(tmp_path):
    warm_export()
    before = [len(kernel.signatures) for kernel in KERNELS]
    codes = {"codes": ("C1C", "L1C", "D1C", "S1C")}
    chosen, _ = ingest(tmp_path, {name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1), **codes)})
    for file_format in ("rinex3", "rinex2"):
        assert exported(chosen, tmp_path / file_format, file_format).files
    assert [len(kernel.signatures) for kernel in KERNELS] == before
