"""Repair in object stores: damaged write units are made again, from an archive that is there too."""

import numpy as np
import pytest

from gnssice_batch.config import Settings
from gnssice_batch.job.run import run
from gnssice_batch.model.damage import DamagedError
from gnssice_batch.operate.integrity import scan_store
from gnssice_batch.operate.repair import Wanted, plan_repair, repair
from gnssice_batch.operate.verification import verify_store
from gnssice_batch.store.reading.opening import open_dataset
from tests.failures.small import hourly
from tests.support.object_stores.stores import SERVER, filesystem, fresh

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.processes,
    pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning"),  # of Azure's library: files are uploaded
]
GROUP = "rec"
MORE = hourly(2)


def fill(place, files):
    store, path = filesystem(place)
    for name, content in files.items():
        store.pipe_file(f"{path}/archive/{name}", content)


def chosen(place):
    reached = {"storage_options": dict(place.options)}
    return Settings.model_validate(
        {
            "site": "site",
            "archive": {"url": f"{place.url}/archive", "layout": "{receiver}/**", **reached},
            "store": {"url": f"{place.url}/stores", **reached},
            "chunks": {"epoch": 720},
            "grid": {"interval_s": 30, "phase_s": 0},
        }
    )


def chunks(place):
    """Return the chunks that are objects of their own, the largest first."""
    store, path = filesystem(place)
    found = store.find(f"{path}/stores/site/rinex/chunks", detail=True)
    return store, [name for name, _ in sorted(found.items(), key=lambda item: (-item[1]["size"], item[0]))]


def held(place):
    with open_dataset(f"{place.url}/stores/site/rinex", GROUP, storage_options=dict(place.options)) as found:
        return found.load()


@pytest.mark.parametrize("kind", SERVER)
def test_a_chunk_that_is_gone_and_one_that_is_torn_come_back(kind, tmp_path, object_servers):
    place = fresh(kind, tmp_path, object_servers(SERVER[kind]))
    fill(place, hourly(0, 5, 6, 12))
    its = chosen(place)
    run(its)
    whole = held(place)
    store, names = chunks(place)
    store.rm_file(names[0])
    content = store.cat_file(names[1])
    store.pipe_file(names[1], content[: len(content) // 2], overwrite=True)

    assert len(scan_store(its).damaged) == 2
    assert not verify_store(its, None).agrees
    fill(place, MORE)
    with pytest.raises(DamagedError, match="gnssice-batch repair"):
        run(its)
    plan = plan_repair(its, Wanted())
    assert plan.units
    assert repair(its, plan).snapshot
    mended = held(place)
    for name, cells in whole.data_vars.items():
        np.testing.assert_array_equal(mended[name].reindex(epoch=whole.epoch), cells)
    assert run(its).snapshot
    assert scan_store(its).damaged == ()
    assert verify_store(its, None).agrees
    assert held(place).SNR.notnull().sum() > whole.SNR.notnull().sum()
