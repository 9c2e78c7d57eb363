from gnssice_batch.wording import several


def test_many_names_are_cut_short():
    assert several([]) == ""
    assert several(["a", "b", "c"]) == "a, b, c"
    assert several(["a"] * 1204, by="; ") == "a; a; a and 1,201 more"
    assert several(["a", "b"], 1) == "a and 1 more"
