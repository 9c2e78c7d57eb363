"""Signal strength indicators of code and phase that differ are counted: dense arrays have one a signal."""

from dataclasses import replace

import numpy as np

from gnssice_batch.errors import Reason
from gnssice_batch.rinex.observations.indicators import differing_ssi
from tests.support.samples import epoch3, field, header3, only


def part(*ssis):
    rows = [f"G0{n + 1}" + field(1, " ", code) + field(2, " ", phase) + "\n" for n, (code, phase) in enumerate(ssis)]
    return only(header3(types="G    2 C1C L1C"), epoch3(0, len(rows)), *rows)


def test_only_indicators_that_are_both_there_and_differ_are_counted():
    assert differing_ssi(part("77", "78", "7 ", " 7", "  ", "91")) == 2


def test_files_without_phases_have_none():
    assert differing_ssi(only(header3(types="G    1 C1C"), epoch3(0, 1), "G01" + field(1, " ", "7") + "\n")) == 0


def test_nothing_without_rows():
    none = replace(part("77"), svs=(), row_sv=np.zeros(0, np.int16))
    assert differing_ssi(none) == 0


def test_it_is_no_loss_of_an_observation():
    assert not Reason.SSI_DIFFERS.loses
