"""Plans a million new files against a ledger of a million rows; the argument says as how many receivers."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np

from benchmarks.timing import peak_bytes
from gnssice_batch import config
from gnssice_batch.archive.listing import listing
from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.template import GroupTemplate, shard_width, signal_axis
from gnssice_batch.planning.plan import GroupPlan, Learned, plan_group, select, totals, units_of_a_partition
from gnssice_batch.planning.rules import rules_of
from gnssice_batch.storage.entries import Entry, Listed
from gnssice_batch.store.layout.ledger import Ledger

_FILES = 1_000_000
_PERIOD_S = 900
_FIRST = datetime(1996, 1, 1)  # noqa: DTZ001 - GPS time has no zone
_FIRST_NS = (_FIRST - datetime(1980, 1, 6)) // timedelta(seconds=1) * SECOND_NS  # noqa: DTZ001
_UNIT = 34_560
_INTERVAL_S = 5
_SIDS = tuple(f"{system}{sv:02d}|{signal}" for system in "GE" for sv in range(1, 31) for signal in ("L1|C", "L5|Q"))


def main(receivers: int) -> dict[str, float]:
    """Make names and ledgers, then plan; only that is timed."""
    each = _FILES // receivers
    names = [f"rec_{number:02d}" for number in range(receivers)]
    settings = _settings()
    entries = {uri: entry for name in names for uri, entry in new_entries(name, each)}
    ledgers = {name: _ledger(name, each) for name in names}
    started = time.perf_counter()
    plans = _plan(settings, entries, ledgers)
    costs = totals(plans)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "peak": peak_bytes(),
        "files": costs.files,
        "rows": sum(map(len, ledgers.values())),
        "partitions": costs.partitions,
    }


def _plan(settings: config.Settings, entries: dict[str, Entry], ledgers: Mapping[str, Ledger]) -> list[GroupPlan]:
    """What `prepare` does, but for reading files; what the storage said is not kept there either."""
    found = listing(Listed(entries, {}), settings.archive)
    entries.clear()
    by_receiver = {name: tuple(files) for name, files in groupby(found.files, key=lambda file: file.receiver)}
    new = {name: select(files, ledgers[name]).files for name, files in by_receiver.items()}
    plans = []
    for name, files in new.items():
        template, bounds = _template(name), rules_of(settings).bounds(name)
        units = units_of_a_partition(template, files, bounds)
        plans.append(
            plan_group(template, template, files, ledgers[name], Learned(), bounds=bounds, partition_units=units)
        )
    return plans


def _settings() -> config.Settings:
    return config.Settings.model_validate(
        {"site": "scale", "archive": {"url": "archive", "layout": "{receiver}/**"}, "store": {"url": "stores"}}
    )


def new_entries(receiver: str, count: int) -> Iterator[tuple[str, Entry]]:
    """The new files of a receiver, as `Folder.entries` gives them of a local folder."""
    return ((_long_name(receiver, number), _entry(number)) for number in range(count))


def _entry(number: int) -> Entry:
    written = 1.7e9 + number
    return Entry(140_000 + number % 9973, str(written), written)


def _long_name(receiver: str, number: int) -> str:
    start = _FIRST + timedelta(seconds=number * _PERIOD_S)
    return f"{receiver}/{start:%y%j}/SCAL00XXX_R_{start:%Y%j%H%M}_15M_05S_MO.crx.gz"


def _short_name(receiver: str, number: int) -> str:
    start = _FIRST + timedelta(seconds=number * _PERIOD_S)
    return f"{receiver}/{start:%y%j}/scal{start:%j}{chr(97 + start.hour)}{start:%M}.{start:%y}d.gz"


def _ledger(receiver: str, count: int) -> Ledger:
    """The same spans, taken before under other names: every partition has epochs that stand already."""
    first = _FIRST_NS + np.arange(count, dtype=np.int64) * _PERIOD_S * SECOND_NS
    return Ledger(
        uri=np.array([_short_name(receiver, number) for number in range(count)], object),
        size_bytes=np.full(count, 140_000),
        etag=np.array([str(1.6e9 + number) for number in range(count)], object),
        status=np.array(["ok"] * count, object),
        first_ns=first,
        last_ns=first + (_PERIOD_S - _INTERVAL_S) * SECOND_NS,
        signals=np.full(count, 120),
        version=np.array(["3.04"] * count, object),
        epochs=np.full(count, _PERIOD_S // _INTERVAL_S),
        sha256=np.array([f"{number:064x}" for number in range(count)], object),
    )


def _template(receiver: str) -> GroupTemplate:
    return GroupTemplate(
        receiver=receiver,
        grid=empty_grid(_INTERVAL_S * SECOND_NS, 0, _UNIT, _FIRST_NS),
        axis=signal_axis(_SIDS),
        shard_sids=shard_width(len(_SIDS)),
        profile="default",
        algorithm="zstd",
        level=5,
        channels={},
        attributes={},
    )


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
