"""The drawings of a report: calendar of completeness, signals over time, signal strength over time."""

import math
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Final

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib import dates, image
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gnssice_batch.model.grid import GPS_EPOCH, gps_datetime
from gnssice_batch.reporting.facts import DAY_HOURS, HOUR_NS, Hours, Sample, Strength
from gnssice_batch.reporting.inline import ACCENT, MUTED, inline, style, system_colour

_LONGEST_STEPS: Final = {dates.SECONDLY: 60, dates.MINUTELY: 60, dates.HOURLY: 24, dates.MONTHLY: 12}
"""Between marks of a time axis, beside those that matplotlib has: of two and a half hours to three it finds none."""
CLASSES: Final = (
    ("whole", 1.0, (0x2B, 0x8C, 0x9E, 255)),
    ("95 % or more", 0.95, (0x8A, 0xAE, 0x4E, 255)),
    ("half or more", 0.5, (0xE0, 0x93, 0x35, 255)),
    ("less than half", 0.0, (0xC8, 0x45, 0x3B, 255)),
    ("nothing", 0.0, (0x80, 0x88, 0x92, 90)),
)
"""Of completeness: name, lower limit, colour, which has to stand out in light and dark alike."""

STATUSES: Final = {"ok": CLASSES[0][2], "partial": CLASSES[2][2], "rejected": CLASSES[3][2]}
"""Colours of what became of a file, the worst last."""

_OUTSIDE: Final = (0, 0, 0, 0)
_WIDTH: Final = 6.0
"""Inches; the page scales a drawing to its column."""
_BELOW: Final = 0.28
_ABOVE: Final = 0.08
_BESIDE: Final = 0.2
"""Inches around the axes."""
_BINS: Final = 240
_ROUNDED: Final = 1e-3
"""Of an epoch: less is what cutting hours into bins makes, not an epoch that is missing."""
"""Of a picture without axes."""
_DAYS_AS_ROWS: Final = 14
_DAYS_IN_ONE_STRIP: Final = 366
_STRIP_GAP: Final = 4
"""Rows between the years."""
_FORMATS: Final = ["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%S.%f"]
"""Of times by their unit: years, months, days, hours, minutes, seconds."""
_FIRST_FORMATS: Final = ["", "%Y", "%b", "%d %b", "%H:%M", "%H:%M"]
"""Likewise, where a time begins a longer unit."""
_MONTHS: Final = ((0, 91, 182, 274), ("January", "April", "July", "October"))
"""First days of some months, in any year to a day."""
_LONGEST_BREAK: Final = 2.5
"""A line breaks where samples lie this much further apart than they usually do."""

type Colours = npt.NDArray[np.uint8]


def completeness(hours: Hours) -> Colours:
    """(H, 4) the colour of each hour."""
    share = hours.filled / np.where(hours.possible > 0, hours.possible, 1)
    kinds = np.select([share >= least for _, least, _ in CLASSES[:-1]], range(len(CLASSES) - 1))
    kinds = np.where(hours.filled == 0, len(CLASSES) - 1, kinds)
    colours: Colours = np.array([colour for *_, colour in CLASSES], np.uint8)[kinds]
    colours[hours.possible == 0] = _OUTSIDE
    return colours


def calendar(hours: Hours, key: str, says: str) -> Markup:
    """The completeness of every hour: days against hours."""
    before = hours.first % DAY_HOURS
    behind = -(before + hours.filled.size) % DAY_HOURS
    days = np.pad(completeness(hours), ((before, behind), (0, 0))).reshape(-1, DAY_HOURS, 4)
    first = (gps_datetime(0) + np.timedelta64((hours.first - before) * HOUR_NS, "ns")).astype("datetime64[D]")
    draw = _by_rows if len(days) <= _DAYS_AS_ROWS else _by_columns if len(days) <= _DAYS_IN_ONE_STRIP else _by_years
    with style():
        return inline(draw(first, days), key, says)


