"""The pictures, pixel by pixel where they have some, by their elements where they have none."""

import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gnssice_batch.reporting import drawing
from gnssice_batch.reporting.facts import HOUR_NS, Hours, Sample, Strength

WHOLE, NEARLY, HALF, LESS, NOTHING = (colour for *_, colour in drawing.CLASSES)
OUTSIDE = (0, 0, 0, 0)
DAY = 16_437 * 24
"""Hours since 1980-01-06 of 2025-01-06."""


def seen(text):
    """The picture in a drawing, or in the URL of one, (rows, columns, 4)."""
    found = re.search(r"data:image/png;base64,\s*([A-Za-z0-9+/= ]+)", text)[1]
    return np.asarray(Image.open(BytesIO(b64decode(found))).convert("RGBA"))


def hours(filled, possible=120, first=DAY):
    filled = np.array(filled, np.int32)
    return Hours(first, filled, np.full(filled.size, possible, np.int32))


def test_colours_of_completeness():
    """Only what is whole is told to be; what has nothing, and what could have nothing, are not the same."""
    found = drawing.completeness(hours([120, 119, 114, 113, 60, 59, 1, 0]))
    assert [tuple(each) for each in found.tolist()] == [WHOLE, NEARLY, NEARLY, HALF, HALF, LESS, LESS, NOTHING]
    assert drawing.completeness(hours([0], possible=0)).tolist() == [list(OUTSIDE)]


def test_a_few_days_are_rows():
    text = drawing.calendar(hours([120] * 20 + [0] * 10, first=DAY + 20), "k", "said")
    found = seen(text)
    assert found.shape[:2] == (3, 24)
    assert tuple(found[0, 19]) == OUTSIDE
    assert tuple(found[0, 20]) == tuple(found[1, 15]) == WHOLE
    assert tuple(found[1, 16]) == tuple(found[2, 1]) == NOTHING
    assert tuple(found[2, 2]) == OUTSIDE
    assert re.findall(r">(\d{4}-\d\d-\d\d)<", text) == ["2025-01-06", "2025-01-07", "2025-01-08"]


def test_months_are_columns():
    found = seen(drawing.calendar(hours([120] * 24 * 30 + [0] * 24 * 10), "k", "said"))
    assert found.shape[:2] == (24, 40)
    assert tuple(found[0, 29]) == WHOLE
    assert tuple(found[0, 30]) == NOTHING


def test_years_are_strips_and_the_last_day_of_a_leap_year_is_in_its_own():
    first = (np.datetime64("2023-12-31") - np.datetime64("1980-01-06")).astype(int) * 24
    filled = np.full(24 * 369, 120)
    filled[-24:] = 60
    text = drawing.calendar(hours(filled, first=int(first)), "k", "said")
    found = seen(text)
    assert found.shape[:2] == (3 * 28, 366)
    assert tuple(found[0, 364]) == tuple(found[28, 0]) == tuple(found[28 + 23, 365]) == WHOLE
    assert tuple(found[56, 0]) == WHOLE
    assert tuple(found[56, 1]) == HALF
    assert tuple(found[0, 363]) == tuple(found[56, 2]) == tuple(found[24, 0]) == OUTSIDE
    assert re.findall(r">(20\d\d)<", text) == ["2023", "2024", "2025"]


@pytest.mark.parametrize("possible", [120, 1])
def test_a_strip_has_all_that_the_store_spans(possible):
    there = hours([possible] * 100 + [0] * 100, possible)
    found = seen(drawing.strip(there, DAY - 100, DAY + 300))[0]
    assert found.shape == (240, 4)
    assert [tuple(found[at]) for at in (0, 59, 61, 119, 121, 179, 181, 239)] == [
        *(OUTSIDE, OUTSIDE, WHOLE, WHOLE, NOTHING, NOTHING, OUTSIDE, OUTSIDE)
    ]
    assert seen(drawing.strip(there, DAY, DAY + 200)).shape == (1, 200, 4)


def test_of_several_files_the_worst_is_seen():
    found = seen(drawing.outcomes([(0, 120, "ok"), (60, 61, "rejected"), (100, 240, "partial")], 0, 240))[0]
    ok, partial, rejected = drawing.STATUSES.values()
    assert [tuple(found[at]) for at in (0, 59, 60, 61, 99, 100, 239)] == [ok, ok, rejected, ok, ok, partial, partial]


def sample(hour, signals, quantiles=(30, 35, 40, 45, 50)):
    begin = (DAY + hour) * HOUR_NS
    return Sample(begin, begin + HOUR_NS // 2, 60, signals, Strength(quantiles, 100))


def lines(text, colour):
    return [
        path for path, line in re.findall(r'<path d="([^"]*)"[^>]*stroke: var\(--([\w-]+)\)', text) if line == colour
    ]


def test_a_line_breaks_where_there_is_nothing():
    samples = [sample(hour, {"G": hour, "E": 4}) for hour in (0, 1, 2, 3, 20, 21, 22)]
    (path,) = lines(drawing.signals(samples, "k", "said"), "sys-G")
    assert path.count("M") == 2
    assert path.count("L") == 5


def test_a_sample_alone_is_a_dot():
    text = drawing.signals([sample(0, {"G": 8})], "k", "said")
    assert re.search(r"<use [^>]*fill: var\(--sys-G\)", text)


def test_the_same_drawing_is_the_same_text():
    samples = [sample(hour, {"G": 8}) for hour in range(5)]
    assert drawing.strength(samples, "k", "said") == drawing.strength(samples, "k", "said")


@pytest.mark.parametrize("last", [0, 1, 3, 5, 24, 61, 70, 75, 800, 24 * 365, 24 * 950, 24 * 1060, 24 * 9000])
def test_a_span_of_any_length_has_marks(last):
    """Matplotlib warns of spans that it knows no step for, which is an error here."""
    text = drawing.strength([sample(hour, {"G": 8}) for hour in (0, last)], "k", "said")
    marks = re.search(r'id="k-xtick_\d+"', text)
    assert marks


def test_names_in_a_drawing_are_text():
    found = sample(0, {}).strength
    text = drawing.by_band({"G L1": found, "X L1": found}, ["GPS $L_1$", "<b>"], "k", "said <i>")
    assert ">GPS $L_1$<" in text
    assert ">&lt;b&gt;<" in text
    assert "<i>" not in text


@pytest.mark.parametrize("said", [r"C:\stores\1", r"\g<0>", "\\", r"\q"])
def test_a_label_has_its_backslashes(said):
    text = drawing.strength([sample(hour, {"G": 8}) for hour in range(5)], "k", said)
    assert f'aria-label="{said.replace("<", "&lt;").replace(">", "&gt;")}"' in text
    assert re.search(r'viewBox="[\d. -]+"', text)


def test_drawings_have_no_colour_or_font_of_their_own():
    text = drawing.strength([sample(hour, {"G": 8}) for hour in range(5)], "k", "said")
    assert re.findall(r"#[0-9a-f]{6}", text) == []
    assert "font" not in text
    assert "<style" not in text
    assert {"ink", "muted", "line", "accent"} >= set(re.findall(r"var\(--([\w-]+)\)", text))
