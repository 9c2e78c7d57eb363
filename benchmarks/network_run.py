"""One run of a network in a process of its own: seconds, memory of coordinator and workers."""

import json
import sys
from typing import Any

from benchmarks.timing import peak_bytes
from gnssice_batch.config import Settings
from gnssice_batch.job.run import run


def main(words: dict[str, Any]) -> dict[str, float]:
    """Run it; importing is not timed."""
    report = run(Settings.model_validate(words))
    return {"seconds": report.seconds, "peak": peak_bytes(), "worker_peak": report.peak_memory_bytes}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
