"""Small archives written by hand, and what a repository holds, compared by label; read with icechunk and zarr alone."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import icechunk
import numpy as np
import zarr

from gnssice_batch.config import Settings

GPS_START = datetime(1980, 1, 6)  # noqa: DTZ001 - GPS time has no zone
DAY_S = 86400
DAY_ONE_S = (date(2025, 1, 1) - date(1980, 1, 6)).days * DAY_S
"""2025-01-01, in seconds of GPS time."""
CODES = ("C1C", "L1C", "D1C", "S1C")
VALUES = ("SNR", "Pseudorange", "Phase", "Doppler")
VARIABLES = (*VALUES, "LLI", "SSI")
LEDGER_COLUMNS = {
    **dict.fromkeys(("uri", "etag", "sha256", "status", "reason", "detail", "first_bytes", "version", "marker"), "str"),
    **dict.fromkeys(("receiver_type", "antenna_type", "time_system", "partitions", "reader", "mapping"), "str"),
    **dict.fromkeys(("run", "read_at"), "str"),
    **dict.fromkeys(("size_bytes", "line", "first_epoch", "last_epoch", "lines", "signals"), "int64"),
    **dict.fromkeys(("epochs_read", "epochs_written", "epochs_joined"), "int64"),
    **dict.fromkeys(("observations_read", "observations_written"), "int64"),
    "interval_s": "float64",
    "skipped": "json",
    "refused": "json",
    "header": "json",
}
FILL_VALUES = dict.fromkeys((*VALUES, "rx_clock_offset"), "nan") | {"epoch_offset": "0.0"}
JOINED = "metadata/joined/source_file"
FILL_VALUES |= dict.fromkeys(("LLI", "SSI", "epoch_flag", "source_file", JOINED), "-1")


def settings(folder: Path, archive: Path | None = None, **sections: object) -> Settings:
    """Settings of a run in a folder: archive and stores in it, 30 s, write units of a quarter of a day."""
    chosen: dict[str, object] = {
        "site": "site",
        "archive": {"url": str(archive or folder / "archive"), "layout": "{receiver}/**"},
        "store": {"url": str(folder / "stores")},
        "chunks": {"epoch": 720},
        "grid": {"interval_s": 30, "phase_s": 0},
    }
    for name, section in sections.items():
        common = chosen.get(name, {})
        chosen[name] = {**common, **section} if isinstance(section, dict) and isinstance(common, dict) else section
    return Settings.model_validate(chosen)


def repository(settings: Settings) -> Path:
    """Folder of the repository that a run writes."""
    return Path(settings.store.url) / settings.site / "rinex"


def value(sv: str, code: str, time_s: float, salt: int = 0) -> int:
    """What the files of `rinex` say, in thousandths."""
    number = int(sv[1:]) + 40 * "GREC".index(sv[0])
    if code[0] == "D":
        return -1_500_000 + number * 10_000 + round(time_s) % 1000 + salt
    if code[0] == "S":
        return 30_000 + number * 10 + round(time_s / 30) % 100 * 100 + salt
    return 21_000_000_000 + number * 1_000_003 + round(time_s % DAY_S * 1000) * 7 + ord(code[0]) + salt


def rinex(
    times_s: Iterable[float],
    svs: Sequence[str] = ("G01", "G02", "R03"),
    *,
    codes: Sequence[str] = CODES,
    marker: str = "STAT",
    version: str = "3.04",
    salt: int = 0,
    flags: Mapping[int, int] | None = None,
) -> bytes:
    """Return RINEX 3 text; values are those of `value`, LLI 1 on phases at full hours, SSI 7 on pseudoranges."""
    times = list(times_s)
    types = "".join(f" {code}" for code in codes)
    systems = sorted({sv[0] for sv in svs})
    lines = [
        f"{version:>9}{'':11}{'OBSERVATION DATA':20}{'M':20}RINEX VERSION / TYPE",
        f"{marker:60}MARKER NAME",
        *(f"{f'{system}  {len(codes):3d}{types}':60}SYS / # / OBS TYPES" for system in systems),
        f"{first_obs(times[0]):60}TIME OF FIRST OBS",
        f"{'':60}END OF HEADER",
    ]
    for number, time in enumerate(times):
        flag = (flags or {}).get(number, 0)
        lines.append(f"> {calendar(time)}  {flag}{len(svs):3d}")
        lines.extend(sv + "".join(_field(sv, code, time, salt) for code in codes) for sv in svs)
    return ("\n".join(line.rstrip() for line in lines) + "\n").encode()


def _field(sv: str, code: str, time_s: float, salt: int) -> str:
    indicators = {"L": "1 " if time_s % 3600 == 0 else "  ", "C": " 7"}.get(code[0], "  ")
    return f"{value(sv, code, time_s, salt) / 1000:14.3f}{indicators}"


def calendar(time_s: float) -> str:
    """An epoch's time as RINEX 3 writes it."""
    ticks = round(time_s * 10**6) * 10
    moment = GPS_START + timedelta(seconds=ticks // 10**7)
    return f"{moment:%Y %m %d %H %M}{moment.second + ticks % 10**7 / 10**7:11.7f}"


def first_obs(time_s: float) -> str:
    """A time of the header's, GPS."""
    moment = GPS_START + timedelta(seconds=int(time_s))
    fields = (moment.year, moment.month, moment.day, moment.hour, moment.minute)
    return "".join(f"{field:6d}" for field in fields) + f"{moment.second:13.7f}     GPS"


def name(start_s: float, period: str = "01D", station: str = "STAT", interval: str = "30S") -> str:
    """Path of a file of the receiver ``rec``: its folder, and a RINEX long name."""
    return f"rec/{station}00SIM_R_{GPS_START + timedelta(seconds=start_s):%Y%j%H%M}_{period}_{interval}_MO.rnx"


def write(archive: Path, files: Mapping[str, bytes]) -> Path:
    """Put files into an archive."""
    for path, content in files.items():
        (archive / path).parent.mkdir(parents=True, exist_ok=True)
        (archive / path).write_bytes(content)
    return archive


def span_s(start_s: float, hours: float, step_s: float = 30) -> list[float]:
    """Times of so many hours."""
    return [start_s + step_s * index for index in range(round(hours * 3600 / step_s))]


@dataclass
class Stored:
    """The filled epochs of a group, and only the signals that have a value: what two stores are compared by."""

    time_ns: np.ndarray
    sids: list[str]
    arrays: dict[str, np.ndarray]
    uri: list[str]
    flag: np.ndarray
    clock: np.ndarray
    offset: np.ndarray


def open_group(settings: Settings, group: str, branch: str = "main", snapshot: str | None = None) -> zarr.Group:
    """Open a group with icechunk and zarr alone."""
    at = {"snapshot_id": snapshot} if snapshot else {"branch": branch}
    return zarr.open_group(_repository(settings).readonly_session(**at).store, path=group, mode="r")


def _repository(settings: Settings) -> icechunk.Repository:
    return icechunk.Repository.open(icechunk.local_filesystem_storage(str(repository(settings))))


def messages(settings: Settings) -> list[str]:
    """Messages of the commits on main, newest first, without Icechunk's own first one."""
    return [entry.message for entry in _repository(settings).ancestry(branch="main")][:-1]


def metadata(settings: Settings) -> dict[str, object]:
    """Metadata of the newest commit."""
    return dict(next(iter(_repository(settings).ancestry(branch="main"))).metadata)


def head(settings: Settings) -> str:
    """Snapshot that readers of main see."""
    return _repository(settings).lookup_branch("main")


def branches(settings: Settings) -> set[str]:
    """Branches of the repository."""
    return set(_repository(settings).list_branches())


def column(array: zarr.Array) -> np.ndarray:
    """Everything in an array, strings as objects."""
    cells = np.asarray(array[:])
    return cells.astype(object) if cells.dtype.kind == "T" else cells


def columns_of(group: zarr.Group) -> dict[str, np.ndarray]:
    """Arrays of a group and `JOINED` by name; of those along the epoch only the parts in which one has a chunk.

    Elsewhere all cells are fill values, whatever the length of the axis; ``epoch`` itself has chunks everywhere.
    """
    arrays = {**dict(group.arrays()), JOINED: group[JOINED]}
    along = {name for name, array in arrays.items() if array.metadata.dimension_names[0] == "epoch"}
    assert {name: str(arrays[name].fill_value) for name in FILL_VALUES} == FILL_VALUES
    held = np.zeros(arrays["epoch"].size + 2, bool)
    for name in along - {"epoch"}:
        length = (arrays[name].shards or arrays[name].chunks)[0]
        for position in asyncio.run(_chunk_positions(arrays[name])):
            held[1:-1][position[0] * length : (position[0] + 1) * length] = True
    parts = np.flatnonzero(held[1:] != held[:-1]).reshape(-1, 2).tolist()
    return {name: _parts(array, parts) if name in along else column(array) for name, array in arrays.items()}


def _parts(array: zarr.Array, parts: list[list[int]]) -> np.ndarray:
    """The parts of an array between pairs of indices along its first axis, one behind the other."""
    return np.concatenate([array[first:last] for first, last in parts or [(0, 0)]])


async def _chunk_positions(array: zarr.Array) -> list[tuple[int, ...]]:
    return [tuple(position) async for position in array.store.session.chunk_coordinates(f"/{array.path}")]


def stored(settings: Settings, group: str) -> Stored:
    """Read what a group holds."""
    arrays = columns_of(open_group(settings, group))
    uris = ledger(settings, group)["uri"]
    filled = np.flatnonzero(arrays["source_file"] >= 0)
    cubes = {key: arrays[key][filled] for key in VARIABLES}
    seen = np.zeros(arrays["sid"].size, bool)
    for key in VARIABLES:
        seen |= _present(cubes[key]).any(axis=0)
        empty = np.delete(arrays[key], filled, axis=0)
        assert not _present(empty).any(), f"{key} has values where no file holds the epoch"
    order = [i for i in np.argsort(arrays["sid"]).tolist() if seen[i]]
    return Stored(
        arrays["epoch"][filled],
        [arrays["sid"][i] for i in order],
        {key: cube[:, order] for key, cube in cubes.items()},
        [uris[row] for row in arrays["source_file"][filled]],
        arrays["epoch_flag"][filled],
        arrays["rx_clock_offset"][filled],
        arrays["epoch_offset"][filled],
    )


def _present(cells: np.ndarray) -> np.ndarray:
    return ~np.isnan(cells) if cells.dtype.kind == "f" else cells != -1


def assert_same(one: Stored, other: Stored) -> None:
    """Hold that two stores say the same by label."""
    assert one.time_ns.tolist() == other.time_ns.tolist()
    assert one.sids == other.sids
    assert one.uri == other.uri
    for key in VARIABLES:
        np.testing.assert_array_equal(one.arrays[key], other.arrays[key], key)
    for key in ("flag", "clock", "offset"):
        np.testing.assert_array_equal(getattr(one, key), getattr(other, key), key)


class Columns(Mapping[str, np.ndarray]):
    """Columns of a table by name, each read when it is first asked for."""

    def __init__(self, group: zarr.Group) -> None:
        self.group, self.known = group, {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.known:
            self.known[name] = column(self.group[name])
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        return self.group.array_keys()

    def __len__(self) -> int:
        return len(list(self))


def ledger(settings: Settings, group: str, table: str = "files") -> Mapping[str, np.ndarray]:
    """Columns of a table of the ledger."""
    if table == "files":
        return file_columns(open_group(settings, group)["metadata/files"])
    return Columns(open_group(settings, f"{group}/metadata/{table}"))


def file_columns(rows: zarr.Array) -> dict[str, np.ndarray]:
    """Columns of the files' rows; what is said by reason, and of the header, as JSON."""
    found = [json.loads(text) for text in np.asarray(rows[:]).tolist()]
    assert not any(row.keys() - LEDGER_COLUMNS.keys() for row in found)
    return {name: _file_column(found, name, kind) for name, kind in LEDGER_COLUMNS.items()}


def _file_column(rows: Sequence[Mapping[str, object]], name: str, kind: str) -> np.ndarray:
    if kind == "json":
        return np.array([json.dumps(row[name]) if name in row else "{}" for row in rows], object)
    if kind == "str":
        return np.array([row.get(name, "") for row in rows], object)
    nothing = np.iinfo(np.int64).min if name in {"first_epoch", "last_epoch"} else 0
    return np.array([row.get(name, nothing) for row in rows], kind)


def row(settings: Settings, group: str, uri: str) -> dict[str, object]:
    """The last row of a file in the ledger, `refused` and `skipped` decoded."""
    columns = ledger(settings, group)
    at = np.flatnonzero(columns["uri"] == uri)[-1]
    found = {key: cells[at] for key, cells in columns.items()}
    return {**found, "refused": json.loads(found["refused"]), "skipped": json.loads(found["skipped"])}


def check_ledger(settings: Settings, group: str) -> None:
    """Hold that each row accounts for what was read, and says of the store what stands there."""
    rows = ledger(settings, group)
    everything = columns_of(open_group(settings, group))
    cells = sum(np.isfinite(everything[key]).astype(np.int64) for key in VALUES)
    joined = everything[JOINED]
    holder = np.where(joined >= 0, joined, everything["source_file"][:, None])
    for index in range(rows["uri"].size):
        refused = json.loads(rows["refused"][index])
        for place, unit in enumerate(("epochs", "observations")):
            lost = sum(tally[place] for tally in refused.values())
            assert rows[f"{unit}_read"][index] == rows[f"{unit}_written"][index] + lost, (rows["uri"][index], unit)
        mine, guest = everything["source_file"] == index, (joined == index).any(axis=1)
        assert rows["epochs_written"][index] == (mine | guest).sum(), rows["uri"][index]
        assert rows["epochs_joined"][index] == guest.sum(), rows["uri"][index]
        assert not (mine & guest).any()
        assert rows["observations_written"][index] == cells[holder == index].sum(), rows["uri"][index]
    assert everything["source_file"].max(initial=-1) < rows["uri"].size
    filled = everything["source_file"] >= 0
    np.testing.assert_array_equal(everything["epoch_flag"] >= 0, filled)
    assert not everything["epoch_offset"][~filled].any()
    check_table(settings, group, rows)


def joined_sources(settings: Settings, group: str) -> np.ndarray:
    """Ledger row of every signal that is from another file than its epoch (epoch, sid); -1 elsewhere."""
    return np.asarray(open_group(settings, group)[JOINED][:])


def check_table(settings: Settings, group: str, rows: Mapping[str, np.ndarray]) -> None:
    """Hold canvodpy's table against ours: one row a file that was taken, in the same order."""
    table = ledger(settings, group, "table")
    taken = np.flatnonzero(rows["status"] != "rejected")
    assert table["index"].tolist() == list(range(taken.size))
    assert table["physical_path"].tolist() == rows["uri"][taken].tolist()
    assert table["rinex_hash"].tolist() == [each[:16] for each in rows["sha256"][taken]]
    starts = (table["start"] - np.datetime64("1980-01-06", "ns")).astype(np.int64)
    assert starts.tolist() == rows["first_epoch"][taken].tolist()
