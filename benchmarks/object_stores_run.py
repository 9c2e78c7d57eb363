"""Runs ract from one place to the same place, in turns with runs on the local disk; none: asks the plan."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.files import RACT
from benchmarks.ingest import settings
from gnssice_batch.config import Settings
from gnssice_batch.job.preview import preview
from gnssice_batch.job.run import run

_UNIT = 34_560


def main(question: dict[str, Any]) -> dict[str, Any]:
    """Seconds of each run, local and away; or the requests that the plan foresees."""
    if not question["runs"]:
        return {"requests": preview(_away(question, "planned")).as_json()["requests"]}
    found: dict[str, Any] = {"local": [], "away": []}
    with TemporaryDirectory() as folder:
        run(settings(Path(folder, "warm"), RACT, "default", _UNIT))
        for number in range(question["runs"]):
            found["local"].append(run(settings(Path(folder, str(number)), RACT, "default", _UNIT)).seconds)
            found["away"].append(run(_away(question, str(number))).seconds)
    return found


def _away(question: dict[str, Any], name: str) -> Settings:
    """The settings of the local run, with archive and store in the place that is asked for."""
    words = settings(Path(name), RACT, "default", _UNIT).model_dump(exclude_unset=True)
    for section, below in (("archive", "archive"), ("store", f"stores/{name}")):
        words[section] |= {
            "url": f"{question['url']}/{below}",
            "storage_options": question["options"],
            "allow_static_credentials": True,
        }
    return Settings.model_validate(words)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