def strip(hours: Hours, first_hour: int, end_hour: int) -> Markup:
    """The completeness of some hours as a narrow picture, without axes."""
    edges = np.linspace(first_hour, end_hour, min(_BINS, end_hour - first_hour) + 1)
    sums = [np.append(0, np.cumsum(counts)) for counts in (hours.filled, hours.possible)]
    at = np.clip(edges - hours.first, 0, hours.filled.size)
    filled, possible = (np.diff(np.interp(at, np.arange(each.size), each)) for each in sums)
    whole = np.isclose(filled, possible, rtol=0, atol=_ROUNDED)
    counts = Hours(0, np.where(whole, possible, filled), possible)
    return _png(completeness(counts))


def signals(samples: Sequence[Sample], key: str, says: str) -> Markup:
    """How many signals of each system are seen at the same time."""
    at = _times(samples)
    with style():
        figure, axes = _axes(2.0)
        for system in samples[0].signals:
            counts = np.array([sample.signals[system] for sample in samples])
            _line(axes, at, counts, system_colour(system))
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        _time_axis(axes, at)
        return inline(figure, key, says)


def strength(samples: Sequence[Sample], key: str, says: str) -> Markup:
    """Quantiles of the signal strength."""
    told = [sample for sample in samples if sample.strength]
    at = _times(told)
    lines = np.array([sample.strength.quantiles for sample in told if sample.strength]).T
    with style():
        figure, axes = _axes(2.0)
        for low, high, opacity in ((0, 4, 0.18), (1, 3, 0.32)):
            (when, lower), (_, upper) = _broken(at, lines[low]), _broken(at, lines[high])
            axes.fill_between(when, lower, upper, color=ACCENT, alpha=opacity, linewidth=0)
        _line(axes, at, lines[2], ACCENT)
        _time_axis(axes, at)
        return inline(figure, key, says)


def outcomes(stretches: Iterable[tuple[int, int, str]], first_ns: int, end_ns: int) -> Markup:
    """What became of files over time, as a narrow picture without axes: of several, the worst.

    Parameters
    ----------
    stretches
        Begin and end of each file, in ns of GPS time, and its status.
    """
    kinds = np.zeros(_BINS, int)
    scale = _BINS / max(1, end_ns - first_ns)
    order = list(STATUSES)
    for begin, end, status in stretches:
        left = min(_BINS - 1, int((begin - first_ns) * scale))
        part = slice(left, max(left + 1, math.ceil((end - first_ns) * scale)))
        kinds[part] = np.maximum(kinds[part], order.index(status) + 1)
    return _png(np.array([_OUTSIDE, *STATUSES.values()], np.uint8)[kinds])


def by_band(bands: Mapping[str, Strength], names: Sequence[str], key: str, says: str) -> Markup:
    """Quantiles of the signal strength of each system and band: 9 of 10 values, half of them, the median."""
    with style():
        figure, axes = _axes(0.4 + 0.2 * len(bands), 1.0)
        rows = -np.arange(len(bands))
        colours = [system_colour(name[0]) for name in bands]
        lowest, low, middle, high, highest = np.array([found.quantiles for found in bands.values()]).T
        axes.hlines(rows, lowest, highest, colors=colours, linewidth=1.6)
        axes.hlines(rows, low, high, colors=colours, linewidth=6, alpha=0.55)
        axes.vlines(middle, rows - 0.32, rows + 0.32, colors=colours, linewidth=2.2)
        axes.set_yticks(rows, names)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        return inline(figure, key, says)


def _png(colours: Colours) -> Markup:
    """A row of colours as the URL of a picture."""
    written = BytesIO()
    image.imsave(written, np.ascontiguousarray(colours[None]), format="png")
    return Markup("data:image/png;base64,{}").format(b64encode(written.getvalue()).decode())


def _axes(height: float, left: float = 0.36) -> tuple[Figure, Axes]:
    """Axes of a figure; its height, and the room for what stands at their left, in inches."""
    figure = Figure(figsize=(_WIDTH, height))
    figure.subplots_adjust(left / _WIDTH, _BELOW / height, 1 - _BESIDE / _WIDTH, 1 - _ABOVE / height)
    return figure, figure.add_subplot()


