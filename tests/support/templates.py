"""Templates of small groups, made without any file."""

from gnssice_batch.model.grid import SECOND_NS, empty_grid
from gnssice_batch.model.template import GroupTemplate, shard_width, signal_axis
from tests.support.runs import DAY_ONE_S

UNIT = 720
DAY_ONE_NS = DAY_ONE_S * SECOND_NS


def sids(count, system="G"):
    return [f"{system}{number // 8 + 1:02d}|L1|{'CWLXSMNP'[number % 8]}" for number in range(count)]


def template(first_unit=0, units=2, signals=3, profile="default", receiver="rec", width=None):
    grid = empty_grid(30 * SECOND_NS, 0, UNIT, DAY_ONE_NS + first_unit * UNIT * 30 * SECOND_NS)
    end_ns = grid.origin_ns + units * grid.unit_ns - grid.interval_ns
    axis = signal_axis(sids(signals))
    return GroupTemplate(
        receiver,
        grid.covering(grid.origin_ns, end_ns),
        axis,
        width or shard_width(signals),
        profile,
        "zstd",
        7,
        {},
        {"coordinates": "sv band", "Institution": "none"},
    )
