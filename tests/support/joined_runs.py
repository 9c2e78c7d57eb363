"""Runs of small files with holes, held against the model of what they make."""

import json

import numpy as np

from gnssice_batch.errors import Reason
from gnssice_batch.job.run import run
from gnssice_batch.model.grid import SECOND_NS
from gnssice_batch.operate.verification import verify_store
from tests.support.joined import STEP_S, Model
from tests.support.runs import DAY_ONE_S, check_ledger, head, joined_sources, ledger, open_group, settings, write

GROUP = "rec"
KINDS = {"SNR": "S", "Pseudorange": "C", "Phase": "L"}


def sparse_settings(folder, **section):
    grid = {"interval_s": STEP_S, "tolerance_s": 20}
    return settings(folder, grid=grid, chunks={"epoch": 72}, run={"sample_files": 1, "verify": "full", **section})


def held(chosen):
    """Per epoch the content that it is from, and per signal the content and the values, as the model has them."""
    group, hashes = open_group(chosen, GROUP), ledger(chosen, GROUP)["sha256"]
    cells = {key: np.asarray(array[:]) for key, array in group.arrays()}
    joined = joined_sources(chosen, GROUP)
    found = {}
    for at in np.flatnonzero(cells["source_file"] >= 0).tolist():
        signals = {}
        for place, sid in enumerate(cells["sid"].tolist()):
            values = {kind: float(cells[name][at, place]) for name, kind in KINDS.items()}
            cell = {kind: round(1000 * value) for kind, value in values.items() if np.isfinite(value)}
            if "L" not in cell and cells["LLI"][at, place] == 1:
                cell["L"] = 0
            if cell:
                source = joined[at, place] if joined[at, place] >= 0 else cells["source_file"][at]
                signals[sid] = (hashes[source], cell)
        number = (int(cells["epoch"][at]) // SECOND_NS - DAY_ONE_S) // STEP_S
        found[number] = (hashes[cells["source_file"][at]], signals)
    return found


def modelled(model):
    """What the model holds."""
    return {
        number: (its.source.sha256, {sid: (file.sha256, dict(cell)) for sid, (file, cell) in its.cells.items()})
        for number, its in model.held.items()
    }


def refusals(chosen):
    """By content what its row says was refused, and that it is partial where something was lost."""
    rows = ledger(chosen, GROUP)
    found = {key: json.loads(counts) for key, counts in zip(rows["sha256"], rows["refused"], strict=True)}
    for key, status, skipped in zip(rows["sha256"], rows["status"], rows["skipped"], strict=True):
        lost = {*found[key], *json.loads(skipped)}
        assert status == ("partial" if any(Reason(reason).loses for reason in lost) else "ok")
    return found


def check_batches(folder, strategy, batches):
    chosen, model = sparse_settings(folder, overlap=strategy), Model(strategy)
    for number, batch in enumerate(batches):
        write(folder / "archive", {f"rec/{number}{i}.rnx": file.content for i, file in enumerate(batch)})
        run(chosen)
        model.run(batch)
        assert held(chosen) == modelled(model)
        check_ledger(chosen, GROUP)
        lost = refusals(chosen)
        assert {key: counts["not_mixed"][1] for key, counts in lost.items() if "not_mixed" in counts} == model.not_mixed
        gaps = {key: counts["not_appended"][0] for key, counts in lost.items() if "not_appended" in counts}
        assert gaps == model.not_appended
    standing = head(chosen)
    assert run(chosen).snapshot is None
    assert head(chosen) == standing
    assert verify_store(chosen, None).agrees
