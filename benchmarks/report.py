"""A report on ten years of twenty receivers at 5 s: gathered, drawn, written, in a process of its own."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, at_most
from benchmarks.files import AJAC
from benchmarks.timing import in_child, peak_bytes

TITLE = "Report: a repository of ten years and twenty receivers"


def figures() -> Iterator[Figure]:
    """Every figure of the report."""
    if not AJAC.is_dir():
        return
    from benchmarks.report_store import repository

    found = in_child("report", str(repository()))
    size = f"{found['epochs'] / 1e9:.3g} G epochs, {found['files']:.0f} files"
    name = f"report of {found['receivers']:.0f} receivers, {size}"
    yield at_most(name, found["seconds"], 60, "s")
    for part in ("gathered", "page", "json"):
        yield Figure(f"{name}: {part}", f"{found[part]:.3g} s")
    yield Figure(f"{name}: of the processor", f"{found['processor']:.3g} s")
    yield at_most(f"{name}: memory of the process", found["peak"] / 1e9, 1, "GB")
    yield Figure(f"{name}: the page", f"{found['page_bytes'] / 1e6:.3g} MB")


def measured(url: str, to: str) -> dict[str, float]:
    """Make the page and the JSON of a repository."""
    begun = time.process_time()
    started = time.perf_counter()
    from gnssice_batch import load_settings
    from gnssice_batch.job.target import at_url, target_of
    from gnssice_batch.reporting.gathering import store_facts
    from gnssice_batch.reporting.store_page import store_page

    settings = load_settings(None, ["site=any", "archive.url=none", f"store.url={url}"], {})
    facts = store_facts(settings, at_url(target_of(settings), url))
    gathered = time.perf_counter()
    Path(to).write_text(store_page(facts), encoding="utf-8")
    drawn = time.perf_counter()
    text = json.dumps(facts.as_json())
    ended = time.perf_counter()
    return {
        "seconds": ended - started,
        "gathered": gathered - started,
        "page": drawn - gathered,
        "json": ended - drawn,
        "processor": time.process_time() - begun,
        "peak": peak_bytes(),
        "receivers": len(facts.receivers),
        "epochs": sum(each.presence.possible for each in facts.receivers if each.presence),
        "files": sum(sum(each.files.by_status.values()) for each in facts.receivers),
        "page_bytes": Path(to).stat().st_size,
        "json_bytes": len(text),
    }


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        target = sys.argv[2] if len(sys.argv) > 2 else f"{folder}/report.html"
        print(json.dumps(measured(sys.argv[1], target)))
