"""The vegetation optical depth of hand values."""

import numpy as np
import pytest

from gnssice_batch.vod import vod


@pytest.mark.parametrize(
    ("canopy", "reference", "theta", "expected"),
    [
        (35.0, 45.0, 0.0, np.log(10)),
        (35.0, 45.0, np.pi / 3, np.log(10) / 2),
        (45.0, 35.0, 0.0, -np.log(10)),  # nothing is clipped
        (40.0, 40.0, 1.2, 0.0),
        (30.0, 30.25, np.pi / 2, 0.0),  # at the horizon
    ],
)
def test_hand_values(canopy, reference, theta, expected):
    found = vod(np.float32([canopy]), np.float32([reference]), np.float64([theta]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [expected], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("canopy", "reference", "theta"),
    [(40, 45, np.nextafter(np.pi / 2, 2)), (40, 45, 3.0), (np.nan, 45, 0.5), (40, np.nan, 0.5), (40, 45, np.nan)],
)
def test_missing_and_below_the_horizon_is_nan(canopy, reference, theta):
    assert np.isnan(vod(np.float32([canopy]), np.float32([reference]), np.float64([theta]))).all()


def test_it_is_computed_in_double_precision():
    snr = np.float32([[40.125, 31.75]])
    theta = np.float32([[0.4, 1.1]])
    exact = -np.log(10 ** ((snr - 45.5).astype(np.float64) / 10)) * np.cos(theta.astype(np.float64))
    np.testing.assert_array_equal(vod(snr, np.float32([[45.5, 45.5]]), theta), exact.astype(np.float32))
