"""Virtualize as a process that may kill itself: `python -m tests.failures.virtual_launcher CONFIG [--native] ...`.

As `launcher` does it for runs: a death is a phase and the share of its Python lines after which it comes.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.failures.launcher import PHASES, Probe

REFERRING = {
    "listing": ("gnssice_batch.job.virtualize", "list_netcdf"),
    "parsing": ("gnssice_batch.job.virtualize", "parse_partition"),
    "journal": ("gnssice_batch.job.virtualize", "finished"),
    "series": ("gnssice_batch.job.virtualize", "write_series"),
    "merge": PHASES["merge"],
    "removal": PHASES["removal"],
}
NATIVE = {
    "copying": ("gnssice_batch.job.materialise", "native_partition"),
    "merge": PHASES["merge"],
    "removal": PHASES["removal"],
}


def main():
    """Run the command, die where that is asked for, measure the phases where that is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("--native", action="store_true")
    parser.add_argument("--extents", type=Path)
    parser.add_argument("--die", help="phase:share")
    chosen = parser.parse_args()
    phases = NATIVE if chosen.native else REFERRING
    wanted, _, share = (chosen.die or "").partition(":")
    lines = {wanted: int(float(share) * json.loads(chosen.extents.read_text())[wanted])} if wanted else {}
    probes = [
        Probe(phase, lines=lines.get(phase, sys.maxsize), phases=phases)
        for phase in phases
        if not wanted or phase == wanted
    ]
    for each in probes:
        each.install()
    from gnssice_batch.cli.entry import main as command

    try:
        command(["virtualize", "--config", str(chosen.config), *(["--materialise"] if chosen.native else [])])
    finally:
        if not wanted and chosen.extents:
            chosen.extents.write_text(json.dumps({each.phase: each.extent.lines for each in probes}))


if __name__ == "__main__":
    main()
