"""The requests that a plan foresees, against those that a proxy has counted."""

import re
from collections import Counter

import pytest

from gnssice_batch.cli.metrics import Metrics
from gnssice_batch.config import Settings
from gnssice_batch.job.preview import preview
from gnssice_batch.job.run import run
from gnssice_batch.model.template import OBSERVED_COORDINATES, OWN_SID_COORDINATES, SID_COORDINATES, VARIABLES
from gnssice_batch.planning.requests import _COMMIT, _NEW_REPOSITORY, _PROBE
from gnssice_batch.store.layout.ledger import CONSTANT_COLUMNS, TABLE_COLUMNS
from tests.conftest import ROOT
from tests.support.object_stores.stores import filesystem, fresh
from tests.support.runs import DAY_ONE_S, rinex

pytestmark = pytest.mark.processes

DAY_S = 86_400
PARTS = {
    "chunk": r"/chunks/",
    "manifest": r"/manifests/",
    "commit": r"/(snapshots|transactions|overwritten)/|/repo$|\.probe-",
    "lease": r"/lease\.json$",
    "journal": r"\.runs/",
}


def stored(store, days, receivers):
    files, path = filesystem(store)
    for receiver in receivers:
        for day in days:
            content = rinex([DAY_ONE_S + (day - 1) * DAY_S + 30 * epoch for epoch in range(4)])
            files.pipe_file(f"{path}/archive/{receiver}/{receiver}{day:03d}0.25o", content)


def settings(store):
    words = {"storage_options": dict(store.options), "allow_static_credentials": True}
    return Settings.model_validate(
        {
            "site": "site",
            "archive": {"url": f"{store.url}/archive", "layout": "{receiver}/**", **words},
            "store": {"url": f"{store.url}/stores", **words},
            "chunks": {"epoch": 2880},
            "run": {"verify": "units"},
            "log": {"progress": False},
        }
    )


def shown(metrics):
    samples = [sample for family in metrics.collect() for sample in family.samples]
    found = {sample.labels["kind"]: sample.value for sample in samples if sample.name == "gnssice_batch_requests"}
    ways = {s.labels["way"]: s.value for s in samples if s.name == "gnssice_batch_transferred_bytes"}
    return found | {f"{way}_bytes": size for way, size in ways.items()}


def puts(counts):
    found = Counter()
    for what, number in counts.objects.items():
        method, path = what.split(" ", 1)
        if method == "PUT":
            found[next(part for part, pattern in PARTS.items() if re.search(pattern, path))] += number
    return found


def gets(counts, pattern):
    """Return the number of GETs of objects."""
    asked = ([*what.split(" ", 1), number] for what, number in counts.objects.items())
    return sum(number for method, path, number in asked if method == "GET" and re.search(pattern, path))


def test_puts_of_a_run(tmp_path, object_servers, proxy):
    store = fresh("s3", tmp_path, object_servers("moto"))
    relay = proxy(store)
    chosen = settings(store.through(relay.address))
    for days, receivers in (((1, 2), ("aaaa", "bbbb")), ((3,), ("aaaa",))):
        stored(store, days, receivers)
        planned = preview(chosen).requests
        relay.begin(0.0)
        metrics = Metrics()
        report = run(chosen, metrics)
        counts = relay.counts()
        found = puts(counts)
        assert report.snapshot
        assert planned.file_gets == len(days) * len(receivers)
        assert planned.commit_puts == found["commit"]
        together = len(days) * len(receivers) - 1
        assert 0 <= planned.journal_puts - found["journal"] - found["lease"] <= together, "those that finish together"
        assert planned.manifest_puts == found["manifest"]
        used = report.as_json()["requests"]
        assert used["planned"] == planned.as_json()
        assert used["used"]["PUT"] == counts.requests["PUT"]
        assert gets(counts, "/archive/") == len(days) * len(receivers)
        assert used["used"]["GET"] == gets(counts, "/archive/|[.]runs/"), "those of Icechunk can't be counted"
        assert list(used["by_worker"]) == ["coordinator"]
        assert shown(metrics) == used["used"]


def test_nothing_to_do(tmp_path, object_servers):
    store = fresh("s3", tmp_path, object_servers("moto"))
    stored(store, (1,), ("aaaa",))
    chosen = settings(store)
    run(chosen)
    found = preview(chosen).as_json()["requests"]
    assert found["PUT"] == found["sent_bytes"] == found["received_bytes"] == 0
    assert found["LIST"] == 1


def test_the_numbers_of_the_page():
    """Those that runs are held against above, and an example that follows from them."""
    page = " ".join((ROOT / "docs" / "requests-and-cost.md").read_text(encoding="utf-8").split())
    written = len(VARIABLES) + len(OBSERVED_COORDINATES) + 1 + len(TABLE_COLUMNS) - len(CONSTANT_COLUMNS)
    axes = len(SID_COORDINATES) + len(OWN_SID_COORDINATES) + 2
    assert (
        f"at most {written + axes} for a new receiver, {written + 2} for one whose epochs grow, {written} for" in page
    )
    assert f"| {_PROBE + _NEW_REPOSITORY} PUT, {_PROBE} of them to prove" in page
    assert f"| commits | {_COMMIT} PUT each" in page
    files, receivers, units = 1_000_000, 10, 5_209
    assert units == -(-files // (2 * 96)), "two days of quarters of an hour"
    puts = files / 1000 + len(VARIABLES) * units + (written + axes) * receivers + units + 50
    assert f"so {files:,} GET and {round(puts, -3):,.0f} PUT" in page
    gets_usd, puts_usd = files / 1000 * 0.0004, puts / 1000 * 0.005
    assert f"{gets_usd:.2f} + {puts_usd:.2f} = {gets_usd + puts_usd:.2f} USD" in page
    daily = 500 * (written + 2)
    assert f"500 receivers take up to {daily:,} PUT, {daily / 1000 * 0.005:.2f} USD a day" in page
