"""Settings that a group has fixed and that are others now: plan and run say so for each."""

import pytest

from gnssice_batch import plan, run
from tests.support.runs import DAY_ONE_S, DAY_S, name, rinex, settings, span_s, write

WHEN_MADE = "the group keeps the {} it was made with"

NAMES = (
    "signal_overrides are G C1C=C1W, earlier files were read with none: values of both stand under one name, and the "
    "ledger's column mapping says which file was read how"
)


@pytest.fixture
def archive(tmp_path):
    write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1))})
    run(settings(tmp_path))
    write(tmp_path / "archive", {name(DAY_ONE_S + DAY_S, "01H"): rinex(span_s(DAY_ONE_S + DAY_S, 1))})
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"grid": {"interval_s": 15}}, f"grid.interval_s is 15, {WHEN_MADE.format(30)}"),
        ({"grid": {"phase_s": 5}}, f"grid.phase_s is 5, {WHEN_MADE.format(0)}"),
        ({"chunks": {"epoch": 1440}}, f"chunks.epoch is 1440, {WHEN_MADE.format(720)}"),
        ({"encoding": {"profile": "compact"}}, f"encoding.profile is compact, {WHEN_MADE.format('default')}"),
        (
            {"icechunk": {"compression_algorithm": "gzip"}},
            f"icechunk.compression_algorithm is gzip, {WHEN_MADE.format('zstd')}",
        ),
        ({"icechunk": {"compression_level": 9}}, f"icechunk.compression_level is 9, {WHEN_MADE.format(5)}"),
        ({"reader": {"signal_overrides": {"G": {"C1C": "C1W"}}}}, NAMES),
    ],
)
def test_each_is_told(archive, caplog, changed, said):
    chosen = settings(archive, **changed)
    (receiver,) = plan(chosen).receivers
    assert [sentence for sentence in receiver.warnings if "keeps" in sentence or "earlier" in sentence] == (
        [said] if said else []
    )
    assert receiver.unit_note == "", "it is that of the group"
    caplog.clear()
    assert run(chosen).snapshot
    assert (f"rec: {said}" in caplog.text) is bool(said)
