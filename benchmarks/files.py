"""The files that are measured: real ones from beside the repository, simulated ones kept in the temporary folder."""

import shutil
import tempfile
from dataclasses import astuple
from hashlib import sha256
from pathlib import Path

from gnssice_batch.simulate import SimulationPlan, network, simulate

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data" / "rinex"
SIMULATED = Path(tempfile.gettempdir()) / "gnssice-benchmarks"

AJAC = REAL / "nav-solutions__data" / "AJAC_2024_daily"
RACT = REAL / "nfb2021__canvodpy-demo" / "ract_15min_5s"
ZIMM = REAL / "goGPS-Project__goGPS_MATLAB" / "ZIMM_2021_daily"
MOZA = REAL / "nfb2021__canvodpy-test-data" / "MOZA_hourly_15s"


def observation_files(folder: Path) -> list[Path]:
    """The observation files of a folder of real files."""
    return sorted(path for path in folder.iterdir() if path.name.endswith((".crx.gz", "d.gz", "o.gz", ".rnx.gz")))


def simulated(plan: SimulationPlan) -> Path:
    """The archive of a plan; made once."""
    folder = SIMULATED / sha256(repr(astuple(plan)).encode()).hexdigest()[:16]
    if not folder.is_dir():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        simulate(unfinished, plan)
        unfinished.rename(folder)
    return folder


def second_day() -> Path:
    """A day of one receiver at 1 Hz in one CRINEX 3 file, gzip level 6."""
    plan = SimulationPlan(receivers=network(2)[1:], interval_s=1.0, period_s=86_400.0, outage_fraction=0.0)
    return next(simulated(plan).rglob("*.crx.gz"))


if __name__ == "__main__":
    second_day()
