"""The vegetation optical depth of a canopy, from the SNR of a receiver below it over that of one beside it."""

from typing import Final

import numpy as np
import numpy.typing as npt

_NEPERS_PER_DB: Final = np.log(10) / 10


def vod(
    snr_canopy: npt.NDArray[np.float32], snr_reference: npt.NDArray[np.float32], theta: npt.NDArray[np.floating]
) -> npt.NDArray[np.float32]:
    """Return ``-ln(10^((SNR_canopy - SNR_reference) / 10)) cos(theta)``.

    Parameters
    ----------
    snr_canopy, snr_reference
        (...) dB-Hz of one signal at one epoch, NaN where missing.
    theta
        (...) zenith angle of the satellite in rad.

    Returns
    -------
    ndarray
        (...) float32, computed in float64. NaN where a value is missing or the satellite is below the horizon. Nothing
        is clipped: a signal that is stronger under the canopy gives a negative value.

    Notes
    -----
    Humphrey, Frankenberg (2023), equation 3: the canopy as a layer of even transmissivity, without scattering.
    """
    angle = np.asarray(theta, np.float64)
    loss = np.subtract(snr_reference, snr_canopy, dtype=np.float64) * _NEPERS_PER_DB
    depth = loss * np.cos(angle)
    return np.where(angle <= np.pi / 2, depth, np.nan).astype(np.float32)
