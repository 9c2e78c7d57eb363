"""Read whole real files with georinex, which takes minutes, and keep digests of what it gives as small golden files.

Run it from the root of the repository, `python tests/golden/make_georinex_golden.py ../shared/data`; `make golden`
does. Nothing of the data is kept: per observable and satellite the number of values and a digest of them.
"""

import hashlib
import json
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
RACT = "rinex/nfb2021__canvodpy-demo/ract_15min_5s"
FILES = {
    **{f"{RACT}/ract{name}.25d.gz": True for name in ("001b00", "001g00", "001l00", "001q00", "001v00", "002c00")},
    "rinex/nav-solutions__data/AJAC_2024_daily/AJAC00FRA_R_20242090000_01D_30S_MO.crx.gz": False,
}
"""Path below the shared data, and whether georinex keeps the indicators."""
SYSTEM_OF_PSEUDO = "X"


def digest(values):
    """Return how many of (E,) values there are, and a digest of them in thousandths with their places."""
    places = np.flatnonzero(np.isfinite(values))
    thousandths = np.rint(np.asarray(values, np.float64)[places] * 1000).astype("<i8")
    content = np.stack([places.astype("<i8"), thousandths], axis=1).tobytes()
    return [int(places.size), hashlib.sha256(content).hexdigest()[:20]]


def golden(seconds, variables, indicators):
    """Return what is kept of a file: `variables` by name, each with its dimensions and values."""
    svs = [str(sv) for sv in variables["sv"][1]]
    times = variables["time"][1].astype("M8[us]")
    digests = {}
    for name, values in sorted(observed(variables).items()):
        found = {sv: digest(values[:, column]) for column, sv in enumerate(svs)}
        kept = {sv: pair for sv, pair in found.items() if pair[0]}
        if kept:
            digests[name] = kept
    return {
        "georinex": version("georinex"),
        "seconds": round(seconds, 1),
        "indicators": indicators,
        "first_epoch": str(times[0]),
        "last_epoch": str(times[-1]),
        "epochs": int(times.size),
        "digests": digests,
    }


def observed(variables):
    """Return (E, S) values by observable, indicators as LLI and SSI of a signal, SSI of its phase or else its code.

    0.000 is missing, as the format says.
    """
    cubes = {name: values for name, (dims, values) in variables.items() if len(dims) == 2}
    observables = {name: values for name, values in cubes.items() if len(name) == 3 and name[0] in "CLDS"}
    kept = {name: np.where(values == 0, np.nan, values) for name, values in observables.items()}
    for name, values in cubes.items():
        if name.endswith("lli"):
            kept[f"LLI{name[1:3]}"] = values
        elif name.endswith("ssi") and name[0] == "L" and len(name) == 6:
            code = cubes.get(f"C{name[1:]}", np.full_like(values, np.nan))
            kept[f"SSI{name[1:3]}"] = np.where(np.isfinite(values), values, code)
    return kept


def main(data):
    import georinex

    warnings.simplefilter("ignore")
    for path, indicators in FILES.items():
        start = time.perf_counter()
        read = georinex.load(data / path, useindicators=indicators)
        seconds = time.perf_counter() - start
        variables = {name: (read[name].dims, read[name].values) for name in read.variables}
        write(Path(path).name, golden(seconds, variables, indicators))
        print(f"{path}: {seconds:.1f} s")


def write(name, content):
    (HERE / f"{name}.json").write_text(json.dumps({name: content}, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
