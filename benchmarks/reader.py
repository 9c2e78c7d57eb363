"""The reader: bytes of an archive's files to dense arrays, one core.

Everything is in memory before it is measured. hatanaka's figure is ``hatanaka.decompress``, which unzips and runs
``crx2rnx``; what one call of it costs on a file of one epoch is subtracted for every file. The floor is isal's gunzip
of the same bytes and one copy of the output arrays to memory that is already there.

The day at 1 Hz needs 1.7 GB. What new memory costs varies by ten from machine to machine and from minute to minute, so
here the process keeps what it has had, as the memory that the floor copies to is kept; what both take in new memory is
measured beside it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import hatanaka
import numpy as np
from isal import igzip

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.files import AJAC, MOZA, RACT, ROOT, ZIMM, observation_files, second_day
from benchmarks.timing import Series, in_child, keep_memory, measure, ratio, shown
from gnssice_batch.rinex import dense, read

TITLE = "Reader: bytes to arrays, one core"

GEORINEX_FILE_S = {"AJAC": 419.0, "ract": 17.6}
"""Seconds of georinex 1.16.2 for one file, where no golden file says it."""

_FEW = 3
_MANY = 7
_LARGE_BYTES = 1 << 25


@dataclass(frozen=True, slots=True)
class Case:
    """Some files of one kind."""

    name: str
    contents: tuple[bytes, ...]
    bars: bool
    """Whether the bar against hatanaka is set for them."""

    @property
    def large(self) -> bool:
        """Whether memory counts for more than work."""
        return sum(map(len, self.contents)) > _LARGE_BYTES

    @property
    def repeats(self) -> int:
        """Fewer where one takes seconds."""
        return _FEW if self.large else _MANY

    @property
    def compact(self) -> bool:
        """Whether it is CRINEX."""
        return b"CRINEX VERS" in igzip.decompress(self.contents[0])[:80]


def figures() -> Iterator[Figure]:
    """Every figure of the reader."""
    start = _start_of_hatanaka()
    yield Figure("one call of hatanaka on a tiny file, subtracted from its figures", str(start))
    for case in _cases():
        if case.large:
            keep_memory()
        yield from _against_peers(case, start)
        yield from _as_text(case)
    yield from _in_new_memory()
    yield from _memory()
    yield from _cold_start()


def to_arrays(content: bytes) -> list[tuple[np.ndarray, ...]]:
    """All that is measured as ours: bytes of a file to its dense arrays."""
    return [dense(part)[1:] for part in read(content).parts]


def _cases() -> Iterator[Case]:
    for name, folder in (("AJAC", AJAC), ("ract", RACT), ("ZIMM", ZIMM), ("MOZA", MOZA)):
        if folder.is_dir():
            yield Case(name, _read(observation_files(folder)), bars=name == "AJAC")
    yield Case("1 Hz day (simulated, CRINEX 3, gzip 6)", _read([second_day()]), bars=True)


def _read(paths: Sequence[Path]) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in paths)


def _against_peers(case: Case, start: Series) -> Iterator[Figure]:
    pairs = [(content, _targets(content)) for content in case.contents]
    things = {
        "ours": lambda: [to_arrays(content) for content in case.contents],
        "floor": lambda: [_floor(content, arrays, targets) for content, (arrays, targets) in pairs],
    }
    seconds = measure(things, case.repeats)
    size = sum(map(len, case.contents)) / 1e6
    yield Figure(f"{case.name}: {len(case.contents)} files, {size:.1f} MB packed, to arrays", str(seconds["ours"]))
    yield Figure(f"{case.name}: floor, gunzip and a copy of the output", str(seconds["floor"]))
    yield at_most(f"{case.name}: ours against the floor", ratio(seconds["ours"], seconds["floor"]), 4, "x")
    if case.compact:
        yield from _against_hatanaka(case, start, seconds["ours"])
    yield from _against_georinex(case.name, seconds["ours"])


def _against_hatanaka(case: Case, start: Series, ours: Series) -> Iterator[Figure]:
    unpack = {"hatanaka": lambda: [hatanaka.decompress(content) for content in case.contents]}
    alone = measure(unpack, _FEW)["hatanaka"].less(start.median * len(case.contents))
    yield Figure(f"{case.name}: hatanaka unpacking the same bytes to text", str(alone))
    what, faster = f"{case.name}: faster than hatanaka by", alone.median / ours.median
    yield at_least(what, faster, 3, "x") if case.bars else Figure(what, f"{faster:.3g} x")


def _against_georinex(name: str, ours: Series) -> Iterator[Figure]:
    seconds = _georinex_seconds(name)
    if seconds is None:
        return
    what, faster = f"{name}: faster than georinex ({seconds:.0f} s) by", seconds / ours.median
    yield at_least(what, faster, 2000, "x") if name == "AJAC" else Figure(what, f"{faster:.0f} x")


def _georinex_seconds(name: str) -> float | None:
    """What georinex took for all files of a case: as its golden run has noted it, else as it was measured once."""
    folder = {"AJAC": AJAC, "ract": RACT}.get(name)
    names = [path.name for path in observation_files(folder)] if folder else []
    noted = {}
    for path in sorted((ROOT / "tests" / "golden").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        noted.update(_noted(document))
    found = [noted[name] for name in names if name in noted]
    mean = sum(found) / len(found) if found else GEORINEX_FILE_S.get(name)
    return None if mean is None else mean * len(names)


def _noted(document: object) -> dict[str, float]:
    """File name to seconds, wherever a golden file says both."""
    if not isinstance(document, dict):
        return {}
    files = document.get("files", document)
    if not isinstance(files, dict):
        return {}
    return {
        Path(name).name: float(entry["seconds"])
        for name, entry in files.items()
        if isinstance(entry, dict) and "seconds" in entry
    }


def _targets(content: bytes) -> tuple[list[np.ndarray], list[np.ndarray]]:
    arrays = [array for part in to_arrays(content) for array in part]
    return arrays, [np.zeros_like(array) for array in arrays]


def _floor(content: bytes, arrays: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> None:
    igzip.decompress(content)
    for array, target in zip(arrays, targets, strict=True):
        np.copyto(target, array)


def _start_of_hatanaka() -> Series:
    """What a call costs that has next to nothing to do: starting a process, pipes."""
    tiny = igzip.compress(_first_lines(observation_files(AJAC)[0] if AJAC.is_dir() else second_day()))
    return measure({"start": lambda: hatanaka.decompress(tiny)}, 2 * _MANY)["start"]


def _first_lines(path: Path) -> bytes:
    """Header and first epoch of a CRINEX file."""
    text = igzip.decompress(path.read_bytes())
    head = text.index(b"END OF HEADER")
    lines = text[text.index(b"\n", head) + 1 :].split(b"\n", 60)
    count = int(lines[0][32:35])
    return text[: text.index(b"\n", head) + 1] + b"\n".join(lines[: count + 2]) + b"\n"


def _as_text(case: Case) -> Iterator[Figure]:
    """Plain RINEX text, unpacked beforehand."""
    texts = [hatanaka.decompress(content) for content in case.contents]
    seconds = measure({"text": lambda: [to_arrays(text) for text in texts]}, case.repeats)["text"]
    version = texts[0][:9].strip().decode()
    what, rate = f"{case.name}: plain RINEX {version} text to arrays", sum(map(len, texts)) / 1e6 / seconds.median
    yield at_least(what, rate, 400, "MB/s") if version >= "3" else Figure(what, f"{rate:.0f} MB/s")


def _in_new_memory() -> Iterator[Figure]:
    found = in_child("read_once", "anew", str(second_day()))
    yield Figure("1 Hz day: ours in new memory", shown(found["ours"]))
    what = "1 Hz day: floor, gunzip and a copy of the output, in new memory"
    yield Figure(what, f"{shown(found['floor'])}; ours against it {found['ratio']:.3g} x")


def _memory() -> Iterator[Figure]:
    for path in (*(observation_files(AJAC)[:1] if AJAC.is_dir() else ()), second_day()):
        found = in_child("read_once", "memory", str(path))
        more = f" ({found['grown'] / 1e6:.0f} MB for {found['output'] / 1e6:.0f} + {found['decoded'] / 1e6:.0f} MB)"
        what = f"{path.name}: peak memory against output arrays and decoded input (gunzipped bytes)"
        yield at_most(what, found["grown"] / (found["output"] + found["decoded"]), 3, "x", more)


def _cold_start() -> Iterator[Figure]:
    """A new process from its start to the arrays of its first file; everything a worker imports is imported."""
    path = str(observation_files(AJAC)[0] if AJAC.is_dir() else second_day())
    cold = partial(in_child, "read_once", "cold", path)
    cold()
    seconds = measure({"kept": cold}, _FEW, warm_up=0)["kept"]
    yield at_most("cold worker ready, its first file read, kernels kept on disk", seconds.median, 3, "s")
    with TemporaryDirectory() as empty:
        first = measure({"new": partial(cold, environment={"NUMBA_CACHE_DIR": empty})}, 1, warm_up=0)["new"]
    yield Figure("the same, all kernels compiled", shown(first.median))
