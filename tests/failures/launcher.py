"""The coordinator as a process that may kill itself at a chosen place: `python -m tests.failures.launcher CONFIG ...`.

It hears SIGINT wherever the tests are started: a shell lets what it starts in the background ignore it.

A phase is the time spent in one function of the program. A death is ``phase:how:share``: how is ``line`` (after that
share of the Python lines that an undisturbed run executes in the phase, any library's) or ``time`` (after that share of
the seconds, wherever native code is then).
"""

import argparse
import functools
import importlib
import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.failures import counting

PHASES = {
    "listing": ("gnssice_batch.job.run", "find_backlog"),
    "plan": ("gnssice_batch.job.run", "prepare"),
    "structure": ("gnssice_batch.job.rounds", "_made"),
    "tasks": ("gnssice_batch.job.rounds", "_send_out"),
    "merge": ("gnssice_batch.job.coordinator", "publish"),
    "removal": ("gnssice_batch.job.start", "_clear"),
}
"""Phase to the function it is the time of; removal is what follows the commit. The structure is made beside tasks."""

VOD_PHASES = {
    "plan": ("gnssice_batch.job.vod", "plan_all"),
    "structure": ("gnssice_batch.job.vod_units", "structure_on"),
    "unit": ("gnssice_batch.job.vod_units", "make_unit"),
    "kept": ("gnssice_batch.job.vod_units", "finished_unit"),
    "merge": PHASES["merge"],
    "removal": PHASES["removal"],
}
"""The same of a vod run."""

COMMANDS = {"run": PHASES, "vod": VOD_PHASES}


@dataclass
class Extent:
    """How long a phase is, added up over its calls."""

    lines: int = 0
    seconds: float = 0.0


class Probe:
    """Measures one phase, and ends the process in it if it shall."""

    def __init__(self, phase, lines=None, seconds=None, phases=PHASES):
        self.phase, self.extent, self.phases = phase, Extent(), phases
        self.tool = list(phases).index(phase)
        self.last_line, self.last_second = lines, seconds

    def install(self):
        """Put the probe around the function of the phase."""
        module, name = self.phases[self.phase]
        owner = importlib.import_module(module)
        original = getattr(owner, name)

        @functools.wraps(original)
        def probed(*arguments, **named):
            with self:
                return original(*arguments, **named)

        setattr(owner, name, probed)

    def __enter__(self):
        self.entered = time.monotonic()
        if self.last_line is not None:
            sys.monitoring.use_tool_id(self.tool, "probe")
            sys.monitoring.register_callback(self.tool, sys.monitoring.events.LINE, self._line)
            sys.monitoring.set_events(self.tool, sys.monitoring.events.LINE)
        if self.last_second is not None:
            left = max(self.last_second - self.extent.seconds, 0)
            self.timer = threading.Timer(left, die, [self.phase])
            self.timer.daemon = True
            self.timer.start()

    def __exit__(self, *_):
        if self.last_line is not None:
            sys.monitoring.set_events(self.tool, 0)
            sys.monitoring.free_tool_id(self.tool)
        if self.last_second is not None:
            self.timer.cancel()
        self.extent.seconds += time.monotonic() - self.entered

    def _line(self, _code, _number):
        self.extent.lines += 1
        if self.extent.lines > self.last_line:
            die(self.phase)


def die(phase):
    """End this process as the kernel's memory killer would."""
    os.write(2, f"\nkilled in {phase}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


def probe(death, extents, phases=PHASES):
    """Return the probe that a death needs, from the extents of an undisturbed run."""
    phase, how, share = death.split(":")
    extent = extents[phase]
    if how == "line":
        return Probe(phase, lines=int(float(share) * extent["lines"]), phases=phases)
    return Probe(phase, seconds=float(share) * extent["seconds"], phases=phases)


def main():
    """Run the coordinator, die where that is asked for, measure the phases where that is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("--extents", type=Path, help="JSON of a measured run")
    parser.add_argument("--die", help="phase:how:share")
    parser.add_argument("--command", choices=list(COMMANDS), default="run")
    parser.add_argument("--measure", choices=["lines", "seconds"], help="write the extents instead")
    chosen = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    counting.install()
    probes, phases = [], COMMANDS[chosen.command]
    if chosen.measure:
        most = sys.maxsize if chosen.measure == "lines" else None
        probes = [Probe(phase, lines=most, phases=phases) for phase in phases]
    elif chosen.die:
        probes = [probe(chosen.die, json.loads(chosen.extents.read_text()), phases)]
    for each in probes:
        each.install()
    from gnssice_batch.cli.entry import main as command

    try:
        command([chosen.command, "--config", str(chosen.config)])
    finally:
        if chosen.measure:
            found = {each.phase: getattr(each.extent, chosen.measure) for each in probes}
            chosen.extents.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
