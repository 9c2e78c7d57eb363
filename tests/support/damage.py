"""Chunks of a repository on a disk, damaged as disks and people damage files."""

from pathlib import Path

from gnssice_batch.config import Settings
from gnssice_batch.operate.integrity import scan_store
from tests.support.runs import repository

KINDS = ("missing", "flipped", "truncated")


def chunks(chosen: Settings) -> list[Path]:
    """The chunks of a store that are files of their own, the largest first."""
    return sorted((repository(chosen) / "chunks").iterdir(), key=lambda path: (-path.stat().st_size, path.name))


def spoil(path: Path, kind: str) -> bytes:
    """Damage a chunk; return what it was."""
    whole = path.read_bytes()
    match kind:
        case "missing":
            path.unlink()
        case "flipped":
            middle = len(whole) // 3
            path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0x10]) + whole[middle + 1 :])
        case "truncated":
            path.write_bytes(whole[: len(whole) // 2])
    return whole


def unit_of(chosen: Settings, path: Path) -> int | None:
    """The write unit of a chunk, found by its loss."""
    whole = spoil(path, "missing")
    unit = scan_store(chosen).damaged[0].damage.unit
    path.write_bytes(whole)
    return unit


def everything(chosen: Settings) -> dict[str, bytes]:
    """All files of a repository."""
    folder = repository(chosen)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
