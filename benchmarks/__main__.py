"""``python -m benchmarks [topic ...]``: every topic in a process of its own, one after the other."""

import subprocess
import sys
import time
from importlib import import_module

from benchmarks.figures import show
from benchmarks.timing import pin

TOPICS = (
    *(
        "reader",
        "verification",
        "ingest",
        "opening",
        "differences",
        "startup",
        "scale",
        "network",
        "day_by_quarters",
        "cluster",
    ),
    "object_stores",
    "report",
    "vod",
    "virtualize",
)
_ONE = "--here"


def main(arguments: list[str]) -> int:
    """Run topics; 1 where a bar is not met, 2 for a topic that there is not."""
    if arguments[:1] == [_ONE]:
        return _here(arguments[1])
    unknown = set(arguments) - set(TOPICS)
    if unknown:
        print(f"no topic {', '.join(sorted(unknown))}; there are: {', '.join(TOPICS)}", file=sys.stderr)
        return 2
    subprocess.run([sys.executable, "-m", "benchmarks.files"], check=True)
    started = time.monotonic()
    missed = [topic for topic in arguments or TOPICS if subprocess.run([*_SELF, topic], check=False).returncode]
    print(f"\n{time.monotonic() - started:.0f} s; bars missed in: {', '.join(missed) or 'none'}")
    return int(bool(missed))


_SELF = (sys.executable, "-m", "benchmarks", _ONE)


def _here(topic: str) -> int:
    if topic in {"reader", "verification", "ingest", "vod"}:
        pin()
    module = import_module(f"benchmarks.{topic}")
    return int(any(figure.met is False for figure in show(module.TITLE, module.figures())))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
