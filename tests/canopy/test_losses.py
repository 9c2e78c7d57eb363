"""What making a unit again may lose of what was known."""

from collections import Counter

import numpy as np
import pytest

from gnssice_batch.canopy.cells import VodCells
from gnssice_batch.canopy.losses import loses_too_much
from gnssice_batch.model.vod_values import Loss

EPOCHS = 200
SATELLITES = ("G01", "G01", "R02")
"""Of three signals."""


def loses(known, may_lose, *, before=None, canopy=None):
    """Say of a unit that was known everywhere what is known now, by satellite the number of its first epochs."""
    whole = np.ones((EPOCHS, len(SATELLITES)), np.float32)
    when = {sv: np.arange(EPOCHS) < epochs for sv, epochs in known.items()}
    cells = VodCells(whole, whole, whole, whole.size, Counter(), len(known), when)
    before, canopy = (whole if one is None else one for one in (before, canopy))
    return loses_too_much(cells, before, canopy, whole, SATELLITES, may_lose)


@pytest.mark.parametrize(
    ("known", "may_lose", "too_much"),
    [
        ({"G01": 200, "R02": 200}, Loss.NONE, False),
        ({"G01": 200, "R02": 194}, Loss.NONE, False),
        ({"G01": 200, "R02": 193}, Loss.NONE, True),
        ({"G01": 200}, Loss.NONE, True),
        ({"G01": 200, "R02": 0}, Loss.SATELLITES, False),
        ({"G01": 200}, Loss.SATELLITES, False),
        ({"G01": 200, "R02": 100}, Loss.SATELLITES, True),
        ({"G01": 100}, Loss.SATELLITES, True),
        ({}, Loss.SATELLITES, False),
        ({"G01": 1}, Loss.ANY, False),
    ],
)
def test_a_hundredth_of_the_cells_and_what_another_source_does_not_know(known, may_lose, too_much):
    assert loses(known, may_lose) is too_much


@pytest.mark.parametrize("what", ["before", "canopy"])
def test_cells_that_were_missing_or_have_no_observation_any_more_are_not_lost(what):
    half = np.ones((EPOCHS, len(SATELLITES)), np.float32)
    half[100:, 2] = np.nan
    assert not loses({"G01": 200, "R02": 100}, Loss.NONE, **{what: half})
    assert loses({"G01": 200, "R02": 90}, Loss.NONE, **{what: half})


@pytest.mark.parametrize(("epochs", "too_much"), [(196, False), (195, True)])
def test_other_files_may_know_as_many_cells_elsewhere(epochs, too_much):
    """Two of three signals were known; now the third one is, and one of them for so many epochs."""
    before = np.ones((EPOCHS, len(SATELLITES)), np.float32)
    now, observed = before.copy(), before.copy()
    before[:, 2], now[:, 0], now[epochs:, 1] = np.nan, np.nan, np.nan
    cells = VodCells(now, now, now, now.size, Counter(), 2, {"G01": np.zeros(EPOCHS, bool)})
    told = cells, before, observed, observed, SATELLITES
    assert loses_too_much(*told, Loss.REPLACED) is too_much
    assert loses_too_much(*told, Loss.NONE)
