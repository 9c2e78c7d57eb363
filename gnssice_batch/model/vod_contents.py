"""The arrays of a vod group: vegetation optical depth, with the direction that each signal came from."""

from dataclasses import replace
from typing import Final

from gnssice_batch.model.template import EPOCH_COORDINATES, RINEX, ArraySpec, Axis, Contents

VARIABLES: Final = (
    ArraySpec(
        "VOD", "float32", ("epoch", "sid"), float("nan"),
        {"long_name": "Vegetation Optical Depth", "units": "1", "comment": "negative values are kept"},
    ),
    ArraySpec(
        "theta", "float32", ("epoch", "sid"), float("nan"),
        {"long_name": "Zenith angle", "standard_name": "zenith_angle", "units": "rad", "valid_min": 0.0,
         "comment": "of the satellite seen from the canopy receiver; missing where that has no SNR"},
    ),
    ArraySpec(
        "phi", "float32", ("epoch", "sid"), float("nan"),
        {"long_name": "Azimuth angle", "standard_name": "azimuth_angle", "units": "rad",
         "comment": "from north, clockwise, in [0, 2 pi); missing where the canopy receiver has no SNR"},
    ),
)  # fmt: skip
"""Data variables over ``(epoch, sid)``; missing is NaN."""

_ALONG_EPOCH: Final[tuple[Axis, ...]] = ("epoch",)

SOURCE_ORBIT: Final = ArraySpec(
    "source_orbit", "int32", _ALONG_EPOCH, -1,
    {"long_name": "Row of metadata/orbits of the file whose span the epoch is in", "units": "1",
     "comment": "the latest of several; -1 where no orbit file was used"},
)  # fmt: skip

VOD: Final = Contents("vod", VARIABLES, (replace(EPOCH_COORDINATES[0]), SOURCE_ORBIT), (SOURCE_ORBIT.name,))
"""What a pair of receivers tells of the canopy between them."""

CONTENTS: Final = {contents.product: contents for contents in (RINEX, VOD)}
"""By product."""

CALCULATOR: Final = "tau_omega"
"""canvodpy's name of the formula; the group that all analyses lie in."""
