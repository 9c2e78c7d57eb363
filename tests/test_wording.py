import pytest

from gnssice_batch.wording import duration, several


def test_many_names_are_cut_short():
    assert several([]) == ""
    assert several(["a", "b", "c"]) == "a, b, c"
    assert several(["a"] * 1204, by="; ") == "a; a; a and 1,201 more"
    assert several(["a", "b"], 1) == "a and 1 more"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(4.2, "4.2 s"), (7200, "2 h"), (129_600, "1.5 d"), (86_400 * 3652, "3,652 d"), (86_400 * 999.6, "1,000 d")],
)
def test_durations_have_no_exponent(seconds, said):
    assert duration(seconds) == said
