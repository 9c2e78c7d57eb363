"""What canvodpy itself makes of stores that the jobs have written; run by a Python that has it.

``checks.py RINEX_URL RECEIVER FILE`` reads a group and, with canvodpy's own reader, a RINEX 3 file that it was made
from, and holds one against the other. ``checks.py --vod VOD_URL GROUP`` asks its validator of a group of the vod
repository. Findings are printed as JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np
from canvod.readers.base import DatasetStructureValidator, validate_dataset, validate_vod_dataset
from canvod.readers.rinex.v3_04 import Rnxv3Obs
from canvod.store.store import open_gnss_store, open_vod_store
from canvod.vod import TauOmegaZerothOrder

VARIABLES = ["SNR", "Pseudorange", "Phase", "Doppler", "LLI", "SSI"]
MISSING = -1


def gnss(url, receiver, path):
    """Ask of a receiver's group everything that canvodpy asks before it works with it, or adds to it."""
    store = open_gnss_store(url)
    group = store.read_group(receiver)
    validate_dataset(group, required_vars=VARIABLES)
    DatasetStructureValidator(dataset=group).validate_all()
    reader = Rnxv3Obs(fpath=Path(path))
    file = reader.to_ds(keep_data_vars=VARIABLES)
    first, last = file.epoch.values[[0, -1]]
    known = file.attrs["File Hash"]
    after = last + np.timedelta64(400, "D")
    return {
        "groups": sorted(store.list_groups()),
        "source_format": store.source_format,
        "variables": sorted(group.data_vars),
        "rows": store.metadata_row_count(receiver),
        "known": store.should_skip_file(receiver, known, first, last),
        "overlapping": store.should_skip_file(receiver, "0" * 16, first, last),
        "new": store.should_skip_file(receiver, "0" * 16, after, after),
        "existing": sorted(store.batch_check_existing(receiver, [known, "0" * 16])) == [known],
        "cells": cells(group, file),
    }


def cells(group, file):
    """Compare a file as canvodpy reads it with the group: by variable, values of both and how many differ."""
    places = [{sid: place for place, sid in enumerate(each.sid.values.tolist())} for each in (group, file)]
    sids = sorted(places[0].keys() & places[1].keys())
    mine, theirs = (each.isel(sid=[of[sid] for sid in sids]) for each, of in zip((group, file), places, strict=True))
    mine = mine.sel(epoch=file.epoch.values).load()
    found = {}
    for name in VARIABLES:
        here, there = mine[name].values, theirs[name].values
        held = [~np.isnan(each) if each.dtype.kind == "f" else each != MISSING for each in (here, there)]
        both = held[0] & held[1]
        found[name] = {
            "both": int(both.sum()),
            "alone": [int((held[0] & ~both).sum()), int((held[1] & ~both).sum())],
            "different": int((here[both] != there[both]).sum()),
        }
    return found


def vod(url, group):
    """Ask canvodpy's contract of a group of the vod repository."""
    store = open_vod_store(url)
    dataset = store.read_group(group)
    validate_vod_dataset(dataset)
    return {
        "groups": sorted(store.list_groups()),
        "values": int(dataset.VOD.notnull().sum()),
        "rows": store.metadata_row_count(group),
    }


def depth(url, canopy, reference, folder):
    """Let canvodpy's calculator make VOD of two groups as its store reads them; angles come with their epochs, sids."""
    store = open_gnss_store(url)
    pair = [store.read_group(receiver).load() for receiver in (canopy, reference)]
    given = np.load(Path(folder) / "angles.npz")
    seen = pair[0].sel(epoch=given["epoch"], sid=given["sid"].tolist())
    seen = seen.assign({name: (("epoch", "sid"), given[name]) for name in ("theta", "phi")})
    made = TauOmegaZerothOrder.from_datasets(seen, pair[1]).transpose("epoch", "sid")
    sids = np.array(made.sid.values.tolist())
    np.savez(Path(folder) / "depth.npz", epoch=made.epoch.values, sid=sids, depth=made.VOD.values)
    return {"values": int(made.VOD.notnull().sum())}


CHECKS = {"--vod": vod, "--depth": depth}

if __name__ == "__main__":
    first, *rest = sys.argv[1:]
    found = CHECKS[first](*rest) if first in CHECKS else gnss(first, *rest)
    sys.stdout.write(json.dumps(found))
