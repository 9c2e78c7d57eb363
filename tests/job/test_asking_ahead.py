"""The files of the next partition are asked for while one is done."""

from types import SimpleNamespace

import pytest

from gnssice_batch.job import rounds


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_next_one_is_asked_for_before_each_call_is_given(monkeypatch, count):
    happened = []
    monkeypatch.setattr(rounds, "by_first_unit", lambda one: one)
    monkeypatch.setattr(rounds, "KEPT", SimpleNamespace(ask=lambda _, files: happened.append(files)))
    for call in rounds._asking_ahead(iter(range(count)), tuple(f"files {number}" for number in range(count)), None):
        happened += [call]
    assert happened == {0: [], 1: [0], 3: ["files 1", 0, "files 2", 1, 2]}[count]
