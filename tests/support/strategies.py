"""Hypothesis strategies for RINEX observation files that the writer can write."""

from hypothesis import strategies as st

from tests.support.writer import Cell, Epoch, Event, File, Item, Slips, TypeChange, labelled

CODES = {
    "G": ("C1C", "L1C", "D1C", "S1C", "C2W", "L2W", "D2W", "S2W", "C5Q", "L5Q", "X1"),
    "R": ("C1C", "L1C", "D1C", "S1C", "C2P", "L2P", "S2P"),
    "E": ("C1C", "L1C", "D1C", "S1C", "C5Q", "L5Q", "C7Q", "L7Q", "C8Q", "L8Q", "C6C", "L6C", "S5Q", "S7Q", "S8Q"),
    "C": ("C2I", "L2I", "D2I", "S2I", "C6I", "L6I", "C1P", "L1P"),
    "J": ("C1C", "L1C", "S1C", "C2L", "L2L"),
    "I": ("C5A", "L5A", "D5A", "S5A"),
    "S": ("C1C", "L1C", "D1C", "S1C", "C5I"),
}
CODES_2 = ("C1", "L1", "D1", "S1", "P1", "P2", "L2", "D2", "S2", "C2", "C5", "L5", "S5", "X1")
FIRST_100NS = 1_419_724_800 * 10**7
"""2025-01-01T00:00:00."""
STEPS_100NS = (1, 10**6, 2 * 10**6, 10**7, 30 * 10**7, 86_400 * 10**7)

values = st.one_of(
    st.none(),
    st.integers(20_000_000_000, 26_000_000_000),
    st.integers(-999_999_999_999, 9_999_999_999_999),
    st.integers(-60_000, 60_000),
    st.sampled_from([0, 1, -1, 999, -999, 1000, 9_999_999_999_999, -999_999_999_999]),
)
lli = st.none() | st.integers(0, 7)
ssi = st.none() | st.integers(0, 9)
cells: st.SearchStrategy[Cell] = st.tuples(values, lli, ssi)

comments = st.tuples(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60).map(lambda text: labelled(text, "COMMENT"))
)


def without_lone_indicators(cell: Cell) -> Cell:
    return cell if cell[0] is not None else (None, None, None)


@st.composite
def declared(draw: st.DrawFn, version: str) -> dict[str, tuple[str, ...]]:
    """Draw observation types."""
    if version < "3":
        return {"": tuple(draw(st.lists(st.sampled_from(CODES_2), min_size=1, max_size=12, unique=True)))}
    systems = draw(st.lists(st.sampled_from(sorted(CODES)), min_size=1, max_size=4, unique=True))
    return {
        system: tuple(draw(st.lists(st.sampled_from(CODES[system]), min_size=1, max_size=15, unique=True)))
        for system in systems
    }


@st.composite
def epochs(
    draw: st.DrawFn,
    version: str,
    types: dict[str, tuple[str, ...]],
    time_100ns: int,
    cell: st.SearchStrategy[Cell],
) -> Epoch:
    """Draw one epoch."""
    systems = "GRES" if version < "3" else "".join(types)
    sv = st.tuples(st.sampled_from(systems), st.integers(1, 36)).map(lambda parts: f"{parts[0]}{parts[1]:02d}")
    records = {}
    for name in draw(st.lists(sv, max_size=15, unique=True)):
        count = len(types["" if version < "3" else name[0]])
        records[name] = tuple(draw(st.lists(cell, min_size=count, max_size=count)))
    clock_ps = draw(st.none() | st.integers(-999_999_999, 999_999_999).map(lambda offset: offset * 1000))
    if clock_ps is not None and version > "3":
        clock_ps += draw(st.integers(0, 999))
    return Epoch(time_100ns, records, draw(st.sampled_from([0, 0, 0, 1])), clock_ps)


@st.composite
def files(draw: st.DrawFn, *, compactible: bool = False, steady: bool = False) -> File:
    """Draw a file: epochs, events, comments, cycle slips, changes of types (unless steady), gaps, scale factors.

    The program that writes CRINEX refuses indicators of a blank value, and most cycle slip records.
    """
    cell = cells.map(without_lone_indicators) if compactible else cells
    kinds = ["epoch"] * 4 + ["event", "comment"] + ["types"] * (not steady) + ["slips"] * (not compactible)
    version = draw(st.sampled_from(["2.11", "3.04", "4.01"]))
    types = draw(declared(version))
    now, items, time_100ns = dict(types), list[Item](), FIRST_100NS
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(kinds))
        time_100ns += draw(st.sampled_from(STEPS_100NS)) * draw(st.integers(1, 3))
        if kind == "epoch":
            items.append(draw(epochs(version, now, time_100ns, cell)))
        elif kind == "event":
            items.append(Event(5, (), time_100ns))
        elif kind == "slips":
            items.append(Slips(draw(epochs(version, now, time_100ns, cell))))
        elif kind == "comment":
            items.append(Event(4, draw(comments), draw(st.sampled_from([None, time_100ns]))))
        else:
            system = draw(st.sampled_from(sorted(now)))
            now[system] = draw(declared(version)).get(system, now[system])
            items.append(TypeChange(system, now[system]))
    items.append(draw(epochs(version, now, time_100ns + 10**7, cell)))
    return File(
        version,
        types,
        tuple(items),
        scales=draw(scales(types)) if version > "3" else {},
        time_system=draw(st.sampled_from(["GPS", "GAL", "BDT", "GLO"])),
        newline=draw(st.sampled_from(["\n", "\r\n"])),
        trimmed=draw(st.booleans()),
        last_newline=draw(st.booleans()),
    )


@st.composite
def scales(draw: st.DrawFn, types: dict[str, tuple[str, ...]]) -> dict[tuple[str, str], int]:
    """Draw scale factors for some of the types."""
    every = [(system, code) for system, codes in types.items() for code in codes]
    chosen = draw(st.lists(st.sampled_from(every), max_size=3, unique=True))
    return {one: draw(st.sampled_from([1, 10, 100, 1000])) for one in chosen}
