"""Reads a file in a fresh process: ``memory`` says what that took beyond the warm process, ``cold`` only does it.

``anew`` measures it against its floor where both get new memory.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.timing import forget_peak, measure, peak_bytes, ratio, resident_bytes


def memory(path: Path) -> dict[str, int]:
    """Bytes by which the process grew at most while it read the file, its packed bytes being there already."""
    from isal import igzip

    from gnssice_batch.rinex import dense, read

    content = path.read_bytes()
    decoded = igzip.decompress(content)
    size, beginning = len(decoded), decoded[: decoded.index(b"\n", 200_000)]
    del decoded
    for part in read(beginning).parts:
        dense(part)
    before = resident_bytes()
    forget_peak()
    arrays = [dense(part)[1:] for part in read(content).parts]
    grown = peak_bytes() - before
    return {"grown": grown, "output": sum(_bytes(part) for part in arrays), "decoded": size}


def anew(path: Path) -> dict[str, float]:
    """Seconds of reading, and of the floor with a copy to new memory, in turns."""
    from isal import igzip

    from gnssice_batch.rinex import dense, read

    content = path.read_bytes()
    arrays = [array for part in read(content).parts for array in dense(part)[1:]]
    things = {
        "ours": lambda: [dense(part) for part in read(content).parts],
        "floor": lambda: (igzip.decompress(content), [array.copy() for array in arrays]),
    }
    seconds = measure(things, 3)
    return {
        **{name: series.median for name, series in seconds.items()},
        "ratio": ratio(seconds["ours"], seconds["floor"]),
    }


def cold(path: Path) -> dict[str, int]:
    """Import what a worker imports and read the file."""
    import gnssice_batch.ingest.partition  # noqa: F401 - its import is what is measured
    from gnssice_batch.rinex import dense, read

    return {"epochs": sum(len(dense(part).snr) for part in read(path.read_bytes()).parts)}


def _bytes(arrays: tuple[np.ndarray, ...]) -> int:
    return sum(array.nbytes for array in arrays)


if __name__ == "__main__":
    print(json.dumps({"memory": memory, "anew": anew, "cold": cold}[sys.argv[1]](Path(sys.argv[2]))))