def _dates(times_ns: Sequence[int]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = dates.date2num(GPS_EPOCH + np.array(times_ns, "timedelta64[ns]"))
    return found


def _times(samples: Sequence[Sample]) -> npt.NDArray[np.float64]:
    return _dates([(sample.first_ns + sample.last_ns) // 2 for sample in samples])


def _line(axes: Axes, at: npt.NDArray[np.float64], values: npt.NDArray[np.float64], colour: str) -> None:
    """A line, with dots where a sample has no neighbour to be joined to."""
    at, values = _broken(at, values)
    axes.plot(at, values, color=colour, linewidth=1.8)
    held = np.isfinite(np.pad(values, 1, constant_values=np.nan))
    alone = held[1:-1] & ~held[:-2] & ~held[2:]
    axes.plot(at[alone], values[alone], color=colour, linestyle="none", marker="o", markersize=3.5)


def _broken(
    at: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A line that breaks where samples lie far apart."""
    steps = np.diff(at)
    breaks = np.flatnonzero(steps > _LONGEST_BREAK * np.median(steps)) + 1 if steps.size else np.empty(0, int)
    return np.insert(at, breaks, at[breaks - 1]), np.insert(values.astype(float), breaks, np.nan)


def _time_axis(axes: Axes, at: npt.NDArray[np.float64]) -> None:
    locator = dates.AutoDateLocator(minticks=3, maxticks=6)
    for unit, longest in _LONGEST_STEPS.items():
        locator.intervald[unit] = [*locator.intervald[unit], longest]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        dates.ConciseDateFormatter(locator, formats=_FORMATS, zero_formats=_FIRST_FORMATS, show_offset=False)
    )
    axes.margins(x=0.02)
    if at.min() == at.max():
        axes.set_xlim(at.min() - 0.5, at.max() + 0.5)


def _by_rows(first: np.datetime64, days: Colours) -> Figure:
    figure, axes = _axes(0.4 + 0.24 * len(days), 0.85)
    _picture(axes, days, (0, DAY_HOURS, len(days), 0))
    axes.set_xticks(range(0, DAY_HOURS + 1, 6), [f"{hour:02d}:00" for hour in range(0, DAY_HOURS + 1, 6)])
    dates_there = first + np.arange(len(days), dtype="timedelta64[D]")
    axes.set_yticks(np.arange(len(days)) + 0.5, [str(day) for day in dates_there])
    return figure


def _by_columns(first: np.datetime64, days: Colours) -> Figure:
    figure, axes = _axes(1.9, 0.5)
    begin = dates.date2num(first)
    _picture(axes, days.swapaxes(0, 1), (begin, begin + len(days), DAY_HOURS, 0))
    axes.set_yticks(range(0, DAY_HOURS + 1, 6), [f"{hour:02d}:00" for hour in range(0, DAY_HOURS + 1, 6)])
    _time_axis(axes, np.array([begin, begin + len(days)]))
    axes.margins(x=0)
    return figure


def _by_years(first: np.datetime64, days: Colours) -> Figure:
    """A strip for each calendar year."""
    at = first + np.arange(len(days), dtype="timedelta64[D]")
    years = at.astype("datetime64[Y]")
    number = (years - years[0]).astype(int)
    height = DAY_HOURS + _STRIP_GAP
    canvas = np.zeros(((number[-1] + 1) * height, _DAYS_IN_ONE_STRIP, 4), np.uint8)
    rows = number[:, None] * height + np.arange(DAY_HOURS)
    canvas[rows, (at - years.astype("datetime64[D]")).astype(int)[:, None]] = days
    figure, axes = _axes(0.4 + 0.3 * (number[-1] + 1), 0.42)
    _picture(axes, canvas, (0, _DAYS_IN_ONE_STRIP, len(canvas), 0))
    axes.set_xticks(*_MONTHS, ha="left")
    labels = [str(year) for year in np.arange(years[0], years[-1] + np.timedelta64(1, "Y"))]
    axes.set_yticks(np.arange(number[-1] + 1) * height + DAY_HOURS / 2, labels)
    return figure


def _picture(axes: Axes, colours: Colours, extent: tuple[float, float, float, float]) -> None:
    axes.imshow(colours, interpolation="none", extent=extent, aspect="auto")
    axes.grid(visible=False)
    axes.tick_params(axis="x", color=MUTED)
