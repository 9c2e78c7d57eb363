"""A small store with all that a report tells of: gaps, overlap, equipment and sampling that change, bad files."""

from gnssice_batch.job.run import run
from tests.support.runs import DAY_ONE_S, DAY_S, name, rinex, settings, span_s, write

EVIL = "<script>alert(1)</script>"
NEXT_S = DAY_ONE_S + DAY_S
WHOLE, BETTER, LATER, SLOW, CUT = (
    name(start_s, period)
    for start_s, period in (
        (DAY_ONE_S, "06H"),
        (DAY_ONE_S + 5 * 3600, "03H"),
        (NEXT_S, "01H"),
        (NEXT_S + 7200, "01H"),
        (NEXT_S + 4 * 3600, "01H"),
    )
)
PAGE = name(NEXT_S + 5 * 3600, "01H").replace("STAT", "<b>&")
"""No RINEX, with a name that HTML would take for something else."""


def equipped(text, receiver, antenna):
    """Observations with the names of a receiver and an antenna in their header."""
    lines = [f"{'17':20}{receiver:20}{'4.85':20}REC # / TYPE / VERS", f"{'29':20}{antenna:20}{'':20}ANT # / TYPE"]
    return text.replace(b"  SYS / # / OBS TYPES\n", b"  SYS / # / OBS TYPES\n", 1).replace(
        f"{'':60}END OF HEADER\n".encode(), ("\n".join(lines) + f"\n{'':60}END OF HEADER\n").encode(), 1
    )


def files():
    """By path what the archive holds."""
    old, new = ("SEPT POLARX4", "AERAT2775_42    NONE"), (EVIL[:20], "AERAT2775_42    NONE")
    return {
        WHOLE: equipped(rinex(span_s(DAY_ONE_S, 6), marker=EVIL), *old),
        BETTER: equipped(rinex(span_s(DAY_ONE_S + 5 * 3600, 3), svs=("G01", "R03"), salt=1, marker=EVIL), *old),
        LATER: equipped(rinex(span_s(NEXT_S, 1)[:100], marker=EVIL), *old),
        SLOW: equipped(rinex(span_s(NEXT_S + 7200, 1, 60), marker=EVIL), *new),
        CUT: equipped(rinex(span_s(NEXT_S + 4 * 3600, 1), marker=EVIL), *new)[:-90],
        PAGE: f"<html>{EVIL}</html>\n".encode(),
        name(DAY_ONE_S, "06H").replace("rec/", "other/"): rinex(span_s(DAY_ONE_S, 6), svs=("G01", "E11", "C19")),
    }


def reported(folder):
    """Settings of the store, and the report of the run that made it."""
    write(folder / "archive", files())
    chosen = settings(folder, run={"max_refused_fraction": 1})
    return chosen, run(chosen)
