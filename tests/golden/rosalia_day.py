"""The real pair of Rosalia on 2025-001, for other programs to compute its VOD: plain files, epochs, the golden file.

`.venv/bin/python tests/golden/rosalia_day.py ../shared/data FOLDER`, run from the root of the repository, uncompresses
into FOLDER what the two scripts that make golden files read: 96 quarter hours of each receiver, the orbits.
"""

import gzip
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
CANOPY = "rinex/nfb2021__canvodpy-demo/ract_15min_5s/ract001"
REFERENCE = "rosalia/rref_15min_5s/rref001"
SP3 = "rinex/nfb2021__canvodpy-demo/sp3/COD0MGXFIN_20250010000_01D_05M_ORB.SP3.gz"
GPS_EPOCH = np.datetime64("1980-01-06", "ns")
MIDNIGHT = np.datetime64("2025-01-01", "ns")
SECOND = np.timedelta64(1, "s")
KEPT = MIDNIGHT + np.arange(100, 86_400, 905) * SECOND
"""One epoch in 15 min 5 s, so that they lie everywhere between the positions of SP3, which are 5 min apart."""


def uncompress(data, folder):
    """Write the files of both receivers and of the orbits, uncompressed."""
    import hatanaka

    for stem in (CANOPY, REFERENCE):
        for path in sorted((data / stem).parent.glob(f"{Path(stem).name}*.25d.gz")):
            (folder / path.name.replace(".25d.gz", ".25o")).write_bytes(hatanaka.decompress(path.read_bytes()))
    (folder / Path(SP3).stem).write_bytes(gzip.decompress((data / SP3).read_bytes()))


def observations(folder, stem):
    """Return the paths of a receiver's uncompressed files, in the order of time."""
    return sorted(folder.glob(f"{Path(stem).name}*.25o"))


def orbits(folder):
    """Return the path of the uncompressed SP3 file."""
    return folder / Path(SP3).stem


def kept_of(epochs):
    """Return which of some epochs are kept, (epochs,) bool."""
    return np.isin(epochs.astype("datetime64[ns]"), KEPT)


def write(program, version, rows):
    """Write VOD and angles as a golden file.

    Parameters
    ----------
    rows
        Epoch, satellite, name of the signal, VOD, zenith angle and azimuth in degrees.
    """
    epochs = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0, {}]))
    for epoch, satellite, signal, depth, zenith, azimuth in sorted(rows):
        known = epochs[int((np.datetime64(epoch, "ns") - GPS_EPOCH) / SECOND)][satellite]
        known[:2] = round(float(zenith), 7), round(float(azimuth), 7)
        known[2][signal] = round(float(depth), 8)
    head = json.dumps({program: version})[1:-1]
    lines = (f'"{second}": {json.dumps(of, separators=(",", ":"))}' for second, of in epochs.items())
    (HERE / f"rosalia.{program}.json").write_text(f'{{{head}, "epochs": {{\n' + ",\n".join(lines) + "\n}}\n")


if __name__ == "__main__":
    uncompress(*map(Path, sys.argv[1:]))
