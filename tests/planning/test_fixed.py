from gnssice_batch.planning.fixed import by_sentence


def test_receivers_are_told_together():
    sentences = {"a": ("x", "y"), "c": ("x",), "b": ("x",), "e": ("x",), "d": ("x",), "f": ()}
    assert by_sentence(sentences) == {"x": "a, b, c and 2 more", "y": "a"}
    assert by_sentence({}) == {}
