"""Files damaged at random: read, or refused with a reason, and never a satellite where none can be."""

import random
from pathlib import Path

import numpy as np
import pytest

from gnssice_batch.errors import ReadError
from gnssice_batch.orbits import nodes, read_nav, read_sp3
from gnssice_batch.simulate import navigation_text, sky_ephemerides

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
DAY_NS = 86_400 * 10**9
START_NS = 16_432 * DAY_NS
SIGNS = b" 0123456789.-+eEDGRS*P>\n\r\0\xff"
FARTHEST_M = 2e8


def sp3():
    sent = sky_ephemerides("GE", START_NS, START_NS)
    known = nodes(sent, sent.satellites, START_NS + np.arange(4) * 300 * 10**9)
    lines = ["#dP2025  1  1  0  0  0.00000000       4 d+D   IGS20 FIT MADE", "%c M  cc GPS ccc"]
    for minute, places in zip(range(0, 20, 5), known.positions_m / 1e3, strict=True):
        lines.append(f"*  2025  1  1  0 {minute:2d}  0.00000000")
        lines += [f"P{sv}{x:14.6f}{y:14.6f}{z:14.6f}" for sv, (x, y, z) in zip(known.satellites, places, strict=True)]
    return "\n".join([*lines, "EOF", ""]).encode()


def mutated(content, drawn):
    changed = bytearray(content)
    for _ in range(drawn.choice((1, 1, 2, 5, 20))):
        at = drawn.randrange(len(changed))
        kind = drawn.randrange(4)
        if kind == 0:
            changed[at] = drawn.choice(SIGNS)
        elif kind == 1:
            del changed[at : at + drawn.randrange(1, 90)]
        elif kind == 2:
            changed[at:at] = bytes(drawn.choices(SIGNS, k=5))
        else:
            changed[at:at] = changed[max(at - 81, 0) : at]
        changed = changed or bytearray(b" ")
    return bytes(changed)


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_navigation_file(seed):
    drawn = random.Random(seed)
    sources = ((GOLDEN / "made_up_orbits.rnx").read_bytes(), navigation_text(sky_ephemerides("R", START_NS, START_NS)))
    for _ in range(10):
        try:
            found = read_nav(mutated(drawn.choice(sources), drawn))
        except ReadError:
            continue
        places = nodes(found, found.satellites, np.unique(found.reference_ns)).positions_m
        assert np.nanmax(np.abs(places), initial=0) < FARTHEST_M


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_sp3_file(seed):
    drawn, content = random.Random(seed), sp3()
    for _ in range(10):
        try:
            found = read_sp3(mutated(content, drawn))
        except ReadError:
            continue
        assert found.positions_m.shape == (len(found.times_ns), len(found.satellites), 3)
        assert (np.diff(found.times_ns) > 0).all()
