import io
import json

import pytest

from gnssice_batch import log


@pytest.fixture
def stream():
    yield io.StringIO()
    log.configure("warning")


def test_text_lines_carry_the_partition(stream):
    log.configure("info", "text", stream)
    log.logger("run").info("written %d", 3, extra={"partition": "canopy_01.2025001T000000"})
    log.logger("run").debug("not shown")
    line = stream.getvalue()
    assert line.endswith("Z INFO written 3 partition=canopy_01.2025001T000000\n")
    assert line.count("\n") == 1


def test_json_lines_hold_the_same(stream):
    log.configure("info", "json", stream)
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        log.logger("run").exception("failed", extra={"file": "a.rnx"})
    entry = json.loads(stream.getvalue())
    assert (entry["level"], entry["logger"], entry["file"]) == ("error", "gnssice_batch.run", "a.rnx")
    assert "ZeroDivisionError" in entry["exception"]
