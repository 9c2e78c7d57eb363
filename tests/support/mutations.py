"""Damaged files by the thousand; the reading of each must not crash, not hang, and account for every line.

``python -m tests.support.mutations COUNT SEED`` runs it; with ``NUMBA_BOUNDSCHECK=1`` (and a ``NUMBA_CACHE_DIR`` of its
own) the kernels check every index.
"""

import gzip
import random
import sys
import time
from collections.abc import Callable

import hatanaka
import ncompress

from gnssice_batch.errors import ReadError
from gnssice_batch.rinex import dense, read
from gnssice_batch.rinex.containers.unpack import members
from tests.support.samples import epoch2, epoch3, field, header2, header3, record, satellite

SECONDS_FOR_ONE = 5.0
"""Far more than any of these small files takes; a hang is beyond it."""

_SVS = ("G01", "G07", "G12", "G30")


def text3() -> bytes:
    epochs = [
        epoch3(second, len(_SVS) + 1, clock=" 0.000000123456" if second % 2 else "")
        + "".join(satellite(sv, 2e7 + second, 1e8 - second * 7, -second, 45.25) for sv in _SVS)
        + f"G31{field(2e7, '1', '7')}{field(None)}{field(5.5)}\n"
        for second in range(20)
    ]
    epochs.insert(
        5, epoch3(4, 2, flag=4) + record("hello", "COMMENT") + record("G    4 C1C L1C D1C S1C", "SYS / # / OBS TYPES")
    )
    return (header3() + "".join(epochs)).encode()  # fmt: skip


def wrapped3() -> bytes:
    """Return lines wrapped at 80 columns, epochs twice, lost locks, a power failure, Dopplers of zero."""
    head = f"{field(2e7)}{field(1e8, '1', '7')}{field(0)}{field(45.25)}"
    rest = f"   {field(2e7)}{field(1e8, '3')}{field(-3)}{field(40)}\n"
    rows = "".join(f"{sv}{head}\n{rest}   {field(9)}\n" for sv in _SVS)
    lone = satellite("G12", None, None, 0)
    epochs = [epoch3(second // 2, len(_SVS), flag=int(second == 4)) + rows for second in range(12)]
    types = header3(types="G    9 C1C L1C D1C S1C C2W L2W D2W S2W C5Q")
    return (types + "".join(epochs) + epoch3(50, 2) + satellite("G01", 1) + lone).encode()


def text2() -> bytes:
    svs = "".join(f"G{number:02d}" for number in range(1, 15))
    row = "".join(field(2e7 + number, "1", "7") for number in range(4)) + "\n"
    listed = [f"{epoch2(second, svs).rstrip()[:68]}\n{'':32}{svs[36:]}\n{row * 14}" for second in range(8)]
    event = epoch2(5, "", flag=4)[:29] + "  1\n" + record("hello", "COMMENT")
    return (header2() + "".join(listed[:4]) + event + "".join(listed[4:])).encode()


def kinds() -> dict[str, tuple[bytes, Callable[[bytes], bytes]]]:
    """Return a whole file of each kind, and what packs it after it was damaged."""
    plain: Callable[[bytes], bytes] = bytes
    return {
        "v2": (text2(), plain),
        "v3": (text3(), plain),
        "v3 wrapped": (wrapped3(), plain),
        "crx1": (bytes(hatanaka.rnx2crx(text2())), plain),
        "crx3": (bytes(hatanaka.rnx2crx(text3())), plain),
        "gz": (gzip.compress(text3()), plain),
        "Z": (ncompress.compress(text3()), plain),
        "crx3.gz": (bytes(hatanaka.rnx2crx(text3())), lambda content: gzip.compress(content, 1)),
    }


def mutated(random_numbers: random.Random, whole: bytes) -> bytes:
    """Return a file with one to twenty changes, most of them behind its header."""
    content = bytearray(whole)
    body = max(whole.find(b"END OF HEADER"), 0)
    for _ in range(random_numbers.choice((1, 1, 2, 5, 20))):
        first = body if random_numbers.random() < 0.9 and body < len(content) else 0
        at = random_numbers.randrange(first, max(len(content), first + 1))
        _change(random_numbers, content, at)
    return bytes(content)


def _change(random_numbers: random.Random, content: bytearray, at: int) -> None:
    """Change, remove, insert, cut or repeat bytes."""
    match random_numbers.randrange(6):
        case 0:
            content[at : at + 1] = bytes((random_numbers.randrange(256),))
        case 1:
            del content[at : at + random_numbers.choice((1, 2, 10, 100))]
        case 2:
            count = random_numbers.choice((1, 2, 20))
            content[at:at] = bytes(random_numbers.choice(b" &>0123456789-\n\r\0G.") for _ in range(count))
        case 3:
            del content[at + 1 :]
        case 4:
            source = random_numbers.randrange(len(content) or 1)
            content[at:at] = content[source : source + random_numbers.choice((50, 500))]
        case _:
            content[at : at + 1] = random_numbers.choice((b"&", b">", b" ", b"9", b"-", b"\n"))


def check(content: bytes) -> bool:
    """Read a file and check what must hold of any reading; False if it was rejected.

    Raises
    ------
    AssertionError
        If something does not hold.
    """
    try:
        reading = read(content)
    except ReadError:
        return False
    accounting = reading.accounting
    assert accounting.lines == sum(accounting.line_counts.values())
    (member,) = members(content, 1 << 30)
    if b"\r" not in member.content:
        assert accounting.lines == member.content.count(b"\n") + (not member.content.endswith(b"\n"))
    for part in reading.parts:
        assert (part.first_row[1:] >= part.first_row[:-1]).all()
        assert part.first_row[-1] == part.row_sv.size == len(part.value)
        dense(part)
    return True


def run(count: int, seed: int) -> dict[str, int]:
    """Check so many mutations of each kind; return how many of each were read."""
    taken = {}
    for kind, (whole, packed) in kinds().items():
        random_numbers = random.Random(f"{kind} {seed}")
        check(packed(whole))
        taken[kind] = 0
        for _ in range(count):
            content = packed(mutated(random_numbers, whole))
            start = time.monotonic()
            taken[kind] += check(content)
            assert time.monotonic() - start < SECONDS_FOR_ONE
    return taken


if __name__ == "__main__":
    print(run(int(sys.argv[1]), int(sys.argv[2])))
