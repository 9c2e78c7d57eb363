"""RINEX 2 whose every value tells its epoch, satellite and observable, with lines lost, doubled or exchanged.

Whoever reads it can be held to what stands where: no value may come out under another name. Faults that nobody could
see are not made: two lines of observations exchanged that may stand in each other's place, two epoch records or two
lists exchanged, and two faults in neighbouring epochs that make up for each other.

``python -m tests.support.numbered_lines COUNT SEED`` runs it.
"""

import random
import sys
from dataclasses import dataclass, field
from itertools import batched

from gnssice_batch.errors import ReadError, Reason
from gnssice_batch.rinex import MISSING, Observations, Reading, read
from tests.support.samples import header2, record

TYPES = ("C1", "L1", "D1", "S1", "P2", "L2", "D2", "S2", "C5", "L5", "D5", "S5")
"""No two of them are of one kind and band."""
FIRST_100NS = 1_419_724_800 * 10**7
"""2025-01-01T00:00:00."""
STEP_S = 30
WIDTH = 80


@dataclass
class Epoch:
    """The lines of an epoch, or of an event before it, each with what kind it is."""

    number: int
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Kind (``record``, ``list``, ``event``, ``comment`` or the part of a satellite's lines) and text."""


def value_of(epoch: int, satellite: int, observable: int) -> int:
    """Return the one value that stands for a place, in whole units."""
    return 100_000 * (epoch + 1) + 100 * satellite + observable + 1


def epochs(numbers: random.Random, types: int, count: int) -> list[Epoch]:
    """Make the lines of a file's body; satellites come and go, values are missing here and there in some files."""
    missing = numbers.choice((0.0, 0.0, 0.1, 0.5))
    made = []
    for number in range(count):
        svs = sorted(numbers.sample(range(1, 33), numbers.choice((1, 2, 5, 12, 13, 24, 25, 30))))
        epoch = Epoch(number)
        if numbers.random() < 0.15:
            epoch.lines += [("event", f"{'':28}4  1"), ("comment", record("an event", "COMMENT").rstrip())]
        epoch.lines += listed(numbers, number, svs)
        for sv in svs:
            texts = ["" if numbers.random() < missing else f"{value_of(number, sv, k)}.000" for k in range(types)]
            for part, fields in enumerate(batched(texts, 5)):
                epoch.lines.append((f"part {part}", "".join(f"{text:>14}  " for text in fields).rstrip()))
        made.append(epoch)
    return made


def listed(numbers: random.Random, number: int, svs: list[int]) -> list[tuple[str, str]]:
    """Return the epoch record and the lines that go on with its list, with a comment between now and then."""
    minute, second = divmod(number * STEP_S, 60)
    first, *more = (
        "".join(f"G{sv:02d}" for sv in part) for part in batched(svs, 12)
    )  # fmt: skip
    lines = [("record", f" 25  1  1  0 {minute:2d} {second:2d}.0000000  0 {len(svs):2d}{first}")]
    for part in more:
        if numbers.random() < 0.1:
            lines.append(("comment", record("in a list", "COMMENT").rstrip()))
        lines.append(("list", f"{'':32}{part}"))
    return lines


def damage(numbers: random.Random, made: list[Epoch], types: int) -> set[int]:
    """Lose, double or exchange lines, one fault an epoch and none in neighbours; return the epochs that it touches."""
    touched = set[int]()
    for _ in range(numbers.choice((1, 1, 2, 3))):
        free = [epoch for epoch in made if not touched & {epoch.number + step for step in range(-2, 3)}]
        if not free:
            break
        epoch = numbers.choice(free)
        at = numbers.randrange(len(epoch.lines))
        kind = numbers.choice(("lose", "double", "exchange"))
        touched |= {epoch.number - 1, epoch.number}
        if kind == "lose":
            del epoch.lines[at]
        elif kind == "double":
            epoch.lines.insert(at, epoch.lines[at])
        else:
            exchange(numbers, epoch, at, types)
    return touched


def exchange(numbers: random.Random, epoch: Epoch, at: int, types: int) -> None:
    """Exchange two lines of an epoch that can't stand in each other's place."""
    last = f"part {(types - 1) // 5}"
    room = 16 * (types - 5 * ((types - 1) // 5)) - 2

    def is_plain(kind: str, text: str, other: str) -> bool:
        """Tell whether a line of observations is seen to be none of another part."""
        return other == last != kind and len(text) > room

    here, here_text = epoch.lines[at]
    fits = [
        there
        for there, (kind, text) in enumerate(epoch.lines)
        if kind != here
        and (
            not (kind.startswith("part") and here.startswith("part"))
            or is_plain(kind, text, here)
            or is_plain(here, here_text, kind)
        )
        and {kind, here} != {"record", "list"}
    ]
    if fits:
        there = numbers.choice(fits)
        epoch.lines[at], epoch.lines[there] = epoch.lines[there], epoch.lines[at]


def content(made: list[Epoch], types: int) -> bytes:
    """Return the file."""
    declared = [
        (f"{types:6d}" if first == 0 else " " * 6)
        + "".join(f"{one:>6}" for one in TYPES[first : min(first + 9, types)])
        for first in range(0, types, 9)
    ]
    more = [record(line, "# / TYPES OF OBSERV") for line in declared[1:]]
    body = "".join(f"{text}\n" for epoch in made for _, text in epoch.lines)
    return (header2(*more, types=declared[0]) + body).encode()


def survivors(part: Observations) -> dict[int, int]:
    """Return the number of values of each epoch; every one of them must stand where its number says.

    Raises
    ------
    AssertionError
        If one does not.
    """
    counts = dict[int, int]()
    for index, time_100ns in enumerate(part.time_100ns.tolist()):
        epoch, rest = divmod(time_100ns - FIRST_100NS, STEP_S * 10**7)
        assert rest == 0
        assert epoch not in counts
        counts[epoch] = 0
        for row in range(int(part.first_row[index]), int(part.first_row[index + 1])):
            sv = part.svs[part.row_sv[row]]
            for column, value in zip(part.columns["G"], part.value[row].tolist(), strict=False):
                if value == MISSING:
                    continue
                found = divmod(value, 1000)
                assert found[1] == 0
                observable = found[0] % 100 - 1
                declared = TYPES[observable]
                assert column.code[:2] == declared.replace("P", "C")
                assert found[0] == value_of(epoch, int(sv[1:]), observable), (epoch, sv, column.code, value)
                counts[epoch] += 1
    return counts


def check(numbers: random.Random) -> bool:
    """Damage a file and check what is read of it; False if nothing was."""
    types = numbers.randint(1, len(TYPES))
    made = epochs(numbers, types, numbers.randint(5, 9))
    (whole,) = read(content(made, types)).parts
    expected = survivors(whole)
    assert len(expected) == len(made)
    touched = damage(numbers, made, types)
    try:
        reading = read(content(made, types))
    except ReadError as error:
        if error.reason != Reason.NO_EPOCHS:
            raise
        return False
    compare(reading, expected, touched)
    return True


def compare(reading: Reading, expected: dict[int, int], touched: set[int]) -> None:
    """Check that what was not touched is whole, and that what is lost is counted."""
    (part,) = reading.parts
    found = survivors(part)
    for epoch, count in expected.items():
        assert epoch in touched or found.get(epoch) == count
    if sum(found.values()) < sum(expected.values()):
        assert any(reason.loses for reason in reading.accounting.counts)
    assert reading.accounting.lines == sum(reading.accounting.line_counts.values())


def run(count: int, seed: int) -> int:
    """Check so many files; return how many were read."""
    return sum(check(random.Random(f"{seed} {number}")) for number in range(count))


if __name__ == "__main__":
    print(run(int(sys.argv[1]), int(sys.argv[2])))
