"""Verification: files read again by the second reader, and a published store held against its archive, one core.

Packed bytes count: of the archive's files, as they lie there. Seconds are those of the processor, programs that are
started included, so that what else the machine does counts little; a store and its archive are on local disk. What
``verify`` did before it had a reader of its own, hatanaka's decoder and the first reader on its text, is measured
beside it.
"""

import gzip
import os
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import hatanaka

from benchmarks.figures import Figure, at_least
from benchmarks.files import AJAC, MOZA, RACT, ZIMM, observation_files
from gnssice_batch.config import Settings
from gnssice_batch.job.run import run
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.rinex import ReadOptions, read
from gnssice_batch.rinex.plain import read_plainly

TITLE = "Verification: the second reader, and verify with it, one core"

BAR_MB_PER_S = 5
_REPEATS = 3
_LIMIT = 1 << 32


def figures() -> Iterator[Figure]:
    """Every figure of verification."""
    for name, folder, interval_s in (("AJAC", AJAC, 30), ("ract", RACT, 5)):
        if folder.is_dir():
            yield from _of_reader(name, _read(folder))
            yield from _of_store(name, observation_files(folder), interval_s)
            yield from _as_text(name, _read(folder))
    for name, folder in (("ZIMM", ZIMM), ("MOZA", MOZA)):
        if folder.is_dir():
            yield from _of_reader(name, _read(folder))


def _read(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in observation_files(folder)]


def _rate(size_bytes: int, thing: Callable[[], object], repeats: int = _REPEATS) -> float:
    """MB a second of the processor, median of some repetitions after a warm-up."""
    thing()
    rates = []
    for _ in range(repeats):
        started = _processor_s()
        thing()
        rates.append(size_bytes / 1e6 / (_processor_s() - started))
    return statistics.median(rates)


def _processor_s() -> float:
    """Seconds of the processor that this process has had, and those that it has started and that have ended."""
    return sum(os.times()[:4])


def _of_reader(name: str, contents: Sequence[bytes]) -> Iterator[Figure]:
    size = sum(map(len, contents))
    rate = _rate(size, lambda: [read_plainly(content, {}, _LIMIT) for content in contents])
    yield at_least(
        f"{name}: {len(contents)} files, {size / 1e6:.1f} MB packed, second reader", rate, BAR_MB_PER_S, "MB/s"
    )
    yield Figure(f"{name}: the first reader", f"{_rate(size, lambda: [read(one) for one in contents]):.0f} MB/s")
    if contents[0][:2] == b"\x1f\x8b" and b"CRINEX VERS" in gzip.decompress(contents[0])[:80]:
        some, decoding = contents[:12], ReadOptions(decoder="hatanaka")
        rate = _rate(sum(map(len, some)), lambda: [read(content, decoding) for content in some], 1)
        yield Figure(f"{name}: hatanaka and the first reader on its text", f"{rate:.2g} MB/s")


def _as_text(name: str, contents: Sequence[bytes]) -> Iterator[Figure]:
    """The same observations as RINEX text, gzip level 6."""
    texts = [gzip.compress(hatanaka.decompress(content), 6) for content in contents[:20]]
    size = sum(map(len, texts))
    rate = _rate(size, lambda: [read_plainly(text, {}, _LIMIT) for text in texts])
    yield at_least(f"{name} as .rnx.gz: {len(texts)} files, {size / 1e6:.1f} MB packed", rate, BAR_MB_PER_S, "MB/s")


def _of_store(name: str, paths: Sequence[Path], interval_s: float) -> Iterator[Figure]:
    with TemporaryDirectory() as folder:
        settings = _settings(Path(folder), paths, interval_s)
        run(settings)
        size = sum(path.stat().st_size for path in paths)
        report = verify_store(settings, None)
        rate = _rate(size, lambda: verify_store(settings, None))
        by = ", ".join(f"{reader} {count}" for reader, count in report.proof.readers.items())
        more = f"; read again by {by}; {report.differences} differences"
        yield at_least(f"{name}: verify --full, {report.proof.files} files", rate, BAR_MB_PER_S, "MB/s", more)


def _settings(folder: Path, paths: Sequence[Path], interval_s: float) -> Settings:
    """Settings of a run over copies of some files."""
    archive = folder / "archive" / "receiver"
    archive.mkdir(parents=True)
    for path in paths:
        shutil.copyfile(path, archive / path.name)
    return Settings.model_validate(
        {
            "site": "site",
            "archive": {"url": os.fspath(archive.parent), "layout": "{receiver}/**"},
            "store": {"url": os.fspath(folder / "stores")},
            "grid": {"interval_s": interval_s, "phase_s": 0},
        }
    )
